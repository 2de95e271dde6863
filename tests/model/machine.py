"""The machine of the model: states, and every step that any process may take next.

One request to one profile; the pure cores decide (the gate's policy, the plan, ``next_step``, the receipts, the
warrant, the control fold, the barrier). What is left to the model is what the shells do between two awaits: each step
here is one that another process may come before or after. The only magic is the ledger's order, compare-and-set and the
fence, as the server keeps them.

A ledger entry is a tuple, its sequence its place from 1::

    ("control", NAME)                       genesis, eoc_active, or one of cast.ORDERS
    ("request", POSTURE)  ("approval", OFFICER)
    ("verdict", OUTCOME, CONTROL_SEQ, POSTURE, AS_OF, UNTIL)
    ("delivery", VERDICT_SEQ)
    ("attempt", NUMBER, VERDICT_SEQ, CONTROL_SEQ, WORKER, AT)
    ("receipt", ATTEMPT_SEQ, OUTCOME, FINAL, RETRY_AT)

Times are seconds from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from services.fanout.standing import CLOCK_SLACK, Drop, End, Settle, Standing, Wait, next_step
from services.fanout.worker import STALE
from services.kernel.flight import Flight

from schemas import subjects
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from services.eoc_state.activation import advance
from services.fanout import receipts, retry
from services.fanout.connectors.contract import Absent, Permanent, Posted, Retryable
from services.fanout.delivery.caller import Held
from services.fanout.delivery.records import _says_enough
from services.fanout.domain.receipts import beside
from services.gatekeeper.policy.decide import decide, to_verdict
from services.gatekeeper.policy.facts import ApprovalFact, Facts
from services.kernel import in_flight
from services.kernel.control import ControlFault, ControlState
from services.kernel.warrant import EOC_SIGNERS, WarrantFacts, objections
from tests.model import cast
from tests.model.cast import LEASE, PROFILE, REQUEST

Entry = tuple[Any, ...]
Local = tuple[Any, ...] | None

PLANTS: dict[str, str] = {
    "no_fence": "an attempt is appended whatever the control revision",
    "no_second_look": "the call is made without judging again after the attempt",
    "verdict_without_cas": "a verdict is appended whichever verdict stands",
    "receipt_without_cas": "a receipt is appended whichever receipt stands",
    "barrier_does_not_wait": "eoc_active is appended at once",
    "no_lease_wait": "an open attempt is settled before its lease is over",
    "absence_is_believed_at_once": "a post that is not there yet counts as absent within its lease",
    "blind_repeat": "an unknown outcome is answered by another call",
    "duplicate_is_mine": "a duplicate attempt counts as one's own",
    "late_call": "a call starts however old its attempt is",
    "acked_before_receipt": "a delivery is acknowledged before its receipt stands",
    "acked_beside_an_attempt": "who is held back by the fence acks the delivery beside another's open attempt",
    "ack_without_a_look": "whose receipt is superfluous acks the delivery, whatever the other receipt says",
}
"""Bugs that can be planted, by name."""


class Call(NamedTuple):
    """A call to the platform: ``status`` is sent, ok, silent, busy or refused."""

    attempt_seq: int
    stored_at: float
    worker: int
    status: str


class State(NamedTuple):
    """Everything that matters for what may happen next.

    ``crashes``, ``lies`` (of the platform) and ``naps`` (of a process that stands still) are how many are left.
    """

    ledger: tuple[Entry, ...] = (("control", "genesis"),)
    clock: float = 0.0
    cursor: int = 0
    queueing: int = 0
    acked: tuple[int, ...] = ()
    gates: tuple[Local, ...] = (None,)
    workers: tuple[Local, ...] = (None, None)
    eoc: Local = None
    calls: tuple[Call, ...] = ()
    posts: tuple[int, ...] = ()
    todo: tuple[str, ...] = ("request", "approve office")
    crashes: int = 0
    lies: int = 0
    naps: int = 0


class Move(NamedTuple):
    """One step: what happened, the state after it, and which invariants it broke."""

    label: str
    after: State
    broken: tuple[str, ...] = ()


@dataclass(frozen=True)
class View:
    """What a ledger says, read once."""

    controls: tuple[tuple[int, str], ...]
    request: Request | None
    request_seq: int
    approvals: tuple[tuple[str, int], ...]
    verdict: Verdict | None
    verdict_seq: int
    attempt: Entry | None
    attempt_seq: int
    receipt: Entry | None
    receipt_seq: int
    answered: bool
    ever_cleared: bool

    @property
    def control(self) -> ControlState:
        """The fold of all control events."""
        return cast.control(self.controls)

    @property
    def done(self) -> bool:
        """True when the profile has its final receipt."""
        return self.receipt is not None and bool(self.receipt[3])

    def standing(self) -> Standing:
        """The facts of the delivery, as the worker's reader gives them."""
        attempt, receipt = self.attempt, self.receipt
        return Standing(
            request=self.request,
            verdict=self.verdict,
            verdict_seq=self.verdict_seq,
            attempt=cast.attempt(*attempt[1:5]) if attempt else None,
            attempt_seq=self.attempt_seq,
            attempt_at=cast.at(attempt[5]) if attempt else None,
            receipt=cast.receipt(*receipt[1:]) if receipt else None,
            receipt_seq=self.receipt_seq,
            answered=self.answered,
        )


