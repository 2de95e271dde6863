"""``onevoice audit``: verify, show, restore, close-alarms."""

from __future__ import annotations

from typing import Annotated

import typer

from services.desk import options
from services.desk.app import Invocation, command, group

app = group("Prove the policy over the record.", "onevoice audit verify")


@command(app, "verify", "onevoice audit verify --json")
def verify(desk: Invocation, as_: options.AsksAs = None) -> int:
    """Verify hashes, signatures, order and the policy itself, over the second copy of the record.

    Exit status 7 when the record does not verify. It needs no broker; where one runs, the copy first catches up.
    """
    from services.desk.flows import audit

    return audit.verify(desk, as_)


@command(app, "show", "onevoice audit show --request rab12cdefghij\nonevoice audit show 17")
def show(
    desk: Invocation,
    seq: Annotated[int | None, typer.Argument(metavar="[SEQ]", min=1, help="One entry, with its proof.")] = None,
    request: Annotated[
        str | None, typer.Option("--request", metavar="ID", help="Only the entries of this request.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", metavar="K", help="control, request, approval, verdict, attempt, receipt ..."),
    ] = None,
    last: Annotated[int, typer.Option("--last", metavar="N", help="The newest N entries.")] = 50,
) -> int:
    """Show entries of the record, or one with its proof of inclusion."""
    from services.desk.flows import audit

    return audit.entries(desk, request, kind, last, seq)


@command(app, "restore", "onevoice audit restore --into-new-store")
def restore(
    desk: Invocation,
    into_new_store: Annotated[
        bool, typer.Option("--into-new-store", help="Move the damaged store aside first; it is never deleted.")
    ] = False,
) -> int:
    """Rebuild the ledger from the second copy, into an empty stream.

    The city must be stopped. An interrupted restore goes on where it ended when it is repeated without the option.
    Exit status 7 when the copy does not verify.
    """
    from services.desk.flows import restore as flow

    return flow.restore(desk, into_new_store)


@command(app, "close-alarms", 'onevoice audit close-alarms --as mcpe --reason "restored from the copy"')
def close_alarms(desk: Invocation, reason: options.Reason, as_: options.ActsAs = None) -> int:
    """Close the alarms on record after a person has looked; verify tells of them from then on as warnings.

    The city must be stopped.
    """
    from services.desk.flows import restore as flow

    return flow.close(desk, as_, reason)
