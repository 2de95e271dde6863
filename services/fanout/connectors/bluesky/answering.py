"""Finds the post that an address of the web application leads to, so that it can be answered."""

from __future__ import annotations

from dataclasses import replace

from schemas.places import named_post
from services.fanout.connectors.answers import NOT_OURS, not_seen
from services.fanout.connectors.bluesky.reading import Reader, Record, Thread
from services.fanout.connectors.bluesky.record import Ref, opened_by, read_uri, uri_of
from services.fanout.connectors.contract import Absent, CannotTell, Intent, Permanent, Retryable


async def answering(
    reader: Reader, base: str, app: str, intent: Intent, deadline: float
) -> Intent | CannotTell | Permanent:
    """Return an intent with the address (at://...) of the post that its content answers; as it is if it answers none.

    Nothing but the name in the address is looked up; ``app`` is the application whose addresses are known.
    """
    address = intent.content.answers
    if address is None or intent.follows:
        return intent
    post = named_post("bluesky", address, app)
    if post is None:
        return NOT_OURS
    did = await reader.did_of(base, post.path["name"], deadline)
    if isinstance(did, CannotTell):
        return did
    uri = uri_of(did, post.path["key"])
    return replace(intent, follows=uri) if read_uri(uri) is not None else NOT_OURS


async def answered(reader: Reader, base: str, intent: Intent, deadline: float) -> Thread | Retryable | Permanent:
    """Return the root of the thread and the post that this one answers; None where it answers nothing."""
    if not intent.follows:
        return None
    uri = intent.follows.partition(",")[0]
    if read_uri(uri) is None:
        return NOT_OURS
    found: Record | Absent | CannotTell = await reader.get(base, uri, deadline)
    if isinstance(found, CannotTell):
        return not_seen(found)
    if isinstance(found, Absent):
        return Permanent("the post that it answers does not stand any more", gone=True)
    value, cid = found
    parent = Ref(uri, cid)
    return opened_by(value) or parent, parent
