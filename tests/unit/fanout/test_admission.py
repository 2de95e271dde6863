"""What other copies post counts at a host and on an account, as the fold shows it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas import subjects
from services.fanout.delivery.admission import Admission
from services.fanout.delivery.credentials import Credentials
from services.fanout.domain.limits import HostLimit, Rate
from services.fanout.hosts.credits import PrepaidCredit
from services.fanout.hosts.host import HostRegistry
from services.kernel.base.clock import ManualClock
from services.kernel.base.settings.city_platforms import XSection
from services.kernel.fold.ledger_fold import Applied
from services.kernel.ledger.entry import Entry
from tests.unit.fanout.world import NOW, attempt, control, profile, request
from tests.unit.states import state

FIRE = "fire-social"
SIZE = 3.0
SLOW = 1 / 3_600.0


class City:
    """A copy of fan-out whose host takes three posts, and one more an hour."""

    def __init__(self) -> None:
        rate = Rate(SIZE, SLOW, reserve=0.0)
        self.instance = "this-copy"
        self.clock = ManualClock(NOW)
        self.control = control()
        held = state()
        self.fold: Any = type("Fold", (), {"requests": {held.request_id: held}, "control": self.control, "seq": 0})
        runtime: Any = self
        self.hosts = HostRegistry(runtime, lambda _platform, _host: HostLimit(at_once=8, host=rate, account=rate))
        self.troubles: dict[str, str] = {}
        nobody: Any = None
        self.admission = Admission(
            runtime, self.hosts, nobody, Credentials(runtime), PrepaidCredit(runtime, XSection())
        )

    def folded(self, worker: str, *, void: str = "", age: float = 0.0) -> None:
        made = attempt(worker=worker)
        at = NOW - timedelta(seconds=age)
        entry = Entry(60, subjects.attempt(made.profile, made.request_id), at, made.to_bytes(), {})
        self.admission.on_folded(entry, Applied(60, "attempt", (), void))

    def wait(self) -> float:
        return self.hosts.of(profile(FIRE)).quota.take(FIRE, self.clock.monotonic())


@pytest.fixture
def city() -> City:
    return City()


def test_what_another_copy_posts_leaves_less_for_this_one(city: City) -> None:
    for _ in range(3):
        city.folded("another-copy")
    assert city.wait() == pytest.approx(3_600.0)


def test_what_this_copy_posts_is_counted_once(city: City) -> None:
    """It was counted when it was let through."""
    for _ in range(3):
        city.folded("this-copy")
    assert city.wait() == 0.0


def test_an_attempt_that_does_not_count_is_never_called(city: City) -> None:
    for _ in range(3):
        city.folded("another-copy", void="there is another")
    assert city.wait() == 0.0


def test_what_another_copy_posted_a_while_ago_has_been_filled_up_since(city: City) -> None:
    """A copy that catches up folds older attempts."""
    for _ in range(3):
        city.folded("another-copy", age=7_200.0)
    assert city.wait() == 0.0


def test_more_than_there_is_keeps_this_copy_waiting_the_longer(city: City) -> None:
    for _ in range(5):
        city.folded("another-copy")
    assert city.wait() == pytest.approx(3 * 3_600.0)


def test_a_request_that_has_left_memory_and_an_unknown_profile_are_passed_over(city: City) -> None:
    city.fold.requests = {}
    city.folded("another-copy")
    city.fold.requests = {request().request_id: state()}
    city.control.profiles.pop(FIRE)
    city.folded("another-copy")
    assert city.wait() == 0.0


async def test_a_post_that_did_not_begin_gives_back_what_it_took(city: City) -> None:
    """An attempt that another copy's came before, or that is refused at its call."""
    fire, host = profile(FIRE), city.hosts.of(profile(FIRE))
    slot: Any = None
    connector: Any = None
    for _ in range(5):
        assert await city.admission.enter(request(), fire, connector, host, slot) is None
        city.admission.not_sent(request(), fire, host)
    assert city.wait() == 0.0
