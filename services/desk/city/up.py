"""``onevoice up`` and ``onevoice run``: the city on this machine, until Ctrl-C.

The composition root of the embedded default: broker, streams, the demonstration platform, the website's pages and
all services in one process. It describes itself in ``var/run/up.json`` for the other commands.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from schemas import flow
from schemas.events.authority import Realm
from services.desk.city.verifying import verifying
from services.desk.city.wall import refuse_shared
from services.desk.views.hints import typed
from services.kernel.base import logs
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Exit
from services.kernel.base.network.ports import refuse_shared_ports
from services.kernel.base.network.reach import refuse_plain
from services.kernel.base.run_file import running_city, take_city, write_run_file
from services.kernel.base.settings.read_at_start import read_at_start
from services.kernel.runtime.run import run_services, running, until_asked_to_stop
from services.kernel.runtime.supervisor import Supervisor

if TYPE_CHECKING:
    from services.kernel.runtime.service import Runtime
    from services.provision import EmbeddedBroker


@dataclass(frozen=True)
class Addresses:
    """Where the running city can be reached: URLs on this machine, and the process that runs it."""

    pid: int
    realm: str
    nats_url: str
    townsquare_url: str | None
    site_url: str | None
    site_folder: str
    realms: tuple[Realm, ...] = ()
    web_url: str | None = None
    exercise_web_url: str | None = None


def up(city: City, port: int | None = None, as_json: bool = False, *, both: bool = False) -> int:
    """Run broker and all services until Ctrl-C; return the exit status. ``both``: those of the other realm as well.

    Raises:
        OneVoiceError: a port in use, no disk space, a broken city folder: nothing is left running.
    """
    logs.configure(city.settings.log.format, city.settings.log.level, zone=city.zone)
    asyncio.run(_up(city, port, as_json, both))
    return int(Exit.DONE)


def run_service(city: City, name: str) -> int:
    """Run one service until Ctrl-C against the broker that runs already; return the exit status.

    Raises:
        BadInput: ``service.unknown``.
    """
    names = [*(row.name for row in flow.SERVICES), flow.WEB]
    chosen = name.replace("-", "_")
    if chosen not in names:
        raise BadInput("service.unknown", f"there is no service {name!r}", f"choose one of {', '.join(names)}")
    logs.configure(city.settings.log.format, city.settings.log.level, zone=city.zone)
    if chosen == flow.WEB:
        asyncio.run(_run_pages(city))
        return int(Exit.DONE)
    asyncio.run(run_services([chosen], city, (running_city(city) or {}).get("nats_url")))
    return int(Exit.DONE)


async def _run_pages(city: City) -> None:
    from services.web.wiring import running as serving

    async with serving(city, lambda: (running_city(city) or {}).get("nats_url") or city.settings.nats.address) as page:
        sys.stdout.write(f"The officers' pages are at {page.url}\n")
        sys.stdout.flush()
        await until_asked_to_stop([])


async def _up(city: City, port: int | None, as_json: bool, both: bool) -> None:
    async with whole_city(city, port, both) as (addresses, runtimes):
        asked = asyncio.create_task(until_asked_to_stop(runtimes))
        await asyncio.sleep(0)  # it listens for signals before anybody knows that there is something to stop
        _say(city, addresses, as_json)
        async with verifying([City(city.folder, city.settings, realm) for realm in addresses.realms]):
            await asked
        if not as_json:
            sys.stdout.write("\nStopping: what is in hand is finished first.\n")
            sys.stdout.flush()
    if not as_json:
        sys.stdout.write(f"{city.settings.city.name} is down.\n")


@contextlib.asynccontextmanager
async def whole_city(
    city: City, port: int | None = None, both: bool = False
) -> AsyncIterator[tuple[Addresses, list[Any]]]:
    """Start everything, and stop it in the opposite order; ``both``: the services of both realms, on one broker."""
    # Imported here: the broker and the platforms are needed by this one command only.
    from services.provision import EmbeddedBroker, provision

    refuse_plain(city.settings)
    refuse_shared(city)
    refuse_shared_ports(city, port, both=both)
    nats = city.settings.nats
    cities = (city, _other_realm(city)) if both else (city,)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(take_city(city).close)
        if nats.embedded:
            broker = EmbeddedBroker()
            stack.push_async_callback(broker.stop)
            await broker.start(city, port)
            url = broker.url
            if any([(await provision(one, url)).accounts_changed for one in cities]):
                # Not reloaded: accounts that are new get their imports of JetStream only at a start.
                await broker.stop()
                await broker.start(city, port)
        else:
            url = nats.address
        for one in cities:
            await _check_ledger(one, url)
        base = port or nats.port
        square = await _townsquare(city, base, nats.port, stack)
        site = await _site(city, base, nats.port, stack)
        realms = tuple(one.realm for one in cities)
        web = [await _web(one, url, stack, beside=one is not city) for one in cities]
        addresses = Addresses(os.getpid(), city.realm, url, square, site, str(city.site_folder), realms, *web)
        write_run_file(city, asdict(addresses) | {"settings": read_at_start(city.settings)})
        stack.callback(lambda: city.run_path.unlink(missing_ok=True))
        names = [row.name for row in flow.SERVICES]
        runtimes = [runtime for one in cities for runtime in await stack.enter_async_context(running(names, one, url))]
        if nats.embedded:
            around = _around(city, broker, port, runtimes)
            stack.push_async_callback(around.stop)
            around.start()
        yield addresses, runtimes


def _around(city: City, broker: EmbeddedBroker, port: int | None, runtimes: list[Runtime]) -> Supervisor:
    """Return what looks after the broker: it runs, and its users are those of control."""
    from services.desk.city.accounts import follow_control
    from services.provision import keep_running

    around = Supervisor(logs.logger())
    around.supervise(partial(keep_running, city, broker, port))
    for board in (one for one in runtimes if one.row.name == "board"):
        around.supervise(partial(follow_control, board.city, broker, board))
    return around


def _other_realm(city: City) -> City:
    """Return the same city folder in its other realm; one process has one page of measures, the first realm's."""
    other: Realm = "exercise" if city.realm == "live" else "live"
    return City(city.folder, city.settings.model_copy(update={"metrics": None}), other)


