"""What platforms say is left of a quota, and what of a month's credit is kept for a crisis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from multidict import CIMultiDict

from schemas import subjects
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import PlatformContent
from services.fanout.connectors.calls import observing
from services.fanout.connectors.x.costs import CallCosts
from services.fanout.domain.credit import LINK_USD, POST_USD, Credit, charged, cost_of
from services.fanout.domain.limits import LIMITS, Quota
from services.fanout.domain.reported_quota import (
    LONGEST_WINDOW,
    PERCENT_WINDOW,
    PlatformAnswer,
    ReportedQuota,
    reported_by,
)
from services.fanout.hosts.credits import PrepaidCredit
from services.kernel.base.clock import ManualClock
from services.kernel.base.errors import Unreachable
from services.kernel.base.settings.city_platforms import XSection
from services.kernel.fold.state import RequestState, TargetState
from services.kernel.ledger.entry import Entry
from tests.support.messages import attempt_on
from tests.unit.fanout.world import control, profile, receipt, request

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
POST = {
    "mastodon": "/api/v1/statuses",
    "x": "/2/tweets",
    "bluesky": "/xrpc/com.atproto.repo.putRecord",
    "facebook": "/1001/feed",
}


def reported(platform: str, headers: dict[str, str], method: str = "POST", path: str = "") -> ReportedQuota | None:
    return reported_by(platform, [PlatformAnswer(method, path or POST[platform], CIMultiDict(headers))], NOW)


@pytest.mark.parametrize(
    ("platform", "headers", "expected"),
    [
        (
            "mastodon",
            {
                "X-RateLimit-Limit": "300",
                "X-RateLimit-Remaining": "30",
                "X-RateLimit-Reset": "2026-11-26T13:00:00.000Z",
            },
            ReportedQuota(300, 30, 3_600),
        ),
        (
            "x",
            {
                "x-rate-limit-limit": "100",
                "x-rate-limit-remaining": "40",
                "x-rate-limit-reset": str(EPOCH + 600),
                "x-user-limit-24hour-limit": "100",
                "x-user-limit-24hour-remaining": "3",
                "x-user-limit-24hour-reset": str(EPOCH + 7_200),
            },
            ReportedQuota(100, 3, 7_200),
        ),
        (
            "bluesky",
            {"RateLimit-Limit": "5000", "RateLimit-Remaining": "300", "RateLimit-Reset": str(EPOCH + 60)},
            ReportedQuota(5_000 / 3, 100, 60),
        ),
        (
            "facebook",
            {"X-App-Usage": '{"call_count":28,"total_time":91,"total_cputime":25}'},
            ReportedQuota(100, 9, 300),
        ),
        (
            "facebook",
            {
                "x-app-usage": '{"call_count":1}',
                "x-business-use-case-usage": '{"1":[{"type":"pages","call_count":100,"total_time":2}]}',
            },
            ReportedQuota(100, 0, PERCENT_WINDOW),
        ),
    ],
)
def test_each_platform_s_own_words_are_read(platform: str, headers: dict[str, str], expected: ReportedQuota) -> None:
    assert reported(platform, headers) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-ratelimit-limit": "300"},
        {"x-ratelimit-limit": "0", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(EPOCH)},
        {"x-ratelimit-limit": "3", "x-ratelimit-remaining": "9", "x-ratelimit-reset": str(EPOCH)},
        {"x-ratelimit-limit": "nan", "x-ratelimit-remaining": "inf", "x-ratelimit-reset": "soon"},
        {"x-ratelimit-limit": "300", "x-ratelimit-remaining": "-1", "x-ratelimit-reset": str(EPOCH)},
    ],
)
def test_what_makes_no_sense_says_nothing(headers: dict[str, str]) -> None:
    assert reported("mastodon", headers) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "[]",
        "7",
        '{"call_count":"many"}',
        "[" * 10_000,
        '{"call_count":' + "9" * 400 + "}",
        '{"call_count":-1}',
    ],
)
def test_percentages_that_cannot_be_read_say_nothing(text: str) -> None:
    assert reported("facebook", {"x-app-usage": text}) is None


def test_only_what_speaks_of_posts_counts() -> None:
    """A picture's upload, a look and another platform have quotas of their own."""
    headers = {"x-ratelimit-limit": "30", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(EPOCH + 60)}
    assert reported("mastodon", headers, path="/api/v2/media") is None
    assert reported("mastodon", headers, method="GET") is None
    assert reported("slack", headers, path="/api/v1/statuses") is None
    assert reported_by("mastodon", [], NOW) is None


@pytest.mark.parametrize(
    "reset",
    [
        "2026-11-26 12:05:00 UTC",  # a server in Ruby
        "Thu, 26 Nov 2026 12:05:00 GMT",
        "5m",
        "00:05:00",
        str((EPOCH + 300) * 1_000),
        str(EPOCH + 300),
        "300",
    ],
)
def test_a_reset_is_read_in_each_form_in_which_a_wait_is(reset: str) -> None:
    headers = {"x-ratelimit-limit": "300", "x-ratelimit-remaining": "2", "x-ratelimit-reset": reset}
    assert reported("mastodon", headers) == ReportedQuota(300, 2, 300)