@lru_cache(maxsize=200_000)
def view(ledger: tuple[Entry, ...]) -> View:
    """Read a ledger."""
    controls: list[tuple[int, str]] = []
    approvals: dict[str, int] = {}
    last: dict[str, tuple[Entry | None, int]] = dict.fromkeys(("request", "verdict", "attempt", "receipt"), (None, 0))
    cleared = False
    for seq, entry in enumerate(ledger, 1):
        kind = entry[0]
        if kind == "control":
            controls.append((seq, entry[1]))
        elif kind == "approval":
            approvals[entry[1]] = seq
        elif kind in last:
            last[kind] = (entry, seq)
            cleared = cleared or (kind == "verdict" and entry[1] == "cleared")
    asked, said = last["request"][0], last["verdict"][0]
    return View(
        controls=tuple(controls),
        request=cast.request(asked[1]) if asked else None,
        request_seq=last["request"][1],
        approvals=tuple(approvals.items()),
        verdict=cast.verdict(*said[1:]) if said else None,
        verdict_seq=last["verdict"][1],
        attempt=last["attempt"][0],
        attempt_seq=last["attempt"][1],
        receipt=last["receipt"][0],
        receipt_seq=last["receipt"][1],
        answered=any(entry[0] == "receipt" and entry[1] == last["attempt"][1] for entry in ledger),
        ever_cleared=cleared,
    )


@lru_cache(maxsize=100_000)
def decided(
    controls: tuple[tuple[int, str], ...],
    posture: str,
    request_seq: int,
    approvals: tuple[tuple[str, int], ...],
    clock: float,
    done: bool,
) -> Entry:
    """What the gate's policy says, as the entry that it appends."""
    facts = Facts(
        request=cast.request(posture),
        request_seq=request_seq,
        approvals=tuple(
            ApprovalFact(cast.approval(name), seq, subjects.approval(REQUEST, name)) for name, seq in approvals
        ),
        control=cast.control(controls),
        now=cast.at(clock),
        delivered=frozenset({PROFILE}) if done else frozenset(),
    )
    verdict = to_verdict(decide(facts), facts, facts.now, max((request_seq, *(seq for _, seq in approvals))))
    return (
        "verdict",
        str(verdict.outcome),
        verdict.control_seq,
        str(verdict.posture),
        verdict.as_of,
        verdict.valid_until,
    )


