"""What this process has written itself is known by its bytes when the ledger brings it back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.deliveries import Attempt, Receipt, ReceiptOutcome
from services.kernel.fold import reading
from services.kernel.fold.reading import WRITTEN, note_written, parse
from tests.unit.fanout.world import receipt

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_AT = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))


@given(_AT, _TEXT, st.none() | _TEXT, st.sampled_from(list(ReceiptOutcome)), st.booleans(), st.integers(0, 2**40))
def test_an_event_that_its_contract_has_checked_is_what_its_bytes_say(
    at: datetime, words: str, url: str | None, outcome: ReceiptOutcome, final: bool, seq: int
) -> None:
    """To the last field: whoever knows the event and whoever reads the bytes fold the same."""
    made = Receipt(
        at=at,
        request_id="r1",
        revision=1,
        profile="fire",
        platform="mastodon",
        attempt_seq=seq,
        outcome=outcome,
        final=final,
        url=url,
        reason=words,
        retry_at=at + timedelta(seconds=1) if final else None,
        worker=words,
    )
    read = Receipt.from_bytes(made.to_bytes())
    assert read == made
    assert read.model_dump() == made.model_dump()
    assert [type(value) for value in vars(read).values()] == [type(value) for value in vars(made).values()]


def test_its_own_bytes_are_not_read_anew_and_others_are() -> None:
    mine = receipt(reason="written here")
    note_written(mine, mine.to_bytes())
    assert parse(Receipt, mine.to_bytes()) is mine
    other = receipt(reason="written elsewhere")
    assert parse(Receipt, other.to_bytes()) == other


def test_the_bytes_decide_of_which_kind_an_entry_is() -> None:
    """A receipt's bytes on an attempt's subject are junk, whoever wrote them."""
    mine = receipt(reason="in the wrong place")
    note_written(mine, mine.to_bytes())
    with pytest.raises(ValueError, match="number"):
        parse(Attempt, mine.to_bytes())


def test_what_never_comes_back_is_let_go_of() -> None:
    for number in range(WRITTEN + 10):
        note_written(receipt(attempt_seq=number), f"never stored {number}".encode())
    assert len(reading._written) <= WRITTEN
