"""Whether a post may go out by the newest fold: before its attempt, and once more right before its call."""

from __future__ import annotations

from datetime import datetime, timedelta

from schemas.events.authority import Profile
from schemas.events.control import Posture
from schemas.events.deliveries import ReceiptOutcome
from services.fanout.delivery.caller import NotAttempted
from services.fanout.domain.delivery_state import DeliveryState, state_of
from services.fanout.domain.step import End, Place, Wait, unless_public
from services.kernel.authority.post_authorization import (
    EXPIRED,
    PostFacts,
    PostViolation,
    post_violations,
    rendering_for,
)
from services.kernel.runtime.service import Runtime

CHANGED = "warrant.control_changed"
REQUEST_EXPIRED = "warrant.request_expired"
STALE = frozenset({CHANGED, "warrant.no_verdict"})
"""Violations that a newer verdict answers: the gate decides each open request again after a control change."""

TOO_EARLY = frozenset(
    {
        "warrant.no_signature",
        "warrant.second_approver",
        "warrant.all_departments_signature",
        "warrant.not_due",
    }
)
"""Violations that a clock which is behind finds: what was signed or is due by now is of the future there."""

CLOCK = "is this machine's clock right?"

EARLY_SECONDS = 5.0
"""Until it is looked again whether a clock was put right."""

MOMENT = timedelta(milliseconds=10)
"""Posts that are judged within it are judged as of the same time, so that signatures are weighed once for all."""


class Judge:
    """Asks post authorization, which shares nothing with the gatekeeper's policy."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._now = runtime.present()

    def violations(self, place: Place, profile: Profile) -> tuple[PostViolation, ...]:
        """Return what speaks against posting it now; empty: it may be posted."""
        state = self._runtime.fold.requests.get(place.request_id, place.state)
        rendering = rendering_for(state.request, profile.platform)
        verdict = state.verdict
        return post_violations(
            PostFacts(
                request=state.request,
                verdict=verdict,
                verdict_seq=state.verdict_seq,
                approvals=state.said,
                control=self._runtime.control,
                profile_id=place.profile,
                rendering_sha256=rendering.sha256 if rendering else "",
                control_seq=verdict.control_seq if verdict is not None else 0,
                now=self._moment(),
                realm=self._runtime.city.realm,
                returned_by=state.returned,
            )
        )

    def _moment(self) -> datetime:
        now = self._runtime.present()
        if not timedelta(0) <= now - self._now < MOMENT:
            self._now = now
        return self._now

    def before_the_call(
        self, place: Place, attempt_seq: int, profile: Profile, decided_under: Posture
    ) -> NotAttempted | None:
        """Return why the attempt on record is not to be called after all; None: it is.

        It is called although control has changed since, unless the change takes it back: another posture than it was
        ``decided_under`` does, and whatever the newest facts do not bear out.
        """
        fault = self._runtime.ledger.fault
        if fault is not None:
            return NotAttempted(fault.message)
        state = self._runtime.fold.requests.get(place.request_id)
        target = state.target(place.profile) if state is not None else None
        # Lapsed, too: whoever freed the profile took this process for stopped, and another message may be going out.
        if target is None or target.attempt_seq != attempt_seq or state_of(target) is not DeliveryState.UNDER_WAY:
            return NotAttempted("another worker took it over")
        found = self.violations(place, profile)
        if self._runtime.control.posture is decided_under:
            found = tuple(one for one in found if one.code != CHANGED)
        return NotAttempted(in_words(found)) if found else None


def end_of(place: Place, found: tuple[PostViolation, ...], now: datetime) -> End | Wait | None:
    """Return how a post ends that may not go out; None when a newer verdict is coming, which brings its own work.

    What only seems to come too early is waited for: by the gate's clock it is later than ``now``, the present in UTC.
    """
    codes, verdict = {item.code for item in found}, place.state.verdict
    if codes & STALE:
        return None
    if codes <= TOO_EARLY and verdict is not None and verdict.at > now:
        left = min((verdict.at - now).total_seconds(), EARLY_SECONDS)
        return Wait(left, f"{in_words(found)} It was cleared at a later time than it is here; {CLOCK}", shown=True)
    outcome, expired = ReceiptOutcome.EXPIRED if codes <= EXPIRED else ReceiptOutcome.WITHHELD, REQUEST_EXPIRED in codes
    due = place.state.request.expires_at if expired else None
    if not expired and outcome is ReceiptOutcome.EXPIRED and verdict is not None:
        due = verdict.valid_until
    return unless_public(place, End(outcome, expired, in_words(found), due))


def in_words(found: tuple[PostViolation, ...]) -> str:
    """Return what speaks against a post, for people."""
    return " ".join(item.message for item in found)
