"""What the fold says of the city as numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from schemas.events.deliveries import ReceiptOutcome
from services.kernel.measures.catalogue import COUNTERS, GAUGES, Measure
from services.kernel.measures.city_measures import of_control, of_requests, of_tokens
from tests.unit.projection.story import FIRE, Reader, Story, begun

LEASE = 15.0


def measured(story: Story, after: float = 0.0) -> dict[tuple[str, str], float]:
    fold = Reader().read(story.entries).fold
    now = story.now + timedelta(seconds=after)
    boot_now = len(story.entries) - 1 + after  # the reader's clock ticks a second an entry
    found: list[Measure] = [*of_control(fold.control, now), *of_requests(fold, now, boot_now, LEASE)]
    for one in found:
        assert set(one.labels) == set((GAUGES | COUNTERS)[one.name][1])
    return {(one.name, ",".join(one.labels.values())): one.value for one in found}


def test_a_request_that_waits_is_counted_and_ages() -> None:
    story = begun()
    story.request("r1")
    found = measured(story, after=60)
    assert found["onevoice_requests", "undecided"] == 1
    assert 59 < found["onevoice_oldest_waiting_seconds", ""] < 61
    assert found["onevoice_oldest_undelivered_seconds", ""] == 0


def test_what_is_cleared_is_in_flight_and_then_unknown() -> None:
    """An attempt without a receipt is in flight until its lease is over, and unknown from then on."""
    story = begun()
    story.request("r1")
    story.verdict("r1")
    attempt = story.attempt("r1")
    assert measured(story)["onevoice_posts_in_flight", ""] == 1
    late = measured(story, after=LEASE + 1)
    assert (late["onevoice_posts_in_flight", ""], late["onevoice_posts_unknown", ""]) == (0, 1)
    assert late["onevoice_oldest_undelivered_seconds", ""] > LEASE
    story.receipt(attempt, ReceiptOutcome.UNCONFIRMED, "r1", FIRE)
    assert measured(story)["onevoice_posts_unknown", ""] == 1


def test_what_another_answered_is_in_flight_until_its_lease_is_over() -> None:
    """Its worker may be stopped between its look and its call."""
    story = begun().cleared("r1")
    attempt = story.attempt("r1", worker="worker-1")
    story.receipt(attempt, ReceiptOutcome.WITHHELD, worker="worker-2")
    assert measured(story)["onevoice_posts_in_flight", ""] == 1
    assert measured(story, after=LEASE + 1)["onevoice_posts_in_flight", ""] == 0


def test_the_posture_is_one_of_its_kind() -> None:
    story = Story()
    assert sum(value for (name, _), value in measured(story).items() if name == "onevoice_posture") == 0
    story.genesis()
    story.activate()
    found = measured(story)
    assert found["onevoice_posture", "eoc_active"] == 1
    assert sum(value for (name, _), value in found.items() if name == "onevoice_posture") == 1
    assert found["onevoice_hold", ""] == 0


def test_a_token_is_good_until_its_last_day_is_over() -> None:
    """By UTC, as platforms count; what has ended is negative."""
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    found = list(of_tokens({"fire-x": date(2026, 3, 1), "fire-facebook": date(2026, 2, 27)}, now))
    assert [(one.labels["profile"], one.value) for one in found] == [("fire-x", 0.5), ("fire-facebook", -1.5)]


def test_the_days_of_the_authority_are_counted() -> None:
    """The manifest in force names its end."""
    story = begun()
    control = replace(Reader().read(story.entries).fold.control, expires_at=story.now + timedelta(days=3))
    found = {one.name: one.value for one in of_control(control, story.now)}
    assert found["onevoice_authority_days_left"] == 3.0
