"""``onevoice init``, ``up``, ``run`` and ``provision``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.desk.app import Invocation, command, group

app = group("The city folder, and running it.")


@command(app, "init", "onevoice init --demo mission")
def init(
    desk: Invocation,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new folder.")],
    demo: Annotated[bool, typer.Option("--demo", help="Make the demonstration city; asks nothing.")] = False,
) -> int:
    """Make a city folder: settings, officers, keys, profiles.

    Without --demo it asks for the names. An existing folder is never overwritten.
    """
    from services.desk.flows import city as flow

    return flow.init(desk, folder, demo)


@command(app, "up", "onevoice up --city mission --port 4300")
def up(
    desk: Invocation,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65_535, help="The broker's port; else as in city.toml.")
    ] = None,
) -> int:
    """Run the broker and all services until Ctrl-C.

    Ctrl-C finishes what is in hand and stops all of it.
    """
    from services.desk.flows import city as flow

    return flow.up(desk, port)


@command(app, "run", "onevoice run gatekeeper --city mission")
def run(
    desk: Invocation,
    service: Annotated[
        str,
        typer.Argument(metavar="SERVICE", help="eoc_state, registry, intake, gatekeeper, fanout, board or audit."),
    ],
) -> int:
    """Run one service until Ctrl-C.

    Several copies of a service may run; the broker must run already.
    """
    from services.desk.flows import city as flow

    return flow.run_one(desk, service)


@command(app, "provision", "onevoice provision --city mission")
def provision(desk: Invocation) -> int:
    """Make the broker's streams and consumers as they have to be.

    To repeat it is harmless; what could lose an event is refused. It needs the provisioning key.
    """
    from services.desk.flows import city as flow

    return flow.provision(desk)
