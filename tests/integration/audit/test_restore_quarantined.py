"""A record with an entry that should not be there, accepted by an officer, becomes a ledger that a city works on."""

from __future__ import annotations

import pytest

from schemas.events.control import Hold
from schemas.events.verdicts import Outcome
from services.audit.proof import compare_record, verify_record
from services.audit.proof.quarantine import examine, quarantine
from services.audit.proof.verify import keys_of
from services.desk.city.restore import restore_into
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import Unproven
from tests.integration.audit.conftest import AuditedCity
from tests.support.ledger_builder import story
from tests.support.mission import Mission


def quiet(_text: str) -> None:
    """Nobody listens."""


async def test_a_quarantined_record_is_restored_to_a_city_that_works(audited: AuditedCity) -> None:
    """A stolen gatekeeper key refused an approved message, and junk is on control: both stay, named for ever."""
    builder, city = audited.builder, audited.city
    story(builder, sealed=False)
    request = builder.request("r6q")
    builder.approve(request, "mcpe")
    forged = builder.verdict(request, Outcome.REFUSED)
    junk = builder.append("ledger.control", b"junk")
    count = await audited.flush()
    async with audited.audit_here():
        await audited.until_copied(count)
    await audited.mission.broker.stop()
    with pytest.raises(Unproven):
        await restore_into(city, True, quiet)

    examined = examine(city, keys_of(city), forged)
    quarantine(city, examined, builder.signer("mcpe"), "mcpe", "the key was stolen, and is replaced", builder.now)
    done = await restore_into(city, True, quiet)
    assert done.entries == count

    async with Mission(city) as mission:
        await mission.run("registry", "eoc_state", "intake", "gatekeeper", "board", "audit")
        pio = await mission.desk("pio")
        assert (await pio.order(Hold(on=True)))["accepted"]
        fold = await mission.fold()
        assert (fold.control.hold, fold.control_seq > junk) == (True, True)
        writer = await mission.writer("board")
        assert await compare_record(city, writer.ledger) == ()
        await audited.until_copied(fold.seq)
    report = verify_record(city, SystemClock().now())
    assert report.violations == ()
    assert {forged, junk} <= {one.seq for one in report.warnings}
