"""The gatekeeper on the real path: each request gets a verdict, anew after each change, in one chain."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from schemas import streams, subjects
from schemas.events.authority import Grant, Role
from schemas.events.control import Designate, Hold, Withdraw
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.verdicts import Outcome, Verdict
from schemas.events.working import OpenRequest
from services.kernel.open_requests import OpenRequests
from tests.mission import ACTIVATE, FIRE, STAND_DOWN, Mission, Writer, eventually, now


@pytest.fixture
async def intake(mission: Mission) -> Writer:
    await mission.begin()
    await mission.run("gatekeeper")
    return await mission.writer("intake")


async def decided(writer: Writer, request_id: str, outcome: str | None = None, control_seq: int = 0) -> Verdict:
    """Wait for a verdict of this outcome, at this control revision or a later one."""

    async def look() -> Verdict | None:
        verdict = await writer.verdict(request_id)
        if verdict is None or verdict.control_seq < control_seq:
            return None
        return verdict if outcome in (None, str(verdict.outcome)) else None

    found: Verdict = await eventually(look, 30)
    return found


async def open_ids(mission: Mission) -> list[str]:
    return await OpenRequests((await mission.writer("gatekeeper")).ledger).ids()


def reasons(verdict: Verdict) -> dict[str, str]:
    return {finding.clause: str(finding.outcome) for finding in verdict.findings}


async def test_a_request_without_an_approval_is_blocked_and_says_by_which_clause(
    mission: Mission, intake: Writer
) -> None:
    request = await intake.submit()
    verdict = await decided(intake, request.request_id)
    assert (verdict.outcome, verdict.control_seq, verdict.digest) == (Outcome.BLOCKED, 1, request.digest)
    assert "blocked" in reasons(verdict).values()
    assert all(finding.reason for finding in verdict.findings)
    entry = await intake.ledger.last(subjects.request(request.request_id))
    assert entry is not None
    assert verdict.as_of == entry.seq
    assert await open_ids(mission) == [request.request_id]


async def test_an_approval_clears_and_the_verdict_has_weighed_it(mission: Mission, intake: Writer) -> None:
    request = await intake.submit()
    await decided(intake, request.request_id, "blocked")
    seq = await intake.approve(request, "mcpe")
    verdict = await decided(intake, request.request_id, "cleared")
    assert (verdict.as_of, verdict.approved_by, verdict.targets) == (seq, ("mcpe",), (FIRE,))
    assert verdict.valid_until is not None
    assert now() < verdict.valid_until <= request.expires_at


async def test_an_approval_without_the_role_clears_nothing(intake: Writer) -> None:
    request = await intake.submit()
    seq = await intake.approve(request, "clerk")

    async def weighed() -> bool:
        verdict = await intake.verdict(request.request_id)
        return verdict is not None and verdict.as_of >= seq

    await eventually(weighed)
    verdict = await intake.verdict(request.request_id)
    assert verdict is not None
    assert verdict.outcome is Outcome.BLOCKED


async def test_a_rejection_refuses_and_closes_for_good(mission: Mission, intake: Writer) -> None:
    request = await intake.submit()
    await decided(intake, request.request_id, "blocked")
    await intake.approve(request, "mcpe", decision="reject", reason="not true")
    await decided(intake, request.request_id, "refused")

    async def closed() -> bool:
        return await open_ids(mission) == []

    await eventually(closed)
    await intake.approve(request, "mcpe")
    await mission.order("cao", Hold(on=True))
    await asyncio.sleep(1.0)
    verdict = await intake.verdict(request.request_id)
    assert verdict is not None
    assert verdict.outcome is Outcome.REFUSED
    assert await open_ids(mission) == []


async def test_a_withdrawal_refuses_what_was_cleared(mission: Mission, intake: Writer) -> None:
    request = await intake.submit()
    await intake.approve(request, "mcpe")
    await decided(intake, request.request_id, "cleared")
    await mission.order("clerk", Withdraw(request_id=request.request_id))
    await decided(intake, request.request_id, "refused")


async def test_activation_blocks_what_was_cleared_and_stand_down_does_not_fire_what_was_held(
    mission: Mission, intake: Writer
) -> None:
    """2(iii): the fire publisher's own approval no longer does; what came under EOC keeps needing its approval."""
    before = await intake.submit(author="fire-publisher")
    await intake.approve(before, "fire-publisher")
    await decided(intake, before.request_id, "cleared")
    seq = await mission.order("eoc-director", ACTIVATE)
    verdict = await decided(intake, before.request_id, "blocked", seq)
    assert "2(iii)" in [clause for clause, outcome in reasons(verdict).items() if outcome == "blocked"]
    under = await intake.submit(author="fire-publisher")
    await intake.approve(under, "fire-publisher")
    await decided(intake, under.request_id, "blocked", seq)
    seq = await mission.order("eoc-director", STAND_DOWN)
    await decided(intake, under.request_id, "blocked", seq)
    await intake.approve(under, "cao")
    await decided(intake, under.request_id, "cleared", seq)


async def test_each_of_fifty_open_requests_is_decided_anew_after_a_control_change(
    mission: Mission, intake: Writer
) -> None:
    requests = [await intake.submit() for _ in range(50)]
    for request in requests[::2]:
        await intake.approve(request, "mcpe")
    for number, request in enumerate(requests):
        await decided(intake, request.request_id, "blocked" if number % 2 else "cleared")
    seq = await mission.order("cao", Hold(on=True))
    for request in requests:
        await decided(intake, request.request_id, "blocked", seq)
    seq = await mission.order("cao", Hold(on=False))
    for number, request in enumerate(requests):
        verdict = await decided(intake, request.request_id, "blocked" if number % 2 else "cleared", seq)
        assert verdict.control_seq == seq
    assert len(await open_ids(mission)) == 50


