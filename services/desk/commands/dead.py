"""``onevoice dead``: list, show, again, drop."""

from __future__ import annotations

from typing import Annotated

import typer

from services.desk import options
from services.desk.app import Invocation, command, group

app = group("See what services put aside; send it again after the mend.", "onevoice dead list")

Letter = Annotated[int, typer.Argument(metavar="LETTER", help="The letter's number, as the list has it.", min=1)]


@command(app, "list", "onevoice dead list --all")
def list_(
    desk: Invocation,
    everything: Annotated[bool, typer.Option("--all", help="The closed ones too.")] = False,
    as_: options.AsksAs = None,
) -> int:
    """List the dead letters: what could not be read, or failed each time.

    Nothing of them is lost: each stands in the ledger, and waits for a person.
    """
    from services.desk.flows import dead

    return dead.listing(desk, as_, everything)


@command(app, "show", "onevoice dead show 3")
def show(desk: Invocation, letter: Letter, as_: options.AsksAs = None) -> int:
    """Show one letter: why it was put aside, the message itself, and what became of it."""
    from services.desk.flows import dead

    return dead.show_one(desk, as_, letter)


@command(app, "again", "onevoice dead again 3 --as mcpe\nonevoice dead again --all --as mcpe")
def again(
    desk: Invocation,
    letter: Annotated[
        int | None, typer.Argument(metavar="LETTER", help="The letter's number; or --all.", min=1)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every open letter, one after the other.")] = False,
    as_: options.ActsAs = None,
    wait: options.WaitForAnswer = "15s",
) -> int:
    """Send a letter again, after what was wrong is mended.

    Its service gets the very entry of the ledger once more. What it did of it before it does not do twice. Exit status
    5 means that one failed again: a new letter says why; 3 that it is under way still.
    """
    from services.desk.flows import dead

    return dead.again(desk, as_, letter, everything, wait)


@command(app, "drop", 'onevoice dead drop 3 --as mcpe --reason "a test by hand"')
def drop(desk: Invocation, letter: Letter, reason: options.Reason, as_: options.ActsAs = None) -> int:
    """Close a letter without sending it again; the entry stays in the ledger."""
    from services.desk.flows import dead

    return dead.drop(desk, as_, letter, reason)
