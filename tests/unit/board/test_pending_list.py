"""The order of ``pending`` and its pages, and that it is sorted anew only when something was folded."""

from __future__ import annotations

from pathlib import Path

from services.board.domain.pending_list import PendingList
from services.kernel.control.control_view import authority_of
from services.kernel.fold.ledger_fold import EVERYTHING, LedgerFold
from services.kernel.ledger.entry import Entry
from tests.support.ledger_builder import FIRE, LedgerBuilder, demo_city


def folded(builder: LedgerBuilder, fold: LedgerFold) -> LedgerFold:
    for entry in builder.entries[fold.seq :]:
        fold.apply(Entry(entry.seq, entry.subject, entry.at, entry.data, dict(entry.headers)), 0.0)
    return fold


def all_pages(waiting: PendingList, size: int) -> list[str]:
    found, after = [], None
    while True:
        page, after = waiting.page(after, size)
        found += [one.request_id for one in page]
        if after is None:
            return found


def test_each_request_is_on_one_page_however_large_and_new_ones_come_with_the_fold(
    tmp_path: Path,
) -> None:
    builder = LedgerBuilder(demo_city(tmp_path / "city"))
    builder.genesis()
    names = [builder.request(f"r{number}", (FIRE,), author="clerk").request_id for number in range(5)]
    fold = folded(builder, LedgerFold(authority_of(builder.city), EVERYTHING))
    waiting = PendingList()
    assert (waiting.page(None, 2), len(waiting)) == (([], None), 0)
    waiting.follow(fold)
    assert all(all_pages(waiting, size) == names for size in (1, 2, 5, 9))

    gone = fold.requests.pop(names[0])
    waiting.follow(fold)
    assert all_pages(waiting, 4) == names, "a fold in which nothing came is not looked at again"
    fold.requests[names[0]] = gone
    names.append(builder.request("r5", (FIRE,), author="clerk").request_id)
    waiting.follow(folded(builder, fold))
    assert (all_pages(waiting, 4), len(waiting)) == (names, 6)
    other = folded(builder, LedgerFold(authority_of(builder.city), EVERYTHING))
    del other.requests[names[0]]
    waiting.follow(other)
    assert all_pages(waiting, 4) == names[1:], "another fold is looked at, though it is as far"