async def _check_ledger(city: City, url: str) -> None:
    """Refuse to start on a ledger that lost or changed what its second copy holds."""
    from services.desk.city.ledger_check import check_ledger

    look = await check_ledger(city, url)
    logs.logger(realm=city.realm).info(
        "the ledger agrees with its second copy", compared=look.compared, entries=look.entries
    )


async def _townsquare(city: City, base: int, usual: int, stack: contextlib.AsyncExitStack) -> str | None:
    section = city.settings.townsquare
    if section is None:
        return None
    from services.townsquare import start

    square = await start(city, free_port(section.host, base + section.port - usual))
    stack.push_async_callback(square.stop)
    return str(square.url)


async def _site(city: City, base: int, usual: int, stack: contextlib.AsyncExitStack) -> str | None:
    section = city.settings.site
    if not section.serve:
        return None
    from services.fanout.connectors.website.preview import serve_site

    preview = await serve_site(city.site_folder, section.host, free_port(section.host, base + section.port - usual))
    stack.push_async_callback(preview.stop)
    return str(preview.url)


async def _web(city: City, url: str, stack: contextlib.AsyncExitStack, *, beside: bool = False) -> str | None:
    """Serve the officers' pages. A port that is taken stops no city: passkeys count at one address only.

    ``beside``: another realm's are served too, so that these need an address of their own.
    """
    if not city.web.serve:
        return None
    if beside and city.web == city.settings.web:
        hint = "name [web] exercise_origin and exercise_port in city.toml"
        logs.logger(realm=city.realm).warning("this realm has no officers' pages: no address of its own", hint=hint)
        return None
    from services.web.wiring import running as serving

    try:
        return (await stack.enter_async_context(serving(city, lambda: url))).url
    except BadInput as error:
        logs.logger(realm=city.realm).error("the officers' pages are not served", error=error.message, hint=error.hint)
        return None


def free_port(host: str, wished: int) -> int:
    """Return the wished port, or another free one: only the broker's port is worth refusing to start for."""
    for port in (wished, 0):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except (OSError, OverflowError):
                continue
            return int(probe.getsockname()[1])
    raise BadInput("port.in_use", f"no port is free on {host}", "free one and start again")


def _say(city: City, addresses: Addresses, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"ready": True, **asdict(addresses)}) + "\n")
    else:
        pages = addresses.web_url or ("not served: the log says why" if city.web.serve else None)
        places = {
            "broker": addresses.nats_url,
            "townsquare": addresses.townsquare_url,
            "website": addresses.site_url,
            "files": addresses.site_folder,
            "desk": pages,
            "its exercise": addresses.exercise_web_url,
        }
        look = typed("onevoice eoc status")
        lines = [
            "",
            f"{city.settings.city.name} is up, realm {' and '.join(addresses.realms)}.",
            *(f"  {name:<12} {place}" for name, place in places.items() if place),
            "",
            f"In a second terminal:  export ONEVOICE_CITY={shlex.quote(str(city.folder))}   then:  {look}",
            "Ctrl-C stops all of it.",
            "",
        ]
        sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
