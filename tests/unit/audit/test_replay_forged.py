"""Attempts that no worker of ours would write: void and reported, and what they posted is a violation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schemas import subjects
from schemas.events.control import EocActivate, Hold, Withdraw
from schemas.events.requests import Request
from schemas.platforms import MIRROR
from tests.support.ledger_builder import FIRE, WEB, LedgerBuilder
from tests.unit.audit.judging import Verify, cleared, named, warned

Make = Callable[[LedgerBuilder], tuple[Request, int]]


def not_fenced(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    seq = builder.attempt(request)
    line = builder.entries[-1]
    builder.entries[-1] = type(line)(line.seq, line.subject, line.at, line.data, {"Nats-Msg-Id": "x"})
    return request, seq


def at_another_revision(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    stale = builder.last[subjects.CONTROL]
    builder.order("eoc-director", EocActivate(level=1, incident="Slide"))
    return request, builder.attempt(request, control_seq=stale)


def on_a_verdict_of_another_revision(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    builder.order("pio", Hold(on=True))
    builder.order("pio", Hold(on=False))
    return request, builder.attempt(request)


def on_other_content(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    return request, builder.attempt(request, digest="2" * 64)


def on_another_revision_of_the_request(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    return request, builder.attempt(request, revision=2)


def on_a_profile_that_is_not_cleared(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    return request, builder.attempt(request, WEB)


def on_the_mirror_of_what_has_none(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder, targets=(FIRE, WEB))
    return request, builder.attempt(request, MIRROR)


def written_in_the_old_way(builder: LedgerBuilder) -> tuple[Request, int]:
    builder.post(cleared(builder, name="r3b"))
    request = cleared(builder)
    return request, builder.attempt(request, rule=None)


def under_another_name(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder, targets=(FIRE, WEB))
    seq = builder.attempt(request)
    line = builder.entries[-1]
    elsewhere = subjects.attempt(WEB, request.request_id)
    builder.entries[-1] = type(line)(line.seq, elsewhere, line.at, line.data, line.headers)
    return request, seq


FORGED: tuple[Make, ...] = (
    not_fenced,
    at_another_revision,
    on_a_verdict_of_another_revision,
    on_other_content,
    on_another_revision_of_the_request,
    on_a_profile_that_is_not_cleared,
    on_the_mirror_of_what_has_none,
    written_in_the_old_way,
    under_another_name,
)


@pytest.mark.parametrize("make", FORGED, ids=lambda make: make.__name__)
def test_an_attempt_that_no_worker_wrote_is_void_and_told(builder: LedgerBuilder, verify: Verify, make: Make) -> None:
    """It stops nothing; who could write it has a key of ours."""
    _, seq = make(builder)
    report = verify(builder)
    assert (report.violations, warned(report)) == ((), [(seq, "attempt.void")])


@pytest.mark.parametrize("make", FORGED, ids=lambda make: make.__name__)
def test_what_such_an_attempt_posted_is_a_violation(builder: LedgerBuilder, verify: Verify, make: Make) -> None:
    """Delivered without an attempt that counts."""
    request, attempt = make(builder)
    profile = builder.entries[attempt - 1].subject.split(".")[2]
    seq = builder.receipt(request, attempt, profile)
    assert (seq, "receipt.void_attempt") in named(verify(builder))


def test_an_attempt_on_no_request(builder: LedgerBuilder, verify: Verify) -> None:
    """As an attempt on a request of another realm, which counts for nothing."""
    strange = builder.request("r8e", realm="exercise")
    builder.verdict(strange)
    seq = builder.attempt(strange)
    report = verify(builder)
    assert (report.violations, warned(report)) == ((), [(seq - 2, "request.realm"), (seq, "attempt.void")])


# --- one at a time on a profile -----------------------------------------------------------------------------------


def test_more_withdrawals_in_a_minute_than_are_let_in(builder: LedgerBuilder, verify: Verify) -> None:
    """They count, since all that is signed does, and the record says that no door of ours let the last one in."""
    requests = [builder.request(name=f"r{number}") for number in range(11)]
    first, *_, last = [builder.order("cao", Withdraw(request_id=one.request_id)) for one in requests]
    assert [one for one in warned(verify(builder)) if one[1] == "withdraw.rate"] == [(last, "withdraw.rate")]
    assert first < last
