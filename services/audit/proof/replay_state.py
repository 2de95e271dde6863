"""The facts that a replay gathers from the ledger, in its order: what each later entry is judged by."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import datetime

from schemas.events.approvals import Approval
from schemas.events.control import Posture
from schemas.events.deliveries import Attempt, ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.verdicts import Verdict
from services.audit.proof.counted import CountedRequest
from services.audit.proof.effective import ProfileProgress, Progress
from services.audit.proof.naming import InForce
from services.audit.proof.plain_pickle import unpickled
from services.audit.record.audit_keys import AuditKeys
from services.audit.record.reader import PinnedCheckpoint
from services.audit.record.violation import Violation
from services.kernel.control.control_state import ControlState


@dataclass(frozen=True)
class PinnedKeys:
    """The pinned keys of the realm that is verified."""

    realm: str
    root_keys: frozenset[str]
    threshold: int
    audit_keys: AuditKeys


@dataclass(slots=True)
class AttemptFacts:
    """An attempt that counts, and how it ended so far (``receipt_seq`` 0: not yet; one that lapsed is open still).

    ``overtaken``: what is wrong with it if it was carried out, although it was right moments before; ``late``: it was
    right when it was written, and not any more when it was stored. ``answered_by`` and ``answered_at``: who said first
    how it ended, and when. ``named_at`` is the eoc_active that named its post as unknown, 0 where none did.
    """

    seq: int
    at: datetime
    event: Attempt
    receipt_seq: int = 0
    outcome: ReceiptOutcome | None = None
    overtaken: tuple[Violation, ...] = ()
    late: bool = False
    answered_by: str | None = None
    answered_at: datetime | None = None
    named_at: int = 0

    @property
    def place(self) -> tuple[str, str, int]:
        """Where it goes: profile, request and its own sequence, as an unknown post is named."""
        return self.event.profile, self.event.request_id, self.seq


@dataclass(frozen=True)
class Decided:
    """What an officer decided on an unconfirmed receipt; ``good`` when nothing was wrong with it.

    ``sha256`` is that of the entry.
    """

    receipt_seq: int
    decision: str
    url: str | None
    good: bool
    sha256: str


@dataclass(frozen=True)
class Acknowledged:
    """Where an officer's word on an outside post stands, and the SHA-256 of the entry; ``good`` as of ``Decided``."""

    seq: int
    sha256: str
    good: bool


@dataclass(slots=True)
class Target:
    """One revision of a request on one profile. ``remote_ids``: what is there, or stood, in public.

    ``begun_seq`` is the receipt that says what stands of it since a person last decided, ``unconfirmed_seq`` the final
    unconfirmed receipt that stands, ``again_seq`` the receipt by which a person had it posted again; 0 where there is
    none. ``seen_by_person``: an officer said where it is.
    ``decided`` are the resolutions by their sequence.
    """

    attempts: list[AttemptFacts] = field(default_factory=list)
    delivered_seq: int = 0
    seen_by_person: bool = False
    final_seq: int = 0
    remote_ids: set[str] = field(default_factory=set)
    begun_seq: int = 0
    unconfirmed_seq: int = 0
    again_seq: int = 0
    decided: dict[int, Decided] = field(default_factory=dict)


@dataclass(slots=True)
class DeliveryContext:
    """A request with everything that was decided about it, and how each of its deliveries went.

    ``request`` has the posture that was in force where it is. ``counts``: False where it is under another name
    or realm. ``counted`` is what counts of it; the other fields are what is in the record, whether it counts or
    not: ``verdict_seq`` is that of the last verdict, 0 before one; ``changed_at`` the time of the last verdict or
    approval.
    """

    request: Request
    request_seq: int
    request_at: datetime
    counted: CountedRequest
    counts: bool = True
    verdict: Verdict | None = None
    verdict_seq: int = 0
    changed_at: datetime | None = None
    approvals: dict[str, Approval] = field(default_factory=dict)
    targets: dict[tuple[int, str], Target] = field(default_factory=dict)
    newest_revision: dict[str, int] = field(default_factory=dict)

    def attempts(self) -> list[AttemptFacts]:
        """Return its attempts that count, of all revisions."""
        return [one for target in self.targets.values() for one in target.attempts]

    def target(self, revision: int, profile: str) -> Target:
        """Return the facts of a revision on a profile."""
        return self.targets.setdefault((revision, profile), Target())


@dataclass(frozen=True, slots=True)
class PackedRequest:
    """A request that has come to an end, its context and progress as few bytes. ``attempts``: how many it had.

    ``quiet_since`` is when something was decided on it last.
    """

    quiet_since: datetime
    attempts: int
    body: bytes

    def content(self) -> tuple[DeliveryContext, dict[str, ProfileProgress]]:
        """Return its context, and its progress by profile."""
        context, progress = unpickled(zlib.decompress(self.body))
        return context, progress