def test_a_window_is_never_believed_for_more_than_a_day() -> None:
    headers = {"x-ratelimit-limit": "3", "x-ratelimit-remaining": "1", "x-ratelimit-reset": str(EPOCH + 10**7)}
    found = reported("mastodon", headers)
    assert found is not None
    assert found.seconds == LONGEST_WINDOW


def test_a_routine_post_leaves_the_told_reserve_and_a_crisis_uses_it() -> None:
    quota = Quota(LIMITS["mastodon"])
    quota.on_reported("fire", ReportedQuota(100, 20, 600), 50.0)
    assert quota.take("fire", 60.0) == pytest.approx(590.0)
    assert quota.take("water", 60.0) == 0.0
    assert quota.take("fire", 60.0, urgent=True) == 0.0
    assert quota.left_of(60.0) == {"fire": 0.2}
    assert quota.take("fire", 651.0) == 0.0
    assert quota.left_of(651.0) == {}


def test_what_the_platform_says_is_used_up_is_used_up_for_a_crisis_too() -> None:
    quota = Quota(LIMITS["mastodon"])
    quota.on_reported("fire", ReportedQuota(100, 0, 200), 50.0)
    assert quota.take("fire", 60.0, urgent=True) == pytest.approx(190.0)


def test_what_cannot_wait_asks_again_after_a_while_however_long_the_window_is_said_to_last() -> None:
    """Nothing else would be called meanwhile, so that no newer word could come; a routine message waits for its end."""
    quota = Quota(LIMITS["mastodon"])
    quota.on_reported("fire", ReportedQuota(100, 0, 10_800), 50.0)
    assert quota.take("fire", 60.0, urgent=True) == pytest.approx(290.0)
    assert quota.take("fire", 349.0, urgent=True) == pytest.approx(1.0)
    assert quota.take("fire", 350.0, urgent=True) == 0.0
    assert quota.take("fire", 350.0) == pytest.approx(10_500.0)
    assert quota.left_of(350.0) == {"fire": 0.0}


@pytest.mark.parametrize("platform", ["mastodon", "x"])
def test_a_window_is_measured_by_the_server_s_own_clock(platform: str) -> None:
    """Which may be hours ahead of ours, or behind."""
    prefix = "x-ratelimit" if platform == "mastodon" else "x-rate-limit"
    for hours in (-10, 10):
        theirs = NOW + timedelta(hours=hours)
        reset = theirs + timedelta(seconds=60)
        headers = {
            "Date": format_datetime(theirs, usegmt=True),
            f"{prefix}-limit": "300",
            f"{prefix}-remaining": "0",
            f"{prefix}-reset": reset.isoformat() if platform == "mastodon" else str(int(reset.timestamp())),
        }
        assert reported(platform, headers) == ReportedQuota(300, 0, 60)


def test_a_message_of_more_parts_than_the_limit_is_not_held_back_for_ever() -> None:
    quota = Quota(LIMITS["mastodon"])
    quota.on_reported("fire", ReportedQuota(10, 10, 600), 50.0)
    assert quota.take("fire", 60.0, amount=50.0, urgent=True) == 0.0


def test_answers_are_heard_by_who_called_alone() -> None:
    observing.note("GET", "/before", {})
    with observing.ObservedAnswers() as outer:
        observing.note("GET", "/a", {"x": "1"})
        with observing.ObservedAnswers() as inner:
            observing.note("GET", "/b", {})
        observing.note("GET", "/c", {})
    observing.note("GET", "/after", {})
    assert [one.path for one in outer] == ["/a", "/c"]
    assert [one.path for one in inner] == ["/b"]


# --- credit ---------------------------------------------------------------------------------------------------------


def content(*parts: str, **more: Any) -> PlatformContent:
    return PlatformContent(platform="x", parts=parts, created_at=NOW, **more)


def test_each_part_costs_and_one_with_an_address_more() -> None:
    assert cost_of(content("Boil water.")) == POST_USD
    assert cost_of(content("Boil water.", "More: https://mission.example/water")) == POST_USD + LINK_USD
    assert cost_of(content("Boil. https://mission.example"), repost=True) == POST_USD
    assert cost_of(None) == POST_USD


def test_routine_messages_leave_the_reserve_and_what_cannot_wait_does_not() -> None:
    credit = Credit(monthly=1.0, reserve=0.5)
    assert credit.take(0.4, NOW, urgent=False)
    assert not credit.take(0.2, NOW, urgent=False)
    assert credit.left(NOW) == pytest.approx(0.6)
    assert credit.take(0.55, NOW, urgent=True)
    assert credit.take(0.2, NOW, urgent=True)
    assert credit.left(NOW) == 0.0


