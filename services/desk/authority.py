"""What the commands about people, systems, settings and the root have in common: ask the board, order, answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from rich.console import Console
from rich.text import Text

from schemas import subjects
from schemas.events.control import Action, Designate, OfficerAdd, Revoke
from schemas.events.desk import AuthorityView, BoardQuery, OfficerView
from services.desk import sent, session
from services.desk.app import Invocation
from services.desk.session import Session
from services.desk.views.hints import typed
from services.desk.views.message import outcome
from services.desk.views.state import city
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit, Unreachable

Make = Callable[[Session], Awaitable[Action]]
"""Makes an order from what the board says, and may ask the person first."""


async def ask_officers(here: Session, at_least: int | None = None) -> tuple[OfficerView, ...]:
    """Return all officers, as the ledger has them at a sequence or later."""
    return (await here.board(BoardQuery(query="officers", at_least=at_least))).officers or ()


async def ask_authority(here: Session, at_least: int | None = None) -> AuthorityView:
    """Return the root in force, the settings, the systems, and what waits."""
    view = (await here.board(BoardQuery(query="authority", at_least=at_least))).authority
    if view is None:
        raise Unreachable("service.unreadable", "the board did not say who has power", "onevoice doctor")
    return view


async def known_officer(here: Session, officer: str) -> OfficerView:
    """Return one officer; raises BadInput ``officer.unknown``."""
    found = next((view for view in await ask_officers(here) if view.officer.id == officer), None)
    if found is None:
        raise BadInput("officer.unknown", f"there is no officer {officer!r}", "onevoice officers list shows them")
    return found


async def order_people(desk: Invocation, as_: str | None, wanted: Action | Make, officer: str | None) -> int:
    """Order a change and say what became of it; ``officer`` is whom it is about, if it is about one.

    Raises:
        BadInput: ``officer.unknown``, ``profile.unknown``. OneVoiceError: as the registry answers.
    """
    async with session.acting(desk, as_) as here:
        action = await wanted(here) if callable(wanted) else wanted
        if officer is not None and not isinstance(action, OfficerAdd):
            already = await _look(here, officer, action)
            if already:
                sent.only_looks()
                view = await known_officer(here, officer)
                desk.answer(outcome.officer_json(view), lambda out: out.print(Text(already)))
                return Exit.DONE
        reply = await here.order(subjects.DESK_REGISTRY_ORDER, action)
        views = await ask_officers(here, reply.control_seq)
    said: dict[str, Any] = {"control_seq": reply.control_seq, "changed": reply.changed}
    if reply.proposal is not None:
        say_waits(desk, reply.proposal, said)
        return Exit.BLOCKED
    shown = [view for view in views if view.officer.id == officer] if officer else list(views)
    one = outcome.officer_json(shown[0]) if officer else {}

    def draw(out: Console) -> None:
        city.officers(out, shown, SystemClock().now())
        since = f"In force since control revision {reply.control_seq}."
        out.print(Text(since if reply.changed else outcome.SO_ALREADY, style="dim"))

    desk.answer(one | said, draw)
    return Exit.DONE


def say_waits(desk: Invocation, proposal: int, said: dict[str, Any]) -> None:
    """Say that a change waits for a second officer, and what that one types."""

    def draw(out: Console) -> None:
        out.print(Text(f"Proposal {proposal} is on record. It waits for another officer, for 24 h."))
        out.print(Text(typed(f"  cao, mcpe, pio or eoc_director: onevoice officers confirm {proposal} --as OFFICER")))

    desk.answer(said | {"proposal": proposal}, draw)


async def _look(here: Session, officer: str, action: Action) -> str:
    """Return what to say where there is nothing to do."""
    found = await known_officer(here, officer)
    wanted = action.grant.profiles if isinstance(action, Designate) else ()
    if wanted:
        there = {profile.id for profile in (await here.board(BoardQuery(query="profiles"))).profiles or ()}
        missing = next((profile for profile in wanted if profile not in there), None)
        if missing is not None:
            raise BadInput("profile.unknown", f"there is no profile {missing!r}", "onevoice profiles list shows them")
    if isinstance(action, Revoke) and found.revoked:  # no order is needed, however old this answer is
        return f"{officer} is revoked already. Nothing was written."
    return ""
