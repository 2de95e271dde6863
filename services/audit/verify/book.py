"""The facts that a replay gathers from the ledger, in its order: what each later entry is judged by."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from schemas.events.approvals import Approval
from schemas.events.control import Posture
from schemas.events.deliveries import Attempt, ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.verdicts import Verdict
from services.audit.verify.frame import Pinned
from services.audit.verify.line import Line
from services.audit.verify.report import Violation
from services.kernel.control import ControlState


@dataclass(frozen=True)
class Authority:
    """The pinned keys of the realm that is verified."""

    realm: str
    root_keys: frozenset[str]
    threshold: int
    audit_key: str


@dataclass
class AttemptFacts:
    """An attempt, and how it ended so far (``receipt_seq`` 0: not yet).

    ``overtaken``: what is wrong with it if it was carried out, although it was right moments before; ``late``: it was
    right when it was written, and not any more when it was stored.
    """

    seq: int
    at: datetime
    event: Attempt
    receipt_seq: int = 0
    outcome: ReceiptOutcome | None = None
    overtaken: tuple[Violation, ...] = ()
    late: bool = False


@dataclass(frozen=True)
class Decided:
    """What an officer decided on an unconfirmed receipt; ``good`` when nothing was wrong with it."""

    receipt_seq: int
    decision: str
    url: str | None
    good: bool


@dataclass
class Target:
    """One revision of a request on one profile. ``remote_ids``: what stands, or stood, in public.

    ``unconfirmed_seq`` is the final unconfirmed receipt that stands, ``again_seq`` the receipt by which a person had it
    posted again; 0 where there is none. ``decided`` are the resolutions by their sequence.
    """

    attempts: list[AttemptFacts] = field(default_factory=list)
    delivered_seq: int = 0
    final_seq: int = 0
    remote_ids: set[str] = field(default_factory=set)
    unconfirmed_seq: int = 0
    again_seq: int = 0
    decided: dict[int, Decided] = field(default_factory=dict)


@dataclass
class Case:
    """A request with all that was said of it.

    ``verdict_seq`` is that of the last verdict, 0 before one; ``changed_at`` the time of the last verdict or
    approval.
    """

    request: Request
    request_seq: int
    request_at: datetime
    verdict: Verdict | None = None
    verdict_seq: int = 0
    changed_at: datetime | None = None
    approvals: dict[str, Approval] = field(default_factory=dict)
    targets: dict[tuple[int, str], Target] = field(default_factory=dict)
    newest_revision: dict[str, int] = field(default_factory=dict)

    def target(self, revision: int, profile: str) -> Target:
        """Return the facts of a revision on a profile."""
        return self.targets.setdefault((revision, profile), Target())


@dataclass
class Book:
    """All facts up to the entry that is judged next.

    ``control_seq`` is the newest entry on ``ledger.control``, also one that the fold refused, ``control_at`` its time;
    ``revisions`` are all of them, with the posture after each. ``open_attempts`` have no receipt, by sequence.
    """

    authority: Authority
    control: ControlState = field(default_factory=ControlState)
    control_seq: int = 0
    control_at: datetime | None = None
    revisions: dict[int, Posture] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    nonces: dict[str, int] = field(default_factory=dict)
    attempts: dict[int, AttemptFacts] = field(default_factory=dict)
    open_attempts: dict[int, AttemptFacts] = field(default_factory=dict)
    seals: list[Pinned] = field(default_factory=list)
    warnings: list[Violation] = field(default_factory=list)


def header(line: Line, name: str) -> str | None:
    """Return a header of an entry, whatever the case of its name."""
    return next((value for key, value in line.headers.items() if key.lower() == name.lower()), None)
