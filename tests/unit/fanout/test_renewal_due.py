"""When a credential that ends is renewed: long before, once a day at most, and never when it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.fanout.domain.profile_trouble import STEPS, ending
from services.fanout.domain.renewal import AGAIN, AHEAD, is_due

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "due"),
    [
        (None, True),
        (timedelta(days=60), False),
        (AHEAD + timedelta(seconds=1), False),
        (AHEAD, True),
        (timedelta(seconds=1), True),
        (timedelta(0), False),
        (-timedelta(days=1), False),
    ],
)
def test_from_forty_days_before_its_end_on(left: timedelta | None, due: bool) -> None:
    """An end that nobody noted is learnt by renewing; what has ended cannot be renewed."""
    end = None if left is None else NOW + left
    assert is_due(end, NOW, None) is due


def test_once_a_day() -> None:
    assert not is_due(None, NOW, NOW - AGAIN + timedelta(seconds=1))
    assert is_due(None, NOW, NOW - AGAIN)


def test_ten_tries_are_made_before_a_person_is_told() -> None:
    assert (AHEAD - max(STEPS)) / AGAIN >= 10


@pytest.mark.parametrize("left", [timedelta(days=20), -timedelta(days=1)])
def test_the_notice_says_why_it_was_not_renewed(left: timedelta) -> None:
    found = ending("fire", NOW + left, NOW, "it is kept elsewhere (env:), and has to be renewed there")
    assert found is not None
    assert "it was not renewed: it is kept elsewhere" in found.reason
    plain = ending("fire", NOW + left, NOW)
    assert plain is not None
    assert "renewed" not in plain.reason
