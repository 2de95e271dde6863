"""Which posts on a profile did not come through the gate. Pure.

Ours is what a receipt names by its id or its address, and what has the very words of a message whose attempt there has
no such receipt: it may be that attempt's own. Source: HUM.11(A) section 1, Oversight (monitoring for compliance).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from schemas import canonical
from schemas.events.deliveries import Receipt
from services.fanout.connectors.chains import same
from services.fanout.connectors.listing import ProfilePost

SETTLES = timedelta(minutes=2)
"""A post younger than this may be one of ours whose receipt is not written yet: the next look tells it."""

OVERLAP = timedelta(minutes=15)
"""Each look begins so long before the last one ended: platforms list late, and clocks differ."""


@dataclass(frozen=True)
class Ours:
    """What is on a profile by us: posts by their ids and addresses, and the words of attempts without either."""

    ids: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()

    def holds(self, post: ProfilePost) -> bool:
        """Return whether a post is one of ours."""
        return self.names(post.id, post.url) or any(same(post.text, text) for text in self.texts)

    def may_be(self, remote_id: str, url: str, parts: Sequence[str]) -> bool:
        """Return whether a message that was found, of these parts, is one of these posts, or may be: the same words."""
        known = any(self.names(one) for one in remote_id.split(",")) or self.names("", url)
        return known or any(same(part, text) for part in parts for text in self.texts)

    def names(self, remote_id: str, url: str = "") -> bool:
        """Return whether a receipt names a post by its id or its address."""
        return remote_id in self.ids or (bool(url) and url in self.urls)


@dataclass
class Gathered:
    """What the ledger says of a profile: each receipt adds what it names; ``unnamed`` are attempts without."""

    ids: set[str] = field(default_factory=set)
    urls: set[str] = field(default_factory=set)
    attempted: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)

    def note_attempt(self, request_id: str) -> None:
        """Note that a request was attempted there."""
        self.attempted.add(request_id)

    def note_receipt(self, receipt: Receipt) -> None:
        """Note what a receipt names, whatever its outcome: also what was taken back stood there by us."""
        if receipt.remote_id:
            self.ids.update(receipt.remote_id.split(","))
            self.named.add(receipt.request_id)
        if receipt.url:
            self.urls.add(receipt.url)

    @property
    def unnamed(self) -> frozenset[str]:
        """The requests that were attempted there, and whose post no receipt names by its id."""
        return frozenset(self.attempted - self.named)


def outside_id(profile: str, remote_id: str) -> str:
    """Return the id of an outside post: the same for each look at it, by whichever copy."""
    return canonical.sha256(f"{profile}\n{remote_id}".encode())[:16]


def ripe(
    posts: Iterable[ProfilePost],
    since: datetime,
    now: datetime,
    first_seen: Mapping[str, datetime],
    settles: timedelta = SETTLES,
) -> list[ProfilePost]:
    """Return what was published since a time and has settled, the oldest first.

    A post that claims to be of the future, or whose platform's clock is ahead, is as old as it was first seen.
    """
    settled = [one for one in posts if since <= one.at and min(one.at, first_seen.get(one.id, now)) <= now - settles]
    return sorted(settled, key=lambda one: (one.at, one.id))


def looked_until(now: datetime, begun: datetime, settles: timedelta = SETTLES) -> datetime:
    """Return from when the next look looks; never before the watch began."""
    return max(begun, now - settles - OVERLAP)


def oldest(posts: Sequence[ProfilePost]) -> datetime:
    """Return when the oldest of some posts was published."""
    return min(one.at for one in posts)
