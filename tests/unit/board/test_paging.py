"""What goes into one answer, by its bytes; and that whoever asks goes on behind it, and gets on in any case."""

from __future__ import annotations

import pytest

from schemas import streams, subjects
from schemas.events.desk import BoardEvent, BoardQuery, BoardReply
from services.board.changes import as_event, of_message, page_of
from services.board.domain.paging import MOST_BYTES, first_within, newest_within
from services.desk.connection.pages import in_pages
from services.kernel.ledger.entry import Entry
from tests.unit.fanout.world import NOW


@pytest.mark.parametrize(
    ("sizes", "first", "newest"),
    [
        ([], (), ()),
        ([3, 3, 4], (3, 3, 4), (3, 3, 4)),
        ([3, 3, 5], (3, 3), (3, 5)),
        ([11, 1], (11,), (1,)),
        ([1, 11], (1,), (11,)),
        ([11, 12], (11,), (12,)),
    ],
)
def test_what_fits_goes_in_and_one_in_any_case(
    sizes: list[int], first: tuple[int, ...], newest: tuple[int, ...]
) -> None:
    assert first_within(sizes, int, 10) == first
    assert newest_within(sizes, int, 10) == newest


def test_no_more_is_made_than_goes_in() -> None:
    made: list[int] = []

    def views() -> object:
        for size in (4, 4, 4, 4):
            made.append(size)
            yield size

    assert first_within(views(), int, 10) == (4, 4)  # type: ignore[arg-type]
    assert len(made) == 3


def entries_of(count: int, size: int) -> list[Entry]:
    body = b'{"text":"%s"}' % (b"x" * size)
    return [Entry(seq, subjects.verdict(f"r{seq}"), NOW, body, {}) for seq in range(1, count + 1)]


async def test_entries_that_no_message_holds_together_come_in_more_answers() -> None:
    """500 verdicts on 1,000 profiles have 10 MiB: the answer was lost, and the same was asked for again and again."""
    ledger = entries_of(450, 20_000)
    sizes = []

    async def ask(query: BoardQuery) -> BoardReply:
        rest = [entry for entry in ledger if entry.seq > (query.since or 0)]
        found, following = page_of(rest, as_event)
        reply = BoardReply(changes=found, next=following, as_of=440)
        sizes.append(len(reply.to_bytes()))
        return reply

    whole = await in_pages(ask, BoardQuery(query="changes", since=0))
    assert [event.seq for event in whole.changes or ()] == list(range(1, 441)), "up to what the first answer knew"
    assert (len(sizes), max(sizes) < MOST_BYTES < streams.MAX_PAYLOAD, whole.next) == (3, True, None)


def test_an_answer_that_left_something_out_says_up_to_where_it_looked() -> None:
    """Of entries that a list of messages does not need, none may be in the answer."""
    attempts = [Entry(one.seq, subjects.attempt("fire", f"r{one.seq}"), NOW, one.data, {}) for one in entries_of(3, 10)]
    assert page_of(attempts, of_message) == ((), None)
    large = Entry(4, subjects.verdict("r4"), NOW, b"x" * MOST_BYTES, {})
    assert page_of([*attempts, large], of_message) == ((), "3")
    found: tuple[BoardEvent, ...] = page_of([large], of_message)[0]
    assert [event.seq for event in found] == [4]
