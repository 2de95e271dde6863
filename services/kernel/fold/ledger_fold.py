"""The fold of the ledger: control, and each request that is not over. A function of the entries in their order alone.

Whether an entry counts is decided by its bytes and what stands before it. What does not count is *void*: junk, a
statement whose signature is not right, a verdict whose control revision is not in force where it stands, an attempt
that is not effective, a receipt of no attempt. It is skipped by every reader in the same way, with an alarm.

What is over leaves memory; an entry on a request that is not there reopens it by reading its subjects (``missing``).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.control import Ordered, Posture
from schemas.events.deliveries import Attempt, Receipt, ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.resolutions import Resolution, ResolutionStatement
from schemas.events.verdicts import Outcome, Verdict
from schemas.platforms import MIRROR
from schemas.subjects import place_of
from services.kernel.authority.statements import signed_by
from services.kernel.control.control_fold import fold
from services.kernel.control.control_state import ControlFault, ControlState
from services.kernel.control.order_rules import order_hash
from services.kernel.fold.borne_out import baseless_because
from services.kernel.fold.chain import Chain
from services.kernel.fold.effective import is_forged, rejected_by, void_because
from services.kernel.fold.overtaken import came_too_late
from services.kernel.fold.reading import is_first, is_kind, is_readable, keys_of, parse, parse_control_event
from services.kernel.fold.state import RequestState, TakenOver, TargetState, set_of, wanted_by
from services.kernel.ledger.entry import Entry

REMEMBERED = timedelta(hours=1)
"""How long an attempt that another answered is remembered: a worker that is stopped for longer counts as dead."""


class Void(Exception):
    """An entry that does not count, and why."""


class LostRace(Void):
    """An entry that an honest service stored a moment too late, as it may: the ledger's order decided."""


@dataclass(frozen=True)
class Authority:
    """The pinned keys of the realm."""

    realm: str
    root_keys: frozenset[str]
    threshold: int


@dataclass(frozen=True)
class Applied:
    """What one entry changed: the kind, the keys of what it touches, and why it is void (empty: it counts).

    ``lost_race``: it is void only because it came a moment too late, which calls for no alarm.
    """

    seq: int
    kind: str
    keys: tuple[str, ...] = ()
    void: str = ""
    lost_race: bool = False


