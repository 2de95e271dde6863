"""The pure parts of the Mastodon connector: texts, chains, limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.platforms import LIMITS, counted_length
from services.fanout.connectors.chains import Status, longest_chain, same
from services.fanout.connectors.mastodon.instance import read_limits
from services.fanout.connectors.mastodon.sending import remark_on
from services.fanout.connectors.mastodon.text import plain_text, read_status

NOW = datetime(2026, 1, 31, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<p>One<br>two</p><p>three</p>", "One\ntwo\n\nthree"),
        ("<p>a &amp; b &lt;c&gt; &quot;d&quot; &#39;e&#39;</p>", "a & b <c> \"d\" 'e'"),
        (
            '<p>See <a href="https://www.mission.example/a/long/path"><span class="invisible">https://www.</span>'
            '<span class="ellipsis">mission.example/a/lon</span><span class="invisible">g/path</span></a></p>',
            "See https://www.mission.example/a/long/path",
        ),
        (
            '<p><span class="h-card"><a href="x">@<span>fire</span></a></span> <a href="t">#<span>flood</span></a></p>',
            "@fire #flood",
        ),
        ('<p>Hi <img class="emoji" alt=":tada:" src="x"></p>', "Hi :tada:"),
        ("", ""),
    ],
)
def test_a_status_reads_as_its_text(content: str, text: str) -> None:
    """As Mastodon writes its HTML, with links cut for the eye, mentions, tags and emoji."""
    assert plain_text(content) == text


def test_white_space_and_composition_do_not_make_a_text_another() -> None:
    assert same("a  b\r\n\r\nc", "a b\n\nc")
    assert same("e\u0301", "\u00e9")
    assert not same("Boil water", "Boil water now")


def status(number: int, text: str, reply_to: int | None = None) -> Status:
    return Status(str(number), "", NOW + timedelta(seconds=number), text, None if reply_to is None else str(reply_to))


def chain_of(found: list[Status], *parts: str) -> list[str]:
    return [one.id for one in longest_chain(parts, found, lambda one, part: one.text == part)]


def test_the_longest_chain_counts_and_of_equal_ones_the_oldest() -> None:
    """A repeat that broke off does not hide the thread that went on."""
    found = [status(5, "c", 4), status(4, "b", 1), status(3, "b", 2), status(2, "a"), status(1, "a")]
    assert chain_of(found, "a", "b", "c") == ["1", "4", "5"]
    assert chain_of(found, "a", "b") == ["1", "4"]
    assert chain_of(found, "a") == ["1"]


def test_the_same_beginning_with_another_next_part_is_another_thread() -> None:
    """Nothing is grafted onto it, and it is not taken for this one."""
    assert chain_of([status(2, "x", 1), status(1, "a")], "a", "b") == []
    found = [status(4, "b", 3), status(3, "a"), status(2, "x", 1), status(1, "a")]
    assert chain_of(found, "a", "b") == ["3", "4"]
    assert chain_of([status(2, "x", 1), status(1, "a")], "a") == ["1"]


def test_a_part_that_answers_something_else_is_not_of_the_thread() -> None:
    assert chain_of([status(3, "b", 9), status(1, "a")], "a", "b") == ["1"]
    assert chain_of([status(1, "a", 7)], "a") == []
    assert chain_of([], "a") == []


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"id": "1", "content": "x", "created_at": "no"},
        {"id": "1", "created_at": "2026-01-31"},
        {"id": "1", "created_at": "2026-01-31T00:00:00Z"},
        {"id": "1", "content": "x", "created_at": "2026-01-31T00:00:00Z", "in_reply_to_id": []},
    ],
)
def test_what_is_no_status_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        read_status(value)


@pytest.mark.parametrize(
    "body", [None, [], {"configuration": None}, {"configuration": {"statuses": {"max_characters": "x"}}}]
)
def test_an_instance_that_does_not_say_has_the_usual_limits(body: object) -> None:
    assert read_limits(body) == LIMITS["mastodon"]


def test_an_instance_has_its_own_limits() -> None:
    body = {"configuration": {"statuses": {"max_characters": 5000, "characters_reserved_per_url": 25}}}
    limits = read_limits(body)
    assert (limits.characters, limits.link_length, limits.pictures) == (5000, 25, 4)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("abc", 3),
        ("https://mission.example/" + "a" * 300, 23),
        ("See https://mission.example.", 28),
        ("http://localhost/x", 18),
        ("👩‍👩‍👧‍👦 é", 3),
        ("a\r\nb", 3),
        ("(https://mission.example/a) https://b.example", 1 + 23 + 1 + 1 + 23),
    ],
)
def test_length_is_counted_as_the_platform_counts(text: str, length: int) -> None:
    assert counted_length(text, LIMITS["mastodon"]) == length


ASKED = {"status": "Write to @info@water.example. 5*3*2 = 30", "visibility": "public", "language": "en"}


@pytest.mark.parametrize(
    ("changes", "remark"),
    [
        ({}, ""),
        ({"content": "<p>Write to <a>@info</a>. 5*3*2 = 30</p>"}, ""),
        ({"content": "<p>Write to @info@water.example. 5<em>3</em>2 = 30</p>"}, "the text otherwise"),
        ({"media_attachments": []}, "2 of its pictures"),
        ({"language": "fr"}, "language 'fr'"),
        ({"visibility": "unlisted"}, "visibility is 'unlisted'"),
        ({"in_reply_to_id": None}, "in its thread"),
        ({"content": None, "media_attachments": None, "language": None, "visibility": None}, ""),
    ],
)
def test_a_success_is_compared_with_what_was_asked(changes: dict[str, Any], remark: str) -> None:
    """What a server does not say is no difference."""
    asked = {**ASKED, "media_ids": ["1", "2"], "in_reply_to_id": "7"}
    shown = {"content": "<p>Write to @info@water.example. 5*3*2 = 30</p>", "media_attachments": [{}, {}]}
    made = {**shown, "language": "en", "visibility": "public", "in_reply_to_id": "7", **changes}
    found = remark_on(asked, made)
    assert (remark in found) if remark else (found == "")
