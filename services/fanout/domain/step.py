"""What is next for one request on one profile. Pure: facts in, one step out.

First what is open is settled, whatever became of the verdict; then what is over or stale is let be; only then may
something be posted. Source: docs/architecture.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.events.deliveries import Attempt, ReceiptOutcome
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR
from services.fanout.domain.delivery_state import ENDED, MAY_BE_PUBLIC, OPEN, beginning_of, state_of
from services.fanout.domain.retry import numbered_by_nobody, retry_left, seconds_left
from services.kernel.base.zones import utc_text
from services.kernel.fold.state import RequestState, TargetState

LEASE_SLACK = 1.0
"""Seconds added to a lease before an attempt counts as over."""

ORDER_SECONDS = 30.0
"""A receipt on the profile, or a verdict, wakes what waits for its turn; this is for one that was missed."""

MIRROR_GRACE = timedelta(seconds=2)
"""So long after the first profile carries a message the website's page waits for the addresses of the others."""

LEAD_GRACE = timedelta(seconds=20)
"""So long after the verdict the others wait for the lead's post; then they post for themselves."""


@dataclass(frozen=True)
class Busy:
    """The attempt of another request on the same profile that nothing was said of yet."""

    request_id: str
    attempt: Attempt
    seq: int
    folded_at: float


class Place(NamedTuple):
    """The facts of one request on one profile, as the fold has them at this moment.

    ``verdict_seq`` is the verdict that the work is on, ``control_seq`` the control revision in force. ``out_of_order``:
    why its turn in its message's chain has not come, or has passed. ``lead``: the profile whose post this one
    shows, where the platform bars the same words from many accounts, and ``lead_target`` what there is of it.
    ``folded``: up to which sequence of the ledger these are the facts. ``given_up``: its open attempt was made by this
    process, which surely did not call and will not.
    """

    verdict_seq: int
    profile: str
    state: RequestState
    target: TargetState
    control_seq: int
    busy: Busy | None = None
    out_of_order: str = ""
    lead: str = ""
    lead_target: TargetState | None = None
    folded: int = 0
    given_up: bool = False

    @property
    def repost_of(self) -> str:
        """The lead's post, which is shown in place of one of its own; empty: it is posted."""
        receipt = self.lead_target.receipt if self.lead_target is not None else None
        stands = receipt is not None and receipt.outcome is ReceiptOutcome.DELIVERED
        return (receipt.remote_id or "") if receipt is not None and stands else ""

    @property
    def one_at_a_time(self) -> str:
        """What only one post at a time is made on: the profile; of the website's mirror the message's own page."""
        return f"{MIRROR} {self.request_id}" if self.profile == MIRROR else self.profile

    @property
    def request_id(self) -> str:
        """The request's id."""
        return self.state.request_id


@dataclass(frozen=True)
class Done:
    """Nothing is to be done (any more); a newer verdict brings its own work."""

    reason: str


@dataclass(frozen=True)
class Wait:
    """Look again after ``delay`` seconds, or when something changes.

    ``shown``: people see that it waits; ``over_in``: the seconds until what it waits for comes, where these are known.
    ``hold``: the work stays in this copy's hands, as it changes soon, or as only this copy notices when.
    """

    delay: float
    reason: str
    shown: bool = False
    hold: bool = False
    over_in: float | None = None


@dataclass(frozen=True)
class Occupied:
    """Another request's attempt holds the profile for ``delay`` seconds at most: stand in line."""

    delay: float
    reason: str


@dataclass(frozen=True)
class Settle:
    """An attempt is open and its lease is over since ``over_for`` seconds: find out how it ended."""

    attempt: Attempt
    attempt_seq: int
    over_for: float


@dataclass(frozen=True)
class NotCalled:
    """The open attempt was given up before its call, here: say so at once."""

    attempt: Attempt
    attempt_seq: int


@dataclass(frozen=True)
class Lapse:
    """Another request's attempt holds the profile, and its lease is over: free the profile."""

    busy: Busy


@dataclass(frozen=True)
class End:
    """It ends without a post: expired, or withheld. ``final`` unless a new clearance may still come.

    ``due``: the time in UTC that has to have come for it; None: it rests on no time.
    """

    outcome: ReceiptOutcome
    final: bool
    reason: str
    due: datetime | None = None


@dataclass(frozen=True)
class Post:
    """Post it, as attempt ``number``, if post authorization finds no violation."""

    number: int


@dataclass(frozen=True)
class LookAgain:
    """Something changed: look what is next now."""


Step = Done | Wait | Occupied | Settle | NotCalled | Lapse | End | Post

StepOutcome = Wait | Done | LookAgain
"""What comes of a step."""


