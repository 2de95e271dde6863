"""What answers somebody's post: to one profile, where it can be answered, with the address in each signed rendering."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.events.requests import answered_by
from schemas.platforms import LIMITS
from services.intake.domain.identity import identify
from services.intake.domain.rendering import render
from services.intake.domain.submission import Draft, draft_of
from services.kernel.base.errors import BadInput
from tests.unit.intake.world import NOW, city, event

POST = "https://mastodon.example/@jo/1234"
FIRE, WATER = "fire-mastodon", "water-mastodon"


def answer(**data: Any) -> Draft:
    said = event(**({"targets": [FIRE], "answers": POST} | data))
    return draft_of(identify(said, "clerk", "live"), said, "clerk", city(), NOW)


def test_the_address_stands_in_each_rendering() -> None:
    """Who signs the renderings signs what they answer."""
    found = render(answer(), LIMITS)
    assert {one.platform: one.content().answers for one in found} == {"mastodon": POST, "website": POST}
    assert answered_by(found) == POST
    assert all(POST in one.body for one in found)


def test_what_answers_nothing_has_the_bytes_that_it_had() -> None:
    assert all("answers" not in one.body for one in render(answer(answers=None), LIMITS))


@pytest.mark.parametrize("targets", [[FIRE, WATER], "all-departments"])
def test_one_profile_answers(targets: Any) -> None:
    with pytest.raises(BadInput) as caught:
        answer(targets=targets)
    assert caught.value.code == "answers.targets"


def test_where_nobody_elses_post_can_be_answered_it_is_refused() -> None:
    """The refusal names the profile, the platform, and the platforms where it can be done."""
    state = city()
    elsewhere = state.profiles[FIRE].model_copy(update={"platform": "slack", "account": "fire"})
    said = event(targets=[FIRE], answers=POST)
    state = state.__class__(**{**state.__dict__, "profiles": {**state.profiles, FIRE: elsewhere}})
    with pytest.raises(BadInput) as caught:
        draft_of(identify(said, "clerk", "live"), said, "clerk", state, NOW)
    assert caught.value.code == "answers.platform"
    assert "slack" in caught.value.message
    assert "mastodon, telegram, threads, x" in caught.value.hint


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("https://a@mastodon.example/@jo/1", "answers.userinfo"),
        ("https://mastodon.example:x/@jo/1", "answers.invalid"),
        ("https:///@jo/1", "answers.invalid"),
    ],
)
def test_an_address_that_is_none_is_refused(address: str, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        answer(answers=address)
    assert caught.value.code == code


def test_an_answer_is_held_to_what_an_answer_takes() -> None:
    """A comment takes less than a post; where an answer is a post like any other, it takes the same."""
    facebook = LIMITS["facebook"].to_answer()
    assert (facebook.characters, facebook.pictures, facebook.alt_characters) == (8_000, 1, 1_000)
    assert LIMITS["mastodon"].to_answer() == LIMITS["mastodon"]
    comment = LIMITS["instagram"].to_answer()
    assert (comment.characters, comment.pictures, comment.links, comment.card) == (300, 0, 1, False)
    state = city()
    page = state.profiles[FIRE].model_copy(update={"platform": "facebook", "account": "1001"})
    state = state.__class__(**{**state.__dict__, "profiles": {**state.profiles, FIRE: page}})
    for answers, fits in (("https://www.facebook.com/1001/posts/12", False), (None, True)):
        said = event(targets=[FIRE], answers=answers, text="word " * 1_700)
        draft = draft_of(identify(said, "clerk", "live"), said, "clerk", state, NOW)
        if fits:
            assert render(draft, LIMITS)
            continue
        with pytest.raises(BadInput) as caught:
            render(draft, LIMITS)
        assert caught.value.code == "text.too_long_for_platform"
