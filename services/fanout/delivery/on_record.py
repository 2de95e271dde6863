"""What is on a profile by us, by the ledger: the posts that receipts name, and the words of attempts without any."""

from __future__ import annotations

from datetime import datetime, timedelta

from schemas import subjects
from schemas.events.authority import Profile
from schemas.events.deliveries import Receipt
from schemas.events.requests import Request
from schemas.subjects import place_of
from services.fanout.domain.outside import Gathered, Ours
from services.kernel.authority.post_authorization import content_of, rendering_for
from services.kernel.fold.reading import is_readable, parse
from services.kernel.projection.past import past
from services.kernel.runtime.service import Runtime

BEFORE = timedelta(hours=1)
"""What is like a message is read from so long before it was written: clocks differ."""


async def ours_on(runtime: Runtime, profile: Profile, since: datetime, but: str = "") -> Ours:
    """Return what is on a profile by us since a time; ``but``: the one request that is left out.

    Raises:
        Unreachable: the ledger cannot be read.
    """
    after = await runtime.ledger.first_since(since) - 1
    attempts, receipts = subjects.posted_to(profile.id)
    found = Gathered()
    async for entry in past(runtime.source, attempts, after):
        if (request_id := place_of(entry.subject).request_id) != but:
            found.note_attempt(request_id)
    async for entry in past(runtime.source, receipts, after):
        if place_of(entry.subject).request_id != but and is_readable(entry):  # junk is void for everybody
            found.note_receipt(parse(Receipt, entry.data))
    texts = [text for name in sorted(found.unnamed) for text in await _texts(runtime, name, profile.platform)]
    return Ours(frozenset(found.ids), frozenset(found.urls), tuple(texts))


async def _texts(runtime: Runtime, request_id: str, platform: str) -> tuple[str, ...]:
    entry = await runtime.ledger.last(subjects.request(request_id))
    rendering = rendering_for(parse(Request, entry.data), platform) if entry is not None else None
    content = content_of(rendering) if rendering is not None else None
    return content.parts if content is not None else ()
