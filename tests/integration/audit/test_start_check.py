"""What ``onevoice up`` compares before it lets anything work: the newest entries, whatever the ledger's length."""

from __future__ import annotations

from services.desk.city.ledger_check import check_ledger
from tests.integration.audit.conftest import AuditedCity

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