def test_a_month_begins_with_all_of_it_and_last_months_posts_do_not_count() -> None:
    credit = Credit(monthly=1.0, reserve=0.5)
    credit.charge(0.9, NOW, NOW)
    credit.charge(0.9, NOW - timedelta(days=40), NOW)
    assert credit.left(NOW) == pytest.approx(0.1)
    december = NOW + timedelta(days=5)
    assert credit.left(december) == 1.0
    assert credit.take(0.4, december, urgent=False)


def test_what_is_read_and_deleted_counts_against_the_credit() -> None:
    """As a whole of the month, which begins again with it."""
    credit = Credit(monthly=1.0, reserve=0.5)
    credit.note_aside(0.3, NOW)
    credit.note_aside(0.3, NOW)
    assert credit.left(NOW) == pytest.approx(0.7)
    assert not credit.take(0.3, NOW, urgent=False)
    assert credit.left(NOW + timedelta(days=5)) == 1.0


def test_what_does_not_count_or_was_not_posted_costs_nothing() -> None:
    """A beginning that stands costs, and so does what nobody knows; the word to post again says nothing of the call."""
    said = [
        receipt(attempt_seq=50),
        receipt(attempt_seq=51, outcome=ReceiptOutcome.FAILED, final=True),
        receipt(attempt_seq=52, remote_id="1"),
        receipt(attempt_seq=53, outcome=ReceiptOutcome.UNCONFIRMED),
        receipt(attempt_seq=53, resolution_seq=70),
        receipt(attempt_seq=54),
        receipt(attempt_seq=54, outcome=ReceiptOutcome.DELIVERED, final=True, remote_id="2"),
    ]
    target = TargetState(effective=[50, 51, 52, 53, 54, 55], receipts=list(enumerate(said, 60)))
    assert charged(target) == {52, 53, 54, 55}


class PaidCopy:
    """A copy of fan-out that starts, and its ledger: attempts on X, of which all but one count."""

    def __init__(self) -> None:
        self.clock, self.asked = ManualClock(NOW), 0
        of = request(targets=("fire-x",))
        made = [attempt_on(of, "fire-x", NOW, number=number).to_bytes() for number in (1, 2, 3, 4)]
        subject = subjects.attempt("fire-x", of.request_id)
        self.entries_ = [Entry(50 + number, subject, NOW, raw, {}) for number, raw in enumerate(made)]
        state = RequestState(of, 10, NOW)
        withheld = receipt(of, profile="fire-x", attempt_seq=50)
        state.targets["fire-x"] = TargetState(effective=[50, 52, 53], receipts=[(60, withheld)])
        self.control = control(profiles={"fire-x": profile("fire-x", platform="x", account="fire")})
        self.fold: Any = SimpleNamespace(seq=52, requests={of.request_id: state})
        self.ledger, self.source, self.projection = self, self, self
        self.health = SimpleNamespace(troubles={})

    async def first_since(self, _at: datetime) -> int:
        self.asked += 1
        if self.asked == 1:
            self.fold.seq = 53  # what came meanwhile was counted as it came
            raise Unreachable("broker.unreachable", "the broker does not answer", "onevoice doctor")
        return 1

    async def last(self, _pattern: str) -> Entry:
        return self.entries_[-1]

    async def entries(self, _after: int, _pattern: str, _size: int) -> AsyncIterator[list[Entry]]:
        yield self.entries_


async def test_the_credit_counts_what_stood_before_the_start_once_and_what_was_posted_alone() -> None:
    """Also where the ledger cannot be read at first, and some of it is heard meanwhile."""
    runtime: Any = PaidCopy()
    credit = PrepaidCredit(runtime, XSection(credit_usd=1.0))
    with pytest.raises(Unreachable):
        await credit.take_up()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(credit.take_up(), 0.05)
    assert credit.left() == pytest.approx(1.0 - POST_USD)


def test_costs_of_calls_are_shared_by_all_processes_and_begin_anew_with_the_month(tmp_path: Path) -> None:
    """A line that is damaged counts as nothing, one that is half written is counted when it is whole."""
    here, there = CallCosts(tmp_path / "live"), CallCosts(tmp_path / "live")
    assert here.spent(NOW) == 0.0
    here.note(0.005, NOW)
    there.note(0.010, NOW)
    assert here.spent(NOW) == there.spent(NOW) == pytest.approx(0.015)
    [file] = (tmp_path / "live").iterdir()
    with file.open("ab") as end:
        end.write(b"nan\nnonsense\n-4\n0.00")
    assert here.spent(NOW) == pytest.approx(0.015)
    with file.open("ab") as end:
        end.write(b"5\n")
    assert here.spent(NOW) == pytest.approx(0.020)
    assert here.spent(NOW + timedelta(days=5)) == 0.0
    assert CallCosts(tmp_path / "live").spent(NOW) == pytest.approx(0.020)


def test_a_disk_that_takes_nothing_stops_no_call(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    costs = CallCosts(tmp_path / "file")
    costs.note(0.005, NOW)
    assert costs.spent(NOW) == 0.0
