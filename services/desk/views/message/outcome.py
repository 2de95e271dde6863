"""What became of a request, as JSON values and exit statuses. Pure: board views in, plain values out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from schemas import fingerprint
from schemas.events.authority import Profile
from schemas.events.desk import DeliveryView, EocView, OfficerView, PreviewReply, RequestView
from schemas.events.requests import Rendering, ScreeningFinding, answered_by
from schemas.events.shown import DONE
from schemas.events.verdicts import FindingOutcome, Outcome, Verdict
from schemas.platforms import MIRROR
from services.desk.views.message import unconfirmed
from services.desk.views.timetext import utc
from services.kernel.base.errors import Exit

SCHEDULE_CLAUSE = "setting: schedule"
"""The finding that time alone changes (services.gatekeeper.policy.clauses.setting_schedule)."""

NOT_WRITTEN = "Nothing was written."
SO_ALREADY = f"It was so already. {NOT_WRITTEN}"
"""How an order that repeats what is so is answered."""


def verdict_json(verdict: Verdict | None) -> dict[str, Any] | None:
    """Return a verdict for programs."""
    if verdict is None:
        return None
    return {
        "outcome": verdict.outcome.value,
        "control_seq": verdict.control_seq,
        "posture": verdict.posture.value,
        "targets": list(verdict.targets),
        "approved_by": list(verdict.approved_by),
        "publisher_of_record": verdict.publisher_of_record,
        "valid_until": utc(verdict.valid_until) if verdict.valid_until else None,
        "findings": [
            {"clause": finding.clause, "outcome": finding.outcome.value, "reason": finding.reason}
            for finding in verdict.findings
        ],
    }


def delivery_json(delivery: DeliveryView) -> dict[str, Any]:
    """Return one profile's delivery for programs."""
    return {
        "profile": delivery.profile,
        "platform": delivery.platform,
        "outcome": delivery.outcome,
        "url": delivery.url,
        "reason": delivery.reason,
        "retry_at": utc(delivery.retry_at) if delivery.retry_at else None,
        "final": delivery.final,
        "receipt_seq": delivery.receipt_seq,
    }


def request_json(view: RequestView) -> dict[str, Any]:
    """Return a request with its verdict and deliveries for programs."""
    request = view.request
    return {
        "request_id": request.request_id,
        "revision": request.revision,
        "author": request.author,
        "text": request.text,
        "scope": request.scope,
        "targets": list(request.targets),
        "crisis": request.crisis,
        "link": request.link,
        "severity": request.severity,
        "submitted_at": utc(request.at),
        "expires_at": utc(request.expires_at),
        "scheduled_for": utc(request.not_before) if request.not_before else None,
        "next_update": utc(request.next_update) if request.next_update else None,
        "digest": request.digest,
        "words": fingerprint.words_of(request),
        "withdrawn": view.withdrawn,
        "replaces": request.replaces,
        "follows": request.follows,
        "answers": request.answers,
        "screening": screening_json(request.screening),
        "verdict": verdict_json(view.verdict),
        "deliveries": [delivery_json(delivery) for delivery in view.deliveries if delivery.profile != MIRROR],
        "mirror": next((delivery_json(one) for one in view.deliveries if one.profile == MIRROR), None),
        "unconfirmed": [item.profile for item in unconfirmed.of(view)],
    }


def preview_json(seen: PreviewReply) -> dict[str, Any]:
    """Return what a submission would become, for programs."""
    return {
        "dry_run": True,
        "request_id": seen.request_id,
        "digest": seen.digest,
        "words": fingerprint.words_of(seen),
        "scope": seen.scope,
        "targets": list(seen.targets),
        "answers": answered_by(seen.renderings),
        "expires_at": utc(seen.expires_at),
        "scheduled_for": utc(seen.not_before) if seen.not_before else None,
        "screening": screening_json(seen.screening),
        "renderings": renderings_json(seen.renderings),
    }


def screening_json(found: Iterable[ScreeningFinding]) -> list[dict[str, Any]]:
    """Return what screening found, for programs."""
    return [{"code": one.code, "clause": one.clause, "reason": one.reason, "where": one.where} for one in found]


