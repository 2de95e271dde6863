"""Moves a ledger from one broker to another: from ``onevoice up``'s own to an external one, or back.

The second copy carries it: it is brought up to the old ledger's last entry, proven, and put back on the new broker,
each entry under its own sequence. The old ledger is never deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from services.desk.city.ledger_check import check_ledger
from services.desk.city.restore import (
    CATCH_UP_SECONDS,
    RestoreResult,
    broker_of,
    move_aside,
    quiet,
    restore_into,
    store_of,
    until_copied,
)
from services.desk.city.second_copy import copied_seq
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Unreachable
from services.kernel.base.run_file import running_city
from services.kernel.ledger.client import Ledger
from services.kernel.runtime.run import running as services_running

Step = Callable[[str], None]


def source_of(city: City, url: str | None, authority: str | None) -> City:
    """Return the city as it is before the move: its ledger on the broker at ``url``, or on the embedded one.

    Raises:
        BadInput: ``move.from``: city.toml names the broker that the ledger moves to, and nothing says from where.
    """
    if url is None and city.settings.nats.embedded:
        raise BadInput(
            "move.from",
            "city.toml says embedded = true, so the ledger would move to the broker of onevoice up: from where?",
            "--from tls://HOST:4222 --from-ca FILE; to move to another broker, put its url into city.toml first",
        )
    if url is None and not store_of(city).is_dir():
        raise BadInput(
            "move.nothing",
            f"there is no ledger of the realm {city.realm} in {city.var / 'nats'}",
            "onevoice doctor says whether it was moved already; a new city has nothing to move: onevoice provision",
        )
    tls_ca = str(Path(authority).absolute()) if url and authority else None
    changed = {"embedded": url is None, "url": url, "tls_ca": tls_ca}
    nats = city.settings.nats.model_copy(update=changed)
    return City(city.folder, city.settings.model_copy(update={"nats": nats}), city.realm)


def move(city: City, source: City, report_step: Step) -> RestoreResult:
    """Move the ledger of a realm from the ``source``'s broker to that of city.toml; repeat it after an interruption.

    Raises:
        OneVoiceError: the city runs, the old ledger cannot be read whole, the copy does not verify, or the new
            broker holds something else. The old ledger is as it was.
    """
    if running_city(city) is not None:
        raise BadInput("city.running", "this city is up", "stop it with Ctrl-C in its terminal, then move")
    quiet(city, "the same command")
    return asyncio.run(_move(city, source, report_step))


async def _move(city: City, source: City, report_step: Step) -> RestoreResult:
    from services.provision.broker.restore import check_beforehand

    check_beforehand(city)
    await _complete_the_copy(source, report_step)
    into_new_store = city.settings.nats.embedded
    done = await restore_into(city, into_new_store, report_step)
    if source.settings.nats.embedded:
        # A broker that were started on it by mistake would offer an old ledger.
        done = replace(done, moved_to=str(move_aside(source, SystemClock().now())))
    return done


async def _complete_the_copy(source: City, report_step: Step) -> None:
    """Bring the second copy up to the last entry of the old ledger, and compare the two.

    Raises:
        Unreachable: ``move.not_copied``.
        Unproven: ``ledger.contradicted``.
    """
    from services.provision.broker.connection import connected
    from services.provision.broker.restore import refuse_running

    async with broker_of(source) as (url, _):
        if not source.settings.nats.embedded:
            await refuse_running(source, url)
        async with connected(source, url, source.service_key_path("audit"), "audit") as client:
            ledger = Ledger()
            ledger.bind(client)
            last = (await ledger.shape()).last
        if copied_seq(source) < last:
            report_step(f"the copy ends at {copied_seq(source)}, the ledger at {last}: the copy takes the rest")
            async with services_running(["audit"], source, url):
                try:
                    async with asyncio.timeout(CATCH_UP_SECONDS):
                        await until_copied(source, last)
                except TimeoutError:
                    pass
        if copied_seq(source) < last:
            raise Unreachable(
                "move.not_copied",
                f"the copy ends at {copied_seq(source)}, the ledger at {last}",
                "nothing was moved; start the city as it was until onevoice doctor says that the copy is complete",
            )
        found = await check_ledger(source, url, newest=last)
        report_step(f"the ledger agrees with its copy: {found.compared} of {found.entries} entries compared")