@dataclass
class LedgerFold:
    """The state after the entry ``seq``.

    ``control_seq`` is the last sequence of ``ledger.control``, of junk too: the control revision. ``revisions`` holds
    all of them, each with the posture from there on. ``orders`` maps the hash of each order that was carried out to
    its sequence. ``busy`` maps a profile to its effective attempt that nothing was said of yet. ``ruled_from`` is where
    the first attempt under the rule of version 0.3 stands (0: nowhere); older ones are junk from there on.
    ``ruled_orders`` is where control went by that rule first.
    ``taken_over`` holds the attempts of the last hour that another than their worker answered, also of requests that
    are over. ``chain``: which request comes after which, for ever.
    """

    authority: Authority
    kinds: frozenset[str]
    seq: int = 0
    control: ControlState = field(default_factory=ControlState)
    control_seq: int = 0
    orders: dict[str, int] = field(default_factory=dict)
    requests: dict[str, RequestState] = field(default_factory=dict)
    busy: dict[str, tuple[int, str]] = field(default_factory=dict)
    taken_over: dict[int, TakenOver] = field(default_factory=dict)
    chain: Chain = field(default_factory=Chain)
    ruled_from: int = 0
    ruled_orders: int = 0
    revisions: list[tuple[int, Posture]] = field(default_factory=list)

    def missing(self, entry: Entry) -> str | None:
        """Return the request that an entry is about if it is not in memory: its subjects have to be read first.

        Not of a request that was appended create-only: the server has seen that it is the first on its subject. Before
        version 0.3 none was, and what is so old is taken as it is.
        """
        kind, request_id, _ = place_of(entry.subject)
        is_old = not (self.ruled_from or self.control.ruled)
        is_new = kind == "request" and (is_first(entry) or is_old)
        if kind not in self.kinds or request_id in self.requests or is_new:
            return None
        return request_id or None

    def apply(self, entry: Entry, boot: float) -> Applied:
        """Fold the next entry; ``boot`` is the present in boot-time seconds, from when leases of attempts are counted.

        Returns:
            What it changed. It raises nothing: what cannot be read is void.
        """
        self.seq = entry.seq
        kind, request_id, profile = place_of(entry.subject)
        if kind not in self.kinds:
            return Applied(entry.seq, kind)
        keys = keys_of(kind, request_id, profile)
        lost_race = False
        try:
            _FOLDS[kind](self, entry, boot)
            void = ""
        except Void as why:
            void, lost_race = str(why), isinstance(why, LostRace)
        except ValueError as error:  # StrictJsonError and pydantic's ValidationError
            void = f"it cannot be read: {error}"[:300]
        self._forget(request_id)
        return Applied(entry.seq, kind, keys, void, lost_race)

    def reopen(self, request_id: str, entries: Iterable[Entry], boot: float) -> None:
        """Bring a request that was over back into memory, from the entries on its subjects, in order.

        Its attempts count as far as a receipt names them and nothing on their request speaks against it: when it was
        over, none was open. Who is under way on its profiles stays as it is.
        """
        taken_over = self.taken_over  # replaced by the fold, never changed in place
        found = sorted(entries, key=lambda entry: entry.seq)
        named = {parse(Receipt, one.data).attempt_seq for one in found if is_kind(one, "receipt") and is_readable(one)}
        for entry in found:
            kind = place_of(entry.subject)[0]
            try:
                if kind == "attempt":
                    self._reopen_attempt(entry, boot, named=entry.seq in named)
                else:
                    _FOLDS[kind](self, entry, boot)
            except (Void, ValueError):
                continue
        self.taken_over = taken_over

    def resume(self, entries: Iterable[Entry], counted: frozenset[int], boot: float) -> None:
        """Fold control and what is open from a part of the ledger: see ``projection.snapshot``.

        Args:
            entries: all on ``ledger.control`` and on the subjects of the open requests.
            counted: their attempts that count.
            boot: the present in boot-time seconds; leases of attempts are counted from it.
        """
        for entry in sorted(entries, key=lambda entry: entry.seq):
            kind, _, profile = place_of(entry.subject)
            try:
                if kind == "attempt":
                    self._resume_attempt(entry, profile, boot, counts=entry.seq in counted)
                else:
                    _FOLDS[kind](self, entry, boot)
            except (Void, ValueError):
                continue

    def _resume_attempt(self, entry: Entry, profile: str, boot: float, *, counts: bool) -> None:
        attempt = parse(Attempt, entry.data)
        state = self._state(place_of(entry.subject)[1])
        if (attempt.profile, attempt.request_id) != (profile, state.request_id):
            return
        if counts:
            self._note_attempt(state, entry, attempt, boot)
            self._take_profile(profile, entry.seq, state.request_id)
        else:
            target = self._target(state, profile)
            target.number = max(target.number, attempt.number)

    def apart(self) -> LedgerFold:
        """Return a fold of the same control without requests, to reopen one there and look at it."""
        return replace(self, requests={}, busy={}, orders={}, taken_over={})

    def _reopen_attempt(self, entry: Entry, boot: float, *, named: bool) -> None:
        attempt = parse(Attempt, entry.data)
        _, request_id, profile = place_of(entry.subject)
        state = self._state(request_id)
        if (attempt.profile, attempt.request_id) != (profile, request_id):
            return
        if attempt.rule is None:
            counts = not 0 < self.ruled_from < entry.seq
        else:
            control_seq, _ = self._revision_at(entry.seq)
            void = void_because(
                attempt, entry.at, entry.headers, state, control_seq=control_seq, rejected_by="", busy=0
            )
            counts = not void
        if named and counts:
            self._note_attempt(state, entry, attempt, boot)
        else:
            target = self._target(state, profile)
            target.number = max(target.number, attempt.number)

    # --- each kind ----------------------------------------------------------------------------------------

    def _control(self, entry: Entry, _boot: float) -> None:
        self.control_seq = entry.seq
        try:
            self._change_control(entry)
        finally:
            self.revisions.append((entry.seq, self.control.posture))

    def _change_control(self, entry: Entry) -> None:
        try:
            event = parse_control_event(entry.data)
            after = fold(
                self.control,
                event,
                entry.seq,
                root_keys=self.authority.root_keys,
                threshold=self.authority.threshold,
                realm=self.authority.realm,
                stored_at=entry.at,
                carried_out=self.orders,
            )
        except (ControlFault, ValueError) as error:
            if self.control.seq:  # before the manifest there is no revision at all
                self.control = replace(self.control, seq=entry.seq)
            # What protects is appended without a condition, so that two of a kind may meet: one came too late.
            raise (LostRace if came_too_late(entry, error) else Void)(f"control event: {error}"[:300]) from error
        self.control = after
        self.ruled_orders = self.ruled_orders or (entry.seq if after.ruled else 0)
        if isinstance(event, Ordered):
            self.orders[order_hash(event.order)] = entry.seq

    def _request(self, entry: Entry, _boot: float) -> None:
        request = parse(Request, entry.data)
        _, request_id, _ = place_of(entry.subject)
        known = self.requests.get(request_id)
        if request.request_id != request_id or request.realm != self.authority.realm:
            raise Void("the request stands under another name or realm")
        if known is not None and request.revision <= known.request.revision:
            raise Void("the request stands already")
        if known is not None and (known.is_refused or known.is_begun):
            raise LostRace("the revision before is refused, or is being posted")
        # What counts is the posture where it stands, not the one that intake knew of when it wrote.
        posture: Any = str(self._revision_at(entry.seq)[1])
        if request.submitted_posture != posture:
            request = request.model_copy(update={"submitted_posture": posture})
        state = RequestState(request, entry.seq, entry.at, fact_seq=entry.seq, changed=entry.seq)
        self.requests[request_id] = state.behind(known) if known is not None else state
        self.chain.note_request(request)

    def _approval(self, entry: Entry, _boot: float) -> None:
        _, request_id, officer = place_of(entry.subject)
        state = self._state(request_id)
        state.spoken[officer] = entry.seq
        approval = parse(Approval, entry.data)
        statement = self._genuine(approval, request_id, officer, entry.seq)
        if statement is None:
            raise Void(f"the statement of {officer} is not genuine")
        if statement.nonce in state.nonces:
            raise Void(f"the statement of {officer} stands already")
        state.nonces.add(statement.nonce)
        state.statements.append((entry.seq, approval))
        state.approvals[officer] = (entry.seq, approval)
        state.said = tuple(one for _, one in state.approvals.values())
        state.rejections.pop(officer, None)
        if statement.decision != "approve":
            state.rejections[officer] = (entry.seq, statement)
        state.fact_seq = state.changed = entry.seq

    def _verdict(self, entry: Entry, _boot: float) -> None:
        state = self._state(place_of(entry.subject)[1])
        state.verdict_last = entry.seq
        verdict = parse(Verdict, entry.data)
        control_seq, _ = self._revision_at(entry.seq)
        if verdict.request_id != state.request_id:
            raise Void("the verdict stands under another name")
        if verdict.revision < state.request.revision:
            raise LostRace("a newer revision stands")
        if verdict.control_seq != control_seq:
            why = LostRace if self._was_overtaken(verdict) else Void
            raise why(f"the verdict is not of control revision {control_seq}")
        state.verdict, state.verdict_seq = verdict, entry.seq
        state.changed = entry.seq
        if verdict.outcome is Outcome.CLEARED:
            state.want(wanted_by(verdict))
            self.chain.note_cleared(state.request)

    def _attempt(self, entry: Entry, boot: float) -> None:
        attempt = parse(Attempt, entry.data)
        _, request_id, profile = place_of(entry.subject)
        state = self._state(request_id)
        if (attempt.profile, attempt.request_id) != (profile, request_id):
            raise Void("the attempt stands under another name")
        if attempt.rule is None and not self.ruled_from:
            self._note_attempt(state, entry, attempt, boot)
            self._take_profile(profile, entry.seq, request_id)
            return
        self.ruled_from = self.ruled_from or entry.seq
        busy = self.busy.get(profile, (0, ""))[0]
        void = void_because(
            attempt,
            entry.at,
            entry.headers,
            state,
            control_seq=self.control_seq,
            rejected_by=rejected_by(state, attempt, self.control, entry.at),
            busy=busy,
            out_of_order=self.chain.out_of_order(state.request, profile, self.requests),
        )
        if attempt.rule is None:
            void = void or "it is written as before version 0.3"
        if void:
            target = self._target(state, profile)
            target.number = max(target.number, attempt.number)
            forged = attempt.rule is None or is_forged(attempt, entry.headers, state, control_seq=self.control_seq)
            raise (Void if forged else LostRace)(f"the attempt on {profile} does not count: {void}")
        self._note_attempt(state, entry, attempt, boot)
        self._take_profile(profile, entry.seq, request_id)

    def _take_profile(self, profile: str, seq: int, request_id: str) -> None:
        """Note that a profile is taken until something is said of its attempt.

        Not of the website's mirror: it stands for the whole site, where each message has a page of its own that may be
        written again. Copies would race for it, and one that sleeps would hold every page back for a lease.
        """
        if profile != MIRROR:
            self.busy[profile] = (seq, request_id)

    def _note_attempt(self, state: RequestState, entry: Entry, attempt: Attempt, boot: float) -> None:
        target = self._target(state, attempt.profile)
        target.attempt, target.attempt_seq, target.attempt_at = attempt, entry.seq, entry.at
        target.folded_at, target.answered, target.lapsed = boot, False, False
        target.number = max(target.number, attempt.number)
        target.effective.append(entry.seq)
        target.changed = state.changed = entry.seq
        state.note(attempt.profile)

    def _receipt(self, entry: Entry, _boot: float) -> None:
        _, request_id, profile = place_of(entry.subject)
        state = self._state(request_id)
        target = self._target(state, profile)
        target.receipt_last = entry.seq
        receipt = parse(Receipt, entry.data)
        if (receipt.profile, receipt.request_id) != (profile, request_id):
            raise Void("the receipt stands under another name")
        if receipt.attempt_seq and receipt.attempt_seq not in target.effective:
            raise Void(f"{receipt.attempt_seq} is no attempt on {profile} that counts")
        if self._is_ruled(entry.seq) and (why := baseless_because(receipt, entry.at, state, target)):
            raise Void(f"the receipt of {profile} does not count: {why}")
        target.changed = state.changed = entry.seq
        if receipt.attempt_seq and self.busy.get(profile, (0, ""))[0] == receipt.attempt_seq:
            del self.busy[profile]
        if receipt.outcome is ReceiptOutcome.LAPSED:
            target.lapsed = target.lapsed or receipt.attempt_seq == target.attempt_seq
            return
        if receipt.attempt_seq == target.attempt_seq:
            if not target.answered:
                self._note_taken_over(entry, receipt, target)
            target.answered = True
        target.receipt, target.receipt_seq = receipt, entry.seq
        target.receipts.append((entry.seq, receipt))
        state.note(profile)
        if receipt.resolution_seq is not None:
            state.fact_seq = entry.seq

    def _note_taken_over(self, entry: Entry, receipt: Receipt, target: TargetState) -> None:
        attempt, at = target.attempt, target.attempt_at
        if attempt is None or at is None or receipt.worker in (None, attempt.worker):
            return
        known = {seq: one for seq, one in self.taken_over.items() if entry.at - one.at < REMEMBERED}
        known[target.attempt_seq] = TakenOver(
            receipt.profile, receipt.request_id, attempt.worker, receipt.worker, at, target.folded_at
        )
        self.taken_over = known

    def _resolution(self, entry: Entry, _boot: float) -> None:
        resolution = parse(Resolution, entry.data)
        _, request_id, profile = place_of(entry.subject)
        state = self._state(request_id)
        if not self._is_genuine(resolution, request_id, profile, entry.seq):
            raise Void(f"the decision of {resolution.officer} is not genuine")
        target = self._target(state, profile)
        target.resolutions.append((entry.seq, resolution))
        target.changed = state.changed = entry.seq

    # --- small things -------------------------------------------------------------------------------------

    def _state(self, request_id: str) -> RequestState:
        state = self.requests.get(request_id)
        if state is None:
            raise Void(f"there is no request {request_id}")
        return state

    def _target(self, state: RequestState, profile: str) -> TargetState:
        """Return a request's state on a profile; raises Void for one that it never named.

        Who reads the request again reads the subjects of the profiles that it names, and no others.
        """
        if profile not in state.targets:
            if profile not in set_of(state.request.targets) and profile not in (MIRROR, *state.wanted):
                raise Void(f"{state.request_id} does not go to {profile}")
            state.targets[profile] = TargetState()
        return state.targets[profile]

    def _is_ruled(self, seq: int) -> bool:
        """Return whether an entry stands behind the first order or attempt of version 0.3, and goes by its rules."""
        return 0 < self.ruled_from < seq or 0 < self.ruled_orders < seq

    def _revision_at(self, seq: int) -> tuple[int, Posture]:
        """Return the control revision in force before an entry, and its posture."""
        place = bisect_left(self.revisions, seq, key=lambda revision: revision[0])
        return self.revisions[place - 1] if place else (0, Posture.ROUTINE)

    def _was_overtaken(self, verdict: Verdict) -> bool:
        """Return whether control moved on only after everything that the verdict says that it was decided by."""
        place = bisect_left(self.revisions, verdict.control_seq, key=lambda revision: revision[0])
        known = [seq for seq, _ in self.revisions[place : place + 2]]
        return len(known) == 2 and known[0] == verdict.control_seq and verdict.as_of < known[1]

    def _genuine(self, approval: Approval, request_id: str, name: str, seq: int) -> ApprovalStatement | None:
        if name not in self.control.officers or (approval.request_id, approval.officer) != (request_id, name):
            return None
        statement = signed_by(self.control.keys_at(name, seq), approval.envelope, ApprovalStatement)
        said = (request_id, name, self.authority.realm)
        return statement if statement and (statement.request_id, statement.officer, statement.realm) == said else None

    def _is_genuine(self, resolution: Resolution, request_id: str, profile: str, seq: int) -> bool:
        """Return whether the officer's own key, and no other, signed what stands beside it, for this place."""
        keys = self.control.keys_at(resolution.officer, seq)
        if (resolution.request_id, resolution.profile) != (request_id, profile):
            return False
        statement = signed_by(keys, resolution.envelope, ResolutionStatement)
        said = (request_id, resolution.revision, profile, resolution.officer, self.authority.realm)
        return statement is not None and said == (
            statement.request_id,
            statement.revision,
            statement.profile,
            statement.officer,
            statement.realm,
        )

    def _forget(self, request_id: str) -> None:
        state = self.requests.get(request_id)
        if state is not None and state.is_over:
            del self.requests[request_id]


_FOLDS: dict[str, Callable[[LedgerFold, Entry, float], None]] = {
    "control": LedgerFold._control,
    "request": LedgerFold._request,
    "approval": LedgerFold._approval,
    "verdict": LedgerFold._verdict,
    "attempt": LedgerFold._attempt,
    "receipt": LedgerFold._receipt,
    "resolution": LedgerFold._resolution,
}

EVERYTHING = frozenset(_FOLDS)
__all__ = ["EVERYTHING", "Applied", "Authority", "LedgerFold", "LostRace", "Posture", "Void"]