def renderings_json(renderings: Iterable[Rendering]) -> list[dict[str, Any]]:
    """Return what each platform gets, for programs."""
    shown = []
    for rendering in renderings:
        content = rendering.content()
        shown.append(
            {
                "platform": rendering.platform,
                "sha256": rendering.sha256,
                "parts": list(content.parts),
                "language": content.language,
                "languages": list(content.languages or content.together or ()),
                "link": content.link,
                "pictures": [{"sha256": picture.sha256, "alt": picture.alt} for picture in content.pictures],
            }
        )
    return shown


def eoc_json(view: EocView) -> dict[str, Any]:
    """Return the posture for programs."""
    return view.model_dump(mode="json")


def profile_json(profile: Profile) -> dict[str, Any]:
    """Return a profile for programs."""
    return {
        "id": profile.id,
        "department": profile.department,
        "platform": profile.platform,
        "official": profile.official,
        "account": profile.account,
        "departmental": profile.departmental,
    }


def officer_json(view: OfficerView) -> dict[str, Any]:
    """Return an officer for programs. ``valid_until``: when the first of the roles that count now ends."""
    ends = [grant.valid_until for grant in view.grants_now if grant.valid_until is not None]
    return {
        "id": view.officer.id,
        "name": view.officer.name,
        "roles": [grant.role.value for grant in view.grants_now],
        "valid_until": utc(min(ends)) if ends else None,
        "profiles": sorted({profile for grant in view.grants_now for profile in grant.profiles}),
        "revoked": view.revoked,
    }


def wanted(view: RequestView) -> tuple[str, ...]:
    """Return the profiles that have to carry the message (the website's mirror page is not one of them)."""
    return view.verdict.targets if view.verdict else view.request.targets


def delivered(view: RequestView) -> int:
    """Return on how many of the wanted profiles the message is out."""
    asked = set(wanted(view))
    return sum(item.profile in asked and item.outcome in DONE for item in view.deliveries)


def settled(view: RequestView) -> bool:
    """True when each wanted profile's delivery has ended, well or not."""
    done = {item.profile for item in view.deliveries if item.final or item.outcome in DONE}
    return set(wanted(view)) <= done


def decided(view: RequestView, since_seq: int) -> bool:
    """True when a verdict has weighed the facts up to a ledger sequence, or none will: all of it is posted."""
    if view.verdict is None:
        return False
    closed = view.verdict.outcome is Outcome.CLEARED and settled(view)
    return closed or view.verdict.as_of >= since_seq


def finished(view: RequestView) -> bool:
    """True when waiting longer will not change the answer: not cleared, or all deliveries ended."""
    if view.verdict is None:
        return False
    return view.verdict.outcome is not Outcome.CLEARED or settled(view)


def over(view: RequestView) -> bool:
    """True when nothing more can come: withdrawn, refused, or each delivery ended."""
    no = view.verdict is not None and view.verdict.outcome is Outcome.REFUSED
    return view.withdrawn or no or (settled(view) and bool(view.deliveries))


def refused(view: RequestView) -> bool:
    """True when the gate has refused it for good, and nothing of it is on its way."""
    no = view.verdict is not None and view.verdict.outcome is Outcome.REFUSED
    return no and all(item.final or item.outcome in DONE for item in view.deliveries)


def scheduled(view: RequestView) -> bool:
    """True when nothing is missing but the time at which it is to go out."""
    found = view.verdict
    if found is None or found.outcome is not Outcome.BLOCKED or view.withdrawn:
        return False
    return {one.clause for one in found.findings if one.outcome is FindingOutcome.BLOCKED} == {SCHEDULE_CLAUSE}


def exit_status(view: RequestView) -> Exit:
    """Return the exit status for a command that wanted this request to be published.

    A post that is out makes "blocked" and "refused" into "partly": the city must know that.
    """
    if view.verdict is None:
        return Exit.UNREACHABLE
    count, asked = delivered(view), len(set(wanted(view)))
    if (asked and count == asked) or scheduled(view):
        return Exit.DONE
    if view.verdict.outcome is Outcome.CLEARED or count:
        return Exit.PARTLY
    return Exit.REFUSED if view.verdict.outcome is Outcome.REFUSED else Exit.BLOCKED


def expiry_of(view: OfficerView) -> datetime:
    """Return when the first current role of an officer ends (the last of times when none does)."""
    ends = [grant.valid_until for grant in view.grants_now if grant.valid_until is not None]
    return min(ends) if ends else datetime.max.replace(tzinfo=UTC)