@dataclass
class Machine:
    """Yields the steps of a state. ``plants`` names bugs of ``PLANTS`` that are switched on."""

    plants: frozenset[str] = field(default_factory=frozenset)

    def moves(self, state: State) -> Iterator[Move]:
        """Yield everything that may happen next."""
        yield from self._people(state)
        for number in range(len(state.gates)):
            yield from self._gate(state, number)
        yield from self._eoc(state)
        yield from self._queue(state)
        for number in range(len(state.workers)):
            yield from self._worker(state, number)
        yield from self._platform(state)
        yield from self._time(state)
        yield from self._crashes(state)

    # --- people -------------------------------------------------------------------------------------------

    def _people(self, state: State) -> Iterator[Move]:
        now = view(state.ledger)
        for what in state.todo:
            entry = self._said(what, now, len(state.ledger) + 1)
            if entry is not None:
                left = tuple(one for one in state.todo if one != what)
                yield Move(what, state._replace(ledger=(*state.ledger, entry), todo=left))

    def _said(self, what: str, now: View, seq: int) -> Entry | None:
        """The entry of something that people do, None if it cannot be done now."""
        if what == "request":
            return ("request", str(now.control.posture))
        if what.startswith("approve"):
            return ("approval", what.split()[1]) if now.request else None
        if what == "withdraw" and now.request is None:
            return None
        try:
            cast.control((*now.controls, (seq, what)))
        except ControlFault:
            return None
        return ("control", what)

    # --- the gate -----------------------------------------------------------------------------------------

    def _gate(self, state: State, number: int) -> Iterator[Move]:
        local, now = state.gates[number], view(state.ledger)
        if local is None:
            entry = self._judge(state, now)
            if entry is not None:
                gates = _put(state.gates, number, (entry, now.verdict_seq))
                yield Move(f"gate {number} decides: {entry[1]}", state._replace(gates=gates))
            return
        entry, standing_seq = local
        gates = _put(state.gates, number, None)
        if now.verdict_seq != standing_seq and "verdict_without_cas" not in self.plants:
            yield Move(f"gate {number} is refused by compare-and-set", state._replace(gates=gates))
            return
        broken = _revision_went_back(now, entry)
        after = state._replace(gates=gates, ledger=(*state.ledger, entry))
        yield Move(f"gate {number} appends: {entry[1]}", after, broken)

    def _judge(self, state: State, now: View) -> Entry | None:
        if now.request is None or (now.verdict is not None and now.verdict.outcome is Outcome.REFUSED) or now.done:
            return None
        posture = str(now.request.submitted_posture)
        # An approval of 25 minutes outlasts every run, so that the time is the same for the policy.
        entry = decided(now.controls, posture, now.request_seq, now.approvals, 0.0, now.done)
        return None if now.verdict_seq and state.ledger[now.verdict_seq - 1] == entry else entry

    # --- eoc_state ----------------------------------------------------------------------------------------

    def _eoc(self, state: State) -> Iterator[Move]:
        now = view(state.ledger)
        if state.eoc is None:
            activating = now.control.activating_seq
            if activating and self._barrier_passed(state, activating):
                yield Move("eoc_state finds nothing in flight", state._replace(eoc=(now.control.seq,)))
            return
        (control_seq,) = state.eoc
        if now.control.seq != control_seq:
            yield Move("eoc_state is refused by compare-and-set", state._replace(eoc=None))
            return
        after = state._replace(eoc=None, ledger=(*state.ledger, ("control", "eoc_active")))
        yield Move("eoc_state appends eoc_active", after)

    def _barrier_passed(self, state: State, activating: int) -> bool:
        if "barrier_does_not_wait" in self.plants:
            return True
        since = state.clock - LEASE - in_flight.CLOCK_SLACK.total_seconds()
        settled = max((entry[1] for entry in state.ledger if entry[0] == "receipt"), default=0)
        flights = tuple(
            Flight(seq, cast.at(entry[5]), PROFILE, REQUEST)
            for seq, entry in enumerate(state.ledger[: activating - 1], 1)
            if entry[0] == "attempt" and entry[5] >= since and settled < seq
        )
        return advance({flight.seq: flight for flight in flights}, flights, frozenset()).passed

    # --- fanout: verdicts become deliveries ---------------------------------------------------------------

    def _queue(self, state: State) -> Iterator[Move]:
        if state.queueing:
            ledger, entry = state.ledger, ("delivery", state.queueing)
            if entry not in ledger:
                ledger = (*ledger, entry)
            after = state._replace(ledger=ledger, queueing=0, cursor=state.queueing)
            yield Move("fanout queues the delivery", after)
            return
        now = view(state.ledger)
        seq, verdict = now.verdict_seq, now.verdict
        # What is not the newest or not cleared is passed over, which nobody else can see.
        if seq > state.cursor and verdict is not None and verdict.outcome is Outcome.CLEARED and not now.done:
            yield Move("fanout plans the delivery", state._replace(queueing=seq))

    # --- fanout: deliveries become posts ------------------------------------------------------------------

    def _worker(self, state: State, number: int) -> Iterator[Move]:
        local = state.workers[number]
        if local is None:
            if None not in state.workers[:number]:  # idle workers are alike
                yield from self._take(state, number)
        else:
            yield from getattr(self, f"_{local[0]}")(state, number, *local[1:])

    def _take(self, state: State, number: int) -> Iterator[Move]:
        head = next((s for s, e in enumerate(state.ledger, 1) if e[0] == "delivery" and s not in state.acked), 0)
        if head and not _in_other_hands(state, head):
            yield from self._again(state, number, head, state.clock)

    def _again(self, state: State, number: int, head: int, _began: float) -> Iterator[Move]:
        """Look at a delivery, also once more at one that is in hand, whoever acked it meanwhile."""
        now, name = view(state.ledger), f"worker {number}"
        assert now.request is not None
        verdict_seq = state.ledger[head - 1][1]
        delivery = cast.delivery(now.request, cast.verdict(*state.ledger[verdict_seq - 1][1:]), verdict_seq)
        lease = -CLOCK_SLACK if "no_lease_wait" in self.plants else LEASE
        step = next_step(delivery, now.standing(), cast.at(state.clock), cast.at(state.clock), lease)
        if isinstance(step, Drop):
            yield Move(f"{name} drops it: {step.reason}", _acked(state, number, head))
        elif isinstance(step, End):
            entry = ("receipt", 0, str(step.outcome), step.final, None)
            local = ("record", head, state.clock, entry, now.receipt_seq, "ack")
            yield Move(f"{name} ends it: {step.outcome}", _with(state, number, local))
        elif isinstance(step, Settle):
            yield from self._settle(state, number, head, step, now)
        elif isinstance(step, Wait):
            if state.workers[number] is not None:
                yield Move(f"{name} waits", _with(state, number, None))
        else:
            found = _objections(now, verdict_seq, delivery.control_seq, state.clock)
            if set(found) & STALE:
                yield Move(f"{name} finds a newer control", _acked(state, number, head))
                return
            broken = (f"the warrant objects to what the gate cleared: {found}",) if found else ()
            local = ("post", head, state.clock, step.number, now.receipt_seq)
            yield Move(f"{name} finds it warranted", _with(state, number, local), broken)

    def _settle(self, state: State, number: int, head: int, step: Settle, now: View) -> Iterator[Move]:
        landed = step.attempt_seq in state.posts
        if not landed and step.over_for < LEASE and "absence_is_believed_at_once" not in self.plants:
            if state.workers[number] is not None:
                yield Move(f"worker {number} waits", _with(state, number, None))
            return  # not there yet proves nothing so early
        found = Posted(cast.URL, "1") if landed else Absent()
        receipt = receipts.of_look(step.attempt, step.attempt_seq, found, cast.at(state.clock), natural=False)
        entry = ("receipt", step.attempt_seq, str(receipt.outcome), receipt.final, None)
        local = ("record", head, state.clock, entry, now.receipt_seq, "again")
        yield Move(f"worker {number} looks at the platform: {receipt.outcome}", _with(state, number, local))

    def _post(self, state: State, number: int, head: int, began: float, attempt: int, known: int) -> Iterator[Move]:
        """Append the attempt under the fence; the message id lets one attempt of a number in."""
        now, name = view(state.ledger), f"worker {number}"
        verdict_seq = state.ledger[head - 1][1]
        control_seq = state.ledger[verdict_seq - 1][2]
        taken = next((s for s, e in enumerate(state.ledger, 1) if e[0] == "attempt" and e[1] == attempt), 0)
        if now.control.seq != control_seq and "no_fence" not in self.plants:
            # The server may say so also of a duplicate. The delivery is let go of only if no attempt is open.
            is_open = now.attempt_seq > now.receipt_seq and "acked_beside_an_attempt" not in self.plants
            after = _with(state, number, None) if is_open else _acked(state, number, head)
            yield Move(f"{name} is held back by the fence", after)
            return
        if taken:
            local = ("attempted", head, began, attempt, taken, known) if "duplicate_is_mine" in self.plants else None
            yield Move(f"{name}: attempt {attempt} belongs to another", _with(state, number, local))
            return
        entry = ("attempt", attempt, verdict_seq, control_seq, number, state.clock)
        local = ("attempted", head, began, attempt, len(state.ledger) + 1, known)
        after = _with(state, number, local)._replace(ledger=(*state.ledger, entry))
        yield Move(f"{name} appends attempt {attempt}", after, _attempt_breaks(state.ledger, entry))

    def _attempted(
        self, state: State, number: int, head: int, began: float, attempt: int, seq: int, known: int
    ) -> Iterator[Move]:
        """Judge again on fresh facts."""
        now, name = view(state.ledger), f"worker {number}"
        verdict_seq = state.ledger[head - 1][1]
        control_seq = state.ledger[verdict_seq - 1][2]
        reason = ""
        if (now.attempt_seq, now.receipt_seq) != (seq, known):
            reason = "another worker took it over"
        elif now.verdict_seq != verdict_seq:
            reason = "a newer verdict stands"
        elif found := _objections(now, verdict_seq, control_seq, state.clock):
            reason = found[0]
        if reason and "no_second_look" not in self.plants:
            yield Move(f"{name} holds it: {reason}", self._end(state, number, head, began, seq, known, Held(reason)))
        else:
            yield Move(
                f"{name} finds it warranted again",
                _with(state, number, ("ready", head, began, attempt, seq, known)),
            )

    def _ready(
        self, state: State, number: int, head: int, began: float, attempt: int, seq: int, known: int
    ) -> Iterator[Move]:
        """Call the platform, if it is not too late for it."""
        name = f"worker {number}"
        if not retry.may_start(state.clock - began, LEASE) and "late_call" not in self.plants:
            held = Held("too late", late=True)
            yield Move(f"{name} is too late", self._end(state, number, head, began, seq, known, held))
            return
        call = Call(seq, state.ledger[seq - 1][5], number, "sent")
        after = _with(state, number, ("calling", head, began, attempt, seq, known))
        yield Move(f"{name} calls the platform", after._replace(calls=(*state.calls, call)))

    def _calling(
        self, state: State, number: int, head: int, began: float, attempt: int, seq: int, known: int
    ) -> Iterator[Move]:
        """Hear what the platform says, or nothing."""
        name = f"worker {number}"
        mine = next(call for call in reversed(state.calls) if call.worker == number)
        if mine.status in ("ok", "busy", "refused"):
            after = state._replace(calls=tuple(call for call in state.calls if call != mine))
            result: Any = {
                "ok": Posted(cast.URL, "1"),
                "busy": Retryable("too many requests"),
                "refused": Permanent("no"),
            }[mine.status]
            yield Move(f"{name} hears: {mine.status}", self._end(after, number, head, began, seq, known, result))
        elif mine.status == "silent" or state.lies:
            cut = mine.status == "sent"
            calls = state.calls if cut else tuple(call for call in state.calls if call != mine)
            after = state._replace(calls=calls, lies=state.lies - cut)
            if "blind_repeat" in self.plants:
                local: Local = ("ready", head, began, attempt, seq, known)
                yield Move(f"{name} hears nothing and repeats", _with(after, number, local))
                return
            yield Move(f"{name} hears nothing", _with(after, number, None))
            if seq in state.posts:
                found = self._end(after, number, head, began, seq, known, Posted(cast.URL, "1"))
                yield Move(f"{name} hears nothing, and finds it on the timeline", found)

    def _end(self, state: State, number: int, head: int, began: float, seq: int, known: int, result: Any) -> State:
        """Write the receipt of a call that ended, or was not made."""
        verdict_seq = state.ledger[head - 1][1]
        of = cast.delivery(cast.request("routine"), cast.verdict(*state.ledger[verdict_seq - 1][1:]), verdict_seq)
        receipt = receipts.of_result(of, seq, result, cast.at(state.clock))
        at = state.clock + retry.BASE_SECONDS if isinstance(result, Retryable) else None
        entry = ("receipt", seq, str(receipt.outcome), receipt.final, at)
        later = isinstance(result, Retryable) or (isinstance(result, Held) and result.late)
        then = "later" if later else "again" if isinstance(result, Held) else "ack"
        after = _with(state, number, ("record", head, began, entry, known, then))
        if "acked_before_receipt" in self.plants:
            after = after._replace(acked=tuple(sorted({*after.acked, head})))
        return after

    def _record(
        self, state: State, number: int, head: int, began: float, entry: Entry, expect: int, after: str
    ) -> Iterator[Move]:
        """Append a receipt by compare-and-set; what stands may make it superfluous."""
        now, name = view(state.ledger), f"worker {number}"
        then: Local = None if after == "later" else (after, head, began)
        if now.receipt_seq == expect or "receipt_without_cas" in self.plants:
            done = _with(state, number, then)._replace(ledger=(*state.ledger, entry))
            yield Move(f"{name} appends the receipt: {entry[2]}", done, _receipt_breaks(state.ledger, entry))
            return
        mine = cast.receipt(*entry[1:])
        others = [cast.receipt(*one[1:]) for one in state.ledger if one[0] == "receipt"]
        if entry[1] == 0 or any(_says_enough(old, mine) for old in others):
            if after == "ack" and "ack_without_a_look" not in self.plants:
                then = ("again", head, began)
            yield Move(f"{name}: another receipt stands", _with(state, number, then))
        else:
            ours = beside(mine, others[-1] if others else None)
            entry = ("receipt", ours.attempt_seq, str(ours.outcome), ours.final, entry[4] if ours is mine else None)
            local = ("record", head, began, entry, now.receipt_seq, after)
            yield Move(f"{name} looks at the newest receipt", _with(state, number, local))

    def _ack(self, state: State, number: int, head: int, _began: float) -> Iterator[Move]:
        yield Move(f"worker {number} acks", _acked(state, number, head))

    # --- the platform, time, crashes ----------------------------------------------------------------------

    def _platform(self, state: State) -> Iterator[Move]:
        for place, call in enumerate(state.calls):
            if call.status != "sent":
                continue
            posts = (*state.posts, call.attempt_seq)
            broken = _post_breaks(state, call)
            done = state._replace(calls=_answered(state, place, "ok"), posts=posts)
            yield Move("the platform posts it", done, broken)
            if state.lies:
                lied = state._replace(lies=state.lies - 1)
                silent = lied._replace(calls=_answered(state, place, "silent"))
                yield Move("the platform posts it and says nothing", silent._replace(posts=posts), broken)
                yield Move("the platform drops it", silent)
                yield Move("the platform is busy", lied._replace(calls=_answered(state, place, "busy")))
                yield Move("the platform refuses it", lied._replace(calls=_answered(state, place, "refused")))

    def _time(self, state: State) -> Iterator[Move]:
        """Let time pass up to the next moment at which something may change.

        A call never lasts longer than its lease: that is the one promise of the world outside.
        """
        moments: set[float] = set()
        now = view(state.ledger)
        if now.attempt is not None and now.attempt_seq > now.receipt_seq:
            moments |= {now.attempt[5] + age for age in (LEASE + 2.0, 2 * LEASE + 2.0)}
        moments |= {_drowsy(local) for local in state.workers if local is not None}
        if now.receipt is not None and now.receipt[4] is not None:
            moments.add(now.receipt[4])
        if now.control.activating_seq:
            moments |= {entry[5] + LEASE + 2.0 for entry in state.ledger if entry[0] == "attempt"}
        later = [moment for moment in moments if moment > state.clock]
        if not later:
            return
        then = min(later)
        asleep = sum(state.clock < _drowsy(local) <= then for local in state.workers if local is not None)
        lasting = all(call.status != "sent" or then < call.stored_at + LEASE for call in state.calls)
        if asleep <= state.naps and lasting:
            yield Move(f"time passes to {then:g} s", state._replace(clock=then, naps=state.naps - asleep))

    def _crashes(self, state: State) -> Iterator[Move]:
        if not state.crashes:
            return
        less = state._replace(crashes=state.crashes - 1)
        for number, local in enumerate(state.workers):
            if local is not None:
                calls = tuple(c for c in state.calls if c.worker != number or c.status == "sent")
                yield Move(f"worker {number} dies", _with(less, number, None)._replace(calls=calls))
        for number, local in enumerate(state.gates):
            if local is not None:
                yield Move(f"gate {number} dies", less._replace(gates=_put(state.gates, number, None)))
        if state.eoc is not None:
            yield Move("eoc_state dies", less._replace(eoc=None))
        if state.queueing:
            yield Move("fanout dies before the delivery is queued", less._replace(queueing=0))


