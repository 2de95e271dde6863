"""The appends that wait for their answer, and what the fold says of them: an ack is only a hint.

The ledger has one order, and the fold sees all of it. So whichever comes first decides an append: its ack, or the
first folded entry that settles it. Its own bytes under its own message id: it is there. Other bytes under that id:
it is a duplicate. Another entry on the subject that its condition names: the condition can never hold again, and since
its own entry was not seen below that one, nothing of it was stored.
"""

from __future__ import annotations

from services.kernel.ledger.append_batch import PendingAppend, StaleCondition, Stood
from services.kernel.ledger.entry import EXPECTED, MESSAGE_ID, Entry


class PendingAppends:
    """The appends of one ledger client that are under way, by message id and by the subject of their condition."""

    def __init__(self) -> None:
        self._by_id: dict[str, dict[PendingAppend, None]] = {}
        self._by_condition: dict[str, dict[PendingAppend, None]] = {}

    def __bool__(self) -> bool:
        """True while an append is under way."""
        return bool(self._by_id)

    def add(self, item: PendingAppend) -> None:
        """Have an append answered by the fold, too, should that be faster than its ack."""
        self._by_id.setdefault(item.message_id, {})[item] = None
        if item.condition:
            self._by_condition.setdefault(item.condition, {})[item] = None

    def discard(self, item: PendingAppend) -> None:
        """Forget an append that was answered or given up."""
        _take_out(self._by_id, item.message_id, item)
        _take_out(self._by_condition, item.condition, item)

    def folded(self, entry: Entry) -> None:
        """Answer the appends that this entry of the ledger settles. Entries come in the ledger's order."""
        for item in self._by_id.get(entry.headers.get(MESSAGE_ID, ""), ()):
            if not item.done.done():
                same = (item.subject, item.raw) == (entry.subject, entry.data)
                item.done.set_result(Stood(entry.seq, same, elsewhere=item.subject != entry.subject))
        for item in self._by_condition.get(entry.subject, ()):
            if not item.done.done() and int(item.headers[EXPECTED]) < entry.seq:
                item.done.set_exception(StaleCondition(f"{entry.subject} is at {entry.seq}"))


def _take_out(index: dict[str, dict[PendingAppend, None]], key: str, item: PendingAppend) -> None:
    items = index.get(key)
    if items is not None:
        items.pop(item, None)
        if not items:
            del index[key]
