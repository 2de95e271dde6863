"""Subjects: what may stand in one."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import subjects
from schemas.subjects import SubjectTokenError, matches, place_of, token

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
    subjects.dead,
    subjects.health,
    lambda word: subjects.approval(word, "cao"),
    lambda word: subjects.approval("r1", word),
    lambda word: subjects.attempt(word, "r1"),
    lambda word: subjects.attempt("p", word),
    lambda word: subjects.receipt(word, "r1"),
    lambda word: subjects.receipt("p", word),
    lambda word: subjects.resolution(word, "r1"),
    lambda word: subjects.resolution("p", word),
    lambda word: subjects.all_of(word)[0],
    subjects.dead_again,
    lambda word: subjects.board(word, "x"),
    lambda word: subjects.board("x", word),
    lambda word: subjects.desk(subjects.DESK_EOC_ORDER, word),
]


@pytest.mark.parametrize("word", BAD)
def test_a_bad_word_gets_into_no_subject(word: str) -> None:
    of_services = (subjects.dead, subjects.dead_again, subjects.health) if word == "a_b" else ()
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


# --- filters ------------------------------------------------------------------------------------------------

word = st.sampled_from(["a", "b", "c"])
subject = st.lists(word, min_size=1, max_size=4).map(".".join)
pattern = st.builds(
    lambda words, tail: ".".join([*words, *tail]),
    st.lists(st.one_of(word, st.just("*")), min_size=1, max_size=4),
    st.sampled_from([(), (">",)]),
)


@given(pattern, subject)
def test_a_filter_takes_what_the_server_takes(wanted: str, given_subject: str) -> None:
    """Written anew as a regular expression: a star is one token, an arrow one or more at the end."""
    words = [r"[^.]+" if one == "*" else r"[^.]+(\.[^.]+)*" if one == ">" else one for one in wanted.split(".")]
    assert matches(wanted, given_subject) == bool(re.fullmatch(r"\.".join(words), given_subject))


def of_request(name: str) -> list[str]:
    return [
        subjects.request(name),
        subjects.approval(name, "cao"),
        subjects.verdict(name),
        subjects.attempt("p1", name),
        subjects.receipt("p1", name),
        subjects.resolution("p1", name),
    ]


OF_BEFORE_0_3 = "ledger.delivery.p1.r1"


def test_the_filters_of_a_request_find_each_of_its_subjects_once_and_no_other_ones() -> None:
    """What is read anew when a request is reopened: a subject that is missing here would be forgotten."""
    for one in of_request("r1"):
        assert sum(matches(filter_, one) for filter_ in subjects.all_of("r1")) == 1
    others = [*of_request("r2"), subjects.CONTROL, subjects.SEAL, subjects.attempt("r1", "r2")]
    for one in others:
        assert not any(matches(filter_, one) for filter_ in subjects.all_of("r1")), one


@pytest.mark.parametrize("one", [*of_request("r1"), subjects.CONTROL, subjects.SEAL, OF_BEFORE_0_3])
def test_each_place_in_the_ledger_is_read_back(one: str) -> None:
    kind, request_id, name = place_of(one)
    words = one.split(".")
    assert kind == words[1]
    assert request_id == ("r1" if one.endswith("r1") or ".r1." in one else "")
    assert sorted(filter(None, (request_id, name))) == sorted(words[2:])


@pytest.mark.parametrize(
    "one",
    [
        "",
        "ledger",
        "ledger.control.x",
        "ledger.request.r1.x",
        "ledger.verdict.r1.x.y",
        "ledger.approval.r1",
        "ledger.attempt.r1",
        "ledger.letter.p1.r1",
        "feed.ledger.request.r1",
        "dead.fanout",
        "other.request.r1",
    ],
)
def test_what_is_no_place_in_the_ledger_is_of_no_kind_and_no_request(one: str) -> None:
    assert place_of(one) == ("", "", "")


def test_the_sender_of_a_desk_message_is_its_last_token() -> None:
    assert subjects.sender_of(subjects.desk(subjects.DESK_EOC_ORDER, "eoc-director")) == "eoc-director"
