"""``onevoice officers``: list, designate, revoke."""

from __future__ import annotations

from typing import Annotated

import typer

from services.desk import options
from services.desk.app import Invocation, command, group

app = group("See who holds which role; designate and revoke.", "onevoice officers list")

Officer = Annotated[str, typer.Argument(metavar="OFFICER", help="The officer's id.")]


@command(app, "list", "onevoice officers list")
def listing(desk: Invocation, as_: options.AsksAs = None) -> int:
    """List the officers and the roles that count now."""
    from services.desk.flows import officers

    return officers.listing(desk, as_)


@command(
    app,
    "designate",
    "onevoice officers designate clerk --role designated --until 2d --as mcpe\n"
    "onevoice officers designate clerk --role publisher --profile parks-townsquare --as cao",
)
def designate(
    desk: Invocation,
    officer: Officer,
    role: Annotated[
        str,
        typer.Option(
            "--role",
            metavar="R",
            help="cao, mcpe, pio, eoc_director, comms_office, designated, publisher or employee.",
        ),
    ],
    until: Annotated[
        str | None, typer.Option("--until", metavar="T", help="Until when: 2d, 8h or 2026-01-31T18:00-08:00.")
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option("--profile", metavar="PROFILE", help="For a publisher: which profiles; once for each."),
    ] = None,
    as_: options.ActsAs = None,
) -> int:
    """Give an officer a role (only the cao and the mcpe designate, clause 2(ii))."""
    from services.desk.flows import officers

    return officers.designate(desk, as_, officer, role, profile or [], until)


@command(app, "revoke", "onevoice officers revoke clerk --as mcpe")
def revoke(desk: Invocation, officer: Officer, as_: options.ActsAs = None) -> int:
    """Take all roles and the key of an officer back, at once.

    An officer who is revoked stays so: coming back needs a new key in a new manifest.
    """
    from services.desk.flows import officers

    return officers.revoke(desk, as_, officer)
