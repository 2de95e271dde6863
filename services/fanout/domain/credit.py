"""What posts cost on X, and what of a month's credit is kept for a crisis. Pure: the time is an argument.

X answers no question for the credit that is left, and refuses everything once it is used up: so what we post is counted
from the ledger against what the city set. Prices (USD, docs.x.com, 2026): a post 0.015, with an address 0.20, a repost
0.015, a post that is read 0.005, one that is deleted 0.010. What is posted is counted from the ledger, by all copies;
what is read or deleted by whoever made the call (services.fanout.connectors.x.costs).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import PlatformContent
from services.kernel.fold.state import TargetState

POST_USD, LINK_USD, REPOST_USD = 0.015, 0.20, 0.015
READ_USD, DELETE_USD = 0.005, 0.010
_NOT_POSTED = frozenset({ReceiptOutcome.WITHHELD, ReceiptOutcome.FAILED})
_LINK = re.compile(r"https?://|\bwww\.", re.IGNORECASE)


def cost_of(content: PlatformContent | None, *, repost: bool = False) -> float:
    """Return what it costs to post a message, part by part."""
    if repost or content is None:
        return REPOST_USD
    return sum(LINK_USD if _LINK.search(part) else POST_USD for part in content.parts)


def month_of(now: datetime) -> datetime:
    """Return the beginning of a time's month, in UTC."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def charged(target: TargetState) -> set[int]:
    """Return the attempts of a place that may have cost: those that count, without what is said not to have posted."""
    said = {one.attempt_seq: one for _, one in target.receipts if one.resolution_seq is None}
    free = {seq for seq, one in said.items() if one.outcome in _NOT_POSTED and not one.remote_id}
    return set(target.effective) - free


@dataclass
class Credit:
    """A month's credit: ``monthly`` in all, of which routine messages leave ``reserve``.

    ``spent`` went for posts, ``aside`` for what was read and deleted.
    """

    monthly: float
    reserve: float
    month: datetime = field(default_factory=lambda: datetime.min.replace(tzinfo=UTC))
    spent: float = 0.0
    aside: float = 0.0

    def note_aside(self, whole: float, now: datetime) -> None:
        """Note what this month's reads and deletions cost by now, in all."""
        self._turn(now)
        self.aside = whole

    def left(self, now: datetime) -> float:
        """Return what is left of this month's credit, the reserve included; never less than nothing."""
        self._turn(now)
        return max(0.0, self.monthly - self.spent - self.aside)

    def take(self, cost: float, now: datetime, *, urgent: bool) -> bool:
        """Spend it and return True; False where a routine message would use up the reserve.

        What cannot wait is let through beyond the city's own number, too: X says when the credit is really used up.
        """
        if not urgent and self.left(now) - cost < self.reserve:
            return False
        self.charge(cost, now, now)
        return True

    def charge(self, cost: float, at: datetime, now: datetime) -> None:
        """Count what was spent at a time, by whichever copy."""
        self._turn(now)
        if month_of(at) == self.month:
            self.spent += cost

    def _turn(self, now: datetime) -> None:
        if month_of(now) != self.month:
            self.month, self.spent, self.aside = month_of(now), 0.0, 0.0
