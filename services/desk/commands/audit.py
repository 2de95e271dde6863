"""``onevoice audit``: verify, show, restore, close-alarms."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from rich.text import Text

from services.audit.proof import list_entries, show_entry, verify_record
from services.audit.record.alarms import AlarmsUnreadable, close_alarms
from services.audit.record.folder import writing
from services.desk import options, people
from services.desk.app import Invocation, command, group
from services.desk.city import restore as restoring
from services.desk.city.second_copy import currency
from services.desk.session import run
from services.desk.views import record
from services.desk.views.output import note
from services.desk.words import check_id
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit, Unproven

Kind = Literal["control", "request", "approval", "verdict", "attempt", "receipt", "resolution", "seal", "delivery"]

app = group("Prove the policy over the record.", "onevoice audit verify")


@command(app, "verify", "onevoice audit verify --json")
def verify(desk: Invocation, as_: options.AsksAs = None) -> int:
    """Verify hashes, signatures, order and the policy itself, over the second copy of the record.

    Exit status 7 when the record does not verify. It needs no broker; where one runs, the copy first catches up.
    """
    city = desk.city()
    current = run(currency(desk, as_))
    report = verify_record(city, SystemClock().now())
    desk.answer(record.report_json(report) | {"note": current}, lambda out: record.report(out, report))
    if not desk.as_json:
        note(current)
    return Exit.DONE if report.ok else Exit.UNPROVEN


@command(app, "show", "onevoice audit show --request rab12cdefghij\nonevoice audit show 17")
def show(
    desk: Invocation,
    seq: Annotated[int | None, typer.Argument(metavar="[SEQ]", min=1, help="One entry, with its proof.")] = None,
    request: Annotated[
        str | None, typer.Option("--request", metavar="ID", help="Only the entries of this request.")
    ] = None,
    kind: Annotated[Kind | None, typer.Option("--kind", help="Only the entries of this kind.")] = None,
    last: Annotated[int, typer.Option("--last", metavar="N", help="The newest N entries.")] = 50,
) -> int:
    """Show entries of the record, or one with its proof of inclusion."""
    city = desk.city()
    if seq is not None:
        proof = show_entry(city, seq)
        desk.answer(record.proof_json(proof), lambda out: record.proof(out, proof))
        return Exit.DONE
    request_id = _whole_id(city, request) if request is not None else None
    if last < 1:
        raise BadInput("last.count", f"--last {last} shows nothing", "--last 20")
    found = list(list_entries(city, request_id=request_id, kind=kind))[-last:]
    desk.answer(
        [record.entry_json(view) for view in found], lambda out: record.entries(out, found, SystemClock().now())
    )
    return Exit.DONE


def _whole_id(city: City, beginning: str) -> str:
    """Return the request of the record whose id begins so; raises BadInput ``request.unknown``, ``.ambiguous``."""
    check_id(beginning, "request")
    found = {view.request_id for view in list_entries(city) if (view.request_id or "").startswith(beginning)}
    if beginning in found or len(found) == 1:
        return beginning if beginning in found else str(found.pop())
    if found:
        names = ", ".join(sorted(str(one) for one in found)[:5])
        raise BadInput("request.ambiguous", f"{beginning} fits {names}", "give more of the id")
    raise BadInput("request.unknown", f"the record has no request {beginning}", "onevoice audit show lists its entries")


@command(app, "restore", "onevoice audit restore --into-new-store")
def restore(
    desk: Invocation,
    into_new_store: Annotated[
        bool, typer.Option("--into-new-store", help="Move the damaged store aside first; it is never deleted.")
    ] = False,
) -> int:
    """Rebuild the ledger from the second copy, into an empty stream.

    The city must be stopped. If it is interrupted, repeat it without the option: it goes on where it ended.
    Exit status 7 when the copy does not verify.
    """
    done = restoring.restore(desk.city(), into_new_store, note)
    desk.answer(vars(done), lambda out: restoring.report(out, done))
    return Exit.DONE


@command(app, "close-alarms", 'onevoice audit close-alarms --as mcpe --reason "restored from the copy"')
def close_alarms_(desk: Invocation, reason: options.Reason, as_: options.ActsAs = None) -> int:
    """Close the alarms on record after a person has looked; verify shows them as warnings from then on.

    The city must be stopped.
    """
    city = desk.city()
    by = people.acting(as_, city)
    if not reason.strip():
        raise BadInput("reason.missing", "closing alarms needs a reason", '--reason "restored from the copy"')
    try:
        with writing(city.audit_folder):
            count = close_alarms(city.audit_folder, by, reason.strip(), SystemClock().now())
    except AlarmsUnreadable as error:
        raise Unproven("alarms.damaged", str(error), "look at the file, and move it away") from error
    closed = f"{count} alarms are closed. They stay on record; onevoice audit verify shows them."
    desk.answer({"closed": count}, lambda out: out.print(Text(closed)))
    return Exit.DONE
