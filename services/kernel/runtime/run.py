"""Run services: one alone, or several in one process, until a signal asks them to stop."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faststream import FastStream

from schemas import flow
from services.kernel.base import logs
from services.kernel.base.city import City, load_city
from services.kernel.base.crashpoints import arm_from_environment
from services.kernel.base.errors import BadInput, Exit, OneVoiceError
from services.kernel.base.hints import in_realm
from services.kernel.base.network.reach import refuse_plain
from services.kernel.base.network.web import Running as WebPage
from services.kernel.base.tasks import cancel_all
from services.kernel.projection.projection import Projection
from services.kernel.runtime import garbage
from services.kernel.runtime.compose import Timings, on_nats
from services.kernel.runtime.notify import ServiceManager
from services.kernel.runtime.service import Runtime
from services.kernel.runtime.startup import register

if TYPE_CHECKING:
    from services.kernel.runtime.monitoring import Monitoring

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

THREADS = 64
"""For what blocks: files, and the names of hosts. A silent name server holds a thread for half a minute with each host;
with asyncio's own few (6 on two cores) the city's own website waited for other people's names."""


def build(
    name: str, city: City, url: str | None = None, *, shared: Projection | None = None, timings: Timings | None = None
) -> tuple[Runtime, FastStream]:
    """Return a service's runtime and application; nothing is started.

    The service is found by its name: ``services.<name>.wiring`` with ``wire`` and, for the registry, ``genesis``.
    """
    wiring = importlib.import_module(f"services.{name}.wiring")
    genesis = getattr(wiring, "genesis", None)
    row = flow.service(name)
    return on_nats(row, city, wiring.wire, genesis=genesis, url=url, shared=shared, timings=timings)


def described(name: str, city: City) -> Any:
    """Return a service's broker with its handlers registered, for the AsyncAPI document; nothing is started."""
    runtime, app = build(name, city)
    register(runtime, importlib.import_module(f"services.{name}.wiring").wire)
    return app.broker


def build_all(names: Iterable[str], city: City, url: str | None = None) -> list[tuple[Runtime, FastStream]]:
    """Return the services of one process: those that fold the ledger share one projection."""
    built: list[tuple[Runtime, FastStream]] = []
    shared: Projection | None = None
    for name in names:
        folds = flow.service(name).folds
        runtime, app = build(name, city, url, shared=shared if folds else None)
        if folds and shared is None:
            shared = runtime.projection
        built.append((runtime, app))
    return built


@contextlib.asynccontextmanager
async def running(names: Iterable[str], city: City, url: str | None = None) -> AsyncIterator[list[Runtime]]:
    """Start services at once, in any order; stop all of them at the end, finishing what is in hand.

    Raises:
        OneVoiceError: a service refuses to start; those that started are stopped. ``crash.unknown``: the environment
            names a crash point that is none.
    """
    _warn_of_crash_points()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS, "services"))
    built = build_all(names, city, url)
    monitoring = _monitoring(city, built)
    try:
        async with asyncio.TaskGroup() as group:
            for _, app in built:
                group.create_task(app.start())
    except BaseException as failure:  # noqa: BLE001 - raised again; also a cancelled start lets go of what it began
        await _stop([app for _, app in built])
        raise (failure.exceptions[0] if isinstance(failure, BaseExceptionGroup) else failure) from None
    garbage.settle()
    looks = asyncio.create_task(garbage.look_when_quiet())
    page = await _serve_monitoring(monitoring, city, [runtime.row.name for runtime, _ in built])
    try:
        yield [runtime for runtime, _ in built]
    finally:
        await cancel_all(looks)
        if page is not None:
            await page.stop()
        await _stop([app for _, app in built])


def _monitoring(city: City, built: list[tuple[Runtime, FastStream]]) -> Monitoring | None:
    """Return what measures a process, if city.toml asks for it."""
    if city.settings.metrics is None:
        return None
    from services.kernel.runtime.monitoring import Monitoring  # it costs a start 50 ms

    monitoring = Monitoring(city)
    for runtime, app in built:
        if app.broker is not None:
            app.broker.add_middleware(monitoring.middleware(runtime.row.user))
        monitoring.watch(runtime)
    return monitoring


