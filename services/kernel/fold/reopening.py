"""Bring into a fold what it does not have in memory: a request that was over, what was open at a snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from schemas.events.deliveries import Attempt, Receipt
from schemas.subjects import place_of
from services.kernel.fold.effective import void_because
from services.kernel.fold.ledger_fold import LedgerFold
from services.kernel.fold.reading import is_kind, parse, parse_each
from services.kernel.fold.revisions import revision_at
from services.kernel.ledger.entry import Entry


def reopen(fold: LedgerFold, request_id: str, entries: Iterable[Entry], boot: float) -> None:
    """Bring a request that was over back into memory, from the entries on its subjects, in order.

    Its attempts count as far as a receipt names them and nothing on their request speaks against it: when it was
    over, none was open. Who is under way on its profiles stays as it is.
    """
    taken_over = fold.taken_over  # replaced by the fold, never changed in place
    found = sorted(entries, key=lambda entry: entry.seq)
    receipts = parse_each(Receipt, (one for one in found if is_kind(one, "receipt")))
    named = {receipt.attempt_seq for _, receipt in receipts}
    for entry in found:
        with _passed_over_where_void():
            if is_kind(entry, "attempt"):
                _reopen_attempt(fold, entry, boot, named=entry.seq in named)
            else:
                fold.fold_entry(entry, boot)
    fold.taken_over = taken_over


def resume(fold: LedgerFold, entries: Iterable[Entry], counted: frozenset[int], boot: float) -> None:
    """Fold control and what is open from a part of the ledger: see ``projection.snapshot``.

    Args:
        entries: all on ``ledger.control`` and on the subjects of the open requests.
        counted: their attempts that count.
        boot: the present in boot-time seconds; leases of attempts are counted from it.
    """
    for entry in sorted(entries, key=lambda entry: entry.seq):
        with _passed_over_where_void():
            if is_kind(entry, "attempt"):
                _resume_attempt(fold, entry, boot, counts=entry.seq in counted)
            else:
                fold.fold_entry(entry, boot)


@contextmanager
def _passed_over_where_void() -> Iterator[None]:
    """Go on behind an entry that cannot be taken up, whatever is wrong: no entry may stop all readers.

    It was said aloud where it was folded first. Want of memory is this reader's alone, and stops it.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001, S110 - void
        pass


def _resume_attempt(fold: LedgerFold, entry: Entry, boot: float, *, counts: bool) -> None:
    attempt = parse(Attempt, entry.data)
    _, request_id, profile = place_of(entry.subject)
    state = fold.state_of(request_id)
    if (attempt.profile, attempt.request_id) != (profile, request_id):
        return
    if counts:
        state.note_attempt(entry.seq, entry.at, attempt, boot)
        fold.take_profile(profile, entry.seq, request_id)
    else:
        state.note_number(profile, attempt.number)


def _reopen_attempt(fold: LedgerFold, entry: Entry, boot: float, *, named: bool) -> None:
    attempt = parse(Attempt, entry.data)
    _, request_id, profile = place_of(entry.subject)
    state = fold.state_of(request_id)
    if (attempt.profile, attempt.request_id) != (profile, request_id):
        return
    if attempt.rule is None:
        counts = not 0 < fold.ruled_from < entry.seq
    else:
        control_seq, _ = revision_at(fold.revisions, entry.seq)
        void = void_because(attempt, entry.at, entry.headers, state, control_seq=control_seq, rejected_by="", busy=0)
        counts = not void
    if named and counts:
        state.note_attempt(entry.seq, entry.at, attempt, boot)
    else:
        state.note_number(profile, attempt.number)
