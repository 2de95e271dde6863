"""One message in several languages: what each platform gets, and in which language each part is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas.events.requests import PlatformContent
from schemas.platforms import LIMITS
from services.intake.domain.following import labelled
from services.intake.domain.rendering import render
from tests.unit.intake.world import code_of, draft

PUNJABI = "ਪਾਣੀ ਉਬਾਲ ਕੇ ਪੀਓ।"
FRENCH = "Faites bouillir l’eau."
LINK = "https://mission.example/water"


def contents(**data: Any) -> dict[str, PlatformContent]:
    """What each platform gets of a message in three languages."""
    given: dict[str, Any] = {"text": "Boil water.", "link": LINK, "translations": {"pa": PUNJABI, "fr": FRENCH}} | data
    made = draft("mcpe", targets=["fire-mastodon", "fire-website"], **given)
    return {one.platform: one.content() for one in render(made, LIMITS)}


def test_a_thread_has_a_post_for_each_language_with_the_link() -> None:
    got = contents()["mastodon"]
    assert got.parts == (f"Boil water.\n\n{LINK}", f"{PUNJABI}\n\n{LINK}", f"{FRENCH}\n\n{LINK}")
    assert (got.languages, got.together, got.language) == (("en", "pa", "fr"), None, "en")
    assert [got.language_of(number) for number in range(3)] == ["en", "pa", "fr"]


def test_a_long_text_takes_several_posts_of_its_language() -> None:
    got = contents(text="Boil the water of zone three before you drink it. " * 15)["mastodon"]
    assert got.languages == ("en", "en", "pa", "fr")
    assert got.parts[2].startswith(PUNJABI)


def test_the_website_has_a_passage_for_each() -> None:
    got = contents()["website"]
    assert got.languages == ("en", "pa", "fr")
    assert len(got.parts) == 3


@pytest.mark.parametrize("platform", ["email", "slack", "facebook", "telegram"])
def test_where_one_post_is_all_they_stand_below_each_other(platform: str) -> None:
    made = draft(text="Boil water.", link=LINK, translations={"pa": PUNJABI})
    (rendering,) = render(replace(made, platforms=(platform,)), LIMITS)
    got = rendering.content()
    assert got.parts == (f"Boil water.\n\n{PUNJABI}\n\n{LINK}",)
    assert (got.languages, got.together) == (None, ("en", "pa"))


def test_one_language_says_nothing_of_several() -> None:
    """So that what was approved before has the same bytes."""
    got = contents(translations={})
    assert {(one.languages, one.together) for one in got.values()} == {(None, None)}


def test_a_language_may_have_a_script_and_a_region() -> None:
    """Where a reader's script matters the whole tag goes out; words of ours are looked up by the language alone."""
    got = contents(translations={"zh-Hant": "請將水煮沸。", "fr-CA": FRENCH})
    assert got["website"].languages == ("en", "zh-Hant", "fr-CA")
    assert labelled("update", "請將水煮沸。", "zh-Hant") == "更新: 請將水煮沸。"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"translations": {"fr": "?", "zz": "?"}}, "lang.unknown"),
        ({"language": "zz"}, "language.unknown"),
        ({"language": "en-Zzzz"}, "language.unknown"),
        ({"language": "en-XX"}, "language.unknown"),
    ],
)
def test_a_language_that_there_is_not_is_refused_at_its_field(data: dict[str, Any], code: str) -> None:
    assert code_of(draft, text="Boil water.", **data) == code


def test_a_language_comes_once() -> None:
    made = draft(text="Boil water.", translations={"en": "Boil the water."})
    assert code_of(render, made, LIMITS) == "lang.twice"


def test_a_thread_of_too_many_languages_is_refused() -> None:
    many = dict.fromkeys(("fr", "es", "pa", "hi", "zh"), "Boil the water of zone three before you drink it. " * 50)
    made = draft(text="Boil the water of zone three before you drink it. " * 50, translations=many)
    assert code_of(render, made, LIMITS) == "text.too_long_for_platform"
