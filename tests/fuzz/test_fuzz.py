"""Whatever comes from outside is read or refused in the words that its reader knows; it never is another error.

Seconds in ``make test``; ``make fuzz`` takes its time (``FUZZ_EXAMPLES``). A failure is printed as the shortest input
that brings it about, and kept in ``.hypothesis`` for the next run.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.provision import demo_plan, make_city
from tests.fuzz.parsers import OutsideParser, parsers

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
NASTY = (
    b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"{", b"[" * 1_200, b'{"a":' * 1_200, b"1e999", b"-0", b"NaN",
    b"9" * 5_000, b"\\ud800", b"\xed\xa0\x80", "İı\u202e\u200b".encode(), b"null", b"true", b"99999-99-99T99:99:99Z",
    b"%s%n", b"../../x",
)  # fmt: skip
"""Pieces that readers have stumbled over."""

_NAMES = ("at", "type", "seq", "payload", "signatures", "expires_at", "targets", "renderings", "text", "created_at")


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> dict[str, OutsideParser]:
    """The parsers by name, with a city folder for those that read files."""
    folder = tmp_path_factory.mktemp("fuzz")
    make_city(folder / "city", demo_plan())
    return {one.name: one for one in parsers(folder)}


NAMES = Path(__file__).with_name("parsers.txt").read_text(encoding="utf-8").splitlines()
"""The parsers by name: the table itself needs a folder, which no test has when tests are collected."""


@st.composite
def bent(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A seed with some changes, or bytes of no kind at all."""
    if not seeds or draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
    raw = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        at, end = sorted((draw(st.integers(0, len(raw))), draw(st.integers(0, len(raw)))))
        match draw(st.sampled_from(("flip", "cut", "nasty", "twice", "name"))):
            case "flip" if raw:
                raw[min(at, len(raw) - 1)] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del raw[at : min(end, at + 40)]
            case "nasty":
                raw[at : min(end, at + 20)] = draw(st.sampled_from(NASTY))
            case "twice":
                raw[at:at] = raw[at : min(end, at + 60)]
            case "name":
                raw[at:at] = b'"' + draw(st.sampled_from(_NAMES)).encode() + b'":' + draw(st.sampled_from(NASTY))
    return bytes(raw)


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_from_outside_is_read_or_refused(table: dict[str, OutsideParser], name: str) -> None:
    """The errors by which a reader says no are in the table."""
    parser = table[name]

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(bent(parser.seeds))
    def run(raw: bytes) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                parser.read(raw)
            except parser.refuses:
                return

    run()


def test_the_list_names_each_parser(table: dict[str, OutsideParser]) -> None:
    """A parser that is not listed would not be tried."""
    assert list(table) == NAMES


def test_the_seeds_are_read(table: dict[str, OutsideParser]) -> None:
    """Else only the first check of each reader is tried."""
    refused = {"picture GIF", "envelope", "checkpoint", "witness", "proof", "export", "invitation"}
    for name, parser in table.items():
        if name.startswith("contract ") or name in refused or not parser.seeds:
            continue
        parser.read(parser.seeds[-1])
