"""Whoever sends too much is told when to come again, and nobody else is slowed down."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import flow
from services.intake.domain.quotas import Quotas, SenderQuota, check_open
from services.intake.sender_quotas import PAGES, SenderQuotas
from services.kernel.base.clock import ManualClock
from services.kernel.base.errors import Refused
from services.kernel.base.settings.city_file import QuotaSection
from tests.support.ledger_builder import demo_city
from tests.unit.fanout.world import NOW


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


def test_officers_at_browsers_have_more_than_one_s_quota_and_typing_uses_up_no_approval(tmp_path: Path) -> None:
    """All of them are the one sender `web`: an approval was refused because colleagues were typing."""
    runtime: Any = SimpleNamespace(
        city=demo_city(tmp_path / "city"), clock=ManualClock(NOW), control=SimpleNamespace(systems={})
    )
    made = SenderQuotas(runtime)
    typed = 0
    with contextlib.suppress(Refused):
        while True:
            made.admit_typing(flow.WEB, 500)
            typed += 1
    assert typed == PAGES * QuotaSection().officer_messages
    made.admit(flow.WEB, 500)
    for _ in range(PAGES * 12):
        made.take_pixels(flow.WEB, 50_000_000)


def test_a_systems_open_requests_are_counted_and_nobody_elses() -> None:
    open_ones = ["drivebc", "clerk", "drivebc", "river"]
    check_open("river", open_ones, 2)
    check_open("drivebc", open_ones, 3)
    with pytest.raises(Refused, match="2 requests of drivebc are open") as caught:
        check_open("drivebc", open_ones, 2)
    assert caught.value.code == "quota.open"
