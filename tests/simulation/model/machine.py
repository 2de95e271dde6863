"""The machine of the model: states, and every step that any process may take next.

Two requests to one profile, two workers; the pure cores decide (the gate's policy, ``next_step``, the receipts, post
authorization, the control fold, the barrier), and the fold of the services says what counts. What is left to the model
is what the shells do between two awaits: each step here is one that another process may come before or after, so that
whatever was decided may be decided on a fold that is behind. The only magic is the ledger's order, compare-and-set, the
fence and message ids, as the server keeps them.

A ledger entry is a tuple, its sequence its place from 1; REQUEST is ``a`` or ``b``::

    ("control", NAME)                       genesis, or one of cast.ORDERS
    ("control", "eoc_active", ((REQUEST, ATTEMPT_SEQ), ...))
    ("request", REQUEST, POSTURE)  ("approval", REQUEST, OFFICER, DECISION)
    ("verdict", REQUEST, OUTCOME, CONTROL_SEQ, POSTURE, AS_OF, UNTIL)
    ("attempt", REQUEST, NUMBER, VERDICT_SEQ, CONTROL_SEQ, WORKER, AT)
    ("receipt", REQUEST, ATTEMPT_SEQ, OUTCOME, FINAL, RETRY_AT, WORKER)

Times are seconds from the beginning. A worker that dies is another one when it comes back: its name has its life in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from unittest import mock

from services.eoc_state.domain.activation import Barrier, barrier
from services.fanout.connectors.contract import Absent, Permanent, Posted, Retryable, WhenUnknown
from services.fanout.delivery.caller import NotAttempted
from services.fanout.delivery.judge import CHANGED, STALE
from services.fanout.domain import receipts, retry
from services.fanout.domain.receipts import reconcile_with_latest, says_enough
from services.fanout.domain.step import (
    LEASE_SLACK,
    Busy,
    Done,
    End,
    Lapse,
    Occupied,
    Place,
    Post,
    Settle,
    Wait,
    next_step,
)
from services.gatekeeper.domain.dossier import facts_of, is_news, needs_decision
from services.gatekeeper.policy.decide import decide, to_verdict
from services.kernel.authority.post_authorization import EOC_SIGNERS, PostFacts, post_violations
from services.kernel.control.control_state import ControlFault
from services.kernel.fold import ledger_fold as fold_module
from services.kernel.fold.flight import Flight
from services.kernel.fold.ledger_fold import EVERYTHING, Authority, LedgerFold
from services.kernel.fold.state import RequestState
from tests.simulation.model import cast
from tests.simulation.model.cast import LEASE, PROFILE, REQUESTS
from tests.unit.gatekeeper.policy_city import START

Entry = tuple[Any, ...]
Local = tuple[Any, ...] | None

SETTLE = LEASE
"""So long after a lease a platform without keys proves nothing by not showing a post."""

MUTANTS: dict[str, str] = {
    "no_fence": "an attempt is appended whatever the control revision",
    "effective_off": "each attempt on record counts",
    "void_called": "an attempt that does not count is called",
    "lapsed_frees_the_same": "a lapsed receipt frees the profile for the same request too",
    "no_second_look": "the call is made without judging again after the attempt",
    "verdict_without_cas": "a verdict is appended whichever verdict stands",
    "receipt_without_cas": "a receipt is appended whichever receipt stands",
    "barrier_does_not_wait": "eoc_active is appended at once",
    "barrier_forgets_lapsed": "the barrier takes a lapsed attempt for an answered one",
    "wakes_unlooked": "who stood still over its call does not look what became of it",
    "sleeper_forgotten": "the barrier forgets who was answered for by another",
    "no_lease_wait": "an open attempt is settled before its lease is over",
    "absence_is_believed_at_once": "a post that is not there yet counts as absent within its lease",
    "blind_repeat": "an unknown outcome is answered by another call",
    "duplicate_is_mine": "a duplicate attempt counts as one's own",
    "late_call": "a call starts however old its attempt is",
    "acked_before_receipt": "a verdict is acknowledged before its receipt stands",
    "acked_beside_an_attempt": "work on an older verdict ends beside its open attempt",
    "no_look_after": "who wrote a receipt acks, whatever it says",
    "forgets_cleared": "what was cleared is not decided anew after a control change",
}
"""Bugs that can be planted, by name."""


class Call(NamedTuple):
    """A call to the platform: ``status`` is sent, ok, silent, busy or refused; ``late``: a proxy keeps it."""

    request: str
    attempt_seq: int
    stored_at: float
    worker: int
    status: str
    late: bool = False


class State(NamedTuple):
    """Everything that matters for what may happen next.

    ``crashes``, ``lies`` (of the platform), ``naps`` (of a process that stands still), ``held`` (calls that a proxy
    keeps beyond their lease) and ``stuck`` (workers that stop between their look and their call) are how many are left.
    ``lives`` counts the deaths of each worker; ``keyed``: the platform makes one post of the same key.
    """

    ledger: tuple[Entry, ...] = (("control", "genesis"),)
    clock: float = 0.0
    acked: tuple[int, ...] = ()
    gates: tuple[Local, ...] = (None,)
    workers: tuple[Local, ...] = (None, None)
    lives: tuple[int, ...] = (0, 0)
    eoc: Local = None
    calls: tuple[Call, ...] = ()
    posts: tuple[tuple[str, int], ...] = ()
    todo: tuple[str, ...] = ("request a", "approve a office")
    crashes: int = 0
    lies: int = 0
    naps: int = 0
    held: int = 0
    stuck: int = 0
    keyed: bool = False


class Move(NamedTuple):
    """One step: what happened, the state after it, and which invariants it broke."""

    label: str
    after: State
    broken: tuple[str, ...] = ()


# --- what a ledger says -----------------------------------------------------------------------------------


class ModelFold(LedgerFold):
    """The fold of the services; control is folded once for all, and nothing is forgotten."""

    def __init__(self, mutants: frozenset[str]) -> None:
        super().__init__(Authority("live", frozenset(), 0), EVERYTHING - {"control"})
        self.controls: tuple[tuple[int, Entry], ...] = ()
        self.mutants = mutants

    def take(self, seq: int, entry: Entry) -> str:
        """Fold the next entry; return why it is void, the empty text when it counts."""
        if entry[0] == "control":
            self.controls = (*self.controls, (seq, entry))
            self.control, self.control_seq, self.seq = cast.control(self.controls), seq, seq
            self.revisions.append((seq, self.control.posture))
            return ""
        if "effective_off" in self.mutants:
            with mock.patch.object(fold_module, "void_because", return_value=""):
                return self._folded(seq, entry)
        return self._folded(seq, entry)

    def _folded(self, seq: int, entry: Entry) -> str:
        void = self.apply(cast.stored(seq, entry), entry[6] if entry[0] == "attempt" else 0.0).void
        frees = entry[0] == "receipt" and entry[3] == "lapsed" and "lapsed_frees_the_same" in self.mutants
        if frees and not void:
            state = self.requests[REQUESTS[entry[1]]]
            state.targets[PROFILE].answered = True
            state.note(PROFILE)
        return void

    def _forget(self, request_id: str) -> None:
        pass


@dataclass(frozen=True)
class View:
    """What a ledger says, read once: the fold, and which attempts and verdicts do not count."""

    fold: ModelFold
    void: dict[int, str]

    def state(self, name: str) -> RequestState | None:
        """What is known of a request."""
        return self.fold.requests.get(REQUESTS[name])

    @property
    def activating(self) -> int:
        """Where the activation is that has not ended yet, 0 for none."""
        return self.fold.control.activating_seq or 0


@lru_cache(maxsize=200_000)
def view(ledger: tuple[Entry, ...], mutants: frozenset[str] = frozenset()) -> View:
    """Read a ledger as the services do; with ``mutants`` as those do that have these bugs."""
    fold, void = ModelFold(mutants), {}
    for seq, entry in enumerate(ledger, 1):
        why = fold.take(seq, entry)
        if why:
            void[seq] = why
    return View(fold, void)


FOLDED = frozenset({"effective_off", "lapsed_frees_the_same"})
"""The bugs that a fold has."""


@dataclass
class Machine:
    """Yields the steps of a state. ``mutants`` names bugs of ``MUTANTS`` that are switched on."""

    mutants: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        self._folded = self.mutants & FOLDED

    def view(self, ledger: tuple[Entry, ...]) -> View:
        """What the services know."""
        return view(ledger, self._folded)

    def moves(self, state: State) -> Iterator[Move]:
        """Yield everything that may happen next."""
        yield from self._people(state)
        for number in range(len(state.gates)):
            yield from self._gate(state, number)
        yield from self._eoc(state)
        for number in range(len(state.workers)):
            yield from self._worker(state, number)
        yield from self._platform(state)
        yield from self._time(state)
        yield from self._crashes(state)

    # --- people -------------------------------------------------------------------------------------------

    def _people(self, state: State) -> Iterator[Move]:
        now = self.view(state.ledger)
        for what in state.todo:
            entry = self._said(what, now, len(state.ledger) + 1)
            if entry is not None:
                left = tuple(one for one in state.todo if one != what)
                yield Move(what, state._replace(ledger=(*state.ledger, entry), todo=left))

    def _said(self, what: str, now: View, seq: int) -> Entry | None:
        """The entry of something that people do, None if it cannot be done now."""
        words = what.split()
        if words[0] == "request":
            return ("request", words[1], str(now.fold.control.posture))
        if words[0] in ("approve", "reject"):
            known = now.state(words[1])
            late = words[0] == "reject" and known is not None and known.is_cleared
            return ("approval", words[1], words[2], words[0]) if known is not None and not late else None
        if what == "withdraw" and now.state("a") is None:
            return None
        entry = ("control", what)
        try:
            cast.control((*now.fold.controls, (seq, entry)))
        except ControlFault:
            return None
        return entry

    # --- the gate -----------------------------------------------------------------------------------------

    def _gate(self, state: State, number: int) -> Iterator[Move]:
        local, now = state.gates[number], self.view(state.ledger)
        if local is None:
            for name in REQUESTS:
                entry = self._judge(now, name)
                if entry is not None:
                    known = now.state(name)
                    gates = _put(state.gates, number, (entry, known.verdict_last if known else 0))
                    yield Move(f"gate {number} decides: {name} {entry[2]}", state._replace(gates=gates))
            return
        entry, standing_seq = local
        gates = _put(state.gates, number, None)
        known = now.state(entry[1])
        assert known is not None
        if known.verdict_last != standing_seq and "verdict_without_cas" not in self.mutants:
            yield Move(f"gate {number} is refused by compare-and-set", state._replace(gates=gates))
            return
        after = state._replace(gates=gates, ledger=(*state.ledger, entry))
        broken = _verdict_breaks(state.ledger, entry)
        yield Move(f"gate {number} appends: {entry[1]} {entry[2]}", after, broken)

    def _judge(self, now: View, name: str) -> Entry | None:
        known, control = now.state(name), now.fold.control
        if known is None or not needs_decision(known, control.seq):
            return None
        if "forgets_cleared" in self.mutants and known.is_cleared:
            return None
        # An approval of 25 minutes outlasts every run, so that the time is the same for the policy.
        facts = facts_of(known, control, cast.at(0))
        made = to_verdict(decide(facts), facts, facts.now, known.fact_seq)
        outcome, posture = str(made.outcome), str(made.posture)
        entry = ("verdict", name, outcome, made.control_seq, posture, made.as_of, made.valid_until)
        return entry if is_news(known, cast.verdict(*entry[1:])) else None

    # --- eoc_state ----------------------------------------------------------------------------------------

    def _eoc(self, state: State) -> Iterator[Move]:
        now = self.view(state.ledger)
        if state.eoc is None:
            if now.activating:
                found = self._barrier(state, now)
                if found.passed:
                    named = tuple((_name_of(one.request_id), one.attempt_seq) for one in found.unknown)
                    local = (now.fold.control.seq, named)
                    yield Move(f"eoc_state finds the barrier passed, {len(named)} unknown", state._replace(eoc=local))
            return
        control_seq, named = state.eoc
        if now.fold.control.seq != control_seq:
            yield Move("eoc_state is refused by compare-and-set", state._replace(eoc=None))
            return
        after = state._replace(eoc=None, ledger=(*state.ledger, ("control", "eoc_active", named)))
        yield Move("eoc_state appends eoc_active", after)

    def _barrier(self, state: State, now: View) -> Barrier:
        if "barrier_does_not_wait" in self.mutants:
            return Barrier((), 0, ())
        flights = []
        for seq, entry in enumerate(state.ledger[: now.activating - 1], 1):
            if entry[0] != "attempt" or seq in now.void:
                continue
            said = [one for one in state.ledger if one[0] == "receipt" and one[2] == seq]
            ends = [one for one in said if one[3] != "lapsed" or "barrier_forgets_lapsed" in self.mutants]
            by = ends[0][6] if ends else ""
            if ends and (by == entry[5] or "sleeper_forgotten" in self.mutants or ends[0][3] == "lapsed"):
                continue
            flights.append(Flight(seq, PROFILE, REQUESTS[entry[1]], entry[5], entry[6], by))
        return barrier(flights, self._heard(state), state.clock, LEASE)

    def _heard(self, state: State) -> dict[str, float]:
        """When each worker was last heard of: one that stands still says nothing, and one that died never again."""
        found = {}
        for number, local in enumerate(state.workers):
            # Who stood still over its call counts as awake only when what it sent as it woke has landed.
            slept = local is not None and (local[0] in ("sending", "overslept") or state.clock >= local[2] + LEASE)
            found[_worker(state, number)] = min(state.clock, _drowsy(local)) if slept and local else state.clock
        return found

    # --- fanout: verdicts become posts --------------------------------------------------------------------

    def _worker(self, state: State, number: int) -> Iterator[Move]:
        local = state.workers[number]
        if local is None:
            idle = [one for one in range(number) if state.workers[one] is None and state.lives[one] == 0]
            if not idle or state.lives[number]:  # idle workers are alike
                yield from self._take(state, number)
        else:
            yield from getattr(self, f"_{local[0]}")(state, number, *local[1:])

    def _take(self, state: State, number: int) -> Iterator[Move]:
        """Take a verdict in that nobody has in hand; what is void or blocked is let go of unseen."""
        now = self.view(state.ledger)
        for seq, entry in enumerate(state.ledger, 1):
            if entry[0] != "verdict" or seq in state.acked or _in_other_hands(state, seq):
                continue
            known = now.state(entry[1])
            if known is None or entry[2] == "blocked" or not (known.wanted or known.target(PROFILE).is_open):
                continue
            yield from self._again(state, number, seq, state.clock)

    def _place(self, ledger: tuple[Entry, ...], head: int) -> Place:
        now, name = self.view(ledger), ledger[head - 1][1]
        known = now.state(name)
        assert known is not None
        seq, other = now.fold.busy.get(PROFILE, (0, ""))
        busy = None
        if seq and other != REQUESTS[name]:
            target = now.fold.requests[other].target(PROFILE)
            busy = Busy(other, target.attempt, seq, target.folded_at) if target.attempt is not None else None
        return Place(head, PROFILE, known, known.target(PROFILE), now.fold.control.seq, busy)

    def _again(self, state: State, number: int, head: int, _began: float) -> Iterator[Move]:
        """Look at the work on a verdict, also once more at one that is in hand."""
        place, who = self._place(state.ledger, head), f"worker {number}"
        lease = -LEASE_SLACK if "no_lease_wait" in self.mutants else LEASE
        step = next_step(place, cast.at(state.clock), state.clock, lease)
        if "acked_beside_an_attempt" in self.mutants and place.state.verdict_seq != head:
            step = Done("a newer verdict is there")
        name, last = state.ledger[head - 1][1], place.target.receipt_last
        if isinstance(step, Done):
            yield Move(f"{who} is done with {name}: {step.reason}", _acked(state, number, head))
        elif isinstance(step, Wait | Occupied):
            if state.workers[number] is not None:
                yield Move(f"{who} waits with {name}", _with(state, number, None))
        elif isinstance(step, End):
            entry = ("receipt", name, 0, str(step.outcome), step.final, None, _worker(state, number))
            yield Move(f"{who} ends {name}: {step.outcome}", self._to_record(state, number, head, entry, last, "again"))
        elif isinstance(step, Lapse):
            other = _name_of(step.busy.request_id)
            known = self.view(state.ledger).state(other)
            assert known is not None
            entry = ("receipt", other, step.busy.seq, "lapsed", False, None, _worker(state, number))
            last = known.target(PROFILE).receipt_last
            yield Move(f"{who} frees the profile", self._to_record(state, number, head, entry, last, "again"))
        elif isinstance(step, Settle):
            yield from self._settle(state, number, head, step, place)
        elif isinstance(step, Post):
            found = set(self._violations(state.ledger, place))
            if found & STALE:
                yield Move(f"{who} finds a newer control for {name}", _acked(state, number, head))
                return
            if found == {"warrant.rejected"} and place.state.rejections:
                # The rejection came beside the verdict, which is decided anew; it is held back until then.
                entry = ("receipt", name, 0, "withheld", False, None, _worker(state, number))
                yield Move(f"{who} holds {name}", self._to_record(state, number, head, entry, last, "ack"))
                return
            broken = (f"post authorization objects to what the gate cleared: {found}",) if found else ()
            posture = str(self.view(state.ledger).fold.control.posture)
            local = ("post", head, state.clock, step.number, posture, place.target.receipt_last)
            yield Move(f"{who} finds {name} authorized", _with(state, number, local), broken)

    def _violations(self, ledger: tuple[Entry, ...], place: Place) -> tuple[str, ...]:
        """The codes of what post authorization objects to; no run is long enough for anything to expire."""
        known, verdict = place.state, place.state.verdict
        facts = PostFacts(
            request=known.request,
            verdict=verdict,
            verdict_seq=known.verdict_seq,
            approvals=tuple(approval for _, approval in known.approvals.values()),
            control=self.view(ledger).fold.control,
            profile_id=PROFILE,
            rendering_sha256=known.request.renderings[0].sha256,
            control_seq=verdict.control_seq if verdict is not None else 0,
            now=cast.at(0),
            realm="live",
        )
        return tuple(found.code for found in post_violations(facts))

    def _settle(self, state: State, number: int, head: int, step: Settle, place: Place) -> Iterator[Move]:
        name = _name_of(step.attempt.request_id)
        landed = any(post[0] == name for post in state.posts)
        if not landed and step.over_for < SETTLE and "absence_is_believed_at_once" not in self.mutants:
            if state.workers[number] is not None:
                yield Move(f"worker {number} waits with {name}", _with(state, number, None))
            return  # not there yet proves nothing so early
        found = Posted(cast.URL, "1") if landed else Absent()
        said = receipts.of_look(step.attempt, step.attempt_seq, found, cast.at(state.clock), WhenUnknown.LOOK)
        said = reconcile_with_latest(said, place.target.receipt)
        entry = ("receipt", name, step.attempt_seq, str(said.outcome), said.final, None, _worker(state, number))
        after = self._to_record(state, number, head, entry, place.target.receipt_last, self._then("again"))
        yield Move(f"worker {number} looks at the platform: {said.outcome}", after)

    def _then(self, usual: str) -> str:
        return "ack" if "no_look_after" in self.mutants else usual

    def _post(
        self, state: State, number: int, head: int, began: float, attempt: int, posture: str, known: int
    ) -> Iterator[Move]:
        """Append the attempt under the fence; the message id lets one attempt of a number in."""
        now, who = self.view(state.ledger), f"worker {number}"
        _, name, _, control_seq, *_ = state.ledger[head - 1]
        if now.fold.control_seq != control_seq and "no_fence" not in self.mutants:
            yield Move(f"{who} is held back by the fence", _with(state, number, ("again", head, state.clock)))
            return
        same = (seq for seq, one in enumerate(state.ledger, 1) if one[0] == "attempt" and one[1:3] == (name, attempt))
        taken = next(same, 0)
        if taken:
            mine = "duplicate_is_mine" in self.mutants
            local: Local = ("attempted", head, began, attempt, taken, posture, known) if mine else None
            yield Move(f"{who}: attempt {attempt} on {name} belongs to another", _with(state, number, local))
            return
        entry = ("attempt", name, attempt, head, control_seq, _worker(state, number), state.clock)
        local = ("attempted", head, began, attempt, len(state.ledger) + 1, posture, known)
        ledger = (*state.ledger, entry)
        broken = _attempt_breaks(ledger) if len(ledger) not in self.view(ledger).void else ()
        yield Move(
            f"{who} appends attempt {attempt} on {name}", _with(state, number, local)._replace(ledger=ledger), broken
        )

    def _attempted(
        self, state: State, number: int, head: int, began: float, attempt: int, seq: int, posture: str, known: int
    ) -> Iterator[Move]:
        """See in the fold whether it counts, and judge again on the newest facts."""
        now, who = self.view(state.ledger), f"worker {number}"
        name, place = state.ledger[head - 1][1], self._place(state.ledger, head)
        target = place.target
        if seq in now.void and "void_called" not in self.mutants:
            yield Move(f"{who}: its attempt on {name} does not count", _with(state, number, None))
            return
        reason = ""
        if target.attempt_seq != seq or target.answered or target.lapsed:
            reason = "another worker took it over"
        else:
            same = str(now.fold.control.posture) == posture
            found = [code for code in self._violations(state.ledger, place) if not (same and code == CHANGED)]
            reason = found[0] if found else ""
        if reason and not {"no_second_look", "void_called"} & self.mutants:
            held = self._end(state, number, head, seq, known, NotAttempted(reason))
            yield Move(f"{who} holds {name}: {reason}", held)
        else:
            local = ("ready", head, began, attempt, seq, known)
            yield Move(f"{who} finds {name} authorized again", _with(state, number, local))

    def _ready(
        self, state: State, number: int, head: int, began: float, attempt: int, seq: int, known: int
    ) -> Iterator[Move]:
        """Call the platform, if it is not too late for it."""
        who = f"worker {number}"
        if not retry.may_start(state.clock - began, LEASE) and "late_call" not in self.mutants:
            late = self._end(state, number, head, seq, known, NotAttempted("too late", late=True))
            yield Move(f"{who} is too late", late)
            return
        after = _with(state, number, ("sending", head, began, attempt, seq, known))
        if state.stuck:
            yield Move(f"{who} stops between its look and its call", after._replace(stuck=state.stuck - 1))
        yield from self._sending(state, number, head, began, attempt, seq, known)

    def _sending(
        self, state: State, number: int, head: int, began: float, attempt: int, seq: int, known: int
    ) -> Iterator[Move]:
        """Send it, whatever has become of the attempt since the last look."""
        name, at = state.ledger[head - 1][1], state.ledger[seq - 1][6]
        call = Call(name, seq, at, number, "sent")
        after = _with(state, number, ("calling", head, began, attempt, seq, known))
        broken = _call_breaks(state, seq, call)
        yield Move(f"worker {number} calls the platform", after._replace(calls=(*state.calls, call)), broken)

    def _calling(
        self, state: State, number: int, head: int, began: float, attempt: int, seq: int, known: int
    ) -> Iterator[Move]:
        """Hear what the platform says, or nothing."""
        who = f"worker {number}"
        mine = next(call for call in reversed(state.calls) if call.worker == number)
        if mine.status in ("ok", "busy", "refused"):
            after = state._replace(calls=tuple(call for call in state.calls if call != mine))
            result: Any = {
                "ok": Posted(cast.URL, "1"),
                "busy": Retryable("too many requests"),
                "refused": Permanent("no"),
            }[mine.status]
            yield Move(f"{who} hears: {mine.status}", self._end(after, number, head, seq, known, result))
        elif mine.status == "silent" or state.lies or mine.late or state.clock >= began + LEASE:
            cut = mine.status == "sent"
            calls = state.calls if cut else tuple(call for call in state.calls if call != mine)
            free = mine.late or not cut or state.clock >= began + LEASE
            after = state._replace(calls=calls, lies=state.lies - (not free))
            if "blind_repeat" in self.mutants:
                yield Move(
                    f"{who} hears nothing and repeats",
                    _with(after, number, ("ready", head, began, attempt, seq, known)),
                )
                return
            if state.clock >= began + LEASE:
                yield Move(
                    f"{who} wakes and hears nothing", _with(after, number, ("overslept", head, began, seq, known))
                )
                return
            yield Move(f"{who} hears nothing", _with(after, number, None))
            if any(post == (mine.request, seq) for post in state.posts):
                found = self._end(after, number, head, seq, known, Posted(cast.URL, "1"))
                yield Move(f"{who} hears nothing, and finds it on the timeline", found)

    def _overslept(self, state: State, number: int, head: int, began: float, seq: int, known: int) -> Iterator[Move]:
        """Look what became of a call that one stood still over, once nothing of it can land any more."""
        if any(call.attempt_seq == seq and call.status == "sent" for call in state.calls):
            return
        name = state.ledger[head - 1][1]
        if "wakes_unlooked" in self.mutants or not any(post == (name, seq) for post in state.posts):
            yield Move(f"worker {number} does not find it", _with(state, number, ("again", head, state.clock)))
            return
        found = self._end(state, number, head, seq, known, Posted(cast.URL, "1"))
        yield Move(f"worker {number} finds what it sent", found)

    def _end(self, state: State, number: int, head: int, seq: int, known: int, result: Any) -> State:
        """Write the receipt of a call that ended, or was not made."""
        entry = state.ledger[seq - 1]
        made = cast.attempt(*entry[1:])
        said = receipts.of_result(made, seq, result, cast.at(state.clock))
        at = state.clock + retry.BASE_SECONDS if isinstance(result, Retryable) else None
        name, who = entry[1], _worker(state, number)
        record = ("receipt", name, seq, str(said.outcome), said.final, at, who)
        later = isinstance(result, NotAttempted) and result.late
        then = "later" if later else self._then("again")
        if "acked_before_receipt" in self.mutants:
            then = "ack"
        after = self._to_record(state, number, head, record, known, then)
        if "acked_before_receipt" in self.mutants:
            after = after._replace(acked=tuple(sorted({*after.acked, head})))
        return after

    def _to_record(self, state: State, number: int, head: int, entry: Entry, expect: int, then: str) -> State:
        return _with(state, number, ("record", head, state.clock, entry, expect, then))

    def _record(
        self, state: State, number: int, head: int, began: float, entry: Entry, expect: int, after: str
    ) -> Iterator[Move]:
        """Append a receipt by compare-and-set; what is there may make it superfluous."""
        now, who = self.view(state.ledger), f"worker {number}"
        known = now.state(entry[1])
        assert known is not None
        last = known.target(PROFILE).receipt_last
        then: Local = None if after == "later" else (after, head, state.clock)
        if last == expect or "receipt_without_cas" in self.mutants:
            ledger = (*state.ledger, entry)
            done = _with(state, number, then)._replace(ledger=ledger)
            yield Move(f"{who} appends the receipt: {entry[3]}", done, self._receipt_breaks(state.ledger, entry))
            return
        mine = cast.receipt(*entry[1:])
        others = [cast.receipt(*one[1:]) for one in state.ledger if one[0] == "receipt" and one[1] == entry[1]]
        if entry[2] == 0 or any(says_enough(old, mine) for old in others):
            yield Move(f"{who}: another receipt is there", _with(state, number, then))
        else:
            ours = reconcile_with_latest(mine, others[-1] if others else None)
            at = entry[5] if ours is mine else None
            entry = ("receipt", entry[1], ours.attempt_seq, str(ours.outcome), ours.final, at, entry[6])
            local = ("record", head, began, entry, last, after)
            yield Move(f"{who} looks at the newest receipt", _with(state, number, local))

    def _ack(self, state: State, number: int, head: int, _began: float) -> Iterator[Move]:
        yield Move(f"worker {number} acks", _acked(state, number, head))

    def _receipt_breaks(self, ledger: tuple[Entry, ...], entry: Entry) -> tuple[str, ...]:
        """An attempt has one end, or a second one that says that it was delivered after all; a void one has none."""
        if entry[2] and entry[2] in view(ledger).void:
            return ("5: a receipt names an attempt that does not count",)
        same = [one for one in ledger if one[0] == "receipt" and one[1] == entry[1] and one[2] == entry[2] != 0]
        if any(says_enough(cast.receipt(*old[1:]), cast.receipt(*entry[1:])) for old in same):
            return ("5: the attempt has a second receipt",)
        return ()

    # --- the platform, time, crashes ----------------------------------------------------------------------

    def _platform(self, state: State) -> Iterator[Move]:
        for place, call in enumerate(state.calls):
            if call.status != "sent":
                continue
            known = state.keyed and any(post[0] == call.request for post in state.posts)
            posts = state.posts if known else (*state.posts, (call.request, call.attempt_seq))
            broken = () if known else self._post_breaks(state, call)
            done = state._replace(calls=_answered(state, place, "ok"), posts=posts)
            yield Move(f"the platform posts {call.request}", done, broken)
            if state.lies:
                lied = state._replace(lies=state.lies - 1)
                silent = lied._replace(calls=_answered(state, place, "silent"))
                yield Move(f"the platform posts {call.request} and says nothing", silent._replace(posts=posts), broken)
                yield Move("the platform drops it", silent)
                yield Move("the platform is busy", lied._replace(calls=_answered(state, place, "busy")))
                yield Move("the platform refuses it", lied._replace(calls=_answered(state, place, "refused")))

    def _post_breaks(self, state: State, call: Call) -> tuple[str, ...]:
        wrong: list[str] = []
        if any(post[0] == call.request for post in state.posts):
            wrong.append("4: it is posted twice")
        told = [(seq, entry) for seq, entry in enumerate(state.ledger, 1) if entry[:2] == ("control", "eoc_active")]
        if told and call.attempt_seq < told[-1][0]:
            named = {seq for _, seq in told[-1][1][2]}
            if call.attempt_seq not in named and not _approved_for_eoc(state.ledger, call):
                wrong.append("7: it lands unapproved and unnamed after the EOC was told active")
        return tuple(wrong)

    def _time(self, state: State) -> Iterator[Move]:
        """Let time pass up to the next moment at which something may change.

        A call never lasts longer than its lease: that is the one promise of the world outside, but for what a proxy
        holds, and then not longer than the platform's settling time.
        """
        moments: set[float] = set()
        now = self.view(state.ledger)
        for known in now.fold.requests.values():
            target = known.target(PROFILE)
            if target.is_open:
                ages = (LEASE + LEASE_SLACK + 1.0, LEASE + LEASE_SLACK + SETTLE + 1.0)
                moments |= {target.folded_at + age for age in ages}
            if target.receipt is not None and target.receipt.retry_at is not None:
                moments.add((target.receipt.retry_at - START).total_seconds())
        busy = [local for local in state.workers if local is not None]
        moments |= {local[2] + LEASE if local[0] == "calling" and state.held else _drowsy(local) for local in busy}
        if now.activating:
            moments |= {entry[6] + LEASE + 2.0 for entry in state.ledger if entry[0] == "attempt"}
        later = [moment for moment in moments if moment > state.clock]
        if not later:
            return
        then = min(later)
        waits = ("sending", "overslept", "calling") if state.held else ("sending", "overslept")
        stands = [local for local in busy if local[0] not in waits]
        asleep = sum(state.clock < _drowsy(local) <= then for local in stands)
        over = [call for call in state.calls if call.status == "sent" and then >= call.stored_at + LEASE]
        much = any(then >= call.stored_at + LEASE + SETTLE for call in over)
        new = [call for call in over if not call.late]
        if asleep > state.naps or much or len(new) > state.held:
            return
        calls = tuple(call._replace(late=True) if call in new else call for call in state.calls)
        after = state._replace(clock=then, naps=state.naps - asleep, held=state.held - len(new), calls=calls)
        yield Move(f"time passes to {then:g} s", after)

    def _crashes(self, state: State) -> Iterator[Move]:
        if not state.crashes:
            return
        less = state._replace(crashes=state.crashes - 1)
        for number, local in enumerate(state.workers):
            if local is not None:
                calls = tuple(c for c in state.calls if c.worker != number or c.status == "sent")
                lives = (*state.lives[:number], state.lives[number] + 1, *state.lives[number + 1 :])
                yield Move(f"worker {number} dies", _with(less, number, None)._replace(calls=calls, lives=lives))
        for number, local in enumerate(state.gates):
            if local is not None:
                yield Move(f"gate {number} dies", less._replace(gates=_put(state.gates, number, None)))
        if state.eoc is not None:
            yield Move("eoc_state dies", less._replace(eoc=None))


# --- invariants -------------------------------------------------------------------------------------------


def unfinished(state: State) -> tuple[str, ...]:
    """Say what is wrong with a state in which nothing can happen any more. What counts is judged without any bug."""
    now = view(state.ledger)
    wrong: list[str] = []
    for request_id, known in now.fold.requests.items():
        name, target = _name_of(request_id), known.target(PROFILE)
        if known.verdict is None:
            wrong.append(f"5: {name} has no verdict")
        if target.is_open:
            wrong.append(f"5: the attempt on {name} has no receipt")
        if known.is_cleared and known.verdict and not target.is_final:
            newest = known.verdict.control_seq == now.fold.control_seq
            wrong.append(f"6: {name} is cleared, and nobody {'posts it' if newest else 'decides it anew'}")
        public = any(post[0] == name for post in state.posts)
        said = any(entry[:2] == ("receipt", name) and entry[3] == "delivered" for entry in state.ledger)
        if public and not said:
            wrong.append(f"5: {name} is public, and no receipt says so")
        if said and not public:
            wrong.append(f"5: a receipt says that {name} was delivered, and it is not public")
    if now.activating:
        wrong.append("7: the barrier never ended")
    return tuple(wrong)


def _attempt_breaks(ledger: tuple[Entry, ...]) -> tuple[str, ...]:
    """What the services take for an attempt that counts must count by the rule."""
    why = view(ledger).void.get(len(ledger))
    return (f"1: an attempt is taken to count, and does not: {why}",) if why else ()


def _call_breaks(state: State, seq: int, call: Call) -> tuple[str, ...]:
    wrong: list[str] = []
    why = view(state.ledger).void.get(seq)
    if why:
        wrong.append(f"1: it calls for an attempt that does not count: {why}")
    if state.ledger[seq - 1][5] != _worker(state, call.worker):
        wrong.append("1: it calls for an attempt of another worker")
    return tuple(wrong)


def _verdict_breaks(ledger: tuple[Entry, ...], entry: Entry) -> tuple[str, ...]:
    before = [one for one in ledger if one[:2] == ("verdict", entry[1])]
    if before and entry[3] < before[-1][3]:
        return ("1: a verdict of an older control revision follows on a newer one",)
    if before and before[-1][2:5] == entry[2:5] and before[-1][5] == entry[5]:
        return ("an unchanged verdict is repeated",)
    return ()


def _approved_for_eoc(ledger: tuple[Entry, ...], call: Call) -> bool:
    control = view(ledger).fold.control
    said = {entry[2] for entry in ledger[: call.attempt_seq] if entry[:2] == ("approval", call.request)}
    return any(control.roles_of(name, cast.at(0)) & EOC_SIGNERS for name in said)


# --- small things -----------------------------------------------------------------------------------------


def _name_of(request_id: str) -> str:
    return next(name for name, one in REQUESTS.items() if one == request_id)


def _worker(state: State, number: int) -> str:
    """The name of a worker's present life."""
    return f"worker-{number}.{state.lives[number]}"


def _in_other_hands(state: State, head: int) -> bool:
    """True while another worker has the verdict; one that was silent for long is believed dead."""
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
