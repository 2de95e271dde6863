"""A request whose post is unconfirmed stays open for a person, and is decided anew when it is to be posted again."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import subjects
from schemas.events.control import Hold, Withdraw
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import Request
from services.desk import statements
from services.kernel.authority.signing import load_key
from services.kernel.authority.statements import signed
from tests.support.messages import receipt_on
from tests.support.mission import FIRE, PARKS, Mission, Writer, eventually, now

WEB = "fire-website"
"""Where a website profile is a target, there is no mirror."""


@pytest.fixture
async def intake(mission: Mission) -> Writer:
    await mission.begin()
    await mission.run("gatekeeper", "board")
    return await mission.writer("intake")


async def cleared(intake: Writer, *targets: str) -> Request:
    request = await intake.submit(targets=targets)
    await intake.approve(request, "mcpe")
    await eventually(lambda: _is(intake, request, "cleared"))
    return request


async def _is(writer: Writer, request: Request, outcome: str, control_seq: int = 0) -> bool:
    verdict = await writer.verdict(request.request_id)
    return verdict is not None and str(verdict.outcome) == outcome and verdict.control_seq >= control_seq


async def resolved(fanout: Writer, request: Request, attempt: int, profile: str, **fields: Any) -> None:
    """Append the PIO's decision, and the receipt that carries it out, as fanout does."""
    last = await fanout.ledger.last(subjects.receipt(profile, request.request_id))
    assert last is not None
    decision = {"delivered": "posted", "failed": "give_up", "withheld": "post_again"}[str(fields["outcome"])]
    statement = statements.resolution_statement(
        request,
        realm="live",
        officer="pio",
        profile=profile,
        receipt_seq=last.seq,
        choice=decision,  # type: ignore[arg-type]
        url=fields.get("url"),
        now=now(),
    )
    decided = statements.resolved(statement, signed(load_key(fanout.city.key_path("pio")), statement))
    stands = await fanout.ledger.append(subjects.resolution(profile, request.request_id), decided)
    event = receipt_on(request.request_id, profile, attempt, now(), resolution_seq=stands.seq, **fields)
    await fanout.ledger.append(subjects.receipt(profile, request.request_id), event, expect_last=last.seq)


async def test_it_stays_open_and_pending_until_a_person_has_said_how_it_ended(mission: Mission, intake: Writer) -> None:
    """Two requests: the one that is delivered everywhere closes, the one in doubt does not, across a control change."""
    fanout, clerk = await mission.writer("fanout"), await mission.desk("clerk")
    doubt, sure = await cleared(intake, FIRE, PARKS, WEB), await cleared(intake, FIRE, WEB)
    for profile in (FIRE, WEB):
        await fanout.receipt(doubt, await fanout.attempt(doubt, profile), profile)
        await fanout.receipt(sure, await fanout.attempt(sure, profile), profile)
    attempt = await fanout.attempt(doubt, PARKS)
    receipt = await fanout.receipt(doubt, attempt, PARKS, ReceiptOutcome.UNCONFIRMED)

    async def only_the_doubt() -> bool:
        return await mission.open_ids() == [doubt.request_id]

    await eventually(only_the_doubt)
    verdicts = len(await intake.verdicts(doubt.request_id))
    await mission.order("pio", Hold(on=True))
    await mission.order("pio", Hold(on=False))
    (waiting,) = (await clerk.board("pending"))["requests"]
    shown = {one["profile"]: (one["outcome"], one["final"], one["receipt_seq"]) for one in waiting["deliveries"]}
    assert shown[PARKS] == ("unconfirmed", True, receipt)
    await eventually(only_the_doubt)
    assert len(await intake.verdicts(doubt.request_id)) == verdicts, "nothing is left for the gate to decide"
    await resolved(fanout, doubt, attempt, PARKS, outcome="delivered", final=True, url="http://127.0.0.1/seen")

    async def closed() -> bool:
        return await mission.open_ids() == []

    await eventually(closed)
    assert (await clerk.board("pending")).get("requests", []) == []


async def test_to_be_posted_again_it_is_decided_anew_at_the_control_revision_of_now(
    mission: Mission, intake: Writer
) -> None:
    """Control changed while it waited: only a verdict of now lets the fence pass."""
    fanout = await mission.writer("fanout")
    request = await cleared(intake, FIRE, WEB)
    attempt = await fanout.attempt(request, FIRE)
    await fanout.receipt(request, attempt, FIRE, ReceiptOutcome.UNCONFIRMED)
    await mission.order("pio", Hold(on=True))
    seq = await mission.order("pio", Hold(on=False))
    again = {"outcome": "withheld", "final": False, "reason": "to be posted again, decided by pio"}
    await resolved(fanout, request, attempt, FIRE, **again)
    await eventually(lambda: _is(intake, request, "cleared", seq), 30)
    assert await mission.open_ids() == [request.request_id]


async def test_a_withdrawn_request_whose_post_is_in_doubt_is_still_shown(mission: Mission, intake: Writer) -> None:
    """It was refused before its last receipt came; a person is told to look all the same."""
    fanout, clerk = await mission.writer("fanout"), await mission.desk("clerk")
    request = await cleared(intake, FIRE, WEB)
    attempt = await fanout.attempt(request, FIRE)
    await mission.order("mcpe", Withdraw(request_id=request.request_id, reason="wrong road"))
    await eventually(lambda: _is(intake, request, "refused"))
    await fanout.receipt(request, 0, WEB, ReceiptOutcome.WITHHELD)
    await fanout.receipt(request, attempt, FIRE, ReceiptOutcome.UNCONFIRMED)

    async def shown() -> bool:
        return [one["request"]["request_id"] for one in (await clerk.board("pending")).get("requests", [])] == [
            request.request_id
        ]

    async def closed() -> bool:
        return await mission.open_ids() == []

    await eventually(shown)
    await resolved(fanout, request, attempt, FIRE, outcome="failed", final=True)
    await eventually(closed)


async def test_a_platform_that_asks_to_wait_reopens_nothing(mission: Mission, intake: Writer) -> None:
    """A retry's receipts are many, and the gate does not decide by them."""
    fanout = await mission.writer("fanout")
    request = await cleared(intake, FIRE, WEB)
    attempt = await fanout.attempt(request, FIRE)
    verdicts = len(await intake.verdicts(request.request_id))
    for _ in range(5):
        await fanout.receipt(request, attempt, FIRE, ReceiptOutcome.WITHHELD, final=False)
    later = await cleared(intake, PARKS)  # what came before it was heard
    assert await intake.verdict(later.request_id) is not None
    assert len(await intake.verdicts(request.request_id)) == verdicts
