"""The fold of the ledger: control, and each request that is not over. A function of the entries in their order alone.

Whether an entry counts is decided by its bytes and what is before it. What does not count is *void*: junk, a statement
whose signature is not right, a verdict whose control revision is not in force where it is, an attempt that is not
effective, a receipt of no attempt. It is skipped by every reader in the same way, with an alarm. What is over leaves
memory; an entry on a request that is not there reopens it by reading its subjects (``missing``, ``reopening``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.events.approvals import Approval
from schemas.events.control import Ordered, Posture
from schemas.events.deliveries import Attempt, Receipt, ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.resolutions import Resolution
from schemas.events.verdicts import Outcome, Verdict
from schemas.platforms import MIRROR
from schemas.subjects import is_token, place_of
from services.kernel.control.control_state import ControlState
from services.kernel.control.order_rules import order_hash
from services.kernel.fold.applied import Applied, LostRace, Void, void_by
from services.kernel.fold.borne_out import baseless_because
from services.kernel.fold.chain import Chain
from services.kernel.fold.control_change import Authority, changed_by
from services.kernel.fold.effective import is_forged, rejected_by, void_because
from services.kernel.fold.genuine import genuine, genuine_resolution
from services.kernel.fold.reading import is_first, keys_of, parse
from services.kernel.fold.revisions import PostureAt, Revisions, note_posture, revision_at, was_overtaken
from services.kernel.fold.state import RequestState, wanted_by
from services.kernel.fold.taken_over import TakenOver, after_receipt
from services.kernel.ledger.entry import Entry


@dataclass
class LedgerFold:
    """The state after the entry ``seq``.

    ``control_seq`` is the last sequence of ``ledger.control``, of junk too: the control revision. ``revisions`` holds
    all of them, each with the posture from there on, ``postures`` where that, its incident or the hold changed.
    ``orders`` maps the hash of each order that was carried out to its sequence. ``busy`` maps a profile to its
    effective attempt that nothing was said of yet. ``ruled_from`` is where the first attempt under the rule of version
    0.3 stands (0: nowhere); older ones are junk from there on. ``ruled_orders``: where control went by that rule first.
    ``taken_over`` holds the attempts of the last hour that another than their worker answered (services.kernel.fold.
    taken_over), also of requests that are over. ``chain``: which request comes after which, for ever.
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
    revisions: Revisions = field(default_factory=list)
    postures: list[PostureAt] = field(default_factory=list)

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
        # The server stores a publish to a filter, as in ledger.request.*, as it is: no request has such a name.
        return request_id if is_token(request_id) else None

    def apply(self, entry: Entry, boot: float) -> Applied:
        """Fold the next entry; return what it changed. It raises nothing: what cannot be folded is void.

        ``boot`` is the present in boot-time seconds, from when leases of attempts are counted.
        """
        self.seq = entry.seq
        kind, request_id, profile = place_of(entry.subject)
        if kind not in self.kinds:
            return Applied(entry.seq, kind)
        keys = keys_of(kind, request_id, profile)
        void: Void | None = None
        try:
            self.fold_entry(entry, boot)
        except Void as why:
            void = why
        self._forget(request_id)
        return Applied(entry.seq, kind, keys, str(void or ""), isinstance(void, LostRace))

    def apart(self) -> LedgerFold:
        """Return a fold of the same control without requests, to reopen one there and look at it."""
        chain = Chain(dict(self.chain.earlier), dict(self.chain.replaced))
        return replace(self, requests={}, busy={}, orders={}, taken_over={}, chain=chain)

    def fold_entry(self, entry: Entry, boot: float) -> None:
        """Fold an entry of a kind that is folded; raises Void, whatever is wrong: no entry may stop all readers."""
        try:
            _FOLDS[place_of(entry.subject)[0]](self, entry, boot)
        except (Void, MemoryError):
            raise
        except Exception as error:
            raise void_by(error) from error

    # --- each kind ----------------------------------------------------------------------------------------

    def _control(self, entry: Entry, _boot: float) -> None:
        try:
            event, after = changed_by(entry, self.control, self.authority, self.orders)
        except MemoryError:  # nothing is folded of it: who reads control alone reads it again
            raise
        except Exception:  # whatever makes it void, it is a revision: the gate's verdicts name it
            if self.control.seq:  # before the manifest there is no revision at all
                self.control = replace(self.control, seq=entry.seq)
            self._note_revision(entry)
            raise
        self.control = after
        self.ruled_orders = self.ruled_orders or (entry.seq if after.ruled else 0)
        if isinstance(event, Ordered):
            self.orders[order_hash(event.order)] = entry.seq
        self._note_revision(entry)

    def _note_revision(self, entry: Entry) -> None:
        self.control_seq = entry.seq
        self.revisions.append((entry.seq, self.control.posture))
        note_posture(self.postures, entry.seq, entry.at, self.control)

    def _request(self, entry: Entry, _boot: float) -> None:
        request = parse(Request, entry.data)
        _, request_id, _ = place_of(entry.subject)
        known = self.requests.get(request_id)
        if request.request_id != request_id or request.realm != self.authority.realm:
            raise Void("the request is under another name or realm")
        if known is not None and request.revision <= known.request.revision:
            raise Void("the request is there already")
        if known is not None and (known.is_refused or known.is_begun):
            raise LostRace("the revision before is refused, or is being posted")
        # What counts is the posture where it is, not the one that intake knew of when it wrote.
        posture: Any = str(revision_at(self.revisions, entry.seq)[1])
        if request.submitted_posture != posture:
            request = request.model_copy(update={"submitted_posture": posture})
        state = RequestState(request, entry.seq, entry.at, fact_seq=entry.seq, changed=entry.seq)
        self.requests[request_id] = state.behind(known) if known is not None else state
        self.chain.note_request(request)

    def _approval(self, entry: Entry, _boot: float) -> None:
        _, request_id, officer = place_of(entry.subject)
        state = self.state_of(request_id)
        state.spoken[officer] = entry.seq
        approval = parse(Approval, entry.data)
        statement = genuine(approval, request_id, officer, entry.seq, control=self.control, realm=self.authority.realm)
        if statement is None:
            raise Void(f"the statement of {officer} is not genuine")
        if statement.nonce in state.nonces:
            raise Void(f"the statement of {officer} is there already")
        state.nonces.add(statement.nonce)
        state.statements.append((entry.seq, approval))
        state.approvals[officer] = (entry.seq, approval)
        state.said = tuple(one for _, one in state.approvals.values())
        state.rejections.pop(officer, None)
        if statement.decision != "approve":
            state.rejections[officer] = (entry.seq, statement)
        state.fact_seq = state.changed = entry.seq

    def _verdict(self, entry: Entry, boot: float) -> None:
        state = self.state_of(place_of(entry.subject)[1])
        state.verdict_last = entry.seq
        verdict = parse(Verdict, entry.data)
        control_seq, _ = revision_at(self.revisions, entry.seq)
        if verdict.request_id != state.request_id:
            raise Void("the verdict is under another name")
        if verdict.revision < state.request.revision:
            raise LostRace("a newer revision is there")
        if verdict.control_seq != control_seq:
            why = LostRace if was_overtaken(self.revisions, verdict) else Void
            raise why(f"the verdict is not of control revision {control_seq}")
        state.verdict, state.verdict_seq, state.verdict_folded_at = verdict, entry.seq, boot
        state.changed = entry.seq
        if verdict.outcome is Outcome.CLEARED:
            state.want(wanted_by(verdict))
            self.chain.note_cleared(state.request)

    def _attempt(self, entry: Entry, boot: float) -> None:
        attempt = parse(Attempt, entry.data)
        _, request_id, profile = place_of(entry.subject)
        state = self.state_of(request_id)
        if (attempt.profile, attempt.request_id) != (profile, request_id):
            raise Void("the attempt is under another name")
        if attempt.rule is None and not self.ruled_from:
            state.note_attempt(entry.seq, entry.at, attempt, boot)
            self.take_profile(profile, entry.seq, request_id)
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
            state.note_number(profile, attempt.number)
            forged = attempt.rule is None or is_forged(attempt, entry.headers, state, control_seq=self.control_seq)
            raise (Void if forged else LostRace)(f"the attempt on {profile} does not count: {void}")
        state.note_attempt(entry.seq, entry.at, attempt, boot)
        self.take_profile(profile, entry.seq, request_id)

    def take_profile(self, profile: str, seq: int, request_id: str) -> None:
        """Note that a profile is taken until something is said of its attempt.

        Not of the website's mirror: it stands for the whole site, where each message has a page of its own that may be
        written again. Copies would race for it, and one that sleeps would hold every page back for a lease.
        """
        if profile != MIRROR:
            self.busy[profile] = (seq, request_id)

    def _receipt(self, entry: Entry, boot: float) -> None:
        _, request_id, profile = place_of(entry.subject)
        state = self.state_of(request_id)
        target = state.target_of(profile)
        target.receipt_last = entry.seq
        receipt = parse(Receipt, entry.data)
        if (receipt.profile, receipt.request_id) != (profile, request_id):
            raise Void("the receipt is under another name")
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
        unknown = self.control.unknown
        self.taken_over = after_receipt(self.taken_over, receipt, state, unknown, self.chain, entry)
        target.answered = target.answered or receipt.attempt_seq == target.attempt_seq
        target.receipt, target.receipt_seq, target.receipt_folded_at = receipt, entry.seq, boot
        target.receipts.append((entry.seq, receipt))
        state.note(profile)
        if receipt.resolution_seq is not None:
            state.fact_seq = entry.seq

    def _resolution(self, entry: Entry, _boot: float) -> None:
        resolution = parse(Resolution, entry.data)
        _, request_id, profile = place_of(entry.subject)
        state = self.state_of(request_id)
        realm = self.authority.realm
        if state.target(profile).decided_at(resolution):
            return  # an append that got no ack was repeated: the same word, which counts where it stands first
        if genuine_resolution(resolution, request_id, profile, entry.seq, control=self.control, realm=realm) is None:
            raise Void(f"the decision of {resolution.officer} is not genuine")
        target = state.target_of(profile)
        target.resolutions.append((entry.seq, resolution))
        target.changed = state.changed = entry.seq

    # --- small things -------------------------------------------------------------------------------------

    def state_of(self, request_id: str) -> RequestState:
        """Return a request that is in memory; raises Void."""
        state = self.requests.get(request_id)
        if state is None:
            raise Void(f"there is no request {request_id}")
        return state

    def _is_ruled(self, seq: int) -> bool:
        """Return whether an entry is behind the first order or attempt of version 0.3, and goes by its rules."""
        return 0 < self.ruled_from < seq or 0 < self.ruled_orders < seq

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
