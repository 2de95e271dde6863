"""A record with entries that no client of ours writes is restored as it is: no stolen key keeps it from that."""

from __future__ import annotations

from services.audit.proof import compare_record
from services.desk.city.restore import restore_into
from tests.integration.attacks.test_odd_entries import HEADS, by_hand
from tests.integration.audit.conftest import AuditedCity
from tests.support.ledger_builder import story
from tests.support.mission import Mission, eventually

PLACES = ("ledger.request.rodd", "ledger.request.*", "ledger.approval.rodd.*", "ledger.request.rod\u00e9")


async def test_odd_entries_are_restored(audited: AuditedCity) -> None:
    story(audited.builder, sealed=False)
    count = await audited.flush()
    client = await audited.client("intake")
    for place in PLACES:
        for head in HEADS.values():
            await by_hand(client, place, head)
    stored = count + len(PLACES) * len(HEADS)

    async def all_stored() -> bool:
        return await audited.ledger.last_seq() == stored

    await eventually(all_stored)
    async with audited.audit_here():
        await audited.until_copied(stored)
    await audited.mission.broker.stop()
    said: list[str] = []
    done = await restore_into(audited.city, True, said.append)
    assert done.entries == stored
    async with Mission(audited.city) as mission:
        writer = await mission.writer("board")
        assert await compare_record(audited.city, writer.ledger) == ()