# --- invariants -------------------------------------------------------------------------------------------


def unfinished(state: State) -> tuple[str, ...]:
    """Say what is wrong with a state in which nothing can happen any more."""
    now = view(state.ledger)
    wrong: list[str] = []
    if now.request is not None and now.verdict is None:
        wrong.append("5: the request has no verdict")
    if now.attempt_seq > now.receipt_seq:
        wrong.append("5: the attempt has no receipt")
    if now.control.activating_seq:
        wrong.append("7: the barrier never ended")
    cleared = now.verdict is not None and now.verdict.outcome is Outcome.CLEARED
    if cleared and now.verdict and now.verdict.control_seq == now.control.seq and not now.done:
        wrong.append("6: it is cleared, and nobody posts it")
    if state.posts and not any(entry[0] == "receipt" and entry[2] == "delivered" for entry in state.ledger):
        wrong.append("5: it is public, and no receipt says so")
    return tuple(wrong)


def _attempt_breaks(ledger: tuple[Entry, ...], attempt: Entry) -> tuple[str, ...]:
    now = view(ledger)
    wrong: list[str] = []
    if now.control.seq != attempt[3]:
        wrong.append(f"1: attempted at control revision {attempt[3]}, {now.control.seq} is in force")
    later = [entry for entry in ledger[attempt[2] :] if entry[0] == "verdict" and entry[2] == attempt[3]]
    if any(entry[1] != "cleared" for entry in later):
        wrong.append("1: the last verdict is not a cleared one")
    if any(entry[0] == "receipt" and entry[3] for entry in ledger):
        wrong.append("4: attempted after its final receipt")
    return tuple(wrong)


