"""Whoever sends too much is told when to come again, and nobody else is slowed down."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.quotas import Quotas, SenderQuota
from services.kernel.base.errors import Refused


def quotas() -> Quotas:
    return Quotas({"system": SenderQuota(60, 1_000), "officer": SenderQuota(600, 100_000, 50)})


def test_a_sender_may_send_its_quota_at_once_and_no_more() -> None:
    made = quotas()
    for _ in range(60):
        made.take("system", "drivebc", 0.0, messages=1, bytes=10)
    with pytest.raises(Refused) as caught:
        made.take("system", "drivebc", 0.0, messages=1, bytes=10)
    assert (caught.value.code, caught.value.hint) == (
        "quota.exceeded",
        "come again in 1 s; [quota] in city.toml sets it",
    )
    made.take("officer", "pio", 0.0, messages=1, bytes=10)
    made.take("system", "other", 0.0, messages=1, bytes=10)


def test_it_fits_again_after_the_time_that_was_said() -> None:
    made = quotas()
    made.take("system", "drivebc", 0.0, messages=1, bytes=1_000)
    with pytest.raises(Refused) as caught:
        made.take("system", "drivebc", 1.0, messages=1, bytes=500)
    assert "come again in 29 s" in caught.value.hint
    made.take("system", "drivebc", 30.0, messages=1, bytes=500)


def test_what_is_refused_takes_nothing() -> None:
    made = quotas()
    made.take("officer", "pio", 0.0, pixels=50)
    with pytest.raises(Refused):
        made.take("officer", "pio", 0.0, messages=1, pixels=1)
    for _ in range(600):
        made.take("officer", "pio", 0.0, messages=1)


def test_one_message_larger_than_the_whole_quota_waits_for_all_of_it() -> None:
    """It is not refused for good: other limits say what is too large by itself."""
    made = quotas()
    made.take("system", "drivebc", 0.0, messages=1, bytes=5_000)
    with pytest.raises(Refused):
        made.take("system", "drivebc", 10.0, messages=1, bytes=1)


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 400)), max_size=60))
def test_no_sender_gets_more_than_burst_and_rate(steps: list[tuple[float, int]]) -> None:
    made, now, taken = quotas(), 0.0, 0
    for pause, size in steps:
        now += pause
        try:
            made.take("system", "drivebc", now, messages=1, bytes=size)
        except Refused:
            continue
        taken += size
    assert taken <= 1_000 + now / 60 * 1_000 + 1
