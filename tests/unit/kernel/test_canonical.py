"""Strict reading and canonical writing of JSON."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.canonical import MAX_DEPTH, StrictJsonError, dumps, loads, sha256

SURELY_UTF8 = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | SURELY_UTF8,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SURELY_UTF8, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_reads_back_and_writes_the_same(value: Any) -> None:
    raw = dumps([value])
    assert loads(raw) == [value]
    assert dumps(loads(raw)) == raw


def test_the_canonical_form_sorts_keys_and_keeps_characters() -> None:
    assert dumps({"b": "é", "a": [1, None, True]}) == '{"a":[1,null,true],"b":"é"}'.encode()


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b'{"a":1,"a":1}', "'a' occurs twice"),
        (b'{"x":{"a":1,"b":2,"a":3}}', "'a' occurs twice"),
        (b"[NaN]", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "-Infinity"),
        (b"[1e999]", "too large"),
        (b"[-1e999]", "too large"),
        (b"[" + b"9" * 5_000 + b"]", "too large"),
        (b'["\xff"]', "UTF-8 at byte 2"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'["\xed\xa0\x80"]', "UTF-8"),
        (b'["\\ud800"]', "surrogate"),
        (b'["\\udc00\\ud800"]', "surrogate"),
        (b'{"\\uDFFF":1}', "surrogate"),
        (b"", "not JSON"),
        (b"{", "line 1 column 2"),
        (b"{}{}", "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b"[1,]", "not JSON"),
        (b'["\n"]', "not JSON"),
    ],
)
def test_what_is_not_strict_json_is_refused_in_plain_words(raw: bytes, says: str) -> None:
    with pytest.raises(StrictJsonError) as error:
        loads(raw)
    assert says in str(error.value)


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert loads(b'["\\ud83d\\ude00"]') == ["\N{GRINNING FACE}"]


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_has_an_end(opening: bytes, closing: bytes) -> None:
    deepest = opening * (MAX_DEPTH - 1) + b"1" + closing * (MAX_DEPTH - 1)
    loads(deepest)
    for depth in (MAX_DEPTH + 1, 500, 100_000):
        with pytest.raises(StrictJsonError, match="nested deeper"):
            loads(opening * depth + b"1" + closing * depth)


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    """No other error comes out, and what was read can be written."""
    with contextlib.suppress(StrictJsonError):
        dumps(loads(raw))


def test_what_cannot_be_json_is_not_written() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        dumps({"a": float("nan")})


def test_the_hash_is_lowercase_hexadecimal() -> None:
    assert sha256(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("raw", [b'{"a":1}', b' {"a":1}', b'{"a":1}\n', b'\t{ "a" : 1 } '])
def test_white_space_round_a_value_changes_nothing(raw: bytes) -> None:
    assert loads(raw) == {"a": 1}


@pytest.mark.parametrize("raw", [b'{"a":1} {}', b'{"a":1}x', b"[1]]"])
def test_nothing_stands_behind_a_value(raw: bytes) -> None:
    with pytest.raises(StrictJsonError, match="not JSON"):
        loads(raw)


def test_a_key_among_thousands_that_stands_twice_is_named() -> None:
    keys = [f'"k{number}":1' for number in range(20_000)]
    with pytest.raises(StrictJsonError, match="'k19999' occurs twice"):
        loads(f"{{{','.join([*keys, keys[-1]])}}}".encode())