def _receipt_breaks(ledger: tuple[Entry, ...], receipt: Entry) -> tuple[str, ...]:
    """An attempt has one receipt, or a second one that says that it was delivered after all."""
    same = [entry for entry in ledger if entry[0] == "receipt" and entry[1] == receipt[1] != 0]
    known = [cast.receipt(*entry[1:]) for entry in same]
    if any(_says_enough(old, cast.receipt(*receipt[1:])) for old in known):
        return ("5: the attempt has a second receipt",)
    return ()


def _revision_went_back(now: View, entry: Entry) -> tuple[str, ...]:
    older = now.verdict is not None and entry[2] < now.verdict.control_seq
    return ("1: a verdict of an older control revision follows on a newer one",) if older else ()


def _post_breaks(state: State, call: Call) -> tuple[str, ...]:
    wrong: list[str] = []
    if state.posts:
        wrong.append("4: it is posted twice")
    told = [seq for seq, entry in enumerate(state.ledger, 1) if entry == ("control", "eoc_active")]
    if told and call.attempt_seq < told[-1] and not _approved_for_eoc(state.ledger, call.attempt_seq):
        wrong.append("7: it lands unapproved after the EOC was told active")
    return tuple(wrong)


def _approved_for_eoc(ledger: tuple[Entry, ...], before: int) -> bool:
    control = view(ledger).control
    names = {entry[1] for entry in ledger[:before] if entry[0] == "approval"}
    return any(control.roles_of(name, cast.at(0)) & EOC_SIGNERS for name in names)


