"""``onevoice init``, ``up``, ``run`` and ``provision``."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from services.desk import confirm, sent
from services.desk.app import Invocation, command, group
from services.desk.city.profile_check import NO_CREDENTIAL
from services.desk.connection.link import broker_url
from services.desk.views.output import errors_console
from services.desk.words import public_key
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Exit

if TYPE_CHECKING:
    from schemas.events.authority import Realm
    from services.provision import CityPlan

app = group("The city folder, and running it.")


@command(app, "init", "onevoice init --demo mission")
def init(
    desk: Invocation,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new folder.")],
    demo: Annotated[bool, typer.Option("--demo", help="Make the demonstration city; asks nothing.")] = False,
    root: Annotated[
        list[str] | None,
        typer.Option(
            "--root",
            metavar="OFFICER=LIVE,EXERCISE",
            help="Root keys that their owner holds: public halves; once each.",
        ),
    ] = None,
) -> int:
    """Make a city folder: settings, officers, keys, profiles.

    Without --demo it asks for names, accounts, time zone, languages and where the broker is; the answer < goes back to
    the question before, a blank empties what is offered. Then the cao and the mcpe each choose a passphrase for their
    root key; nobody else's key is made here: people enrol on their own machines. An existing folder is never
    overwritten; an empty one is filled.
    With --root cao=LIVE,EXERCISE and --root mcpe=LIVE,EXERCISE no person's key is made here at all: each made two, a
    key for each realm (onevoice keys make FILE), and signs the realm's manifest in authority/ with it before the city
    starts (onevoice root sign FILE --key KEY).
    """
    from services.provision import ROOTS, check_new, demo_plan, interactive_plan, make_city, store_for

    sent.means_stopped("Stopped. Nothing was made.")
    held = held_roots(root or [], demo=demo)
    check_new(folder)
    if not demo and not confirm.interactive():
        raise BadInput("confirm.needed", "init asks questions, and there is no terminal", "onevoice init --demo DIR")
    plan = demo_plan() if demo else interactive_plan(_ask, _warn)
    plan = replace(plan, store_gb=store_for(folder, demo=demo, here=plan.broker is None))
    seals = None if demo else {} if held else {one: _seal(one) for one in ROOTS}
    city = make_city(folder, plan, seals=seals, held=held)

    _say_made(desk, city, plan, folder, _to_sign(city) if held else _about_keys(city, demo))
    return Exit.DONE


def _say_made(desk: Invocation, city: City, plan: CityPlan, folder: Path, about_keys: Iterable[str]) -> None:
    """Say what was made, what is still missing, and what comes next."""
    without = [
        str(path)
        for profile in plan.profiles
        if profile.platform not in NO_CREDENTIAL and not (path := city.token_path(profile.id)).exists()
    ]
    then = "onevoice up" if city.settings.nats.embedded else "onevoice deploy systemd DIR"

    def draw(out: Console) -> None:
        for line in (
            Text(f"{city.settings.city.name} is in {city.folder}", style="bold"),
            Text(f"  officers  {', '.join(officer.id for officer in plan.officers)}"),
            Text(f"  profiles  {len(plan.profiles)}, their credentials in {city.folder / 'secrets'}"),
            *map(Text, _about_tokens(without)),
            *map(Text, about_keys),
            Text(f"Next: {then} --city {shlex.quote(str(folder))}"),
        ):
            out.print(line, soft_wrap=True)

    made = {
        "city": city.settings.city.name,
        "folder": str(city.folder),
        "officers": [officer.id for officer in plan.officers],
        "systems": [system.id for system in plan.systems],
        "profiles": [profile.id for profile in plan.profiles],
        "credentials_missing": without,
    }
    desk.answer(made, draw)


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
def provision(
    desk: Invocation,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="The broker, if not as in city.toml.")] = None,
) -> int:
    """Make the broker's streams and consumers as they have to be.

    To repeat it is harmless; what could lose an event is refused. It needs the provisioning key.
    """
    from services.provision import provision as make

    city = desk.city()
    url = url or broker_url(city)
    sent.means_stopped("Stopped here. Some may be made by now: the same command makes the rest.")
    done = asyncio.run(make(city, url))

    def draw(out: Console) -> None:
        out.print(
            Text(f"{len(done.created)} made, {len(done.updated)} changed, {done.unchanged} right already, on {url}")
        )
        for what in (*done.created, *done.updated) if desk.verbose else done.updated:
            out.print(Text(f"  {what}"))
        if done.accounts_changed:
            out.print("The broker's accounts changed: restart it, or have it reload its configuration.", style="yellow")
        for path in done.without_key:
            said = f"{path} is not there and cannot be written from here, so the broker does not know its user."
            hint = "Once, by hand and as the city folder's owner: onevoice provision"
            out.print(Text(f"{said} {hint}", style="yellow"), soft_wrap=True)

    made = {
        "created": done.created,
        "updated": done.updated,
        "kept": done.unchanged,
        "accounts_changed": done.accounts_changed,
        "without_key": done.without_key,
    }
    desk.answer(made, draw)
    return Exit.DONE


def held_roots(said: list[str], *, demo: bool) -> dict[Realm, dict[str, str]]:
    """Return each realm's public root keys by their officers; empty where none was given.

    Raises:
        BadInput: ``init.root``, ``key.public``.
    """
    from services.provision import REALMS, ROOTS

    if not said:
        return {}
    pairs = [one.partition("=") for one in said]
    held = {name.strip(): [public_key(key, "--root") for key in keys.split(",")] for name, _, keys in pairs}
    hint = f"onevoice init DIR {' '.join(f'--root {root}=LIVE,EXERCISE' for root in ROOTS)}; "
    hint += "onevoice keys make FILE makes a key"
    each = len(held) == len(said) and set(held) == set(ROOTS)
    if demo or not each or any(len(keys) != len(REALMS) for keys in held.values()):
        what = f"--root is given once for each of {' and '.join(ROOTS)}, with two keys, and not with --demo"
        raise BadInput("init.root", f"{what}: the officer's key for live, a comma, the one for the exercise", hint)
    keys = [key for of_one in held.values() for key in of_one]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        what = f"the key {twice} occurs twice; the broker knows officers and realms by their keys"
        raise BadInput("init.root", f"{what}, so it takes four different ones", hint)
    return {realm: {root: held[root][at] for root in ROOTS} for at, realm in enumerate(REALMS)}


def _to_sign(city: City) -> list[str]:
    from services.provision import REALMS

    files = {f"{realm.upper()}-KEY": city.manifest_path.with_name(f"manifest.{realm}.json") for realm in REALMS}
    return [
        "  keys      no person's key is here; the owners of the root keys both sign both, and then the city starts:",
        *(f"            onevoice root sign {shlex.quote(str(path))} --key {key}" for key, path in files.items()),
        "            then, on their own machines: onevoice enroll ID --from FILE --key KEYFILE, once for each realm",
    ]


def _seal(root: str) -> Callable[[bytes], bytes]:
    """Ask a root officer for a passphrase, and return what seals their keys with it."""
    from services.desk.keys.opening import ask_passphrase
    from services.desk.keys.sealed import check_passphrase, seal_seed

    for left in (2, 1, 0):
        try:
            passphrase = ask_passphrase(f"A passphrase for the root key, typed by the {root}", twice=True)
            check_passphrase(passphrase)  # while it can be typed again
            break
        except BadInput as error:
            if not left:
                raise
            _warn(f"{error.message}; {error.hint}")
    return lambda seed: seal_seed(seed, passphrase).to_bytes()


def _about_tokens(without: list[str]) -> list[str]:
    """Say which credentials are still to be put there, and where it stands how to get each."""
    if not without:
        return []
    shown = ", ".join(without[:3]) + (f" and {len(without) - 3} more" if len(without) > 3 else "")
    return [
        f"  missing   {shown} (mode 0600): how to get each is in docs/platforms.md;",
        "            onevoice profiles check says what is still missing",
    ]


def _about_keys(city: City, demo: bool) -> tuple[str, ...]:
    keys = city.folder / "keys"
    if demo:
        return (f"  keys      {keys} (mode 0600): everybody's, in clear, as this is a demonstration",)
    return (
        f"  keys      {keys}: of people only the root keys of cao and mcpe, each under its passphrase:",
        f"move {keys / 'cao.nk'} and {keys / 'mcpe.nk'} to their owners' machines, out of this folder, and those of",
        "keys/exercise alike. There: onevoice enroll ID --from FILE --key KEYFILE, and again with --realm exercise.",
        "Everybody enrols on their own machine: onevoice invite FILE, onevoice enroll ID --from FILE,",
        "then onevoice officers rekey ID --key KEY --login KEY --as cao, and the mcpe confirms (docs/keys.md).",
        "A system, too: onevoice enroll ID --from FILE --system, then onevoice systems add ID --name NAME --key KEY.",
    )


def _ask(question: str, default: str) -> str:
    shown = f"{question} [{default}]: " if default else f"{question}: "
    try:
        return errors_console().input(shown, markup=False) or default
    except EOFError as error:
        raise BadInput("confirm.declined", "stopped: nothing was made", "") from error


def _warn(text: str) -> None:
    errors_console().print(Text(text, style="yellow"))
