"""``onevoice systems``: list, add, remove."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from schemas import subjects
from schemas.events.authority import System
from schemas.events.control import Action, SystemAdd, SystemRemove
from services.desk import options, session
from services.desk.app import Invocation, command, group
from services.desk.authority import ask_authority
from services.desk.views.hints import typed
from services.desk.views.state import authority as views
from services.desk.words import check_id, new_id, public_key
from services.kernel.base.errors import Exit

app = group("See and change which programs may submit requests.", "onevoice systems list")

SystemId = Annotated[str, typer.Argument(metavar="SYSTEM", help="The system's id.")]


@command(app, "list", "onevoice systems list")
async def listing(desk: Invocation, as_: options.AsksAs = None) -> int:
    """List the systems: programs that submit requests and have no authority."""
    async with session.asking(desk, as_) as here:
        view = await ask_authority(here)
    desk.answer([one.model_dump(mode="json") for one in view.systems], lambda out: views.systems(out, view))
    return Exit.DONE


@command(app, "add", 'onevoice systems add alertable --name "Alertable" --key UB3... --as comms-officer')
async def add(
    desk: Invocation,
    system: SystemId,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What it is.")],
    key: Annotated[str, typer.Option("--key", metavar="KEY", help="Its public key, from onevoice enroll --system.")],
    as_: options.ActsAs = None,
) -> int:
    """Let a program submit requests, or give it a new key (cao, mcpe, comms_office)."""
    made = System(id=new_id(system, "system"), name=name, public_key=public_key(key, "--key"))
    return await _order(desk, as_, SystemAdd(system=made))


@command(app, "remove", "onevoice systems remove alertable --as comms-officer")
async def remove(desk: Invocation, system: SystemId, as_: options.ActsAs = None) -> int:
    """Let a program submit no more; what it sent and nobody approved, onevoice reject --of ends."""
    gone = check_id(system, "system")
    rest = typed(f"What it sent may still wait: onevoice reject --of {gone} --as OFFICER --reason TEXT")
    return await _order(desk, as_, SystemRemove(system=gone), rest)


async def _order(desk: Invocation, as_: str | None, action: Action, rest: str = "") -> int:
    async with session.acting(desk, as_) as here:
        reply = await here.order(subjects.DESK_REGISTRY_ORDER, action)
        view = await ask_authority(here, reply.control_seq)

    def draw(out: Console) -> None:
        views.systems(out, view)
        out.print(Text(f"In force since control revision {reply.control_seq}.", style="dim"))
        if rest:
            out.print(Text(rest), soft_wrap=True)

    found = {"systems": [one.id for one in view.systems], "control_seq": reply.control_seq}
    desk.answer(found, draw)
    return Exit.DONE
