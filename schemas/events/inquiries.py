"""What people ask the city in public, as the fan-out tells it to officers. None of it is trusted, or on record."""

from __future__ import annotations

from schemas.events.base import Contract, Id, Utc


class InquiriesQuery(Contract):
    """The question what was asked within the last day."""


class PublicInquiry(Contract):
    """What somebody asked: a mention, or an answer to the post ``under`` (its id; empty for a mention).

    ``url`` is its address, empty where the platform gives none.
    """

    profile: Id
    author: str
    text: str
    at: Utc
    url: str
    under: str


class InquiriesReply(Contract):
    """The newest first; ``troubles``: profiles that could not be asked, and why. ``looked_at``: as of when."""

    inquiries: tuple[PublicInquiry, ...]
    troubles: dict[Id, str]
    looked_at: Utc
