"""How long a message is tried: by tries and by time, whatever mixture of failures and deaths."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events.dead import DeadLetterCause
from schemas.events.working import Tries
from services.kernel.runtime.messages import retry_budget
from services.kernel.runtime.messages.reasons import why
from services.kernel.runtime.messages.retry_budget import RetryBudget

T0 = datetime(2026, 1, 31, 14, 0, tzinfo=UTC)


def after(*seconds_and_kinds: tuple[float, str]) -> Tries:
    mark: Tries | None = None
    for seconds, kind in seconds_and_kinds:
        now = T0 + timedelta(seconds=seconds)
        mark = retry_budget.begun(mark, now) if kind == "death" else retry_budget.failed(mark, now, kind)
    assert mark is not None
    return mark


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["death", "bug"]), min_size=1, max_size=20), st.floats(0.0, 20.0))
def test_both_bounds_must_be_passed(kinds: list[str], apart: float) -> None:
    mark = after(*((index * apart, kind) for index, kind in enumerate(kinds)))
    elapsed = (mark.last_at - mark.first_at).total_seconds()
    assert retry_budget.exhausted(mark, RetryBudget()) == (len(kinds) >= 8 and elapsed >= 30.0)


def test_the_growing_pauses_alone_pass_both_bounds_within_two_minutes() -> None:
    at, mark, now = 0.0, None, T0
    while not retry_budget.exhausted(mark, RetryBudget()):
        now = T0 + timedelta(seconds=at)
        mark = retry_budget.failed(mark, now, "bug")
        at += retry_budget.pause(retry_budget.count(mark))
    assert (now - T0).total_seconds() < 120


def test_trouble_that_all_share_is_waited_out_for_an_hour() -> None:
    minutes = after(*((60.0 * index, "disk full") for index in range(59)))
    assert not retry_budget.exhausted(minutes, RetryBudget(), shared=True)
    assert retry_budget.exhausted(
        after(*((60.0 * index, "disk full") for index in range(62))), RetryBudget(), shared=True
    )


def test_nothing_counted_is_never_exhausted() -> None:
    assert not retry_budget.exhausted(None, RetryBudget())
    assert not retry_budget.needs_to_be_alone(None, RetryBudget())


def test_who_died_more_than_once_runs_alone() -> None:
    assert not retry_budget.needs_to_be_alone(after((0, "death")), RetryBudget())
    assert retry_budget.needs_to_be_alone(after((0, "death"), (1, "death")), RetryBudget())


@pytest.mark.parametrize(
    ("kinds", "cause", "said"),
    [
        (["bug"], DeadLetterCause.FAILED, "bug"),
        (["death"], DeadLetterCause.KILLED, "its process ended while it was handled, 1 time"),
        (["bug", "death", "death"], DeadLetterCause.KILLED, "bug; its process ended while it was handled, 2 times"),
        (["bug", "death"], DeadLetterCause.FAILED, "bug; its process ended while it was handled, 1 time"),
    ],
)
def test_the_reason_names_what_happened(kinds: list[str], cause: DeadLetterCause, said: str) -> None:
    mark = after(*((float(index), kind) for index, kind in enumerate(kinds)))
    assert retry_budget.cause(mark) is cause
    assert retry_budget.reason(mark) == said


def test_a_reason_names_the_type_and_hides_secrets() -> None:
    seed = "SU" + "AKYR" * 14
    said = why(ValueError(f"refused with Bearer abc123def\nand the seed {seed}"))
    assert said.startswith("ValueError: refused with [masked]")
    assert "abc123" not in said
    assert seed not in said
    assert "\n" not in said
    assert len(why(RuntimeError("x" * 5_000))) <= 500
