"""The gatekeeper on the real path: each request gets a verdict, anew after each change, in one chain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest

from schemas import streams, subjects
from schemas.events.authority import Grant, Role
from schemas.events.control import Designate, Hold, Withdraw
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.verdicts import Outcome, Verdict
from tests.support.mission import ACTIVATE, FIRE, STAND_DOWN, Mission, Writer, eventually, now


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

    found: Verdict = await eventually(look)
    return found


async def all_weighed(writer: Writer, control_seq: int) -> None:
    """Wait until a later request is decided on a later approval: what came before it on those durables is handled."""
    later = await writer.submit()
    approved = await writer.approve(later, "mcpe")

    async def look() -> bool:
        verdict = await writer.verdict(later.request_id)
        return verdict is not None and verdict.as_of >= approved and verdict.control_seq >= control_seq

    await eventually(look)


Lasts = Callable[[timedelta], Awaitable[tuple[str, datetime]]]


async def blocked_in_time(intake: Writer, make: Lasts) -> tuple[str, datetime]:
    """Make a request on which time weighs a few seconds later, and wait for its verdict before; more, if it is slow.

    ``make`` gets how much time there is, and returns the request's id and when that is over.
    """
    for seconds in (4, 12, 36):
        request_id, ends = await make(timedelta(seconds=seconds))
        await decided(intake, request_id)
        (_, first), *_ = await intake.verdicts(request_id)
        if first.at < ends:
            assert first.outcome is Outcome.BLOCKED
            return request_id, ends
    pytest.fail("the first verdict takes longer than half a minute")


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
    assert entry.seq <= verdict.as_of
    assert await mission.open_ids() == [request.request_id]


async def test_an_approval_clears_and_the_verdict_has_weighed_it(mission: Mission, intake: Writer) -> None:
    request = await intake.submit()
    await decided(intake, request.request_id, "blocked")
    seq = await intake.approve(request, "mcpe")
    verdict = await decided(intake, request.request_id, "cleared")
    assert (verdict.approved_by, verdict.targets, verdict.mirror) == (("mcpe",), (FIRE,), True)
    assert verdict.as_of >= seq
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
        return await mission.open_ids() == []

    await eventually(closed)
    await intake.approve(request, "mcpe")
    await all_weighed(intake, await mission.order("cao", Hold(on=True)))
    verdict = await intake.verdict(request.request_id)
    assert verdict is not None
    assert verdict.outcome is Outcome.REFUSED
    assert request.request_id not in await mission.open_ids()


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
    await all_weighed(intake, seq)
    await decided(intake, under.request_id, "blocked")
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
    assert len(await mission.open_ids()) == 50


async def test_an_unrelated_control_change_repeats_no_blocked_verdict_and_each_cleared_one_once(
    mission: Mission, intake: Writer
) -> None:
    requests = [await intake.submit() for _ in range(12)]
    for request in requests[::2]:
        await intake.approve(request, "mcpe")
    for number, request in enumerate(requests):
        await decided(intake, request.request_id, "blocked" if number % 2 else "cleared")
    counts = [len(await intake.verdicts(request.request_id)) for request in requests]
    seq = await mission.order("cao", Designate(officer="clerk", grant=Grant(role=Role.EMPLOYEE)), "registry")
    for request in requests[::2]:
        await decided(intake, request.request_id, "cleared", seq)
    await all_weighed(intake, seq)
    for number, request in enumerate(requests):
        more = 0 if number % 2 else 1
        assert len(await intake.verdicts(request.request_id)) == counts[number] + more


async def test_what_is_delivered_everywhere_is_closed(mission: Mission, intake: Writer) -> None:
    request, later = await intake.submit(targets=(FIRE, "fire-website")), await intake.submit(targets=("fire-website",))
    for one in (request, later):
        await intake.approve(one, "mcpe")
        await decided(intake, one.request_id, "cleared")
    fanout = await mission.writer("fanout")
    await fanout.receipt(request, await fanout.attempt(request, FIRE), FIRE)
    await fanout.receipt(later, await fanout.attempt(later, "fire-website"), "fire-website")

    async def later_closed() -> bool:
        return later.request_id not in await mission.open_ids()

    await eventually(later_closed)
    assert await mission.open_ids() == [request.request_id]
    await fanout.receipt(request, await fanout.attempt(request, "fire-website"), "fire-website", ReceiptOutcome.EXPIRED)

    async def closed() -> bool:
        return await mission.open_ids() == []

    await eventually(closed)


# --- time -----------------------------------------------------------------------------------------------


async def test_time_alone_refuses_a_request_that_expired_while_it_waited(mission: Mission, intake: Writer) -> None:
    """Missed, not late; and it is no longer open."""

    async def make(lasts: timedelta) -> tuple[str, datetime]:
        request = await intake.submit(expires_at=now() + lasts)
        return request.request_id, request.expires_at

    request_id, ends = await blocked_in_time(intake, make)
    verdict = await decided(intake, request_id, "refused")
    assert verdict.at >= ends

    async def closed() -> bool:
        return await mission.open_ids() == []

    await eventually(closed)


async def test_time_alone_ends_a_clearance_whose_approval_ends(intake: Writer) -> None:
    for seconds in (5, 15, 45):
        request = await intake.submit()
        ends = now() + timedelta(seconds=seconds)
        approved = await intake.approve(request, "mcpe", expires_at=ends)

        async def over(request_id: str = request.request_id, approved: int = approved) -> bool:
            verdict = await intake.verdict(request_id)
            return verdict is not None and verdict.as_of >= approved and verdict.outcome is Outcome.BLOCKED

        await eventually(over)
        weighed = [one for _, one in await intake.verdicts(request.request_id) if one.as_of >= approved]
        if len(weighed) > 1:
            break  # else the machine was so slow that the approval was over before it was weighed
    cleared, blocked = weighed
    assert (cleared.outcome, cleared.valid_until) == (Outcome.CLEARED, ends)
    assert cleared.at < ends <= blocked.at


async def test_time_alone_lets_a_role_count_that_begins_later(mission: Mission, intake: Writer) -> None:
    """An approval by someone whose designation begins in a moment blocks now, and clears then, without a new event."""
    officers = iter(("clerk", "eoc-director", "cao"))

    async def make(lasts: timedelta) -> tuple[str, datetime]:
        begins, officer = now() + lasts, next(officers)
        grant = Grant(role=Role.COMMS_OFFICE, valid_from=begins)
        await mission.order("cao", Designate(officer=officer, grant=grant), "registry")
        request = await intake.submit(author="drivebc", author_kind="system")
        approved = await intake.approve(request, officer)

        async def weighed() -> bool:
            verdict = await intake.verdict(request.request_id)
            return verdict is not None and verdict.as_of >= approved

        await eventually(weighed)
        return request.request_id, begins

    request_id, begins = await blocked_in_time(intake, make)
    verdict = await decided(intake, request_id, "cleared")
    assert verdict.at >= begins
    earlier = [one for _, one in await intake.verdicts(request_id) if one.at < begins]
    assert {one.outcome for one in earlier} == {Outcome.BLOCKED}


async def test_the_sweep_goes_on_after_a_restart(mission: Mission) -> None:
    """What is due follows from the ledger, not from the memory of an earlier process."""
    await mission.begin()
    (first,) = await mission.run("gatekeeper")
    intake = await mission.writer("intake")
    for seconds in (6, 18, 54):
        request = await intake.submit(expires_at=now() + timedelta(seconds=seconds))
        await decided(intake, request.request_id)
        await mission.stop(first)
        stood = await intake.verdict(request.request_id)
        (second,) = await mission.run("gatekeeper")
        await decided(intake, request.request_id, "refused")
        if stood is not None and stood.outcome is Outcome.BLOCKED:
            return
        first = second  # it took so long to stop that it had said so itself
    pytest.fail("a gatekeeper takes longer than a minute to stop")


async def test_one_request_that_cannot_be_decided_holds_no_other_up(mission: Mission, intake: Writer) -> None:
    """A broken entry among a request's approvals: the others are decided anew all the same."""
    sick, *others = [await intake.submit(name) for name in ("raaa", *(f"rb{number}" for number in range(20)))]
    for request in (sick, *others):
        await decided(intake, request.request_id)
    await intake.js.publish(subjects.approval(sick.request_id, "pio"), b"{broken", stream=streams.LEDGER)
    for on in (True, False):
        seq = await mission.order("cao", Hold(on=on))
        for request in others:
            await decided(intake, request.request_id, None, seq)
    verdict = await intake.verdict(sick.request_id)
    assert verdict is not None
    assert verdict.outcome is not Outcome.CLEARED


async def test_a_redelivered_request_gets_no_second_verdict(mission: Mission, intake: Writer) -> None:
    """The same facts say the same: a restart that hears everything again writes nothing."""
    requests = [await intake.submit() for _ in range(5)]
    for request in requests:
        await decided(intake, request.request_id)
    before = await intake.ledger.last_seq()
    provisioner = await mission.provisioner()
    js = provisioner.js
    info = await js.consumer_info(streams.LEDGER, streams.GATEKEEPER_REQUESTS.durable)
    await js.delete_consumer(streams.LEDGER, streams.GATEKEEPER_REQUESTS.durable)
    await js.add_consumer(streams.LEDGER, info.config)

    async def heard_again() -> bool:
        found = await js.consumer_info(streams.LEDGER, streams.GATEKEEPER_REQUESTS.durable)
        return found.num_pending == 0 and found.num_ack_pending == 0 and bool(found.delivered.consumer_seq >= 5)

    await eventually(heard_again)
    assert await intake.ledger.last_seq() == before
