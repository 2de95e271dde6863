"""Which profiles the registry sanctions: section 1, Transparency (i), and what OneVoice can post to."""

from __future__ import annotations

import pytest

from schemas.events.authority import Profile, Realm
from services.kernel.base.errors import BadInput
from services.registry.domain.sanction import check_profile

SERVERS = {"mastodon": {"townsquare", "social-example"}, "bluesky": {"own"}, "webhook": {"signs"}}
GOOD = {
    "id": "library-mastodon",
    "department": "library",
    "platform": "mastodon",
    "account": "library@social-example",
    "purpose": "What the library does.",
    "identification": "The City's library.",
    "disclosure": "The usual terms.",
}


def sanctioned(changes: dict[str, str], realm: Realm = "live") -> None:
    check_profile(Profile.model_validate(GOOD | changes), (), SERVERS, realm)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"account": "library@townsquare"},
        {"platform": "website", "account": "library"},
        {"platform": "bluesky", "account": "library.city.example"},
        {"platform": "bluesky", "account": "library.city.example@own"},
        {"platform": "bluesky", "account": "@library.city.example"},
        {"platform": "telegram", "account": "@library"},
        {"platform": "webhook", "account": "signs"},
    ],
)
def test_a_profile_that_can_be_posted_to_is_sanctioned(changes: dict[str, str]) -> None:
    sanctioned(changes)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"purpose": " "}, "profile.statements"),
        ({"identification": "", "disclosure": ""}, "profile.statements"),
        ({"platform": "myspace"}, "platform.unknown"),
        ({"account": "library"}, "profile.account"),
        ({"account": "@library@social-example"}, "profile.account"),
        ({"account": "library@elsewhere"}, "profile.server"),
        ({"platform": "facebook", "account": "library"}, "profile.account"),
        ({"platform": "email", "account": "library"}, "profile.account"),
        ({"platform": "bluesky", "account": "library.city.example@elsewhere"}, "profile.server"),
        ({"platform": "webhook", "account": "sirens"}, "profile.server"),
        ({"platform": "webhook", "account": "Our signs"}, "profile.account"),
    ],
)
def test_one_that_cannot_is_refused(changes: dict[str, str], code: str) -> None:
    with pytest.raises(BadInput) as caught:
        sanctioned(changes)
    assert caught.value.code == code
    assert caught.value.hint


def test_an_exercise_posts_to_mastodon_on_the_townsquare_only() -> None:
    sanctioned({"account": "exercise-library@townsquare"}, "exercise")
    with pytest.raises(BadInput) as caught:
        sanctioned({}, "exercise")
    assert caught.value.code == "profile.realm"


def test_two_profiles_of_one_account_would_post_twice() -> None:
    there = Profile.model_validate(GOOD | {"id": "other-mastodon", "account": "Library@social-example"})
    with pytest.raises(BadInput) as caught:
        check_profile(Profile.model_validate(GOOD), [there], SERVERS, "live")
    assert caught.value.code == "profile.account_taken"
    check_profile(Profile.model_validate(GOOD), [Profile.model_validate(GOOD)], SERVERS, "live")


@pytest.mark.parametrize(("sees_changes", "then"), [(True, "nothing has to be restarted"), (False, "then restart")])
def test_an_unknown_server_is_told_with_what_makes_it_known(sees_changes: bool, then: str) -> None:
    profile = Profile.model_validate(GOOD | {"account": "library@elsewhere"})
    with pytest.raises(BadInput) as caught:
        check_profile(profile, (), SERVERS, "live", sees_changes=sees_changes)
    assert then in caught.value.hint


def test_an_unknown_endpoint_is_told_with_the_line_that_makes_it_known() -> None:
    """It was accepted, and its first message failed for good."""
    with pytest.raises(BadInput, match="does not know the webhook endpoint 'sirens'; it knows signs") as caught:
        sanctioned({"platform": "webhook", "account": "sirens"})
    assert caught.value.hint.startswith('add it there: [webhook.endpoints] sirens = "https://..."; nothing has to be')
