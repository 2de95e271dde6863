"""Reads all that stands on one request, subject by subject: the server finds each at once, however long the ledger is.

A filter with ``*`` before the request has it walk all subjects of that kind; only of resolutions there are few.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable

from schemas import subjects
from schemas.events.requests import Request
from schemas.events.verdicts import Verdict
from schemas.platforms import MIRROR
from schemas.subjects import place_of
from services.kernel.fold.reading import parse
from services.kernel.ledger.entry import Entry

READS = 16
"""Subjects that are read at the same time."""

MOST_PROFILES = 100
"""With more profiles than that the walk is the shorter way."""

Read = Callable[[str], Awaitable[list[Entry]]]


async def entries_on(request_id: str, read: Read, profiles: Collection[str] | None = None) -> list[Entry]:
    """Return the entries on a request that any reader folds, subject by subject.

    Args:
        request_id: the request.
        read: returns all entries on a subject, in order; raises Unreachable.
        profiles: where attempts and receipts of it stand; None: on any of those that it names.
    """
    patterns = subjects.all_of(request_id)
    walks = [one for one in patterns if place_of(one)[0] in ("attempt", "receipt")]
    found = await entries_of_all(set(patterns).difference(walks), read)
    profiles = profiles_named(found) if profiles is None else profiles
    if len(profiles) > MOST_PROFILES:
        return found + await entries_of_all(walks, read)
    places = [place(profile, request_id) for profile in profiles for place in (subjects.attempt, subjects.receipt)]
    return found + await entries_of_all(places, read)


async def entries_of_all(patterns: Iterable[str], read: Read) -> list[Entry]:
    """Return the entries on several subjects or filters; a few are read at a time."""
    few = asyncio.Semaphore(READS)

    async def one(pattern: str) -> list[Entry]:
        async with few:
            return await read(pattern)

    batches = await asyncio.gather(*(one(pattern) for pattern in sorted(patterns)))
    return [entry for batch in batches for entry in batch]


def profiles_named(entries: Iterable[Entry]) -> set[str]:
    """Return the profiles that any of these requests and verdicts names, and the mirror; no other counts on them."""
    found = {MIRROR}
    for entry in entries:
        kind = place_of(entry.subject)[0]
        try:
            if kind == "request":
                found.update(parse(Request, entry.data).targets)
            elif kind == "verdict":
                found.update(parse(Verdict, entry.data).targets)
        except ValueError:
            continue
    return found
