"""``onevoice resolve``."""

from __future__ import annotations

from typing import Annotated

import typer

from services.desk import options
from services.desk.app import Invocation, command, group
from services.desk.asked import Choice, Manner

app = group("Decide on a post that may stand or not.")

_EXAMPLE = """
onevoice resolve rab12 fire-townsquare --as pio \\
         --posted https://social.example/@fire/114
onevoice resolve rab12 fire-townsquare --as pio --post-again
"""


@command(app, "resolve", _EXAMPLE)
def resolve(
    desk: Invocation,
    request_id: options.RequestId,
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="The profile whose post is unconfirmed.")],
    posted: Annotated[
        str | None, typer.Option("--posted", metavar="URL", help="It stands: its address on the platform.")
    ] = None,
    post_again: Annotated[
        bool, typer.Option("--post-again", help="It does not stand: post it once more, by all the usual rules.")
    ] = False,
    give_up: Annotated[bool, typer.Option("--give-up", help="Leave it as it is, and do not post it any more.")] = False,
    as_: options.ActsAs = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Confirm that it may stand twice (--post-again).")] = False,
    wait: options.Wait = "60s",
) -> int:
    """Decide on a post that may stand or not.

    A post is unconfirmed when the platform could not say how it ended. Look at the profile, then say what you found;
    your signature goes on record. Give exactly one of --posted, --post-again and --give-up. The exit status is that of
    the message: 0 delivered everywhere, 3 blocked, 5 partly.
    """
    from services.desk.flows import resolve as flow

    return flow.resolve(desk, request_id, profile, Choice(posted, post_again, give_up), Manner(as_, yes, wait))