@dataclass
class ReplayState:
    """All facts up to the entry that is judged next.

    ``control_seq`` is the newest entry on ``ledger.control``, also one that is void, ``control_at`` its time;
    ``in_force`` is what an order could end or change, ``orders`` are the hashes of what officers signed and was carried
    out; ``revisions`` all control entries, with the posture after each. ``verdicts`` are the last sequences on the
    subjects of verdicts. ``attempts`` are those that count, ``open_attempts`` those of them that nobody knows the end
    of, ``void_attempts`` the others, with the reason. ``replaced_by``: the cleared correction or recall of a request,
    ``replaced_at`` where that is. ``ruled``: an attempt of version 0.3 stood; ``old_until``: the last attempt of an
    older one. ``outside`` and ``acknowledged`` say where each outside post (profile, id) and the word on it stand,
    ``told`` where each notice does; ``withdrawals`` are the stamps of each officer's newest.
    ``contexts`` and ``attempts`` leave out the requests that are ``packed``, and what a verification that goes on later
    does not remember, ``gone_attempts`` of them. ``pack_above``: how many requests and attempts may be loose.
    """

    pinned: PinnedKeys
    control: ControlState = field(default_factory=ControlState)
    control_seq: int = 0
    control_at: datetime | None = None
    revisions: dict[int, Posture] = field(default_factory=dict)
    contexts: dict[str, DeliveryContext] = field(default_factory=dict)
    packed: dict[str, PackedRequest] = field(default_factory=dict)
    verdicts: dict[str, int] = field(default_factory=dict)
    in_force: InForce = field(default_factory=InForce)
    orders: set[str] = field(default_factory=set)
    nonces: dict[str, int] = field(default_factory=dict)
    attempts: dict[int, AttemptFacts] = field(default_factory=dict)
    open_attempts: dict[int, AttemptFacts] = field(default_factory=dict)
    void_attempts: dict[int, str] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)
    seals: list[PinnedCheckpoint] = field(default_factory=list)
    warnings: list[Violation] = field(default_factory=list)
    replaced_by: dict[str, str] = field(default_factory=dict)
    replaced_at: dict[str, int] = field(default_factory=dict)
    outside: dict[tuple[str, str], int] = field(default_factory=dict)
    acknowledged: dict[tuple[str, str], Acknowledged] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    withdrawals: dict[str, list[datetime]] = field(default_factory=dict)
    ruled: bool = False
    old_until: int = 0
    pack_above: int = 0
    gone_attempts: int = 0
    _void: list[Violation] = field(default_factory=list)
    _before: list[Violation] = field(default_factory=list)

    def counted_attempts(self) -> int:
        """Return how many attempts count, in all of the record."""
        return len(self.attempts) + sum(one.attempts for one in self.packed.values()) + self.gone_attempts

    @property
    def goes_by_new_rules(self) -> bool:
        """True once an order or an attempt of version 0.3 stands."""
        return self.ruled or self.control.ruled

    def void(self, seq: int, code: str, message: str) -> None:
        """Note an entry that does not count for any reader: a warning. Before version 0.3 it was a violation."""
        self._void.append(Violation(seq, code, message))

    def before(self, seq: int, code: str, message: str) -> None:
        """Note what was a violation before version 0.3, and is none any more."""
        self._before.append(Violation(seq, code, message))

    def request(self, request_id: str) -> DeliveryContext | None:
        """Return a request, whether it counts or not; one that was packed is taken out, with all that is known of it.

        Ask for it before its attempts and its progress are looked up.
        """
        packed = self.packed.pop(request_id, None)
        if packed is not None:
            context, self.progress.at[request_id] = packed.content()
            self.contexts[request_id] = context
            self.attempts.update((one.seq, one) for one in context.attempts())
        return self.contexts.get(request_id)

    def context(self, request_id: str) -> DeliveryContext | None:
        """Return a request that counts."""
        context = self.request(request_id)
        return context if context is not None and context.counts else None

    def void_as_violations(self) -> tuple[Violation, ...]:
        """Return what did not count in the part of the ledger that an older version wrote, known at its end."""
        return tuple(one for one in (*self._void, *self._before) if self._is_old(one.seq))

    def void_as_warnings(self) -> tuple[Violation, ...]:
        """Return what did not count in the other part."""
        return tuple(one for one in self._void if not self._is_old(one.seq))

    def _is_old(self, seq: int) -> bool:
        """An older version wrote up to its last attempt; a ledger with such attempts and no others is its alone."""
        return seq <= self.old_until or (not self.ruled and self.old_until > 0)
