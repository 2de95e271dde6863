"""When a post is tried again, and when a call may start."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fanout.domain import retry
from tests.unit.fanout.world import NOW

FAR = NOW + timedelta(days=1)


def test_the_delay_doubles_and_is_capped() -> None:
    delays = [retry.again(number, None, NOW, FAR, 0.0).delay for number in range(1, 20)]
    assert delays[:4] == [2.0, 4.0, 8.0, 16.0]
    assert delays[11] == retry.CAP_SECONDS
    assert delays[-1] == retry.LATE_CAP_SECONDS
    assert delays == sorted(delays)


@pytest.mark.parametrize("chance", [0.0, 0.99])
@pytest.mark.parametrize("after", [301.0, 900.0, 86_400.0, 21_600.0, float("inf")])
def test_the_platforms_own_wish_is_granted_up_to_five_minutes(after: float, chance: float) -> None:
    """A server whose clock is hours off, or a gateway that asks for a day, is looked at again after that."""
    assert retry.again(1, 120.0, NOW, FAR, 0.0).delay == 120.0
    assert retry.again(1, after, NOW, FAR, chance).delay == retry.LONGEST_WAIT_SECONDS == 300.0
    assert retry.soon(after, 1, chance) == 300.0
    assert retry.again(9, 1.0, NOW, FAR, 0.0).delay == retry.CAP_SECONDS


def test_it_never_passes_the_expiry() -> None:
    again = retry.again(9, 900.0, NOW, NOW + timedelta(seconds=7), 0.9)
    assert (again.delay, again.at) == (7.0, NOW + timedelta(seconds=7))
    assert retry.again(1, None, NOW, NOW - timedelta(seconds=1), 0.0).delay == 0.0


@given(
    number=st.integers(-3, 10_000),
    after=st.none() | st.floats(0, 1e6),
    left=st.floats(-1e6, 1e6),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_it_is_never_early_never_late_and_never_negative(
    number: int, after: float | None, left: float, chance: float
) -> None:
    again = retry.again(number, after, NOW, NOW + timedelta(seconds=left), chance)
    assert 0.0 <= again.delay <= max(left, 0.0) + 1e-6
    assert again.delay >= min(after or 0.0, retry.LONGEST_WAIT_SECONDS, max(left, 0.0)) - 1e-6


def test_a_call_starts_only_in_the_first_third_of_the_lease() -> None:
    assert retry.may_start(0.0, 15.0)
    assert retry.may_start(4.99, 15.0)
    assert not retry.may_start(5.0, 15.0)
    assert not retry.may_start(-1.0, 15.0), "a clock that went back proves nothing"


def test_repeats_of_one_attempt_wait_longer_each_time_and_as_long_as_the_platform_asks() -> None:
    waits = [retry.soon(None, tries, 0.0) for tries in range(1, 5)]
    assert waits == sorted(waits)
    assert waits[0] == 0.2
    assert retry.soon(3.0, 1, 0.0) == 3.0


def test_a_platform_is_asked_again_less_and_less_often_until_patience_ends() -> None:
    assert retry.look_again(0.0, 120.0) == 1.0
    assert retry.look_again(20.0, 120.0) == 10.0
    assert retry.look_again(119.0, 120.0) == 30.0
    assert retry.look_again(120.0, 120.0) is None


def test_what_the_platform_limits_without_saying_how_long_is_not_tried_again_at_once() -> None:
    assert retry.soon_limited(None, 1, 0.0) == 1.6
    assert retry.soon_limited(0.1, 1, 0.0) == 0.2
    assert retry.soon_limited(7.0, 1, 0.0) == 7.0
    assert retry.soon_limited(0.0, 1, 0.0) == 1.6, "a limit that is over by its own words, and holds all the same"


def test_many_lost_credentials_are_asked_for_less_often_than_a_few() -> None:
    """A hundred profiles on a host take a third of its 300 requests in 5 minutes at most."""
    assert retry.credential_look(1, 0.0) == 10.0
    assert 300.0 / retry.credential_look(100, 0.0) * 100 <= 100.0


def test_the_attempts_of_a_failing_connector_are_bounded_and_spread_over_hours() -> None:
    delays = [retry.again(number, None, NOW, FAR, 0.0).delay for number in range(1, retry.MOST_ATTEMPTS)]
    assert 2 * 3_600 < sum(delays) < 4 * 3_600
