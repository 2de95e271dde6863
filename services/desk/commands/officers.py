"""``onevoice officers``: list, designate, revoke."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from schemas import subjects
from schemas.events.authority import Grant, Role
from schemas.events.control import Action, Designate, Revoke
from schemas.events.desk import BoardQuery, OfficerView
from services.desk import options, session
from services.desk.app import Invocation, command, group
from services.desk.session import Session
from services.desk.views import city, outcome
from services.desk.views.timetext import moment
from services.desk.words import check_id, role_of
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit

app = group("See who holds which role; designate and revoke.", "onevoice officers list")

Officer = Annotated[str, typer.Argument(metavar="OFFICER", help="The officer's id.")]


@command(app, "list", "onevoice officers list")
async def listing(desk: Invocation, as_: options.AsksAs = None) -> int:
    """List the officers and the roles that count now."""
    async with session.asking(desk, as_) as here:
        views = await _officers(here)
    desk.answer(
        [outcome.officer_json(view) for view in views], lambda out: city.officers(out, views, SystemClock().now())
    )
    return Exit.DONE


@command(
    app,
    "designate",
    "onevoice officers designate clerk --role designated --until 2d --as mcpe\n"
    "onevoice officers designate clerk --role publisher --profile parks-townsquare --as cao",
)
async def designate(
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
    check_id(officer, "officer")
    chosen, profiles = role_of(role), profile or []
    if (chosen is Role.PUBLISHER) != bool(profiles):
        raise BadInput(
            "designate.profiles",
            "a publisher is designated for named profiles, and only a publisher",
            "--role publisher --profile PROFILE (once for each)",
        )
    grant = Grant(
        role=chosen,
        profiles=tuple(dict.fromkeys(check_id(one, "profile") for one in profiles)),
        valid_until=moment(until, SystemClock().now(), desk.city().zone, "until") if until is not None else None,
    )
    return await _order(desk, as_, officer, Designate(officer=officer, grant=grant))


@command(app, "revoke", "onevoice officers revoke clerk --as mcpe")
async def revoke(desk: Invocation, officer: Officer, as_: options.ActsAs = None) -> int:
    """Take all roles and the key of an officer back, at once.

    This cannot be undone: the officer's key never counts again.
    """
    return await _order(desk, as_, officer, Revoke(officer=check_id(officer, "officer")))


async def _order(desk: Invocation, as_: str | None, officer: str, action: Action) -> int:
    async with session.acting(desk, as_) as here:
        before = await _check_known(here, officer, action)
        if isinstance(action, Revoke) and before.revoked:  # for ever: no order is needed, however old this answer is
            already = Text(f"{officer} is revoked already. Nothing was written.")
            desk.answer(outcome.officer_json(before), lambda out: out.print(already))
            return Exit.DONE
        reply = await here.order(subjects.DESK_REGISTRY_ORDER, action)
        views = [view for view in await _officers(here, reply.control_seq) if view.officer.id == officer]

    def draw(out: Console) -> None:
        city.officers(out, views, SystemClock().now())
        out.print(Text(f"In force since control revision {reply.control_seq}.", style="dim"))

    desk.answer(outcome.officer_json(views[0]) | {"control_seq": reply.control_seq}, draw)
    return Exit.DONE


async def _check_known(here: Session, officer: str, action: Action) -> OfficerView:
    """Return the officer; raises BadInput ``officer.unknown``, ``profile.unknown``."""
    found = next((view for view in await _officers(here) if view.officer.id == officer), None)
    if found is None:
        raise BadInput("officer.unknown", f"there is no officer {officer!r}", "onevoice officers list shows them")
    wanted = action.grant.profiles if isinstance(action, Designate) else ()
    if wanted:
        there = {profile.id for profile in (await here.board(BoardQuery(query="profiles"))).profiles or ()}
        missing = next((profile for profile in wanted if profile not in there), None)
        if missing is not None:
            raise BadInput("profile.unknown", f"there is no profile {missing!r}", "onevoice profiles list shows them")
    return found


async def _officers(here: Session, at_least: int | None = None) -> tuple[OfficerView, ...]:
    return (await here.board(BoardQuery(query="officers", at_least=at_least))).officers or ()
