"""The fold of the ledger, entry by entry, on ledgers of real signed events."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas import subjects
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import Request
from schemas.platforms import MIRROR
from services.kernel.base.city import City
from services.kernel.fold.ledger_fold import EVERYTHING, Applied, Authority, LedgerFold
from services.kernel.fold.reopening import reopen
from services.kernel.ledger.client import Entry
from tests.support.ledger_builder import FIRE, WEB, LedgerBuilder, demo_city
from tests.unit.audit.judging import cleared


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
    builder.wait(4 * 3_600)
    builder.receipt(request, 0, outcome=ReceiptOutcome.EXPIRED, final=True)
    fold, applied = folded(builder)
    assert [one.void for one in applied] == ["", "", ""]
    assert fold.requests[request.request_id].target(FIRE).is_final
    assert fold.busy == {}


def test_the_pages_of_two_messages_may_be_under_way_on_the_websites_mirror(city: City) -> None:
    """On a profile the second one would be void; the mirror stands for the whole site."""
    builder = LedgerBuilder(city)
    builder.genesis()
    requests = [cleared(builder, name=name) for name in ("r3a", "r3b")]
    for request in requests:
        builder.post(request, FIRE)
        builder.attempt(request, MIRROR)
    fold, applied = folded(builder)
    assert [one.void for one in applied if one.void] == []
    assert all(fold.requests[one.request_id].target(MIRROR).is_open for one in requests)


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


# --- what was over comes back as it was ----------------------------------------------------------------------------


def forgetful(builder: LedgerBuilder) -> tuple[LedgerFold, list[Applied]]:
    """Fold all entries as a projection does: a request that is over leaves memory, and is read anew when needed."""
    pinned = builder.city.authority
    fold = LedgerFold(Authority(builder.city.realm, frozenset(pinned.root_keys), pinned.threshold), EVERYTHING)
    entries = [Entry(line.seq, line.subject, line.at, line.data, line.headers) for line in builder.entries]
    applied = []
    for entry in entries:
        request_id = fold.missing(entry)
        if request_id is not None:
            patterns = subjects.all_of(request_id)
            before = (one for one in entries if one.seq < entry.seq)
            reopen(
                fold, request_id, [one for one in before if any(subjects.matches(p, one.subject) for p in patterns)], 0
            )
        applied.append(fold.apply(entry, 0.0))
    return fold, applied


def over(city: City) -> tuple[LedgerBuilder, Request, int]:
    """Return a ledger with a request that is over: submitted and delivered under the EOC."""
    builder = LedgerBuilder(city)
    builder.genesis()
    builder.activate()
    request = builder.request(targets=(WEB,))
    builder.approve(request, "mcpe")
    builder.verdict(request)
    (attempt,) = builder.post(request)
    assert request.request_id not in forgetful(builder)[0].requests
    return builder, request, attempt


def test_what_was_submitted_under_the_eoc_stays_so_when_it_comes_back(city: City) -> None:
    """Gone from its profile after the stand-down: to post it again still needs the approval that 2(iii) asks for."""
    builder, request, attempt = over(city)
    builder.stand_down()
    builder.unconfirmed(request, attempt, WEB)
    state = forgetful(builder)[0].requests[request.request_id]
    assert state.request.submitted_posture == "eoc_active"


def test_a_verdict_that_was_void_is_void_when_it_comes_back(city: City) -> None:
    """A decision at a revision that was not in force where it is."""
    builder, request, attempt = over(city)
    cleared = builder.last[subjects.verdict(request.request_id)]
    late = builder.verdict(request, control_seq=1)
    builder.receipt(request, attempt, WEB)
    assert request.request_id not in forgetful(builder)[0].requests
    builder.unconfirmed(request, attempt, WEB)
    state = forgetful(builder)[0].requests[request.request_id]
    assert (state.verdict_seq, state.verdict_last) == (cleared, late)


@pytest.mark.parametrize("fence", [None, ("ledger.request.r0none", 0)], ids=["as it is", "fenced on another"])
def test_a_request_that_is_over_does_not_begin_anew(city: City, fence: tuple[str, int] | None) -> None:
    """The same entry once more, by a stolen key: void, or it would be posted twice."""
    builder, request, _ = over(city)
    seq = builder.append(subjects.request(request.request_id), request, fence=fence)
    fold, applied = forgetful(builder)
    assert applied[seq - 1].void == "the request is there already"
    assert request.request_id not in fold.requests


def test_a_new_request_is_looked_for_nowhere(city: City) -> None:
    """Its own header says that nothing stood on its subject: no read is on the way of a live request."""
    builder, _, _ = over(city)
    fold, _ = forgetful(builder)
    builder.request("r9z")
    line = builder.entries[-1]
    assert fold.missing(Entry(line.seq, line.subject, line.at, line.data, line.headers)) is None


@pytest.mark.parametrize(
    "subject", ["ledger.request.*", "ledger.approval.>.mcpe", "ledger.attempt.fire.R1", "ledger.verdict."]
)
def test_a_subject_that_names_no_request_is_void_and_nothing_is_read_for_it(city: City, subject: str) -> None:
    """The server stores a publish to a filter as it is; to read it as one would stop every service."""
    builder = LedgerBuilder(city)
    builder.genesis()
    fold, _ = folded(builder)
    entry = Entry(2, subject, builder.now, b"{}", {})
    assert fold.missing(entry) is None
    assert fold.apply(entry, 0.0).void
