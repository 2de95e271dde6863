"""A ledger told entry by entry, genuine throughout, and the reader that folds it as a service does."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from schemas import subjects
from schemas.events import control as c
from schemas.events.approvals import Approval
from schemas.events.authority import Manifest
from schemas.events.base import Contract
from schemas.events.deliveries import Attempt, Receipt, ReceiptOutcome
from schemas.events.envelope import APPROVAL_TYPE, MANIFEST_TYPE, ORDER_TYPE
from schemas.events.requests import Request, digest_of
from schemas.events.verdicts import Outcome, Verdict
from services.kernel.authority.signing import Signer, new_seed, seal
from services.kernel.control.control_state import ControlState
from services.kernel.control.naming import named
from services.kernel.fold.ledger_fold import EVERYTHING, Applied, Authority, LedgerFold
from services.kernel.fold.reopening import reopen
from services.kernel.fold.state import RequestState
from services.kernel.ledger.entry import EXPECTED, FENCE_SUBJECT, Entry
from tests.support.people import order_of, resolution_of
from tests.unit.fanout import world
from tests.unit.fanout.world import NOW, PROFILES, ROLES, SIGNERS

ROOTS = tuple(Signer(new_seed()) for _ in range(2))
AUTHORITY = Authority("live", frozenset(one.public_key for one in ROOTS), 2)
FIRE = "fire-social"
PARKS = "parks-social"


@dataclass
class Story:
    """The ledger. ``now`` is the server's time of the next entry; each method returns the sequence of what it adds."""

    entries: list[Entry] = field(default_factory=list)
    now: datetime = NOW
    requests: dict[str, Request] = field(default_factory=dict)

    def put(self, subject: str, event: Contract | bytes, headers: dict[str, str] | None = None) -> int:
        """Append what is given, whatever it is."""
        data = event if isinstance(event, bytes) else event.to_bytes()
        self.entries.append(Entry(len(self.entries) + 1, subject, self.now, data, headers or {}))
        self.now += timedelta(milliseconds=100)
        return len(self.entries)

    def last(self, subject: str) -> int:
        """The last sequence of a subject."""
        return max((one.seq for one in self.entries if one.subject == subject), default=0)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    @property
    def revision(self) -> int:
        """The control revision in force."""
        return self.last(subjects.CONTROL)

    # --- control ------------------------------------------------------------------------------------------

    def control(self) -> ControlState:
        """The state of control, as a service has it."""
        fold = LedgerFold(AUTHORITY, frozenset({"control"}))
        for entry in self.entries:
            if entry.subject == subjects.CONTROL:
                fold.apply(entry, 0.0)
        return fold.control

    def genesis(self, rule: Any = c.RULE, threshold: int | None = None) -> int:
        """The manifest, with the officers and profiles of the world; ``threshold`` people ask for a change of power."""
        manifest = Manifest(
            realm="live",
            city="Mission",
            website="https://mission.example",
            issued_at=self.now,
            officers=tuple(world.officer(name) for name in ROLES),
            profiles=tuple(world.profile(name) for name in PROFILES),
            threshold=threshold,
        )
        return self.put(
            subjects.CONTROL, c.Genesis(at=self.now, manifest=seal(MANIFEST_TYPE, manifest, ROOTS), rule=rule)
        )

    def order(self, officer: str, action: Any, rule: Any = c.RULE, *, key: Signer | None = None) -> int:
        """An officer's order; ``key``: another one that signs it."""
        asked = named(self.control(), action) if (rule or 0) >= 3 else action
        order = order_of(officer, asked, self.now, nonce=f"{len(self.entries):032x}")
        signed = (key or SIGNERS[officer]).sign(ORDER_TYPE, order)
        return self.put(subjects.CONTROL, c.Ordered(at=self.now, order=signed, rule=rule))

    def activate(self) -> int:
        """The EOC becomes active."""
        activating = self.order("director", c.EocActivate(level=2, incident="flood"))
        return self.put(subjects.CONTROL, c.EocActive(at=self.now, activating_seq=activating))

    def stand_down(self) -> int:
        """The EOC stands down."""
        return self.order("director", c.EocStandDown())

    def hold(self) -> int:
        """A control change that takes nothing of what is told here back, but every verdict's revision."""
        return self.order("pio", c.ProfileAdd(profile=world.profile(f"new-{len(self.entries)}")))

    # --- what is said of a request ------------------------------------------------------------------------

    def request(self, name: str = "r1", *targets: str, first: bool = True, **changes: Any) -> int:
        """A request; ``first``: the server has seen that nothing stood under its name."""
        renderings = (world.rendering(), world.rendering("website"))
        revision = changes.get("revision", 1)
        values: dict[str, Any] = {
            "at": self.now,
            "request_id": name,
            "targets": targets or (FIRE,),
            "renderings": renderings,
            "digest": digest_of(name, revision, renderings),
        }
        made = world.request(**(values | changes))
        self.requests[name] = made
        return self.put(subjects.request(name), made, {EXPECTED: "0"} if first else {})

    def approve(self, name: str = "r1", officer: str = "mcpe", *, key: Signer | None = None, **changes: Any) -> int:
        """An officer's statement."""
        nonce = {"nonce": f"{len(self.entries):032x}"}
        statement = world.statement(self.requests[name], officer, **(nonce | changes))
        envelope = (key or SIGNERS[officer]).sign(APPROVAL_TYPE, statement)
        event = Approval(at=self.now, request_id=name, officer=officer, envelope=envelope)
        return self.put(subjects.approval(name, officer), event)

    def reject(self, name: str = "r1", officer: str = "mcpe") -> int:
        """An officer's no."""
        return self.approve(name, officer, decision="reject")

    def verdict(self, name: str = "r1", outcome: Outcome = Outcome.CLEARED, **changes: Any) -> int:
        """A verdict at the revision in force."""
        values = {"at": self.now, "control_seq": self.revision, "as_of": len(self.entries), "outcome": outcome}
        made: Verdict = world.verdict(self.requests[name], **(values | changes))
        return self.put(subjects.verdict(name), made)

    def attempt(self, name: str = "r1", profile: str = FIRE, *, fence: int | None = None, **changes: Any) -> int:
        """An attempt behind the newest verdict, fenced on the revision that it names."""
        subject = subjects.attempt(profile, name)
        number = sum(one.subject == subject for one in self.entries) + 1
        values: dict[str, Any] = {"at": self.now, "profile": profile, "number": number, "control_seq": self.revision}
        values["verdict_seq"] = self.last(subjects.verdict(name))
        made: Attempt = world.attempt(self.requests[name], **(values | changes))
        stands = made.control_seq if fence is None else fence
        return self.put(subject, made, {FENCE_SUBJECT: subjects.CONTROL, EXPECTED: str(stands)})

    def receipt(
        self,
        attempt_seq: int,
        outcome: ReceiptOutcome = ReceiptOutcome.DELIVERED,
        name: str = "r1",
        profile: str = FIRE,
        **changes: Any,
    ) -> int:
        """How an attempt ended."""
        final = outcome not in (ReceiptOutcome.WITHHELD, ReceiptOutcome.LAPSED)
        values = {"at": self.now, "profile": profile, "attempt_seq": attempt_seq, "outcome": outcome, "final": final}
        values["worker"] = f"worker-{1 + len(self.entries) % 2}"  # who made the attempt, or another one
        made: Receipt = world.receipt(self.requests[name], **(values | changes))
        return self.put(subjects.receipt(profile, name), made)

    def resolve(self, receipt_seq: int, name: str = "r1", profile: str = FIRE, *, key: Signer | None = None) -> int:
        """An officer has an unconfirmed post made again."""
        about, nonce = (name, profile, receipt_seq), f"{len(self.entries):032x}"
        made = resolution_of(about, "post_again", "pio", key or SIGNERS["pio"], self.now, nonce=nonce)
        return self.put(subjects.resolution(profile, name), made)

    # --- whole stretches ----------------------------------------------------------------------------------

    def cleared(self, name: str = "r1", *targets: str, **changes: Any) -> Story:
        """A request that is approved and cleared."""
        self.request(name, *targets, **changes)
        self.approve(name)
        self.verdict(name)
        return self

    def delivered(self, name: str = "r1", *targets: str, **changes: Any) -> Story:
        """One that is over."""
        self.cleared(name, *targets, **changes)
        for profile in targets or (FIRE,):
            self.receipt(self.attempt(name, profile), name=name, profile=profile)
        return self


