"""``onevoice audit``: verify, show, prove, export, check, restore, quarantine, close-alarms."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.text import Text

from services.audit import witnesses
from services.audit.proof import list_entries, prove_request, show_entry, trusted_keys, verify_record
from services.audit.proof.quarantine import examine, quarantine
from services.audit.proof.verify import keys_of
from services.audit.record.alarms import AlarmsUnreadable, close_alarms
from services.audit.record.folder import writing
from services.audit.sealing import key_here
from services.audit.witnesses import Given
from services.desk import options, people
from services.desk.app import Invocation, command, group
from services.desk.city.last_verified import keep_result
from services.desk.city.outside import known_checkpoints
from services.desk.city.second_copy import currency
from services.desk.commands.trust.audit_export import CHECK_EXAMPLE, EXPORT_EXAMPLE, check, export, whole_id
from services.desk.keys.opening import open_keys
from services.desk.session import run
from services.desk.views.hints import typed
from services.desk.views.output import note
from services.desk.views.state import record
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit, Unproven

Kind = Literal[
    "control",
    "request",
    "approval",
    "verdict",
    "attempt",
    "receipt",
    "resolution",
    "outside",
    "acknowledgement",
    "notice",
    "seal",
    "delivery",
]

app = group("Prove the policy over the record.", "onevoice audit verify")


@command(app, "verify", "onevoice audit verify --json\nonevoice audit verify --checkpoint mail.jsonl --root UABC...")
def verify(
    desk: Invocation,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoint", metavar="FILE", help="Checkpoints kept elsewhere; the record must still fit them."
        ),
    ] = None,
    root: Annotated[
        list[str] | None,
        typer.Option("--root", metavar="KEY", help="Root keys from outside the folder; each must have signed."),
    ] = None,
    witness: Annotated[
        bool,
        typer.Option("--witness", help="If it verifies, give its newest checkpoint to the witnesses."),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Judge only what came after the last verification; once a day all of it."),
    ] = False,
    as_: options.AsksAs = None,
) -> int:
    """Verify hashes, signatures, order and the policy itself, over the second copy of the record.

    The record must also fit the checkpoints that witnesses on this machine keep ([witness] in city.toml). Exit status 7
    when it does not verify, 2 when a witness cannot be given its checkpoint. It needs no broker; where one runs, the
    copy first catches up.

    With --resume, what was judged before is only hashed, and held against the checkpoints. How far it came is kept
    beside the record, signed by the audit key where that is here: who has that key is trusted for a day.
    """
    city = desk.city()
    current = run(currency(desk, as_))
    keys = trusted_keys(city, frozenset(root)) if root else None
    known = known_checkpoints(city, checkpoint or (), keys)
    signer = key_here(city) if resume else None
    report = verify_record(city, SystemClock().now(), known=known, keys=keys, resume=resume, signer=signer)
    given = witnesses.give(city, report.events) if witness and report.ok else Given()
    if witness:
        keep_result(city, report, given, SystemClock().now())
    answer = record.report_json(report) | {"note": current, "witnesses": asdict(given)}
    desk.answer(answer, lambda out: record.report(out, report))
    if not desk.as_json:
        for line in (current, *(f"given to {place}" for place in given.places), *given.troubles):
            note(line)
    if not report.ok:
        return Exit.UNPROVEN
    return Exit.USAGE if given.troubles else Exit.DONE


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
    request_id = whole_id(city, request) if request is not None else None
    if last < 1:
        raise BadInput("last.count", f"--last {last} shows nothing", "--last 20")
    found = list(list_entries(city, request_id=request_id, kind=kind))[-last:]
    desk.answer(
        [record.entry_json(view) for view in found], lambda out: record.entries(out, found, SystemClock().now())
    )
    return Exit.DONE


@command(app, "prove", "onevoice audit prove rab12cdefghij --out proof.json")
def prove(
    desk: Invocation,
    request: options.RequestId,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the proof goes.")] = Path("proof.json"),
) -> int:
    """Write a proof of all that the record holds of a request, for whoever has the city's root key.

    The proof holds the entries themselves. onevoice audit check reads it; docs/proof.md says how other programs can.
    """
    city = desk.city()
    found = prove_request(city, whole_id(city, request))
    try:
        with out.open("xb") as file:
            file.write(found.to_bytes() + b"\n")
    except FileExistsError as error:
        raise BadInput("proof.exists", f"{out} is there already", "--out with another name") from error
    except OSError as error:
        raise BadInput("proof.unwritable", f"{out} cannot be written: {error.strerror}", "--out FILE") from error
    said = f"{out} proves {len(found.entries)} entries of {found.request_id}."
    desk.answer(
        {"file": str(out), "request_id": found.request_id, "entries": len(found.entries)},
        lambda console: console.print(Text(said)),
    )
    return Exit.DONE


command(app, "export", EXPORT_EXAMPLE)(export)
command(app, "check", CHECK_EXAMPLE)(check)


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
    from services.desk.city import restore as restoring  # only where services run

    done = restoring.restore(desk.city(), into_new_store, note)
    desk.answer(vars(done), lambda out: restoring.report(out, done))
    return Exit.DONE


@command(app, "quarantine", 'onevoice audit quarantine 1741 --as mcpe --reason "stolen key of intake, replaced"')
def quarantine_(
    desk: Invocation,
    seq: Annotated[int, typer.Argument(metavar="SEQ", min=1, help="The entry that should not be there.")],
    reason: options.Reason,
    as_: options.ActsAs = None,
) -> int:
    """Accept an entry that should not be there with your signature, so that the record verifies with it.

    It stays where it is, and each verification names it with who accepted it and why. What services ignore stays
    ignored. The city must be stopped.
    """
    city = desk.city()
    by = people.acting(as_, city)
    if not reason.strip():
        raise BadInput("reason.missing", "a quarantine needs a reason", '--reason "stolen key of intake, replaced"')
    with writing(city.audit_folder):
        examined = examine(city, keys_of(city), seq)
        for found in examined.found:
            note(f"{found.code}: {found.message}")
        quarantine(city, examined, open_keys(city, by).signing, by, reason.strip(), SystemClock().now())
    said = typed(f"Entry {seq} is quarantined. onevoice audit verify names it as a warning from now on.")
    desk.answer({"quarantined": seq}, lambda out: out.print(Text(said)))
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
    closed = typed(f"{count} alarms are closed. They stay on record; onevoice audit verify shows them.")
    desk.answer({"closed": count}, lambda out: out.print(Text(closed)))
    return Exit.DONE
