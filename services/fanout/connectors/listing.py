"""What is on a profile, as connectors list it where their platform shows a profile's own posts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from schemas.events.authority import Profile
from services.fanout.connectors.contract import CannotTell


@dataclass(frozen=True)
class ProfilePost:
    """A post that is on a profile, whoever made it. None of it is trusted.

    ``id`` is the platform's, as receipts name it (``repost:<post>`` where it shows another account's post). ``at`` is
    when it was published, by the platform's clock; ``record`` what the platform says of it.
    """

    id: str
    url: str
    at: datetime
    text: str
    record: Mapping[str, Any]


@dataclass(frozen=True)
class NewestOnly(CannotTell):
    """More was published than is read: ``posts`` are the newest of it, without a gap."""

    posts: tuple[ProfilePost, ...] = ()


@runtime_checkable
class ListsPosts(Protocol):
    """What a connector can do, too, whose platform lists a profile's own posts."""

    async def posts_of(self, profile: Profile, since: datetime) -> list[ProfilePost] | CannotTell:
        """Return all that was published on a profile since a time, reposts too, in no order; nothing is changed.

        Of what is more than it reads it says so (NewestOnly, where it can).
        """
        ...
