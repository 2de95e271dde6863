"""What platforms say is left of a quota, and what of a month's credit is kept for a crisis."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict

from schemas.events.requests import PlatformContent
from services.fanout.connectors.calls import observing
from services.fanout.connectors.x.costs import CallCosts
from services.fanout.domain.credit import LINK_USD, POST_USD, Credit, cost_of
from services.fanout.domain.limits import LIMITS, Quota
from services.fanout.domain.reported_quota import (
    LONGEST_WINDOW,
    PERCENT_WINDOW,
    PlatformAnswer,
    ReportedQuota,
    reported_by,
)

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


@pytest.mark.parametrize("text", ["", "[", "[]", "7", '{"call_count":"many"}', "[" * 10_000])
def test_percentages_that_cannot_be_read_say_nothing(text: str) -> None:
    assert reported("facebook", {"x-app-usage": text}) is None


def test_only_what_speaks_of_posts_counts() -> None:
    """A picture's upload, a look and another platform have quotas of their own."""
    headers = {"x-ratelimit-limit": "30", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(EPOCH + 60)}
    assert reported("mastodon", headers, path="/api/v2/media") is None
    assert reported("mastodon", headers, method="GET") is None
    assert reported("slack", headers, path="/api/v1/statuses") is None
    assert reported_by("mastodon", [], NOW) is None


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
    quota.on_reported("fire", ReportedQuota(100, 0, 600), 50.0)
    assert quota.take("fire", 60.0, urgent=True) == pytest.approx(590.0)


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
