"""The fold of the ledger, entry by entry, on ledgers of real signed events."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas import subjects
from schemas.events.deliveries import ReceiptOutcome
from services.kernel.city import City
from services.kernel.ledger import Entry
from services.kernel.projection.fold import EVERYTHING, Applied, Authority, LedgerFold
from tests.ledger_builder import FIRE, LedgerBuilder, demo_city


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    folder: Path = tmp_path_factory.mktemp("fold")
    return demo_city(folder / "city")


def folded(builder: LedgerBuilder) -> tuple[LedgerFold, list[Applied]]:
    """Fold all entries of a builder."""
    pinned = builder.city.authority
    fold = LedgerFold(Authority(builder.city.realm, frozenset(pinned.root_keys), pinned.threshold), EVERYTHING)
    entries = (Entry(line.seq, line.subject, line.at, line.data, line.headers) for line in builder.entries)
    return fold, [fold.apply(entry, 0.0) for entry in entries]


def test_what_ended_without_an_attempt_is_folded(city: City) -> None:
    """Expired before its turn, on a profile where nothing is under way."""
    builder = LedgerBuilder(city)
    builder.genesis()
    request = builder.request()
    builder.receipt(request, 0, outcome=ReceiptOutcome.EXPIRED, final=True)
    fold, applied = folded(builder)
    assert [one.void for one in applied] == ["", "", ""]
    assert fold.requests[request.request_id].target(FIRE).is_final
    assert fold.busy == {}


def test_junk_counts_as_the_last_of_its_subject(city: City) -> None:
    """The server's compare-and-set counts it, so whoever appends next has to name it."""
    builder = LedgerBuilder(city)
    builder.genesis()
    request = builder.request()
    name = request.request_id
    places = (subjects.verdict(name), subjects.approval(name, "pio"), subjects.receipt(FIRE, name))
    verdict, approval, receipt = (builder.append(subject, b"\xff") for subject in places)
    fold, applied = folded(builder)
    state = fold.requests[name]
    assert all(one.void for one in applied[-3:])
    assert (state.verdict_last, state.spoken["pio"], state.target(FIRE).receipt_last) == (verdict, approval, receipt)
