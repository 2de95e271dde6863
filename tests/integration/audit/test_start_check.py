"""What ``onevoice up`` compares before it lets anything work: the newest entries, whatever the ledger's length."""

from __future__ import annotations

import asyncio

from schemas import flow
from services.audit.copy_service import CopyService
from services.desk.city.ledger_check import check_ledger
from services.kernel.runtime.compose import on_nats
from services.kernel.runtime.service import Runtime
from tests.integration.audit.conftest import AuditedCity
from tests.support.mission import eventually

LENGTH = 700


async def copied(audited: AuditedCity) -> None:
    audited.builder.genesis()
    await audited.flush()
    await audited.flood(LENGTH, "rs")
    async with audited.audit_here():
        await audited.until_copied(LENGTH)


async def test_so_many_of_the_newest_are_compared_and_all_where_there_is_time(audited: AuditedCity) -> None:
    await copied(audited)
    few = await check_ledger(audited.city, audited.mission.url, newest=200, seconds=0.0)
    assert 200 <= few.compared < few.entries
    some = await check_ledger(audited.city, audited.mission.url, newest=400, seconds=0.0)
    assert 400 <= some.compared < some.entries
    whole = await check_ledger(audited.city, audited.mission.url, newest=0, seconds=60.0)
    assert whole.compared == whole.entries > LENGTH


async def test_the_comparison_leaves_the_processor_to_others_until_somebody_asks(audited: AuditedCity) -> None:
    await copied(audited)
    services: list[CopyService] = []

    def wire(runtime: Runtime) -> None:
        services.append(CopyService(runtime, rest=1e6))
        runtime.supervisor.supervise(services[0].run)

    _, app = on_nats(flow.service("audit"), audited.city, wire, url=audited.mission.url)
    await app.start()
    try:

        async def rests() -> bool:
            checker = services[0].checker
            return checker is not None and checker.report.compared > 0

        await eventually(rests)
        await asyncio.sleep(0.3)
        checker = services[0].checker
        assert checker is not None
        assert checker.report.compared < LENGTH, "it rests after its first chunk"
        report = await checker.answer(30.0)
        assert (report.standing, report.compared) == ("sound", report.entries)
    finally:
        await app.stop()
