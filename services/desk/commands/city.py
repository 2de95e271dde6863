"""``onevoice init``, ``up``, ``run`` and ``provision``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from services.desk import confirm
from services.desk.app import Invocation, command, group
from services.desk.connection.link import broker_url
from services.desk.views.output import errors_console
from services.kernel.base.errors import BadInput, Exit

app = group("The city folder, and running it.")


@command(app, "init", "onevoice init --demo mission")
def init(
    desk: Invocation,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new folder.")],
    demo: Annotated[bool, typer.Option("--demo", help="Make the demonstration city; asks nothing.")] = False,
) -> int:
    """Make a city folder: settings, officers, keys, profiles.

    Without --demo it asks for names, accounts, time zone, languages and where the broker is; the answer < goes back to
    the question before. An existing folder is never overwritten.
    """
    from services.provision import demo_plan, interactive_plan, make_city

    if not demo and not confirm.interactive():
        raise BadInput("confirm.needed", "init asks questions, and there is no terminal", "onevoice init --demo DIR")
    plan = demo_plan() if demo else interactive_plan(_ask, _warn)
    city = make_city(folder, plan)

    then = "onevoice up" if city.settings.nats.embedded else "onevoice deploy systemd DIR"

    def draw(out: Console) -> None:
        for line in (
            Text(f"{city.settings.city.name} is in {city.folder}", style="bold"),
            Text(f"  officers  {', '.join(officer.id for officer in plan.officers)}"),
            Text(f"  profiles  {len(plan.profiles)}, their credentials in {city.folder / 'secrets'}"),
            Text(f"  keys      {city.folder / 'keys'} (mode 0600: give each officer their own)"),
            Text(f"Next: {then} --city {folder}"),
        ):
            out.print(line, soft_wrap=True)

    made = {
        "city": city.settings.city.name,
        "folder": str(city.folder),
        "officers": [officer.id for officer in plan.officers],
        "systems": [system.id for system in plan.systems],
        "profiles": [profile.id for profile in plan.profiles],
    }
    desk.answer(made, draw)
    return Exit.DONE


@command(app, "up", "onevoice up --city mission --port 4300")
def up(
    desk: Invocation,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65_535, help="The broker's port; else as in city.toml.")
    ] = None,
    with_exercise: Annotated[
        bool, typer.Option("--with-exercise", help="Run the exercise realm beside the live one.")
    ] = False,
) -> int:
    """Run the broker and all services until Ctrl-C.

    Ctrl-C finishes what is in hand and stops all of it.
    """
    from services.desk.city.up import up as run_city

    if with_exercise and desk.realm != "live":
        raise BadInput("realm.twice", "--with-exercise runs the exercise beside the live city", "leave out --realm")
    return run_city(desk.city(), port, desk.as_json, both=with_exercise)


@command(app, "run", "onevoice run gatekeeper --city mission")
def run(
    desk: Invocation,
    service: Annotated[
        str,
        typer.Argument(metavar="SERVICE", help="eoc_state, registry, intake, gatekeeper, fanout, board, audit or web."),
    ],
) -> int:
    """Run one service until Ctrl-C.

    Several copies of a service may run; the broker must run already.
    """
    from services.desk.city.up import run_service

    return run_service(desk.city(), service)


@command(app, "provision", "onevoice provision --city mission")
def provision(desk: Invocation) -> int:
    """Make the broker's streams and consumers as they have to be.

    To repeat it is harmless; what could lose an event is refused. It needs the provisioning key.
    """
    from services.provision import provision as make

    city = desk.city()
    url = broker_url(city)
    done = asyncio.run(make(city, url))

    def draw(out: Console) -> None:
        out.print(
            Text(f"{len(done.created)} made, {len(done.updated)} changed, {done.unchanged} right already, on {url}")
        )
        for what in (*done.created, *done.updated) if desk.verbose else done.updated:
            out.print(Text(f"  {what}"))
        if done.accounts_changed:
            out.print("The broker's accounts changed: restart it, or have it reload its configuration.", style="yellow")

    made = {
        "created": done.created,
        "updated": done.updated,
        "kept": done.unchanged,
        "accounts_changed": done.accounts_changed,
    }
    desk.answer(made, draw)
    return Exit.DONE


def _ask(question: str, default: str) -> str:
    shown = f"{question} [{default}]: " if default else f"{question}: "
    try:
        return errors_console().input(shown, markup=False) or default
    except EOFError as error:
        raise BadInput("confirm.declined", "stopped: nothing was made", "") from error


def _warn(text: str) -> None:
    errors_console().print(Text(text, style="yellow"))