def begun() -> Story:
    """A ledger with its manifest."""
    story = Story()
    story.genesis()
    return story


class Reader:
    """Folds entries one by one; what is over and touched again is read from its subjects first, as a service does."""

    def __init__(self, boot: float = 0.0) -> None:
        self.fold = LedgerFold(AUTHORITY, EVERYTHING)
        self.applied: dict[int, Applied] = {}
        self.reopened: list[int] = []
        self._seen: list[Entry] = []
        self._boots = itertools.count(int(boot))

    def read(self, entries: list[Entry]) -> Reader:
        """Fold what is not folded yet."""
        for entry in entries[len(self._seen) :]:
            boot = float(next(self._boots))
            request_id = self.fold.missing(entry)
            if request_id is not None:
                self.reopened.append(entry.seq)
                reopen(self.fold, request_id, of_request(self._seen, request_id), boot)
            self.applied[entry.seq] = self.fold.apply(entry, boot)
            self._seen.append(entry)
        return self

    def void(self, seq: int) -> str:
        """Why an entry does not count; empty when it does."""
        return self.applied[seq].void

    def state(self, name: str = "r1") -> RequestState:
        """A request that is in memory."""
        return self.fold.requests[name]


def of_request(entries: list[Entry], name: str) -> list[Entry]:
    """The entries on a request's subjects."""
    return [one for one in entries if any(subjects.matches(filter_, one.subject) for filter_ in subjects.all_of(name))]


def folded(story: Story) -> Reader:
    """The whole story, folded."""
    return Reader().read(story.entries)


def _is_when(name: str) -> bool:
    return name.endswith("folded_at")


def gist(state: RequestState) -> dict[str, Any]:
    """Everything that a request's state says, but when it was folded."""
    said = {name: value for name, value in vars(state).items() if name != "targets" and not _is_when(name)}
    targets = {
        profile: {name: value for name, value in vars(target).items() if not _is_when(name)}
        for profile, target in state.targets.items()
    }
    return {**said, "targets": targets}


def picture(fold: LedgerFold) -> dict[str, Any]:
    """Everything that a fold says, but when it was folded."""
    said = {name: value for name, value in vars(fold).items() if name not in ("requests", "authority")}
    said["taken_over"] = {seq: replace(one, folded_at=0.0) for seq, one in fold.taken_over.items()}
    return {**said, "requests": {name: gist(state) for name, state in fold.requests.items()}}
