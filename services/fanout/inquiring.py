"""Tells officers' pages what people ask in public: they have no credentials, this service has."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from schemas.events.inquiries import InquiriesQuery, InquiriesReply, PublicInquiry
from services.fanout.connectors.asking import Brought, ask_profiles, that_are_asked
from services.fanout.connectors.contract import Connector
from services.kernel.runtime.messages.dependencies import Sender
from services.kernel.runtime.service import Runtime

SECONDS = 8.0
"""For all platforms together: who asks waits for ten."""

KEPT = timedelta(seconds=60)
"""A look serves all who ask within so long: some platforms charge for what is read."""

BACK = timedelta(days=1)
MOST = 200
"""Inquiries of one answer, the newest."""


class Inquiring:
    """What fanout answers to who asks what was asked."""

    def __init__(self, runtime: Runtime, platforms: Mapping[str, Connector]) -> None:
        self._runtime, self._platforms = runtime, platforms
        self._looked_at: datetime | None = None
        self._brought = Brought((), {})
        self._one = asyncio.Lock()

    async def on_query(self, _query: InquiriesQuery, _sender: Sender) -> InquiriesReply:
        """Return what was asked within the last day, the newest first, as it was within the last minute."""
        async with self._one:
            now = self._runtime.clock.now()
            if self._looked_at is None or now - self._looked_at >= KEPT:
                asked = that_are_asked(self._platforms, tuple(self._runtime.control.profiles.values()))
                self._brought = await ask_profiles(self._platforms, asked, now - BACK, SECONDS, SECONDS)
                self._looked_at = now
            found, looked_at = self._brought, self._looked_at
        shown = found.inquiries[::-1][:MOST]
        views = tuple(
            PublicInquiry(
                profile=one.profile,
                author=one.author[:200],
                text=one.text[:4_000],
                at=one.at,
                url=one.url[:2_000],
                under=one.under[:2_000],
            )
            for one in shown
        )
        return InquiriesReply(inquiries=views, troubles=found.troubles, looked_at=looked_at)
