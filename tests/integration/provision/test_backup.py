"""A backup that was taken while the city ran, brought back on another machine with an external broker."""

from __future__ import annotations

import asyncio
import shutil
from functools import partial
from pathlib import Path

from schemas import flow, subjects
from schemas.events.control import Hold
from schemas.events.desk import OrderReply
from services.audit.proof import verify_record
from services.desk import statements
from services.desk.city.restore import restore
from services.desk.city.second_copy import copied_seq
from services.desk.connection.link import connect
from services.kernel.authority.signing import load_key
from services.kernel.authority.statements import signed
from services.kernel.base.city import City, load_city
from services.kernel.base.clock import SystemClock
from services.kernel.runtime.run import running
from services.provision import EmbeddedBroker, provision
from tests.integration.provision.outside import entries, outside, told, until
from tests.support.ports import free_port

BACKED_UP = ("authority", "keys", "nats", "secrets", "city.toml")
"""What deploy/README.md and docs/upgrade.md name, beside ``var/audit``."""


async def backed_up(city: City, to: Path) -> list[tuple[int, str, bytes]]:
    """Run a city on its own broker, copy its folder meanwhile as the documents say, and return what it held."""
    broker = EmbeddedBroker()
    await broker.start(city, free_port())
    try:
        if (await provision(city, broker.url)).accounts_changed:
            await broker.reload()
        async with running([row.name for row in flow.SERVICES], city, broker.url):
            await until(lambda: copied_seq(city) > 0)
            for name in (*BACKED_UP, city.audit_folder.relative_to(city.folder)):
                source = city.folder / name
                # What is written comes under a name of its own, and may be moved to its place before it is copied.
                copy = partial(shutil.copytree, ignore=shutil.ignore_patterns("*.tmp"))
                (copy if source.is_dir() else shutil.copy2)(source, to / name)
            return await entries(city, broker.url)
    finally:
        await broker.stop()


async def test_a_backup_is_restored_into_an_external_broker_and_the_city_goes_on(
    demo_city: City, tmp_path: Path
) -> None:
    """All services start on it, audit too; the record verifies, and grows from where it was."""
    lost, there = demo_city, tmp_path / "again"
    there.mkdir()
    held = await backed_up(lost, there)
    shutil.rmtree(lost.folder)
    city = load_city(there)
    kept = copied_seq(city)
    assert kept > 0
    async with outside(city, tmp_path) as url:
        city = told(city, f'embedded = false\nurl = "{url}"')
        done = await asyncio.to_thread(restore, city, False, lambda _: None)
        assert done.entries == kept
        assert await entries(city, url) == held[:kept]
        names = [row.name for row in flow.SERVICES]
        async with running(names, city, url) as runtimes:
            async with connect(city, "cao") as link:
                statement = statements.order_statement("live", "cao", Hold(on=True), SystemClock().now())
                order = signed(load_key(city.key_path("cao")), statement)
                assert (await link.ask(subjects.DESK_EOC_ORDER, order, OrderReply)).control_seq > kept
            await until(lambda: copied_seq(city) > kept)
            assert {runtime.ledger.fault for runtime in runtimes} == {None}
            after = await entries(city, url)
        assert after[:kept] == held[:kept]
    report = verify_record(city, SystemClock().now())
    assert report.ok, report.violations
    assert report.last_seq >= kept