def next_step(place: Place, now: datetime, boot: float, lease: float, own: datetime | None = None) -> Step:
    """Return what is next.

    Args:
        place: the facts.
        now: the present time in UTC.
        boot: the present in boot-time seconds, on which leases are measured.
        lease: how long an attempt may be under way, in seconds.
        own: the present in UTC by this machine's clock, by which it wrote until when it waits; None: ``now``.
    """
    target = place.target
    if state_of(target) in OPEN and target.attempt is not None:
        if place.given_up:
            return NotCalled(target.attempt, target.attempt_seq)
        return _open(target, target.attempt, boot, lease)
    if place.state.verdict_seq != place.verdict_seq:
        return Done("a newer verdict is there")
    over = _over(place)
    if over:
        return Done(over)
    end = _end(place, now)
    if end:
        return end
    if not place.state.is_cleared:
        return Done("it is not cleared")
    if place.state.verdict is not None and place.state.verdict.control_seq != place.control_seq:
        return Done("control has changed: the gate decides again")
    return _post(place, own or now, boot, lease)


def _post(place: Place, now: datetime, boot: float, lease: float) -> Step:
    target = place.target
    if why := place.out_of_order or numbered_by_nobody(target):
        return Wait(ORDER_SECONDS, why, shown=True, hold=True)
    if place.profile == MIRROR:
        waits = _mirror(place, now, boot)
        if waits is not None:
            return waits
    if place.lead and (waits := _lead(place, now, boot)) is not None:
        return waits
    if target.receipt is not None and (seconds := retry_left(target, now, boot)) > 0:
        return Wait(seconds, target.receipt.reason)
    if place.busy is not None:
        left = place.busy.folded_at + lease + LEASE_SLACK - boot
        return (
            Occupied(left, f"a post of {place.busy.request_id} is under way there") if left > 0 else Lapse(place.busy)
        )
    return Post(target.number + 1)


def _open(target: TargetState, attempt: Attempt, boot: float, lease: float) -> Step:
    left = target.folded_at + lease + LEASE_SLACK - boot
    if left > 0:
        return Wait(left, f"attempt {attempt.number} may still be under way", hold=True)
    return Settle(attempt, target.attempt_seq, -left)


def _over(place: Place) -> str:
    receipt = place.target.receipt
    if state_of(place.target) in ENDED:
        return "it has its final receipt"
    if receipt is None or place.target.receipt_seq < place.verdict_seq:
        return ""
    # Held back without an attempt, behind this very verdict: only a newer one can change that.
    ended = receipt.attempt_seq == 0 and receipt.resolution_seq is None
    return f"it is on record as {receipt.outcome}: {receipt.reason}" if ended else ""


def _mirror(place: Place, now: datetime, boot: float) -> Step | None:
    """Return what the website's page waits for; None when it is to be written.

    It follows the first post, and is written once: with the addresses that are known a moment later. The fold has
    counted for it: it is asked as often as a receipt comes.
    """
    state = place.state
    # What a person has yet to look for may stand, too.
    left = bool(_others(state.left) or _others(state.unconfirmed))
    if not _others(state.standing):
        if not left:
            return End(ReceiptOutcome.WITHHELD, True, "it is nowhere that the website could mirror")
        return Wait(3_600.0, "it follows the first post")
    first = state.first_delivered or now
    seconds = seconds_left(first + MIRROR_GRACE, first, now, state.first_folded_at, boot)
    return Wait(seconds, "it waits a moment for the other addresses") if left and seconds > 0 else None


def _lead(place: Place, now: datetime, boot: float) -> Wait | None:
    """Return what a post waits for that is to show the lead's; None when it is to be made.

    A lead that does not deliver soon, or has failed, keeps nobody silent: then each posts for itself.
    """
    verdict, target = place.state.verdict, place.lead_target
    if target is None or target.is_final or verdict is None:
        return None
    seconds = seconds_left(verdict.at + LEAD_GRACE, verdict.at, now, place.state.verdict_folded_at, boot)
    return Wait(seconds, f"it shows the post of {place.lead}", hold=True) if seconds > 0 else None


def _others(profiles: set[str]) -> int:
    return len(profiles) - (MIRROR in profiles)


def _end(place: Place, now: datetime) -> End | None:
    """Return how it ends without another attempt."""
    end = _ended(place, now)
    return None if end is None else unless_public(place, end)


def unless_public(place: Place, end: End) -> End:
    """Return an end as it may be written down: what may be public never ends as surely not posted."""
    if state_of(place.target) not in MAY_BE_PUBLIC:
        return end
    begun = beginning_of(place.target)
    what = "it may be public or not" if begun is None else f"its beginning is public at {begun.url}"
    reason = f"{what}, please look at the profile; {end.reason}"
    return replace(end, outcome=ReceiptOutcome.UNCONFIRMED, reason=reason)


def _ended(place: Place, now: datetime) -> End | None:
    """Return what ends it: what was cleared once must not vanish without a receipt (invariant 5)."""
    request, verdict = place.state.request, place.state.verdict
    if request.expires_at <= now:
        when = utc_text(request.expires_at)
        return End(ReceiptOutcome.EXPIRED, True, f"the request expired at {when}: missed, not late", request.expires_at)
    if verdict is not None and verdict.outcome is Outcome.REFUSED:
        return End(ReceiptOutcome.WITHHELD, True, "the request was refused after it had been cleared")
    until = verdict.valid_until if verdict is not None and place.state.is_cleared else None
    if until is not None and until <= now:
        when = utc_text(until)
        return End(ReceiptOutcome.EXPIRED, False, f"the clearance ended at {when}; a new approval renews it", until)
    return None
