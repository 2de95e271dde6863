"""Each documented error that an emulator knows has an end that a test states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.connectors import test_facebook, test_linkedin, test_meta, test_x
from tests.integration.connectors.send_only_rigs import _EMULATORS, ENDS
from tests.support.emulators.facebook import FacebookEmulator
from tests.support.emulators.linkedin import LinkedInEmulator
from tests.support.emulators.meta import MetaEmulator
from tests.support.emulators.x import XEmulator

BY_THEIR_OWN = {
    "x": {"duplicate", "reposted"},
    "facebook": set(),
    "linkedin": {"duplicate"},
    "meta": {"fetch", "ratio", "format", "too_long"},
}
"""Errors that have tests of their own: what is looked for first, and what is about a picture or caught before."""


def stated(test: Callable[..., Any]) -> set[str]:
    """Return the codes that a test is given."""
    [mark] = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    return {case[0] for case in mark.args[1]}


@pytest.mark.parametrize(
    ("platform", "errors", "test"),
    [
        ("x", XEmulator.errors, test_x.test_each_documented_error_ends_right),
        ("facebook", FacebookEmulator.errors, test_facebook.test_each_documented_error_ends_right),
        ("linkedin", LinkedInEmulator.errors, test_linkedin.test_each_documented_error_ends_right),
        ("meta", MetaEmulator.errors, test_meta.test_each_documented_error_ends_right),
    ],
)
def test_no_documented_error_is_without_an_end(platform: str, errors: dict[str, Any], test: Callable[..., Any]) -> None:
    assert set(errors) - {"duplicate"} == (stated(test) | BY_THEIR_OWN[platform]) - {"duplicate"}


@pytest.mark.parametrize("platform", sorted(set(ENDS) - {"email"}))
def test_no_error_of_a_place_that_shows_nothing_is_without_an_end(platform: str) -> None:
    """Telegram's others are of pictures, answers and deletions, which have tests of their own."""
    ends = ENDS[platform]
    apart = {"empty", "caption", "photo", "reply", "delete", "too_old", "media"}
    errors: dict[str, Any] = vars(_EMULATORS[platform])["errors"]
    assert set(errors) - apart == {*ends.mend, *ends.over, *ends.unknown}
