"""What LinkedIn answers: a share that cannot be read is no lost connection."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.fanout.connectors.linkedin.api import read_share, time_of

SHARE = {"id": "urn:li:share:1", "createdAt": 1769868000000, "commentary": "Road"}


def test_a_share_is_read() -> None:
    found = read_share(SHARE)
    assert (found.created_at, found.text) == (datetime(2026, 1, 31, 14, tzinfo=UTC), "Road")


@pytest.mark.parametrize("created", [-(10**20), 10**30, 1e308, float("inf"), float("nan"), "5", None, [1], -7e16])
def test_a_time_that_is_none_is_said_as_such(created: Any) -> None:
    """Far in the past the C library raises OSError, which callers take for a lost connection."""
    with pytest.raises((TypeError, ValueError, OverflowError)):
        read_share(SHARE | {"createdAt": created})


@pytest.mark.parametrize("made", [10**20, 10**17, 1e17, -1e17, float("nan"), "5", None])
def test_a_comments_time_that_is_none_is_said_as_such(made: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)):
        time_of(made)
