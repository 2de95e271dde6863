"""Making a city folder, and running it on this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.text import Text

from services.desk.app import Invocation
from services.desk.output import console, errors_console, interactive, print_json
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Exit


def init(invocation: Invocation, folder: Path, demo: bool) -> int:
    """Make a city folder: the demonstration city, or one from questions."""
    from services.provision import demo_plan, interactive_plan, make_city

    if not demo and not interactive():
        raise BadInput("confirm.needed", "init asks questions, and there is no terminal", "onevoice init --demo DIR")
    plan = demo_plan() if demo else interactive_plan(_ask, _tell)
    city = make_city(folder, plan)
    if invocation.as_json:
        print_json(
            {
                "city": city.settings.city.name,
                "folder": str(city.folder),
                "officers": [officer.id for officer in plan.officers],
                "systems": [system.id for system in plan.systems],
                "profiles": [profile.id for profile in plan.profiles],
            }
        )
        return Exit.DONE
    out = console()
    out.print(Text(f"{city.settings.city.name} is in {city.folder}", style="bold"), soft_wrap=True)
    out.print(Text(f"  officers  {', '.join(officer.id for officer in plan.officers)}"))
    out.print(Text(f"  profiles  {len(plan.profiles)}, their credentials in {city.folder / 'secrets'}"), soft_wrap=True)
    out.print(Text(f"  keys      {city.folder / 'keys'} (mode 0600: give each officer their own)"), soft_wrap=True)
    out.print(Text(f"Next: onevoice up --city {folder}"), soft_wrap=True)
    return Exit.DONE


def up(invocation: Invocation, port: int | None) -> int:
    """Run the broker and all services until Ctrl-C."""
    from services.desk.up import up as run_city

    return run_city(invocation.city(), port, invocation.as_json)


def run_one(invocation: Invocation, service: str) -> int:
    """Run one service until Ctrl-C."""
    from services.desk.up import run_service

    return run_service(invocation.city(), service)


def provision(invocation: Invocation) -> int:
    """Make the streams and consumers of the realm on the broker that runs."""
    from services.desk.link import broker_url
    from services.provision import provision as make

    city: City = invocation.city()
    url = broker_url(city)
    done = asyncio.run(make(city, url))
    if invocation.as_json:
        print_json(
            {
                "created": done.created,
                "updated": done.updated,
                "kept": done.unchanged,
                "accounts_changed": done.accounts_changed,
            }
        )
        return Exit.DONE
    out = console()
    out.print(
        Text(f"{len(done.created)} made, {len(done.updated)} changed, {done.unchanged} were right already, on {url}")
    )
    for what in (*done.created, *done.updated) if invocation.verbose else done.updated:
        out.print(Text(f"  {what}"))
    if done.accounts_changed:
        out.print("The broker's accounts changed: restart it (or have it reload its configuration).", style="yellow")
    return Exit.DONE


def _ask(question: str, default: str) -> str:
    shown = f"{question} [{default}]: " if default else f"{question}: "
    try:
        return errors_console().input(shown, markup=False) or default
    except EOFError as error:
        raise BadInput("confirm.declined", "stopped: nothing was made", "") from error


def _tell(text: str) -> None:
    errors_console().print(Text(text, style="yellow"))
