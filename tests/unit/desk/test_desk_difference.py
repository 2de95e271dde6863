"""What a message changes of the one that it follows."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from services.desk.views.message import difference as show
from services.desk.views.message.difference import Piece, difference
from tests.unit.desk.views import request


def test_changed_words_are_marked_in_both_texts() -> None:
    was, now = difference("Boil water in zone 3 until Monday.", "Boil water in zone 4 until Monday.")
    assert [piece.text for piece in was if piece.changed] == ["3"]
    assert [piece.text for piece in now if piece.changed] == ["4"]


def test_texts_with_little_in_common_are_shown_whole() -> None:
    assert difference("Evacuation order for Hatzic.", "You may go home.") == (
        [Piece("Evacuation order for Hatzic.", False)],
        [Piece("You may go home.", False)],
    )


@given(st.text(), st.text())
def test_no_part_of_either_text_is_lost(before: str, after: str) -> None:
    was, now = difference(before, after)
    assert "".join(piece.text for piece in was) == before
    assert "".join(piece.text for piece in now) == after


def shown(before: dict[str, object], after: dict[str, object]) -> str:
    out = io.StringIO()
    console = Console(file=out, width=80, highlight=False, emoji=False)
    show.show(console, request().model_copy(update=before), request().model_copy(update=after))
    return out.getvalue()


def test_what_changed_can_be_seen_without_colour_and_markup_is_text() -> None:
    told = shown(
        {"text": "[b]Boil[/b] water in zone 3."}, {"text": "[b]Boil[/b] water in zone 4.", "severity": "minor"}
    )
    assert "was  [b]Boil[/b] water in zone [3.]" in told
    assert "now  [b]Boil[/b] water in zone [4.]" in told
    assert "severity: none, now minor" in told
    assert "the same text" in shown({}, {})
    assert max(map(len, shown({"text": "word " * 80}, {"text": "other " * 80}).splitlines())) <= 80