async def _serve_monitoring(monitoring: Monitoring | None, city: City, names: list[str]) -> WebPage | None:
    """Answer /metrics and /healthz; a port that is taken stops no city, and is said aloud."""
    section = city.settings.metrics
    if monitoring is None or section is None:
        return None
    order = [row.name for row in flow.SERVICES]
    port = section.port if len(names) > 1 else section.port + 1 + order.index(names[0])
    try:
        page = await monitoring.serve(section.host, port)
    except BadInput as error:
        logs.logger().error("no metrics page", error=error.message, hint=error.hint)
        return None
    logs.logger().info("metrics page", url=f"{page.url}/metrics")
    return page


async def _stop(apps: list[FastStream]) -> None:
    results = await asyncio.gather(*(app.stop() for app in apps), return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            logs.logger().error("a service did not stop cleanly", error=str(result))


async def until_asked_to_stop(runtimes: list[Runtime]) -> None:
    """Wait for SIGINT or SIGTERM; raises what makes a service stop by itself."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    asked = asyncio.ensure_future(stop.wait())
    endings: list[asyncio.Future[Any]] = [asked]
    endings += [one.supervisor.failed for one in runtimes if one.supervisor.failed is not None]
    try:
        done, _ = await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        for future in done:
            future.result()
    finally:
        asked.cancel()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


async def run_services(names: Iterable[str], city: City, url: str | None = None) -> None:
    """Run services until a signal asks them to stop, also one that comes while they wait for the broker."""
    refuse_plain(city.settings, url)
    task, asked = asyncio.current_task(), asyncio.Event()
    assert task is not None

    def end_the_start() -> None:
        asked.set()
        task.cancel()

    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, end_the_start)
    try:
        async with running(names, city, url) as runtimes:
            notifier = ServiceManager()
            notifier.send("READY=1")
            beats = asyncio.create_task(notifier.keep_alive(runtimes[0].ledger.last_seq))
            try:
                await until_asked_to_stop(runtimes)
            finally:
                notifier.send("STOPPING=1")
                await cancel_all(beats)
    except asyncio.CancelledError:
        if not asked.is_set():
            raise


def _warn_of_crash_points() -> None:
    armed = arm_from_environment()
    if armed:
        logs.logger().warning("crash points are armed: this process will die or stop there", points=armed)


def main(name: str, arguments: list[str] | None = None) -> None:
    """Run one service as a program: ``python -m services.<name> --city DIR [--realm R] [--url URL]``."""
    parser = argparse.ArgumentParser(prog=f"services.{name}", description=flow.service(name).summary)
    parser.add_argument("--city", default=os.environ.get("ONEVOICE_CITY", "."), help="the city folder")
    parser.add_argument("--realm", default=os.environ.get("ONEVOICE_REALM", "live"), choices=["live", "exercise"])
    parser.add_argument("--url", help="the broker, if not as in city.toml")
    chosen = parser.parse_args(arguments)
    sys.exit(run_until_stopped([name], Path(chosen.city), chosen.realm, chosen.url))


def run_until_stopped(names: list[str], folder: Path, realm: str, url: str | None) -> int:
    """Run services in this process; return the exit status. Errors are one clear line on stderr."""
    try:
        city = load_city(folder, "exercise" if realm == "exercise" else "live")
        logs.configure(city.settings.log.format, city.settings.log.level, zone=city.zone)
        asyncio.run(run_services(names, city, url))
    except OneVoiceError as error:
        hint = in_realm(error.hint, "exercise" if realm == "exercise" else "live")
        sys.stderr.write(f"{error.message}\n  {hint}\n  ({error.code})\n")
        return int(error.exit_status)
    return int(Exit.DONE)
