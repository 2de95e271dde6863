"""``onevoice ledger``: move it to another broker."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from services.desk.app import Invocation, command, group
from services.desk.views.hints import typed
from services.desk.views.output import note
from services.kernel.base.errors import Exit

app = group("Move the ledger to another broker.", "onevoice ledger move --city mission")


@command(app, "move", "onevoice ledger move --city mission")
def move(
    desk: Invocation,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="URL", help="The broker that has it; else that of onevoice up.")
    ] = None,
    from_ca: Annotated[
        str | None, typer.Option("--from-ca", metavar="FILE", help="The certificate authority of that broker.")
    ] = None,
) -> int:
    """Move the ledger to the broker that city.toml names.

    Stop all services first, and put the new broker into city.toml, section [nats]. The old ledger is not deleted. To
    repeat it after an interruption is safe. Dead letters do not move: close them first.
    """
    from services.desk.city.move import move as move_ledger
    from services.desk.city.move import source_of

    city = desk.city()
    done = move_ledger(city, source_of(city, from_, from_ca), note)

    def draw(out: Console) -> None:
        to = "the broker of onevoice up" if city.settings.nats.embedded else city.settings.nats.address
        out.print(Text(f"The ledger is on {to}: {done.entries} entries.", style="bold green"), soft_wrap=True)
        if done.moved_to:
            out.print(Text(f"The old store was not deleted: {done.moved_to}"), soft_wrap=True)
        if done.warning:
            out.print(Text(done.warning, style="yellow"), soft_wrap=True)
        start = (
            "onevoice up" if city.settings.nats.embedded else "have the broker reload its accounts, start the services"
        )
        out.print(Text(typed(f"Next: {start}, then onevoice doctor.")), soft_wrap=True)

    desk.answer(asdict(done), draw)
    return Exit.DONE
