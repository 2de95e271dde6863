"""``onevoice profiles``: list, check, add, suspend."""

from __future__ import annotations

from typing import Annotated

import typer

from services.desk import options
from services.desk.app import Invocation, command, group

app = group("See and check the official profiles.", "onevoice profiles check")

Profile = Annotated[str, typer.Argument(metavar="PROFILE", help="The profile's id.")]


@command(app, "list", "onevoice profiles list --json")
def listing(desk: Invocation, as_: options.AsksAs = None) -> int:
    """List the profiles."""
    from services.desk.flows import profiles

    return profiles.listing(desk, as_)


@command(app, "check", "onevoice profiles check")
def check(desk: Invocation, as_: options.AsksAs = None) -> int:
    """Check each profile's sanction, statements and credential.

    Exit status 2 when one of them could not be posted to.
    """
    from services.desk.flows import profiles

    return profiles.check(desk, as_)


@command(
    app,
    "add",
    "onevoice profiles add library-townsquare --department library --platform mastodon \\\n"
    "         --account library@townsquare --purpose 'News of the library.' \\\n"
    "         --identification 'Maintained by the City.' --disclosure 'Write to us.' --as mcpe",
)
def add(
    desk: Invocation,
    profile: Profile,
    department: Annotated[str, typer.Option("--department", metavar="D", help="Its department.")],
    platform: Annotated[str, typer.Option("--platform", metavar="P", help="website, mastodon, bluesky.")],
    account: Annotated[str, typer.Option("--account", metavar="A", help="The account on the platform.")],
    purpose: Annotated[str, typer.Option("--purpose", metavar="TEXT", help="What the profile is for.")],
    identification: Annotated[
        str, typer.Option("--identification", metavar="TEXT", help="That the city maintains it.")
    ],
    disclosure: Annotated[str, typer.Option("--disclosure", metavar="TEXT", help="The disclosure statement.")],
    departmental: Annotated[
        bool, typer.Option("--departmental/--city-wide", help="A department's, or the city's own.")
    ] = True,
    as_: options.ActsAs = None,
) -> int:
    """Sanction a profile, or change what is known of it."""
    from services.desk.flows import profiles

    fields: dict[str, object] = {
        "id": profile,
        "department": department,
        "platform": platform,
        "account": account,
        "purpose": purpose,
        "identification": identification,
        "disclosure": disclosure,
        "departmental": departmental,
    }
    return profiles.add(desk, as_, fields)


@command(app, "suspend", "onevoice profiles suspend parks-townsquare --as mcpe")
def suspend(desk: Invocation, profile: Profile, as_: options.ActsAs = None) -> int:
    """Take the sanction of a profile back: nothing is posted to it any more."""
    from services.desk.flows import profiles

    return profiles.suspend(desk, as_, profile)
