"""``onevoice passkeys``: list, a one-time link for a new one, remove."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from schemas import canonical, subjects
from schemas.events.control import Action, PasskeyInvite, PasskeyRemove
from schemas.events.passkeys import Passkey
from services.desk import confirm as asking_back
from services.desk import options, session
from services.desk.app import Invocation, command, group
from services.desk.authority import ask_authority, ask_officers, known_officer, order_people
from services.desk.session import Session
from services.desk.views.state import passkeys as views
from services.desk.views.timetext import local, moment, utc
from services.desk.words import check_id
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit

app = group("See, add and remove the passkeys that officers sign with in a browser.", "onevoice passkeys list")

OfficerId = Annotated[str, typer.Argument(metavar="OFFICER", help="The officer's id.")]


@command(app, "list", "onevoice passkeys list")
async def listing(desk: Invocation, as_: options.AsksAs = None) -> int:
    """List the officers' passkeys, each with its short code, and the links that were not used yet."""
    async with session.asking(desk, as_) as here:
        officers, authority = await ask_officers(here), await ask_authority(here)
    found = [(view.officer.id, one) for view in officers for one in view.officer.passkeys or () if not view.revoked]
    links = authority.invites or ()
    desk.answer(views.as_json(found, links), lambda out: views.passkeys(out, found, links))
    return Exit.DONE


@command(app, "link", "onevoice passkeys link dana --as mcpe\nonevoice passkeys link pio --until 2h --as pio")
async def link(
    desk: Invocation,
    officer: OfficerId,
    until: Annotated[
        str, typer.Option("--until", metavar="T", help="Until when it is good: 2h, 1d; at most 3d.")
    ] = "1d",
    as_: options.ActsAs = None,
) -> int:
    """Make a one-time link by which an officer adds a passkey: for yourself, or as cao or mcpe for anybody.

    Send it to that person alone. Their passkey counts when another officer has confirmed it: onevoice officers confirm.
    An earlier link for the same person that was not used ends.
    """
    now, city = SystemClock().now(), desk.city()
    token, place = secrets.token_urlsafe(32), city.web.place
    action = PasskeyInvite(
        officer=check_id(officer, "officer"),
        token_sha256=canonical.sha256(token.encode()),
        until=moment(until, now, city.zone, "until"),
        origin=place.origin,
        rp_id=place.rp_id,
    )
    async with session.acting(desk, as_) as here:
        reply = await here.order(subjects.DESK_REGISTRY_ORDER, action)
    address = f"{place.origin}/enroll#{token}"

    def draw(out: Console) -> None:
        out.print(Text(f"For {officer}, once, until {local(action.until, now)}:"))
        out.print(Text(address, style="bold"), soft_wrap=True)
        out.print(Text("Send it to that person alone. Who has it can propose a passkey in their name.", style="dim"))

    said = {"officer": officer, "link": address, "until": utc(action.until), "control_seq": reply.control_seq}
    desk.answer(said, draw)
    return Exit.DONE


@command(app, "remove", "onevoice passkeys remove pio K7QP-2MXA-H4TZ --as pio")
async def remove(
    desk: Invocation,
    officer: OfficerId,
    code: Annotated[str, typer.Argument(metavar="CODE", help="The passkey's short code, from onevoice passkeys list.")],
    as_: options.ActsAs = None,
    yes: options.Yes = False,
) -> int:
    """Take one passkey back, as after a lost phone: your own, or as cao or mcpe anybody's.

    It never counts again. That of another cao or mcpe is taken back when another officer confirms it.
    """
    check_id(officer, "officer")

    async def removing(here: Session) -> Action:
        gone = await _passkey(here, officer, code)
        await asking_back.deed(f"{views.words(gone)} of {officer} never counts again.", yes=yes)
        return PasskeyRemove(officer=officer, credential=gone.credential)

    return await order_people(desk, as_, removing, officer)


async def _passkey(here: Session, officer: str, code: str) -> Passkey:
    """Return an officer's passkey by its short code, or the beginning of it."""
    have = (await known_officer(here, officer)).officer.passkeys or ()
    wanted = code.upper().replace("-", "")
    found = [one for one in have if views.code_of(one).replace("-", "").startswith(wanted)] if wanted else []
    if len(found) != 1:
        said = f"{len(found) or 'none'} of the passkeys of {officer} has a code that begins with {code!r}"
        raise BadInput("passkey.unknown", said, "onevoice passkeys list")
    return found[0]
