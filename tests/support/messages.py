"""What the ledger holds of one message, made in one place: a request, a verdict on it, an attempt and its receipt.

Each fits what it is about; ``changes`` replace any field. Approvals are in ``people``, for they are signed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from schemas import canonical
from schemas.events.deliveries import Attempt, Receipt, ReceiptOutcome
from schemas.events.requests import PlatformContent, Rendering, Request, digest_of
from schemas.events.verdicts import Outcome, Verdict

REQUEST_LASTS = timedelta(hours=4)
CLEARANCE_LASTS = timedelta(minutes=20)


def renderings_of(text: str, platforms: Iterable[str], at: datetime, /, **about: Any) -> tuple[Rendering, ...]:
    """Return the same words for each platform."""
    contents = [PlatformContent(platform=one, parts=(text,), created_at=at, **about) for one in platforms]
    return tuple(map(Rendering.of, contents))


def request_of(name: str, text: str, renderings: tuple[Rendering, ...], at: datetime, /, **changes: Any) -> Request:
    """Return a routine request of the clerk in the live realm; its digest fits its renderings and revision."""
    fields: dict[str, Any] = {
        "at": at,
        "realm": "live",
        "request_id": name,
        "author": "clerk",
        "author_kind": "officer",
        "source": "tests",
        "event_id": name,
        "content_sha256": canonical.sha256(text.encode()),
        "text": text,
        "scope": "profiles",
        "crisis": False,
        "expires_at": at + REQUEST_LASTS,
        "submitted_posture": "routine",
        "renderings": renderings,
        "digest": digest_of(name, changes.get("revision", 1), renderings),
    }
    return Request(**(fields | changes))


def verdict_on(request: Request, at: datetime, /, **changes: Any) -> Verdict:
    """Return a verdict of routine on a request: it clears, for 20 minutes, where no other outcome is given."""
    cleared = Outcome(changes.get("outcome", Outcome.CLEARED)) is Outcome.CLEARED
    fields: dict[str, Any] = {
        "at": at,
        "request_id": request.request_id,
        "revision": request.revision,
        "digest": request.digest,
        "outcome": Outcome.CLEARED,
        "posture": "routine",
        "control_seq": 1,
        "as_of": 1,
        "targets": request.targets,
        "findings": (),
        "valid_until": at + CLEARANCE_LASTS if cleared else None,
    }
    return Verdict(**(fields | changes))


def attempt_on(request: Request, profile: str, at: datetime, /, **changes: Any) -> Attempt:
    """Return the first attempt of a request on a profile, in the words of the request's first rendering."""
    fields: dict[str, Any] = {
        "at": at,
        "request_id": request.request_id,
        "revision": request.revision,
        "profile": profile,
        "platform": request.renderings[0].platform,
        "number": 1,
        "worker": "worker-1",
        "verdict_seq": 1,
        "control_seq": 1,
        "digest": request.digest,
        "rendering_sha256": request.renderings[0].sha256,
        "idempotency_key": f"{request.request_id}.{request.revision}.{profile}",
    }
    return Attempt(**(fields | changes))


def receipt_on(request_id: str, profile: str, attempt_seq: int, at: datetime, /, **changes: Any) -> Receipt:
    """Return how an attempt ended: delivered on Mastodon, and for good, where nothing else is given."""
    fields: dict[str, Any] = {
        "at": at,
        "request_id": request_id,
        "revision": 1,
        "profile": profile,
        "platform": "mastodon",
        "attempt_seq": attempt_seq,
        "outcome": ReceiptOutcome.DELIVERED,
        "final": True,
    }
    return Receipt(**(fields | changes))
