"""What a fold keeps of each request that is not over: plain data, changed by the fold alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from math import inf

from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.deliveries import Attempt, Receipt, ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.resolutions import Resolution
from schemas.events.verdicts import Outcome, Verdict
from schemas.platforms import MANUAL, MIRROR
from services.kernel.base.remember import by_identity
from services.kernel.fold.applied import Void
from services.kernel.fold.request_phase import OVER, RequestPhase, phase_of

SEVERITIES = ("extreme", "severe", "moderate", "minor", None)
"""Most urgent first; what has no severity comes last."""


@dataclass
class TargetState:
    """One request on one profile. Sequences are 0 where there is nothing.

    ``attempt`` is the newest effective attempt, ``folded_at`` when it was folded here (boot-time seconds): its lease
    counts from then. ``answered``: a receipt says how it ended; ``lapsed``: one says that nobody knows yet.
    ``number`` is the highest number of any attempt. ``receipt`` is the newest receipt that says how it ended, folded
    here at ``receipt_folded_at`` (infinite: there is none), ``receipts`` all of them; ``receipt_last`` is the last
    sequence on the subject, whatever is there.
    """

    attempt: Attempt | None = None
    attempt_seq: int = 0
    attempt_at: datetime | None = None
    folded_at: float = 0.0
    answered: bool = True
    lapsed: bool = False
    number: int = 0
    effective: list[int] = field(default_factory=list)
    receipt: Receipt | None = None
    receipt_seq: int = 0
    receipt_folded_at: float = inf
    receipt_last: int = 0
    receipts: list[tuple[int, Receipt]] = field(default_factory=list)
    resolutions: list[tuple[int, Resolution]] = field(default_factory=list)
    changed: int = 0

    def decided_at(self, resolution: Resolution) -> int:
        """Return where this very decision, signed once, stands first; 0 where it does not."""
        return next((seq for seq, known in self.resolutions if known == resolution), 0)

    @property
    def is_open(self) -> bool:
        """True while the newest attempt may or may not have posted."""
        return not self.answered

    @property
    def is_final(self) -> bool:
        """True when nothing is to be posted any more, and nothing is open."""
        return self.receipt is not None and self.receipt.final and self.answered

    @property
    def is_standing(self) -> bool:
        """True when the newest word is that it was delivered, or has taken back what it was to take back."""
        done = (ReceiptOutcome.DELIVERED, ReceiptOutcome.RECALLED)
        return self.receipt is not None and self.receipt.outcome in done

    @property
    def is_left_unknown(self) -> bool:
        """True when the last word is an officer's who gave it up: whether it is public was never found out.

        Of what people enter by hand the same word says that it was not done.
        """
        last = self.receipt
        given_up = last is not None and last.outcome is ReceiptOutcome.FAILED and last.resolution_seq is not None
        return given_up and last is not None and last.platform != MANUAL

    @property
    def is_unconfirmed(self) -> bool:
        """True when a person has to say how it ended."""
        return self.is_final and self.receipt is not None and self.receipt.outcome is ReceiptOutcome.UNCONFIRMED


@dataclass
class RequestState:
    """One request with all that was said of it.

    ``request`` is as it counts: its ``submitted_posture`` is the one in force where it is. ``approvals`` holds the
    last genuine statement of each officer with its sequence, ``said`` the same without it, ``rejections`` those of them
    that say no (a rejection or a return), ``statements`` all genuine ones and ``spoken`` the last sequence on each
    officer's subject. ``previous`` is the revision before, ``returned`` who returned an earlier one. ``verdict`` is the
    newest that counts, ``verdict_last`` the last sequence on its subject, also of one that does not. It was folded here
    at ``verdict_folded_at``, the first delivered receipt at ``first_folded_at`` (boot-time seconds). ``wanted``
    is where the newest cleared verdict has it posted, ``left`` what of it is not final, ``opened``, ``unconfirmed`` and
    ``standing`` (delivered) the targets that are so, ``first_delivered`` when the first of them was, the website's
    mirror aside. ``fact_seq`` is the newest fact that the gate decides by.
    """

    request: Request
    seq: int
    at: datetime
    approvals: dict[str, tuple[int, Approval]] = field(default_factory=dict)
    said: tuple[Approval, ...] = ()
    rejections: dict[str, tuple[int, ApprovalStatement]] = field(default_factory=dict)
    statements: list[tuple[int, Approval]] = field(default_factory=list)
    nonces: set[str] = field(default_factory=set)
    spoken: dict[str, int] = field(default_factory=dict)
    verdict: Verdict | None = None
    verdict_seq: int = 0
    verdict_folded_at: float = inf
    verdict_last: int = 0
    wanted: tuple[str, ...] = ()
    targets: dict[str, TargetState] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)
    unconfirmed: set[str] = field(default_factory=set)
    standing: set[str] = field(default_factory=set)
    first_delivered: datetime | None = None
    first_folded_at: float = inf
    fact_seq: int = 0
    changed: int = 0
    previous: Request | None = None
    returned: frozenset[str] = frozenset()

    @property
    def request_id(self) -> str:
        """The request's id."""
        return self.request.request_id

    @property
    def phase(self) -> RequestPhase:
        """Where it is."""
        return phase_of(self)

    @property
    def is_begun(self) -> bool:
        """True when anything was attempted or written down of it on a profile: its content is settled."""
        return any(target.effective or target.is_final for target in self.targets.values())

    @property
    def returning(self) -> frozenset[str]:
        """Who returned this revision."""
        return frozenset(name for name, (_, one) in self.rejections.items() if one.decision == "return")

    def behind(self, known: RequestState) -> RequestState:
        """Take up what is known of the revision before: what is on the subjects, and no approval."""
        self.nonces, self.spoken, self.statements = known.nonces, known.spoken, known.statements
        self.targets, self.verdict_last = known.targets, known.verdict_last
        self.previous, self.returned = known.request, known.returned | known.returning
        for profile in self.targets:
            self.note(profile)
        return self

    @property
    def is_cleared(self) -> bool:
        """True when the newest verdict clears it."""
        return self.verdict is not None and self.verdict.outcome is Outcome.CLEARED

    @property
    def is_refused(self) -> bool:
        """True when it is refused for good."""
        return self.verdict is not None and self.verdict.outcome is Outcome.REFUSED

    @property
    def priority(self) -> tuple[int, int, int]:
        """Who goes first: severity, then crisis before routine, then the ledger's order; lower comes first."""
        return (SEVERITIES.index(self.request.severity), 0 if self.request.crisis else 1, self.seq)

    def target(self, profile: str) -> TargetState:
        """Return what there is of it on a profile."""
        return self.targets.get(profile) or TargetState()

    def target_of(self, profile: str) -> TargetState:
        """Return its state on a profile, to be changed; raises Void for one that it never named.

        Who reads the request again reads the subjects of the profiles that it names, and no others.
        """
        if profile not in self.targets:
            if not self.goes_to(profile):
                raise Void(f"{self.request_id} does not go to {profile}")
            self.targets[profile] = TargetState()
        return self.targets[profile]

    def goes_to(self, profile: str) -> bool:
        """Return whether the request names a profile, or did in a revision before of which something is there."""
        return profile in self.targets or profile in set_of(self.request.targets) or profile in (MIRROR, *self.wanted)

    def note_number(self, profile: str, number: int) -> None:
        """Note that a number was used for an attempt, though that one does not count."""
        if self.goes_to(profile):
            target = self.target_of(profile)
            target.number = max(target.number, number)

    def note_attempt(self, seq: int, at: datetime, attempt: Attempt, boot: float) -> None:
        """Note an attempt that counts; ``at`` is the server's stamp, ``boot`` the present in boot-time seconds."""
        target = self.target_of(attempt.profile)
        target.attempt, target.attempt_seq, target.attempt_at = attempt, seq, at
        target.folded_at, target.answered, target.lapsed = boot, False, False
        target.number = max(target.number, attempt.number)
        target.effective.append(seq)
        target.changed = self.changed = seq
        self.note(attempt.profile)

    def want(self, profiles: tuple[str, ...]) -> None:
        """Note where it is to be posted."""
        self.wanted = profiles
        self.left = {profile for profile in profiles if not self.target(profile).is_final}

    def note(self, profile: str) -> None:
        """Note what has become of a target, after it changed."""
        target = self.target(profile)
        found = (
            (self.opened, target.is_open),
            (self.unconfirmed, target.is_unconfirmed),
            (self.standing, target.is_standing),
        )
        for names, holds in found:
            (names.add if holds else names.discard)(profile)
        if target.is_standing and target.receipt is not None and profile != MIRROR:
            self.first_delivered = min(self.first_delivered or target.receipt.at, target.receipt.at)
            self.first_folded_at = min(self.first_folded_at, target.receipt_folded_at)
        if target.is_final:
            self.left.discard(profile)
        elif profile in self.targets and profile in set_of(self.wanted):
            self.left.add(profile)

    @property
    def is_delivered(self) -> bool:
        """True when it was cleared and nothing is left to post."""
        return bool(self.wanted) and not self.left

    @property
    def has_unconfirmed(self) -> bool:
        """True when a person has to say how a post of it ended."""
        return bool(self.unconfirmed)

    @property
    def is_over(self) -> bool:
        """True when nothing more will come of it: refused and wound up, or delivered everywhere and known to be."""
        return self.phase in OVER


@by_identity(1_024)
def set_of(profiles: tuple[str, ...]) -> frozenset[str]:
    """Return the profiles as a set; of the same tuple the same set."""
    return frozenset(profiles)


def wanted_by(verdict: Verdict) -> tuple[str, ...]:
    """Return where a cleared verdict has a request posted: its targets, and the website's mirror where it says so."""
    targets = tuple(dict.fromkeys(verdict.targets))
    return (*targets, MIRROR) if verdict.mirror else targets
