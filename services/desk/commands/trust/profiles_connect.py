"""``onevoice profiles connect``: a profile's credential, got with a person, checked, stored."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from services.desk import completion, confirm, deadline, options
from services.desk.app import Invocation
from services.desk.views.hints import typed
from services.desk.views.timetext import utc, zoned
from services.desk.words import check_id
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Exit, OneVoiceError
from services.provision import read_manifest

if TYPE_CHECKING:
    from services.desk.connect.person import Access

CONNECT_EXAMPLE = "onevoice profiles connect mastodon fire-mastodon --account fire@social.example"
_SECONDS = 120.0
"""For the calls; a person's time does not count."""


async def connect(
    desk: Invocation,
    platform: Annotated[str, typer.Argument(metavar="PLATFORM", help="mastodon, x, facebook, bluesky, email, ...")],
    profile: Annotated[
        str, typer.Argument(metavar="PROFILE", help="The profile's id.", autocompletion=completion.profiles)
    ],
    account: Annotated[
        str, typer.Option("--account", metavar="A", help="The account; else the one that the login opens.")
    ] = "",
    paste: Annotated[bool, typer.Option("--paste", help="The browser is elsewhere: paste what it shows.")] = False,
    redirect: Annotated[
        str, typer.Option("--redirect", metavar="URL", help="Where the city's application has its login come back to.")
    ] = "",
    port: Annotated[
        int, typer.Option("--port", min=1, max=65_535, help="Where the login comes back to on this machine.")
    ] = 4229,
    as_given: Annotated[bool, typer.Option("--credential", help="You have the credential: type it.")] = False,
    reference: Annotated[
        str,
        typer.Option("--reference", metavar="REF", help="Where it is kept: env:NAME, file:/path, exec:/path WORDS."),
    ] = "",
    yes: options.Yes = False,
) -> int:
    """Get a profile's credential, check it and store it.

    Asks for what it needs, opens the platform's login, and posts nothing. A secret is never shown. What cannot be
    posted with is not stored.
    """
    from services.desk.connect import storing, ways
    from services.desk.connect.consent import Consent
    from services.desk.connect.person import TerminalPerson

    way, city, name = (
        ways.way_of(platform, as_given=as_given, reference=reference),
        desk.city(),
        check_id(profile, "profile"),
    )
    wanted = account or _known_account(city, name, platform)
    if city.token_path(name).exists():
        await confirm.deed(f"{name} has a credential, which is replaced.", yes=yes)
    deadline.allow(_SECONDS)
    person = TerminalPerson()
    access = await ways.got(city, platform, wanted, person, Consent(person, port, paste, redirect), way)
    storing.refuse_other_realms(city, access)
    said = await storing.tried(city, name, platform, access)
    stored = storing.keep(city, name, access).relative_to(city.folder)
    desk.answer(
        _json(name, platform, access, stored, said), lambda out: _draw(out, name, platform, access, stored, said)
    )
    return Exit.DONE


def _known_account(city: City, profile: str, platform: str) -> str:
    """Return the account that the city's manifest names for a profile, empty where it knows none.

    Raises:
        BadInput: ``connect.platform``: the profile is on another platform.
    """
    try:
        known = next((one for one in read_manifest(city).profiles if one.id == profile), None)
    except OneVoiceError:
        return ""
    if known is None:
        return ""
    if known.platform != platform:
        message = f"{profile} is on {known.platform}, and not on {platform}"
        raise BadInput("connect.platform", message, f"onevoice profiles connect {known.platform} {profile}")
    return known.account


def _json(profile: str, platform: str, access: Access, stored: Path, said: str) -> dict[str, Any]:
    return {
        "id": profile,
        "platform": platform,
        "account": access.account,
        "may": list(access.may),
        "expires": utc(access.expires) if access.expires else None,
        "stored": str(stored),
        "check": said,
        "remarks": list(access.remarks),
    }


def _draw(out: Console, profile: str, platform: str, access: Access, stored: Path, said: str) -> None:
    out.print(Text(f"The credential of {profile} is stored: {stored} (mode 0600). Checked: {said}."))
    if access.may:
        out.print(Text(f"It may: {', '.join(access.may)}."))
    if access.expires is None:
        out.print(Text("It has no end that the platform names."))
    else:
        out.print(Text(f"It ends at {zoned(access.expires)}: connect again before that.", style="yellow"))
    for remark in access.remarks:
        out.print(Text(f"Note: {remark}."))
    adding = f"onevoice profiles add {profile} --platform {platform} --account {access.account} ..."
    out.print(
        Text(typed(f"If the profile is new: {adding}\nThen: onevoice profiles check"), style="dim"), soft_wrap=True
    )
