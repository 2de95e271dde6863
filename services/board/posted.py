"""What was delivered to a profile lately, by its receipts; one that no attempt bears out counts for nothing."""

from __future__ import annotations

from datetime import timedelta

from schemas import subjects
from schemas.events.deliveries import PostedView, Receipt
from services.kernel.fold.reading import parse
from services.kernel.projection.past import past
from services.kernel.runtime.service import Runtime

POSTED = timedelta(days=10)
"""How far back a post is named that somebody answered."""


async def posted_lately(runtime: Runtime, profile: str) -> tuple[PostedView, ...]:
    """Return the posts of a profile's receipts of the last days; raises Unreachable."""
    after = await runtime.ledger.first_since(runtime.clock.now() - POSTED) - 1
    attempts, receipts = subjects.posted_to(profile)
    begun = {entry.seq: entry.subject async for entry in past(runtime.source, attempts, after)}
    found: dict[str, PostedView] = {}
    async for entry in past(runtime.source, receipts, after):
        try:
            receipt = parse(Receipt, entry.data)
        except ValueError:  # junk is void for everybody
            continue
        request_id = receipt.request_id
        if not receipt.remote_id or entry.subject != subjects.receipt(profile, request_id):
            continue
        if receipt.attempt_seq not in begun:  # it is older; a decision made a post of it since
            earlier = await runtime.ledger.get(receipt.attempt_seq) if receipt.attempt_seq else None
            begun[receipt.attempt_seq] = earlier.subject if earlier is not None else ""
        if begun[receipt.attempt_seq] == subjects.attempt(profile, request_id):
            ids = tuple(receipt.remote_id.split(","))
            found[request_id] = PostedView(request_id=request_id, remote_ids=ids, url=receipt.url)
    return tuple(found.values())
