"""What is still to be posted for a cleared verdict, pure: one delivery per target without a final receipt.

``plan(...)`` has no clock and no I/O. A delivery belongs to its verdict; a later verdict makes its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas.events.authority import Profile
from schemas.events.deliveries import Delivery, Receipt
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict


@dataclass(frozen=True)
class Plan:
    """The deliveries to queue, in the order of the verdict's targets, and the targets that cannot be served.

    ``unserved`` maps a target to the reason, in plain words: an unknown profile, or no rendering for it.
    """

    deliveries: tuple[Delivery, ...] = ()
    unserved: tuple[tuple[str, str], ...] = ()


def plan(
    request: Request,
    verdict: Verdict,
    verdict_seq: int,
    profiles: Mapping[str, Profile],
    receipts: Mapping[str, Receipt],
    now: datetime,
) -> Plan:
    """Return what to queue for a verdict.

    Args:
        request: the request, in the revision that the verdict is on.
        verdict: the verdict; only a cleared one on this very revision yields deliveries.
        verdict_seq: its ledger sequence.
        profiles: what control knows of each profile, by id.
        receipts: the newest receipt of this request on each profile that has one.
        now: the time of queueing.
    """
    ours = (verdict.request_id, verdict.revision) == (request.request_id, request.revision)
    if verdict.outcome is not Outcome.CLEARED or not ours:
        return Plan()
    ends = expiry(request, verdict)
    hashes = {rendering.platform: rendering.sha256 for rendering in request.renderings}
    deliveries: list[Delivery] = []
    unserved: list[tuple[str, str]] = []
    for target in dict.fromkeys(verdict.targets):
        if settled(receipts.get(target), request.revision):
            continue
        profile = profiles.get(target)
        if profile is None or profile.platform not in hashes:
            what = "there is no such profile" if profile is None else f"nothing is rendered for {profile.platform}"
            unserved.append((target, what))
            continue
        deliveries.append(
            Delivery(
                at=now,
                request_id=request.request_id,
                revision=request.revision,
                profile=target,
                platform=profile.platform,
                verdict_seq=verdict_seq,
                control_seq=verdict.control_seq,
                rendering_sha256=hashes[profile.platform],
                expires_at=ends,
            )
        )
    return Plan(tuple(deliveries), tuple(unserved))


def expiry(request: Request, verdict: Verdict) -> datetime:
    """Return when a delivery of this verdict ends: with the request or with the clearance, whichever is first."""
    return min(request.expires_at, verdict.valid_until or request.expires_at)


def settled(receipt: Receipt | None, revision: int) -> bool:
    """True when a receipt ends the delivery of this revision: its own final one, or one of a newer revision."""
    if receipt is None:
        return False
    return receipt.revision > revision or (receipt.revision == revision and receipt.final)
