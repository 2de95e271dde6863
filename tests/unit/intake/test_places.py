"""What no connector could post to, or answer, is refused before anybody signs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.places import ACCOUNTS, account_fault
from schemas.platforms import LIMITS, MANUAL, WEBSITE
from services.intake.domain.places import check_address, check_platforms
from tests.unit.intake.world import city, code_of, profile, request

SITES = {
    "bluesky": "https://bsky.app",
    "facebook": "https://www.facebook.com",
    "instagram": "https://www.instagram.com",
    "linkedin": "https://www.linkedin.com",
    "telegram": "https://t.me",
    "threads": "https://www.threads.com",
    "x": "https://x.com",
}

POSTS = [
    ("bluesky", "https://bsky.app/profile/jane.example/post/3kxyz"),
    ("bluesky", "https://bsky.app/profile/did:plc:abc123/post/3kxyz/"),
    ("mastodon", "https://social.example/@jane/1234"),
    ("mastodon", "https://other.example/notes/9abc"),
    ("x", "https://twitter.com/jane/status/123"),
    ("x", "https://x.com/i/status/123"),
    ("facebook", "https://www.facebook.com/permalink.php?story_fbid=1&id=2"),
    ("instagram", "https://www.instagram.com/p/C0de_-1/c/123/"),
    ("threads", "https://www.threads.net/@jane/post/C0de"),
    ("telegram", "https://t.me/s/mission/17"),
    ("linkedin", "https://www.linkedin.com/feed/update/urn%3Ali%3Aactivity%3A7100/"),
    ("linkedin", "https://www.linkedin.com/posts/jane_flood-activity-7100-abcd"),
    ("linkedin", "https://ca.linkedin.com/posts/jane_flood-activity-7100-abcd"),
    ("linkedin", "https://www.linkedin.com/embed/feed/update/urn:li:share:7100"),
    ("x", "https://X.com/jane/status/123?s=20"),
    ("x", "https://x.com/i/web/status/123"),
    ("x", "https://x.com/jane/status/123/photo/1"),
    ("x", "https://twitter.com/jane/statuses/123"),
    ("facebook", "https://facebook.com/mission.fire/posts/pfbid0abc"),
    ("facebook", "https://m.facebook.com/story.php?story_fbid=1&id=2"),
    ("facebook", "https://www.facebook.com/mission/posts/a-flood/123/"),
    ("facebook", "https://www.facebook.com/photo/?fbid=12&set=a.1"),
    ("facebook", "https://www.facebook.com/mission/videos/123/"),
    ("facebook", "https://www.facebook.com/reel/123"),
    ("instagram", "https://www.instagram.com/reels/C0de_-1/"),
    ("threads", "https://www.threads.com/@jane/post/C0de/media"),
    ("bluesky", "https://www.bsky.app/profile/jane.example/post/3kxyz"),
    ("telegram", "https://mission.t.me/12"),
    ("mastodon", "http://127.0.0.1:4223/@jane/12"),
]

NO_POSTS = [
    ("bluesky", "https://bsky.app/profile/jane.example"),
    ("bluesky", "https://x.com/jane/status/123"),
    ("mastodon", "https://social.example"),
    ("mastodon", "https://social.example/"),
    ("x", "https://x.com/jane"),
    ("x", "https://evil.example/jane/status/123"),
    ("x", "https://x.com/jane/status/abc"),
    ("facebook", "https://facebook.example/jane/posts/1"),
    ("instagram", "https://www.instagram.com/jane"),
    ("threads", "https://www.threads.net/@jane"),
    ("telegram", "https://t.me/mission"),
    ("linkedin", "https://www.linkedin.com/in/jane"),
    ("linkedin", "https://evil.linkedin.com/posts/jane_flood-activity-7100-abcd"),
    ("x", "http://x.com/jane/status/123"),
    ("x", "https://x.com:8443/jane/status/123"),
    ("x", "https://[x.com/jane/status/123"),
    ("mastodon", "http://social.example/@jane/1234"),
    ("mastodon", "https://[social.example/@jane/1234"),
    ("telegram", "https://t.me/mission/17?comment=5"),
    ("telegram", "https://www.t.me/17"),
    ("facebook", "https://www.facebook.com/login"),
    ("facebook", "https://www.facebook.com/share/p/abc/"),
    ("facebook", "https://www.facebook.com/permalink.php?id=2"),
    ("facebook", "https://www.facebook.com/photo/"),
]


def answer(platform: str, address: str | None) -> str:
    """The code that an answer of a profile on a platform is refused with; empty where it is taken."""
    one = profile("fire-1", platform=platform, account="fire")
    return code_of(check_address, address, ("fire-1",), city(profiles={one.id: one}), lambda name: SITES.get(name, ""))


@pytest.mark.parametrize(("platform", "address"), POSTS)
def test_an_address_of_a_post_of_the_platform_is_taken(platform: str, address: str) -> None:
    one = profile("fire-1", platform=platform, account="fire")
    check_address(address, ("fire-1",), city(profiles={one.id: one}), lambda name: SITES.get(name, ""))


@pytest.mark.parametrize(("platform", "address"), NO_POSTS)
def test_an_address_that_its_platform_does_not_know_is_refused(platform: str, address: str) -> None:
    assert answer(platform, address) == "answers.address"


def test_what_answers_nothing_needs_no_address() -> None:
    check_address(None, (), city(), lambda name: "")


@pytest.mark.parametrize(
    ("platform", "account", "good"),
    [
        ("bluesky", "fire.example", True),
        ("bluesky", "@did:plc:abc123@pds.example", True),
        ("bluesky", "fire", False),
        ("email", "media@lists.example", True),
        ("email", "media", False),
        ("email", "o'neil&sons@lists.example", True),
        ("bluesky", "fire.xn--p1ai", True),
        ("bluesky", "fire.xn-", False),
        ("facebook", "1001", True),
        ("facebook", "mission.fire", False),
        ("linkedin", "mission", False),
        ("mastodon", "@fire@social", True),
        ("mastodon", "@fire", False),
        ("telegram", "@mission", True),
        ("telegram", "mission", False),
        ("x", "@mission", True),
        ("x", "https://x.com/mission", False),
        ("slack", "#fire", True),
        ("website", "anything", True),
    ],
)
def test_the_form_of_an_account(platform: str, account: str, good: bool) -> None:
    """In a city whose manifest names an account that is none, a message says so before it is signed."""
    one = profile("fire-1", platform=platform, account=account)
    state = replace(city(), profiles={one.id: one})
    if good:
        assert check_platforms(("fire-1",), state, ("fire-1",)) == ()
    else:
        assert code_of(check_platforms, ("fire-1",), state, ("fire-1",)) == "profile.account"


def test_an_account_that_is_none_keeps_nothing_from_all_departments() -> None:
    """Nobody chose the profile: the message is taken, and its approver sees where it will not come."""
    state = city()
    wrong = profile("roads-x", account="https://x.com/roads")
    state = replace(state, profiles={**state.profiles, wrong.id: wrong})
    taken = request("pio", state, targets="all-departments", crisis=True)
    assert {wrong.id, "fire-mastodon", "water-mastodon"} <= set(taken.targets)
    assert [one.where for one in taken.screening if one.code == "account"] == [wrong.id]
    assert code_of(request, "pio", state, targets=["fire-mastodon", wrong.id]) == "profile.account"


def test_every_platform_with_accounts_of_a_form_is_known() -> None:
    assert set(ACCOUNTS) == set(LIMITS) - {WEBSITE, MANUAL, "slack", "teams", "webhook"}
    assert account_fault("slack", "") == ""
