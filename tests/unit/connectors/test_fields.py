"""A field of a post that is of another kind is an error: read as an empty text, ours would count as absent."""

from __future__ import annotations

from typing import Any

import pytest

from services.fanout.connectors.fields import text_in, time_in


@pytest.mark.parametrize(("row", "text"), [({}, ""), ({"text": None}, ""), ({"text": ""}, ""), ({"text": "a"}, "a")])
def test_a_text_may_be_missing(row: dict[str, Any], text: str) -> None:
    assert text_in(row, "text") == text


@pytest.mark.parametrize("value", [0, True, [], {}, ["a"]])
def test_what_is_no_text_is_not_read_as_one(value: object) -> None:
    with pytest.raises(TypeError, match="text is no text"):
        text_in({"text": value}, "text")


@pytest.mark.parametrize("row", [{}, {"text": None}])
def test_a_text_that_each_post_has_may_not_be_missing(row: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="text is no text"):
        text_in(row, "text", needed=True)


@pytest.mark.parametrize("value", [None, 0, "", "now", "2026-01-01T00:00:00", "2026-01-01"])
def test_a_time_has_an_offset(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        time_in({"at": value}, "at")
    assert time_in({"at": "2026-01-01T00:00:00+0000"}, "at").isoformat() == "2026-01-01T00:00:00+00:00"