# --- small things -----------------------------------------------------------------------------------------


@lru_cache(maxsize=100_000)
def _judged(
    controls: tuple[tuple[int, str], ...],
    posture: str,
    approvals: tuple[str, ...],
    verdict: Verdict | None,
    verdict_seq: int,
    control_seq: int,
) -> tuple[str, ...]:
    of = cast.request(posture)
    facts = WarrantFacts(
        request=of,
        verdict=verdict,
        verdict_seq=verdict_seq,
        approvals=tuple(cast.approval(name) for name in approvals),
        control=cast.control(controls),
        profile_id=PROFILE,
        rendering_sha256=of.renderings[0].sha256,
        control_seq=control_seq,
        now=cast.at(0),
        realm="live",
    )
    return tuple(found.code for found in objections(facts))


def _objections(now: View, verdict_seq: int, control_seq: int, _clock: float) -> tuple[str, ...]:
    """The codes of the warrant's objections on these facts; no run is long enough for anything to expire."""
    assert now.request is not None
    names = tuple(name for name, _ in now.approvals)
    posture = str(now.request.submitted_posture)
    return _judged(now.controls, posture, names, now.verdict, now.verdict_seq, control_seq)


def _in_other_hands(state: State, head: int) -> bool:
    """True while another worker has the delivery; one that was silent for long is believed dead."""
    return any(local is not None and local[1] == head and state.clock - local[2] < 6.0 for local in state.workers)


def _drowsy(local: tuple[Any, ...]) -> float:
    """When a worker that does not go on counts as standing still: a third of the lease is over, and more."""
    return float(local[2]) + 6.0


def _put(items: tuple[Local, ...], place: int, item: Local) -> tuple[Local, ...]:
    return (*items[:place], item, *items[place + 1 :])


def _with(state: State, number: int, local: Local) -> State:
    return state._replace(workers=_put(state.workers, number, local))


def _acked(state: State, number: int, head: int) -> State:
    return _with(state, number, None)._replace(acked=tuple(sorted({*state.acked, head})))


def _answered(state: State, place: int, status: str) -> tuple[Call, ...]:
    """The calls after one was answered; nobody hears the answer to a worker that is gone."""
    call = state.calls[place]
    local = state.workers[call.worker]
    heard = local is not None and local[0] == "calling" and local[4] == call.attempt_seq
    answered = (call._replace(status=status),) if heard else ()
    return (*state.calls[:place], *answered, *state.calls[place + 1 :])