async def test_what_is_delivered_everywhere_is_closed(mission: Mission, intake: Writer) -> None:
    request = await intake.submit(targets=(FIRE, "fire-website"))
    await intake.approve(request, "mcpe")
    await decided(intake, request.request_id, "cleared")
    fanout = await mission.writer("fanout")
    await fanout.receipt(request, await fanout.attempt(request, FIRE), FIRE)
    await asyncio.sleep(1.5)
    assert await open_ids(mission) == [request.request_id]
    await fanout.receipt(request, await fanout.attempt(request, "fire-website"), "fire-website", ReceiptOutcome.EXPIRED)

    async def closed() -> bool:
        return await open_ids(mission) == []

    await eventually(closed)


# --- time -----------------------------------------------------------------------------------------------


async def test_time_alone_refuses_a_request_that_expired_while_it_waited(mission: Mission, intake: Writer) -> None:
    """Missed, not late; and it is no longer open."""
    request = await intake.submit(expires_at=now() + timedelta(seconds=4))
    await decided(intake, request.request_id, "blocked")
    verdict = await decided(intake, request.request_id, "refused")
    assert verdict.at >= request.expires_at

    async def closed() -> bool:
        return await open_ids(mission) == []

    await eventually(closed)


async def test_time_alone_ends_a_clearance_whose_approval_ends(intake: Writer) -> None:
    request = await intake.submit()
    ends = now() + timedelta(seconds=5)
    await intake.approve(request, "mcpe", expires_at=ends)
    verdict = await decided(intake, request.request_id, "cleared")
    assert verdict.valid_until == ends
    verdict = await decided(intake, request.request_id, "blocked")
    assert verdict.at >= ends


async def test_time_alone_lets_a_role_count_that_begins_later(mission: Mission, intake: Writer) -> None:
    """An approval by someone whose designation begins in a moment blocks now, and clears then, without a new event."""
    begins = now() + timedelta(seconds=7)
    await mission.order("cao", Designate(officer="clerk", grant=Grant(role=Role.MCPE, valid_from=begins)), "registry")
    request = await intake.submit(author="drivebc", author_kind="system")
    await intake.approve(request, "clerk")
    await decided(intake, request.request_id, "blocked")
    verdict = await decided(intake, request.request_id, "cleared")
    assert verdict.at >= begins


async def test_the_sweep_goes_on_after_a_restart(mission: Mission) -> None:
    """What is due is read from the open set, not from memory."""
    await mission.begin()
    (first,) = await mission.run("gatekeeper")
    intake = await mission.writer("intake")
    request = await intake.submit(expires_at=now() + timedelta(seconds=6))
    await decided(intake, request.request_id, "blocked")
    await mission.stop(first)
    await asyncio.sleep(1.0)
    await mission.run("gatekeeper")
    await decided(intake, request.request_id, "refused")


async def test_one_request_that_cannot_be_decided_holds_no_other_up(mission: Mission, intake: Writer) -> None:
    """A broken entry among a request's approvals: the others are decided anew all the same."""
    sick, *others = [await intake.submit(name) for name in ("raaa", *(f"rb{number}" for number in range(20)))]
    for request in (sick, *others):
        await decided(intake, request.request_id)
    await intake.ledger.js.publish(subjects.approval(sick.request_id, "pio"), b"{broken", stream=streams.LEDGER)
    for on in (True, False):
        seq = await mission.order("cao", Hold(on=on))
        for request in others:
            await decided(intake, request.request_id, None, seq)
    verdict = await intake.verdict(sick.request_id)
    assert verdict is not None
    assert verdict.outcome is not Outcome.CLEARED


async def test_an_open_mark_without_a_request_is_cleared_away(mission: Mission, intake: Writer) -> None:
    gate = await mission.writer("gatekeeper")
    ghost = OpenRequest(request_id="rghost", due=now() - timedelta(seconds=1))
    await OpenRequests(gate.ledger).mark(ghost)

    async def closed() -> bool:
        return await open_ids(mission) == []

    await eventually(closed)


async def test_a_redelivered_request_gets_no_second_verdict(mission: Mission, intake: Writer) -> None:
    """The same facts say the same: a restart that hears everything again writes nothing."""
    requests = [await intake.submit() for _ in range(5)]
    for request in requests:
        await decided(intake, request.request_id)
    await asyncio.sleep(1.0)
    before = await intake.ledger.last_seq()
    provisioner = await mission.provisioner()
    js = provisioner.ledger.js
    info = await js.consumer_info(streams.LEDGER, streams.GATEKEEPER_REQUESTS.durable)
    await js.delete_consumer(streams.LEDGER, streams.GATEKEEPER_REQUESTS.durable)
    await js.add_consumer(streams.LEDGER, info.config)

    async def heard_again() -> bool:
        found = await js.consumer_info(streams.LEDGER, streams.GATEKEEPER_REQUESTS.durable)
        return found.num_pending == 0 and found.num_ack_pending == 0 and bool(found.delivered.consumer_seq >= 5)

    await eventually(heard_again, 30)
    assert await intake.ledger.last_seq() == before
