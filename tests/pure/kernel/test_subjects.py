"""Subjects: what may stand in one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import streams, subjects
from schemas.subjects import SubjectTokenError, token

BAD = [
    "",
    ".",
    "a.b",
    "*",
    "a*",
    ">",
    "a>",
    "a b",
    " a",
    "a ",
    "a\n",
    "a\tb",
    "A",
    "é",
    "-a",
    "a-",
    "a_b",
    "a" * 64,
    "\0",
]
MAKERS: list[Callable[[str], str]] = [
    subjects.request,
    subjects.verdict,
    subjects.approvals_of,
    subjects.deliveries_to,
    subjects.open_request,
    subjects.dead,
    subjects.health,
    lambda word: subjects.approval(word, "cao"),
    lambda word: subjects.approval("r1", word),
    lambda word: subjects.delivery(word, "r1"),
    lambda word: subjects.delivery("p", word),
    lambda word: subjects.attempt(word, "r1"),
    lambda word: subjects.attempt("p", word),
    lambda word: subjects.receipt(word, "r1"),
    lambda word: subjects.receipt("p", word),
    lambda word: subjects.board(word, "x"),
    lambda word: subjects.board("x", word),
    lambda word: subjects.desk(subjects.DESK_EOC_ORDER, word),
    lambda word: streams.delivery_consumer(word).durable,
]


@pytest.mark.parametrize("word", BAD)
def test_a_bad_word_gets_into_no_subject(word: str) -> None:
    of_services = (subjects.dead, subjects.health) if word == "a_b" else ()
    for make in (one for one in MAKERS if one not in of_services):
        with pytest.raises(SubjectTokenError):
            make(word)


@pytest.mark.parametrize("word", ["a", "0", "fire-townsquare", "r2a", "a" * 63, "a--b"])
def test_a_good_word_is_kept_as_it_is(word: str) -> None:
    assert token(word) == word
    assert subjects.request(word) == f"ledger.request.{word}"


@given(st.text(max_size=70))
def test_whatever_passes_is_one_token(word: str) -> None:
    with contextlib.suppress(SubjectTokenError):
        assert 1 <= len(token(word)) <= 63
        assert not set(word) & set(".*> \t\r\n")


@pytest.mark.parametrize("word", ["", "a" * 64, "A" * 64, "g" * 64, "0" * 63, "0" * 65, "0" * 63 + "\n"])
def test_a_picture_is_named_by_a_hash_only(word: str) -> None:
    if word == "a" * 64:
        assert subjects.media(word).endswith(word)
    else:
        with pytest.raises(SubjectTokenError):
            subjects.media(word)


def test_a_services_underscore_becomes_a_hyphen() -> None:
    assert subjects.dead("eoc_state") == "dead.eoc-state"
    assert subjects.health("eoc_state") == "health.eoc-state"
