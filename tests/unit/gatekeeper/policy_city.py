"""A small city for the gate's tests: real keys, a real signed manifest, real orders folded into control."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import nkeys

from schemas import subjects
from schemas.events import control as c
from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.authority import Grant, Manifest, Officer, Profile, Role, Settings
from schemas.events.envelope import APPROVAL_TYPE, MANIFEST_TYPE, ORDER_TYPE
from schemas.events.requests import Request, ScreeningFinding
from schemas.events.verdicts import Finding
from services.gatekeeper.policy.decide import Decision, decide
from services.gatekeeper.policy.facts import ApprovalFact, Facts
from services.kernel.authority.signing import Signer, seal
from services.kernel.control.control_fold import fold
from services.kernel.control.control_state import ControlState
from services.kernel.control.naming import named
from tests.support.messages import renderings_of, request_of
from tests.support.people import order_of, statement_on

START = datetime(2026, 1, 31, 14, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@functools.cache
def signer(name: str) -> Signer:
    """The key of a name: always the same, so that a failing example can be run again."""
    raw = hashlib.sha256(f"a test key, worth nothing: {name}".encode()).digest()
    return Signer(bytes(nkeys.encode_seed(raw, nkeys.PREFIX_BYTE_USER)))


ROOTS = (signer("root one"), signer("root two"))
ROOT_KEYS = frozenset(root.public_key for root in ROOTS)

OFFICERS: dict[str, tuple[Grant, ...]] = {
    "cao": (Grant(role=Role.CAO),),
    "mcpe": (Grant(role=Role.MCPE),),
    "pio": (Grant(role=Role.PIO),),
    "eoc-director": (Grant(role=Role.EOC_DIRECTOR),),
    "office": (Grant(role=Role.COMMS_OFFICE),),
    "fire-publisher": (Grant(role=Role.PUBLISHER, profiles=("fire-town", "fire-news")),),
    "police-publisher": (Grant(role=Role.PUBLISHER, profiles=("police-town",)),),
    "fire-speaker": (Grant(role=Role.PUBLISHER, profiles=("fire-town",)), Grant(role=Role.DESIGNATED)),
    "chief": (Grant(role=Role.DESIGNATED),),
    "clerk": (Grant(role=Role.EMPLOYEE),),
    "nobody": (),
}


def profile(name: str, **changes: Any) -> Profile:
    """A profile that carries all that it must; its department is the first word of its id."""
    values: dict[str, Any] = {
        "id": name,
        "department": name.split("-")[0],
        "platform": "townsquare",
        "account": f"@{name}",
        "purpose": "what happens here",
        "identification": "run by the city",
        "disclosure": "the usual terms",
    }
    return Profile(**(values | changes))


PROFILES = (
    profile("fire-town"),
    profile("fire-news"),
    profile("police-town"),
    profile("parks-town"),
    profile("city-town", departmental=False),
)
EVERY_DEPARTMENT = ("fire-town", "parks-town", "police-town")


class PolicyCity:
    """One city's control and what people said, in one order of sequences; ``now`` is set by hand."""

    def __init__(
        self,
        officers: dict[str, tuple[Grant, ...]] | None = None,
        profiles: Iterable[Profile] = PROFILES,
        settings: Settings | None = None,
        keys: dict[str, Signer] | None = None,
        rule: Literal[2, 3, 4] | None = c.RULE,
        threshold: int | None = None,
        expires_at: datetime | None = None,
    ) -> None:
        self.now = START
        self.rule = rule
        self.seq = 0
        self.keys = keys or {}
        self.approvals: dict[str, dict[str, ApprovalFact]] = {}
        self.request_seqs: dict[str, int] = {}
        self.control = ControlState()
        manifest = Manifest(
            realm="live",
            city="Test",
            website="https://city.example",
            issued_at=START,
            officers=tuple(
                Officer(id=name, name=name, public_key=self.key(name).public_key, grants=grants)
                for name, grants in (OFFICERS if officers is None else officers).items()
            ),
            profiles=tuple(profiles),
            settings=settings or Settings(all_departments_percent=99),
            threshold=threshold,
            expires_at=expires_at,
        )
        self.pinned = threshold or 2
        roots = (*ROOTS, signer("root five"))[: self.pinned]
        self.root_keys = frozenset(root.public_key for root in roots)
        self.fold(c.Genesis(at=START, rule=self.rule, manifest=seal(MANIFEST_TYPE, manifest, roots)))

    def key(self, name: str) -> Signer:
        """The signing key of an officer."""
        return self.keys.get(name) or signer(name)

    def next_seq(self) -> int:
        """The next sequence of the ledger."""
        self.seq += 1
        return self.seq

    def nonce(self) -> str:
        """A nonce that was not used before."""
        return f"{self.seq:032x}"

    def fold(self, event: c.ControlEvent) -> None:
        """Append a control event."""
        seq = self.seq + 1
        self.control = fold(self.control, event, seq, root_keys=self.root_keys, threshold=self.pinned, realm="live")
        self.seq = seq

    def order(self, officer: str, action: Any) -> None:
        """Append an order, signed by the officer's key; raises ControlFault where it may not be."""
        asked = named(self.control, action) if self.rule else action
        order = order_of(officer, asked, self.now, expires_at=self.now + MINUTE, nonce=self.nonce())
        self.fold(c.Ordered(at=self.now, rule=self.rule, order=self.key(officer).sign(ORDER_TYPE, order)))

    def activate(self, barrier: bool = True) -> None:
        """Activate the EOC; without the barrier it stays activating."""
        self.order("eoc-director", c.EocActivate(level=2, incident="flood"))
        if barrier:
            self.fold(c.EocActive(at=self.now, activating_seq=self.control.activating_seq))

    def stand_down(self) -> None:
        """Stand the EOC down."""
        self.order("eoc-director", c.EocStandDown())

    def crisis(self) -> None:
        """Declare a crisis."""
        self.order("cao", c.CrisisDeclare(incident="flood"))

    def posture(self, name: str) -> None:
        """Go from routine into a posture."""
        go: dict[str, Callable[[], None]] = {
            "routine": lambda: None,
            "crisis": self.crisis,
            "eoc_activating": lambda: self.activate(barrier=False),
            "eoc_active": self.activate,
        }
        go[name]()

    def designate(self, officer: str, role: Role, **grant: Any) -> None:
        """Give an officer a role, by order of the cao."""
        self.order("cao", c.Designate(officer=officer, grant=Grant(role=role, **grant)))

    def revoke(self, officer: str) -> None:
        """Revoke an officer, by order of the cao."""
        self.order("cao", c.Revoke(officer=officer))

    def request(self, **changes: Any) -> Request:
        """Submit a request in the present posture; the digest fits unless it is given."""
        seq = self.next_seq()
        request_id = changes.pop("request_id", f"r{seq:012d}")
        said = renderings_of(f"text {seq}", ("townsquare", "website"), START)
        renderings = changes.pop("renderings", None) or said
        screening = tuple(
            ScreeningFinding(code=code, clause="definitions i-xi", reason=f"found {code}")
            for code in changes.pop("screening", ())
        )
        fields: dict[str, Any] = {
            "event_id": str(seq),
            "content_sha256": "0" * 64,
            "targets": ("fire-town",),
            "submitted_posture": str(self.control.posture),
            "screening": screening,
        }
        self.request_seqs[request_id] = seq
        return request_of(request_id, f"text {seq}", renderings, self.now, **(fields | changes))

    def to_all(self, **changes: Any) -> Request:
        """Submit a request for all departments, as intake resolves it."""
        return self.request(scope="all-departments", targets=self.control.departmental_profiles(), **changes)

    def statement(self, request: Request, officer: str, /, **changes: Any) -> ApprovalStatement:
        """An officer's statement that fits the request, changed as told."""
        lasts = {"expires_at": self.now + timedelta(minutes=30), "nonce": self.nonce()}
        return statement_on(request, officer, self.now, **(lasts | changes))

    def approve(self, request: Request, officer: str, /, *, key: str | None = None, **changes: Any) -> None:
        """Append an officer's statement, signed by the officer's key or that of ``key``."""
        envelope = self.key(key or officer).sign(APPROVAL_TYPE, self.statement(request, officer, **changes))
        self.record(
            request, officer, Approval(at=self.now, request_id=request.request_id, officer=officer, envelope=envelope)
        )

    def reject(self, request: Request, officer: str, /, reason: str = "not true", **changes: Any) -> None:
        """Append an officer's rejection."""
        self.approve(request, officer, decision="reject", reason=reason, **changes)

    def record(self, request: Request, officer: str, approval: Approval) -> None:
        """Append an approval event as it is, on the officer's subject."""
        fact = ApprovalFact(approval, self.next_seq(), subjects.approval(request.request_id, officer))
        self.approvals.setdefault(request.request_id, {})[officer] = fact

    def facts(self, request: Request, delivered: Iterable[str] = ()) -> Facts:
        """The facts of a request as they are now."""
        return Facts(
            request=request,
            request_seq=self.request_seqs[request.request_id],
            approvals=tuple(self.approvals.get(request.request_id, {}).values()),
            control=self.control,
            now=self.now,
            delivered=frozenset(delivered),
        )

    def decide(self, request: Request, delivered: Iterable[str] = ()) -> Decision:
        """What the gate says now."""
        return decide(self.facts(request, delivered))

    def outcome(self, request: Request, *officers: str) -> str:
        """Let officers approve in turn, and return the outcome."""
        for officer in officers:
            self.approve(request, officer)
        return str(self.decide(request).outcome)


def said(decision: Decision, clause: str) -> list[Finding]:
    """The findings of a clause."""
    return [finding for finding in decision.findings if finding.clause == clause]


def one(decision: Decision, clause: str, outcome: str) -> str:
    """The reason of the only finding of a clause, which must have this outcome."""
    (finding,) = said(decision, clause)
    assert str(finding.outcome) == outcome, finding
    return finding.reason
