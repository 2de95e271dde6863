"""The posture, once or as it changes."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from schemas import canonical, subjects
from schemas.events.desk import BoardBeat, EocBroadcast, EocView
from services.desk import advice, outcome, people, show
from services.desk.app import Invocation
from services.desk.flows.orders import eoc_view
from services.desk.link import connect, run
from services.desk.live import messages, until_interrupted
from services.desk.output import console, errors_console, print_json, print_json_line
from services.desk.timetext import local
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import Exit


def status(invocation: Invocation, given: str | None) -> int:
    """Show the posture as the ledger has it now."""

    async def work() -> int:
        city = invocation.city()
        asker = people.asking(city, given)
        told_who(invocation, asker)
        async with connect(city, asker) as link:
            view = await eoc_view(link)
        if invocation.as_json:
            print_json(outcome.eoc_json(view))
        else:
            show.eoc(console(), view, SystemClock().now())
        return Exit.DONE

    return run(work)


def watch(invocation: Invocation, given: str | None) -> int:
    """Show the posture, and each change of it, until Ctrl-C."""

    async def work() -> int:
        city = invocation.city()
        asker = people.asking(city, given)
        told_who(invocation, asker)
        async with (
            until_interrupted() as stop,
            connect(city, asker) as link,
            link.listening(subjects.EOC_STATE, subjects.BOARD_BEAT) as heard,
        ):
            seen = _tell(invocation, _of_view(await eoc_view(link)), None)
            async for message in messages(link, heard, stop):
                if message is not None and message.subject == subjects.EOC_STATE:
                    seen = _tell(invocation, _of_broadcast(message.data), seen)
                elif message is not None and _control_seq(message.data) > seen["control_seq"]:
                    seen = _tell(invocation, _of_view(await eoc_view(link)), seen)  # a broadcast was lost
        return Exit.DONE

    return run(work)


def told_who(invocation: Invocation, asker: str) -> None:
    """Say whose key is used, where that was not named and more words are wanted."""
    if invocation.verbose:
        errors_console().print(Text(f"asking as {asker}", style="dim"))


def _of_view(view: EocView) -> dict[str, Any]:
    keys = ("posture", "level", "incident", "control_seq", "hold", "in_flight")
    return {key: value for key, value in view.model_dump(mode="json").items() if key in keys}


def _control_seq(raw: bytes) -> int:
    return BoardBeat.from_value(canonical.loads(raw)).control_seq


def _of_broadcast(raw: bytes) -> dict[str, Any]:
    said = EocBroadcast.from_value(canonical.loads(raw)).model_dump(mode="json")
    return {key: said[key] for key in ("posture", "level", "incident", "control_seq", "hold", "in_flight")}


def _tell(invocation: Invocation, state: dict[str, Any], seen: dict[str, Any] | None) -> dict[str, Any]:
    """Print a state that differs from the last one and is not older; return what was seen last.

    People are not told of control revisions that change nothing else (a designation, say); programs are.
    """
    if seen is not None and (state == seen or state["control_seq"] < seen["control_seq"]):
        return seen
    if seen is not None and not invocation.as_json and state == seen | {"control_seq": state["control_seq"]}:
        return state
    now = SystemClock().now()
    if invocation.as_json:
        print_json_line({"at": now.isoformat(), **state})
        return state
    view = EocBroadcast(at=now, **state)
    line = f"{local(now, now)}  {advice.posture_line(view.posture, view.level, view.incident)}"
    line += f"  ({view.in_flight} in flight, control revision {view.control_seq})"
    console().print(Text(line + ("  HOLD" if view.hold else "")), soft_wrap=True)
    return state
