"""What people ask a profile in public, as connectors bring it in where their platform shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from schemas.events.authority import Profile
from services.fanout.connectors.contract import CannotTell


@dataclass(frozen=True)
class Inquiry:
    """What somebody asked the city in public: a mention, or an answer to a post. None of it is trusted.

    ``id`` is the platform's. ``under`` is the post that it answers, by its id; empty for a mention.
    """

    profile: str
    id: str
    author: str
    text: str
    at: datetime
    url: str = ""
    under: str = ""


@runtime_checkable
class BringsInquiries(Protocol):
    """What a connector can do, too, whose platform shows what people ask a profile."""

    async def inquiries(self, profile: Profile, since: datetime) -> list[Inquiry] | CannotTell:
        """Return what was asked since a time, in no order; nothing in it is fetched, and nothing is done by it."""
        ...
