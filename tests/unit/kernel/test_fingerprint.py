"""Four words stand for exactly what an officer signs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.events.requests import PlatformContent, Rendering
from schemas.fingerprint import word_list, words_of
from tests.unit.desk.views import NOW, renderings, request


def test_the_list_has_2048_words_that_their_first_four_letters_tell_apart() -> None:
    assert len(word_list()) == 2048
    assert len({word[:4] for word in word_list()}) == 2048


def test_the_words_of_a_message_never_change() -> None:
    """A second device of another version shows the same: this is a contract."""
    assert words_of(request()) == WORDS


@pytest.mark.parametrize(
    "change",
    [
        {"author": "pio"},
        {"crisis": True},
        {"severity": "high"},
        {"expires_at": NOW + timedelta(days=3_000)},
        {"not_before": NOW + timedelta(days=1)},
        {"targets": ("fire-townsquare",)},
        {"scope": "all-departments"},
        {"replaces": "rabc"},
        {"follows": "rabc"},
        {"renderings": renderings("Boil water!")},
    ],
)
def test_whatever_counts_changes_the_words(change: dict[str, Any]) -> None:
    """So a change that no screen shows is heard."""
    assert words_of(request().model_copy(update=change)) != WORDS


def test_the_words_are_of_the_bytes_and_not_of_the_digest_beside_them() -> None:
    """A service that leaves the old digest and hash beside other bytes changes the words all the same."""
    true = request()
    body = Rendering.of(PlatformContent(platform="mastodon", parts=("Drink up.",), created_at=NOW)).body
    forged = true.renderings[0].model_copy(update={"body": body})
    assert words_of(true.model_copy(update={"renderings": (forged, true.renderings[1])})) != WORDS


WORDS = "special-switch-hurry-fresh"
