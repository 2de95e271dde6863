"""Mutants: known bugs that can be planted. Each switches one wall of the real services off while a run plays.

Some walls stand behind another one; where a bug alone can do no harm, those are planted with it (``behind``).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

from schemas.events.approvals import Approval
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.requests import Request
from schemas.platforms import MIRROR
from schemas.subjects import place_of
from services.eoc_state import activations
from services.eoc_state.domain.activation import Barrier, barrier
from services.fanout import overlooked_decisions, overlooked_verdicts, resolving
from services.fanout.connectors.contract import Permanent, Unknown
from services.fanout.delivery import (
    caller,
    conclusion,
    destinations,
    given_up,
    judge,
    later_looks,
    places,
    posting,
    settler,
    work,
)
from services.fanout.domain import delivery_state, retry, step
from services.gatekeeper import handlers as gate
from services.gatekeeper import overlooked
from services.gatekeeper.domain.dossier import undecided
from services.gatekeeper.policy.clauses import setting_schedule
from services.intake import handlers as intake_handlers
from services.intake import preparation, revisions
from services.kernel.authority import orders
from services.kernel.authority.post_authorization import post_violations
from services.kernel.fold import ledger_fold as fold
from services.kernel.fold import reopening
from services.kernel.fold.chain import Chain
from services.kernel.fold.ledger_fold import LedgerFold
from services.kernel.fold.reading import parse
from services.kernel.fold.state import RequestState
from services.kernel.ledger import append_batch
from services.kernel.ledger.client import Entry
from services.kernel.ledger.entry import MESSAGE_ID
from services.kernel.projection.projection import Projection
from services.kernel.runtime import flights
from services.kernel.runtime.messages.dependencies import EntryOf
from services.kernel.runtime.service import Runtime
from tests.simulation import server

Patch = tuple[Any, str, Any]


class Inapplicable(Exception):
    """What a mutant replaces is not there any more: it must be declared anew, or it would prove nothing."""


@dataclass(frozen=True)
class Mutant:
    """One wall of the real services, switched off.

    ``what``: the bug in words. ``patches``: what it replaces (owner, name, replacement). ``theme``: the kind of day on
    which it does harm soonest (``themes.THEMES``); none: any. ``behind``: bugs that are planted with it, because each
    of them is a wall behind it. ``harmless``: alone it does no harm, for other walls stand (docs/reliability.md).
    """

    what: str
    patches: Callable[[], list[Patch]]
    theme: str = ""
    behind: tuple[str, ...] = ()
    harmless: bool = False


# --- the server's conditions ------------------------------------------------------------------------------


def _unchecked(kind: str) -> list[Patch]:
    """The headers of compare-and-set or fence are there, and the server does not look at them."""
    real = server.Stream._check

    def check(self: Any, subject: str, headers: dict[str, str]) -> None:
        if not subject.startswith(f"ledger.{kind}."):
            real(self, subject, headers)

    return [(server.Stream, "_check", check)]


def _no_receipt_ids() -> list[Patch]:
    """The server does not know a receipt again that it has: the wall behind compare-and-set."""
    real = server.Stream._known

    def known(self: Any, message_id: str | None, now: Any) -> int:
        return 0 if (message_id or "").startswith("receipt:") else int(real(self, message_id, now))

    return [(server.Stream, "_known", known)]


def _singles_without_ids() -> list[Patch]:
    """What a batch could not commit is repeated without message ids."""
    real = append_batch.AppendQueue._singly

    async def singly(self: Any, batch: list[Any]) -> None:
        for item in batch:
            item.headers.pop(MESSAGE_ID, None)
        await real(self, batch)

    return [(append_batch.AppendQueue, "_singly", singly)]


# --- the fold ---------------------------------------------------------------------------------------------


def _effective_off() -> list[Patch]:
    return [(room, "void_because", lambda *_, **__: "") for room in (fold, reopening)]


def _lapsed_frees_the_same() -> list[Patch]:
    real = LedgerFold._receipt

    def receipt(self: Any, entry: Entry, boot: float) -> None:
        real(self, entry, boot)
        said, (_, request_id, profile) = parse(Receipt, entry.data), place_of(entry.subject)
        if said.outcome is ReceiptOutcome.LAPSED:
            self.requests[request_id].targets[profile].answered = True
            self.requests[request_id].note(profile)

    return [(fold, "_FOLDS", {**fold._FOLDS, "receipt": receipt})]


def _stale_control() -> list[Patch]:
    """A service goes on with the control that it saw first."""
    real = LedgerFold._control

    def control(self: Any, entry: Entry, boot: float) -> None:
        first = self.control
        real(self, entry, boot)
        self.control = first if first.seq else self.control

    return [(fold, "_FOLDS", {**fold._FOLDS, "control": control})]


def _no_barrier() -> list[Patch]:
    """Who is told where its entry stands does not wait until it has folded that far."""

    async def at_once(*_: Any, **__: Any) -> None:
        await asyncio.sleep(0)

    return [(Projection, "at_least", at_once)]


def _replica_believed() -> list[Patch]:
    """A request that is over is reopened with what a replica happens to know."""

    async def read(self: Any, pattern: str) -> list[Entry]:
        return [entry async for batch in self.source.entries(0, pattern) for entry in batch]

    return [(Projection, "all_of", read)]


# --- the fan-out ------------------------------------------------------------------------------------------


def _own_clock_alone() -> list[Patch]:
    return [(Runtime, "present", lambda self: self.clock.now())]


def _refused_by_own_clock() -> list[Patch]:
    async def judged(own: Any, _ask: Any, judge: Any) -> Any:
        return await judge(own)

    return [(owner, "judged", judged) for owner in (orders, resolving, intake_handlers, preparation, revisions)]


def _no_second_look() -> list[Patch]:
    return [(judge.Judge, "before_the_call", lambda *_, **__: None)]


def _blind_repeat() -> list[Patch]:
    real = caller.Caller._call

    async def twice(self: Any, connector: Any, intent: Any, lease: Any) -> Any:
        result = await real(self, connector, intent, lease)
        return await real(self, connector, intent, lease) if isinstance(result, Unknown) else result

    return [(caller.Caller, "_call", twice)]


def _no_lease_wait() -> list[Patch]:
    real = step.next_step

    def at_once(place: Any, now: Any, boot: float, _lease: float, *rest: Any) -> Any:
        found = real(place, now, boot, -step.LEASE_SLACK, *rest)
        return replace(found, over_for=1_000.0) if isinstance(found, step.Settle) else found

    return [(places, "next_step", at_once)]


def _beginning_forgotten() -> list[Patch]:
    def nothing(_target: Any) -> None:
        return None

    return [(owner, "beginning_of", nothing) for owner in (delivery_state, step, settler, posting)]


def _given_up_too_soon() -> list[Patch]:
    return [(given_up.GivenUpAttempts, "take_back", given_up.GivenUpAttempts.note)]


def _overlooked_left() -> list[Patch]:
    async def look_once(_self: Any) -> None:
        return

    owners = (overlooked_verdicts.OverlookedVerdicts, overlooked_decisions.OverlookedDecisions)
    return [(owner, "look_once", look_once) for owner in owners]


def _attempt_unlooked(counts: Callable[[Any, Any, Any], bool]) -> list[Patch]:
    """A worker calls for an attempt without seeing in the fold that it is its own and counts."""
    real = posting.Posting._attempt

    async def attempt(self: Any, place: Any, profile: Any, number: int) -> int:
        stood: list[Any] = []
        append = self._records.attempt

        async def noting(event: Any) -> Any:
            stood.append((event, await append(event)))
            return stood[-1][1]

        self._records.attempt = noting
        try:
            seq = await real(self, place, profile, number)
        finally:
            self._records.attempt = append
        if seq or not stood:
            return int(seq)
        event, appended = stood[-1]
        state = self._runtime.fold.requests.get(place.request_id)
        target = state.target(place.profile) if state is not None else None
        return int(appended.seq) if target is not None and counts(target, event, appended) else 0

    return [(posting.Posting, "_attempt", attempt)]


def _duplicate_is_mine() -> list[Patch]:
    return _attempt_unlooked(lambda target, _event, appended: target.attempt_seq == appended.seq)


def _void_called() -> list[Patch]:
    return _attempt_unlooked(lambda target, _event, appended: target.attempt_seq != appended.seq)


def _late_call() -> list[Patch]:
    return [(retry, "may_start", lambda age, lease: True), (caller.Lease, "left", lambda self: self.length)]


def _acked_before_receipt() -> list[Patch]:
    async def write(self: Any, receipt: Any, known: int) -> None:
        asyncio.create_task(self._records.receipt(receipt, known))  # noqa: RUF006

    return [(conclusion.Conclusion, "write", write), *_done_after("post", "settle", "end")]


def _no_look_after() -> list[Patch]:
    """Whoever has settled or made an attempt is done, whatever its receipt says."""
    return _done_after("post", "settle")


def _done_after(*names: str) -> list[Patch]:
    def done_after(real: Any) -> Any:
        async def call(self: Any, *args: Any) -> Any:
            outcome = await real(self, *args)
            return step.Done("its receipt is written") if isinstance(outcome, step.LookAgain) else outcome

        return call

    owners = {"post": posting.Posting, "settle": settler.Settler, "end": settler.Settler}
    return [(owners[name], name, done_after(getattr(owners[name], name))) for name in names]


def _acked_beside_an_attempt() -> list[Patch]:
    """Work on an older verdict is done although an attempt of it is open."""
    real = step.next_step

    def let_go(place: Any, *rest: Any) -> Any:
        stale = place.state.verdict_seq != place.verdict_seq
        return step.Done("a newer verdict is there") if stale else real(place, *rest)

    return [(places, "next_step", let_go)]


def _expired_posted() -> list[Patch]:
    from services.kernel.fold import effective

    real = post_violations
    return [
        (step, "_end", lambda *_: None),
        (effective, "_expired", lambda *_: ""),
        (judge, "post_violations", lambda facts: tuple(o for o in real(facts) if "expired" not in o.code)),
    ]


def _redelivery_is_new() -> list[Patch]:
    """Whoever gets a verdict does not look at what was attempted before."""
    real = step.next_step

    def forgetful(place: Any, *rest: Any) -> Any:
        found = real(place, *rest)
        return step.Post(place.target.number + 1) if place.target.is_open else found

    return [(places, "next_step", forgetful)]


def _unconfirmed_forgotten() -> list[Patch]:
    return [(step, "_end", step._ended)]


def _receipt_lies() -> list[Patch]:
    """A post whose outcome is unknown is written down as failed."""
    real = posting.Posting._conclude

    async def conclude(self: Any, call: Any, result: Any) -> Any:
        lie = Permanent("no answer") if isinstance(result, Unknown) else result
        return await real(self, call, lie)

    return [(posting.Posting, "_conclude", conclude)]


def _waits_in_line() -> list[Patch]:
    """A post that waits for minutes keeps its place on the profile while it waits."""
    real = work.Work._take

    async def take(self: Any, place: Any, next_step: Any) -> Any:
        outcome = await real(self, place, next_step)
        profile = self._destinations.profile(place.profile)
        if isinstance(outcome, step.Wait) and not outcome.hold and outcome.delay > retry.HOLD_SECONDS and profile:
            async with self._destinations.host(profile).line.slot(place.profile, place.state.priority):
                await asyncio.sleep(outcome.delay)
        return outcome

    return [(work.Work, "_take", take)]


def _no_quota() -> list[Patch]:
    from services.fanout.domain.limits import Quota

    return [(Quota, "take", lambda *_, **__: 0.0)]


# --- the gate ---------------------------------------------------------------------------------------------


def _acked_before_verdict() -> list[Patch]:
    """Requests and approvals are acknowledged before the verdict stands, and nobody looks for it after a restart."""

    def at_once(name: str) -> Any:
        async def handler(self: Any, event: Any, entry: Any) -> None:
            await self.runtime.projection.at_least(entry.seq)
            asyncio.create_task(self._try_to_judge(event.request_id))  # noqa: RUF006

        handler.__annotations__ = dict(getattr(gate.GateHandlers, name).__annotations__)
        handler.__globals__.update(Request=Request, Approval=Approval, EntryOf=EntryOf)
        return handler

    patches: list[Patch] = [(gate.GateHandlers, name, at_once(name)) for name in ("on_request", "on_approval")]
    return [*patches, (gate.GateHandlers, "_schedule_all", lambda _self: None)]


def _repeats_unchanged() -> list[Patch]:
    return [(gate, "is_news", lambda *_: True)]


def _forgets_cleared() -> list[Patch]:
    """After a control change what was cleared is not decided anew."""
    real = undecided

    def without_cleared(known: Any) -> list[str]:
        return [name for name in real(known) if not known.requests[name].is_cleared]

    return [(gate, "undecided", without_cleared), (overlooked, "undecided", without_cleared)]


def _no_sweep() -> list[Patch]:
    async def sweep(_self: Any) -> None:
        return None

    return [(gate.GateHandlers, "sweep", sweep)]


# --- the barrier ------------------------------------------------------------------------------------------


def _barrier_does_not_wait() -> list[Patch]:
    return [(activations, "barrier", lambda *_: Barrier((), 0, ()))]


def _barrier_forgets_lapsed() -> list[Patch]:
    """An attempt whose profile was freed counts as answered."""

    def answered(self: Any, entry: Entry) -> None:
        self._open.pop(parse(Receipt, entry.data).attempt_seq, None)

    return [(flights.Flights, "_answered", answered)]


def _wakes_unlooked() -> list[Patch]:
    """Who stood still over its call does not look what became of it."""

    async def nothing(*_: Any) -> Any:
        return step.LookAgain()

    return [(settler.Settler, "look_after_sleep", nothing)]


def _looks_once() -> list[Patch]:
    """What another than its worker said of a post is never looked at again."""

    async def nothing(*_: Any) -> bool:
        return True

    return [(later_looks.LaterLooks, "_look", nothing)]


def _barrier_names_nothing() -> list[Patch]:
    real = barrier

    def nameless(*args: Any) -> Barrier:
        return replace(real(*args), unknown=())

    return [(activations, "barrier", nameless)]


def _sleeper_forgotten() -> list[Patch]:
    """Who answered an attempt in another's place makes the barrier forget that one."""
    real = flights.Flights.before

    def before(self: Any, seq: int) -> Any:
        return tuple(flight for flight in real(self, seq) if not flight.answered_by)

    return [(flights.Flights, "before", before)]


def _old_verdict_counts() -> list[Patch]:
    """A verdict counts whatever revision it is on, and so does a revision of what is being posted."""
    real_verdict = LedgerFold._verdict

    def verdict(self: Any, entry: Entry, boot: float) -> None:
        state = self.requests.get(place_of(entry.subject).request_id)
        kept = state.request if state is not None else None
        if state is not None:
            state.request = state.request.model_copy(update={"revision": 1})
        try:
            real_verdict(self, entry, boot)
        finally:
            if state is not None:
                state.request = kept

    return [(fold, "_FOLDS", {**fold._FOLDS, "verdict": verdict}), (RequestState, "is_begun", False)]


# --- the chain, the website's page, new profiles, what is over ----------------------------------------------


def _chain_off() -> list[Patch]:
    return [(Chain, "out_of_order", lambda *_: "")]


def _ends_by_newest() -> list[Patch]:
    """Who ends a delivery follows on whatever is there by then."""
    real = settler.Settler.end

    async def end(self: Any, place: Any, why: Any, _known: int) -> Any:
        return await real(self, place, why, place.state.target(place.profile).receipt_last)

    return [(settler.Settler, "end", end)]


def _page_unfenced() -> list[Patch]:
    """The website's page is written whatever the control revision, and is not judged before."""
    from services.kernel.fold.effective import void_because

    real_check, real_before = server.Stream._check, judge.Judge.before_the_call

    def check(self: Any, subject: str, headers: dict[str, str]) -> None:
        if not subject.startswith(f"ledger.attempt.{MIRROR}."):
            real_check(self, subject, headers)

    def void(attempt: Any, *args: Any, **facts: Any) -> str:
        return "" if attempt.profile == MIRROR else void_because(attempt, *args, **facts)

    def before(self: Any, place: Any, *args: Any) -> Any:
        return None if place.profile == MIRROR else real_before(self, place, *args)

    rooms = [(room, "void_because", void) for room in (fold, reopening)]
    return [(server.Stream, "_check", check), (judge.Judge, "before_the_call", before), *rooms]


def _barrier_without_pages() -> list[Patch]:
    """The barrier of activation does not count the website's pages."""
    real = flights.Flights.before

    def before(self: Any, seq: int) -> Any:
        return tuple(flight for flight in real(self, seq) if flight.profile != MIRROR)

    return [(flights.Flights, "before", before)]


def _profiles_of_the_start() -> list[Patch]:
    """Fan-out knows the profiles that there were when it looked first."""
    real = destinations.Destinations.profile

    def profile(self: Any, profile_id: str) -> Any:
        first = self.__dict__.setdefault("_first", frozenset(self._runtime.control.profiles))
        return real(self, profile_id) if profile_id in first or profile_id == MIRROR else None

    return [(destinations.Destinations, "profile", profile)]


def _forgets_unconfirmed() -> list[Patch]:
    """A request leaves memory once nothing is left to post, though a person has yet to say how a post of it ended."""

    def forget(self: Any, request_id: str) -> None:
        state = self.requests.get(request_id)
        if state is not None and (state.is_over or (state.is_delivered and not state.opened)):
            del self.requests[request_id]

    return [(LedgerFold, "_forget", forget)]


def _never_reopened() -> list[Patch]:
    return [(LedgerFold, "missing", lambda *_: None)]


def _decision_ignored() -> list[Patch]:
    """What a person decided is acknowledged before it is carried out, and nobody does it after a death."""

    async def on_resolution(self: Any, event: Any, entry: Any) -> None:
        await self._runtime.projection.at_least(entry.seq)

    on_resolution.__annotations__ = dict(resolving.Resolving.on_resolution.__annotations__)
    return [(resolving.Resolving, "on_resolution", on_resolution)]


MUTANTS: dict[str, Mutant] = {
    "chain_off": Mutant(
        "a correction does not wait for what it replaces, nor the other way round",
        _chain_off,
        theme="what follows a message",
    ),
    "rival_stays_cleared": Mutant(
        "of two corrections the one that was cleared second is not decided anew",
        lambda: [(gate, "look_again_after", lambda *_: "")],
        theme="what follows a message",
    ),
    "ends_by_newest": Mutant(
        "what ends without a post follows on another copy's receipt", _ends_by_newest, theme="what follows a message"
    ),
    "page_unfenced": Mutant(
        "the website's page has no fence, and is not judged", _page_unfenced, theme="the website's page is late"
    ),
    "barrier_without_pages": Mutant(
        "active is told while a page of the website is being written",
        _barrier_without_pages,
        theme="the website's page is late",
    ),
    "profiles_of_the_start": Mutant(
        "a new profile is served after a restart only", _profiles_of_the_start, theme="a profile is added"
    ),
    "forgets_unconfirmed": Mutant(
        "what a person has yet to decide on leaves memory", _forgets_unconfirmed, theme="what is over comes back"
    ),
    "never_reopened": Mutant(
        "what comes back to a request that is over is void", _never_reopened, theme="what is over comes back"
    ),
    "decision_ignored": Mutant(
        "a person's decision is on record and not carried out", _decision_ignored, theme="what is over comes back"
    ),
    "schedule_off": Mutant(
        "what is scheduled is cleared at once",
        lambda: [(setting_schedule, "judge", lambda _facts, _weighed: None)],
        theme="messages for later",
    ),
    "old_verdict_counts": Mutant(
        "a verdict on an old revision clears the new one, which may come over a post",
        _old_verdict_counts,
        theme="revisions",
    ),
    "no_fence": Mutant(
        "an attempt is appended without the fence",
        lambda: _unchecked("attempt"),
        theme="folds are behind",
        behind=("effective_off", "no_second_look"),
    ),
    "verdict_without_cas": Mutant(
        "a verdict is appended without compare-and-set",
        lambda: _unchecked("verdict"),
        theme="control changes behind a verdict",
    ),
    "receipt_without_cas": Mutant(
        "a receipt is appended without compare-and-set",
        lambda: _unchecked("receipt"),
        theme="asleep over an answer",
        behind=("no_receipt_ids",),
    ),
    "no_receipt_ids": Mutant(
        "a receipt is stored again though it carries a known message id", _no_receipt_ids, harmless=True
    ),
    "singles_without_ids": Mutant(
        "what a batch could not commit is repeated without ids",
        _singles_without_ids,
        theme="answers to appends are lost",
        behind=("effective_off",),
    ),
    "effective_off": Mutant("each attempt on record counts", _effective_off, theme="asleep before an attempt"),
    "lapsed_frees_the_same": Mutant(
        "a lapsed attempt frees its profile for the same request too",
        _lapsed_frees_the_same,
        theme="death beside a receipt or a verdict",
    ),
    "stale_control": Mutant(
        "a service goes on with the control that it saw first", _stale_control, theme="the server restarts over a call"
    ),
    "no_barrier": Mutant(
        "the fold is taken as it is, ahead of the entry that it was told of", _no_barrier, theme="folds are behind"
    ),
    "replica_believed": Mutant(
        "a request is reopened with what a replica happens to know", _replica_believed, theme="what is over comes back"
    ),
    "own_clock_alone": Mutant(
        "a service goes by its own machine's clock, whatever the ledger's stamps say",
        _own_clock_alone,
        theme="clocks are wrong",
    ),
    "refused_by_own_clock": Mutant(
        "a service refuses by its own machine's clock what was signed just now",
        _refused_by_own_clock,
        theme="clocks are wrong",
    ),
    "no_second_look": Mutant("the call is not judged again", _no_second_look, harmless=True),
    "blind_repeat": Mutant(
        "an unknown outcome is answered by another call", _blind_repeat, theme="lost answers close to the end"
    ),
    "no_lease_wait": Mutant("an open attempt is settled at once", _no_lease_wait, theme="asleep over a call"),
    "duplicate_is_mine": Mutant(
        "a duplicate attempt is taken as one's own", _duplicate_is_mine, theme="answers to appends are lost"
    ),
    "beginning_forgotten": Mutant(
        "what stands of a thread is forgotten when its rest may not be posted any more",
        _beginning_forgotten,
        theme="a thread is cut",
    ),
    "given_up_too_soon": Mutant(
        "an attempt is taken for given up while it is put on record and called",
        _given_up_too_soon,
        theme="a thread is cut",
    ),
    "void_called": Mutant(
        "an attempt that does not count is called",
        _void_called,
        theme="the server restarts over a call",
        behind=("no_second_look",),
    ),
    # Whoever calls late and lives says what became of it; who dies over it is looked after (looks_once).
    "late_call": Mutant(
        "a call starts however old its attempt is", _late_call, theme="asleep over a call", harmless=True
    ),
    "overlooked_left": Mutant(
        "work that no durable hands out any more is not looked for", _overlooked_left, harmless=True
    ),
    "acked_before_receipt": Mutant(
        "a verdict is acknowledged before its receipts stand",
        _acked_before_receipt,
        theme="asleep between two questions",
        behind=("overlooked_left",),
    ),
    "no_look_after": Mutant(
        "who wrote a receipt is done, whatever it says", _no_look_after, theme="death beside a receipt or a verdict"
    ),
    "acked_beside_an_attempt": Mutant(
        "work on an older verdict ends beside its open attempt",
        _acked_beside_an_attempt,
        theme="asleep before an attempt",
    ),
    "expired_posted": Mutant(
        "what has expired is posted all the same", _expired_posted, theme="lost answers close to the end"
    ),
    "redelivery_is_new": Mutant(
        "a verdict that comes again is taken as new",
        _redelivery_is_new,
        theme="asleep over a call",
        behind=("effective_off",),
    ),
    "unconfirmed_forgotten": Mutant(
        "what may be public ends as expired", _unconfirmed_forgotten, theme="lost answers close to the end"
    ),
    "receipt_lies": Mutant(
        "a post whose outcome is unknown is written down as failed", _receipt_lies, theme="asleep over a call"
    ),
    "waits_in_line": Mutant(
        "a post that waits for minutes keeps its place on the profile", _waits_in_line, theme="a long wait"
    ),
    "no_quota": Mutant("a host's quota is not kept to", _no_quota, theme="a small quota"),
    "acked_before_verdict": Mutant(
        "a request is acknowledged before its verdict stands",
        _acked_before_verdict,
        theme="death beside a receipt or a verdict",
    ),
    "repeats_unchanged": Mutant(
        "an unchanged verdict is appended again", _repeats_unchanged, theme="control changes behind a verdict"
    ),
    "forgets_cleared": Mutant(
        "what was cleared is not decided anew after a control change",
        _forgets_cleared,
        theme="control changes behind a verdict",
    ),
    "no_sweep": Mutant("what time alone has changed is not decided anew", _no_sweep, theme="a long wait"),
    "barrier_does_not_wait": Mutant(
        "eoc_active is appended while posts are in flight", _barrier_does_not_wait, theme="a proxy holds a call"
    ),
    "barrier_forgets_lapsed": Mutant(
        "the barrier takes a lapsed attempt for an answered one",
        _barrier_forgets_lapsed,
        theme="stopped between look and call",
    ),
    "barrier_names_nothing": Mutant(
        "eoc_active names no unknown post", _barrier_names_nothing, theme="stopped between look and call"
    ),
    "wakes_unlooked": Mutant(
        "who stood still over its call does not look what became of it",
        _wakes_unlooked,
        theme="stopped between look and call",
        behind=("looks_once",),
    ),
    "looks_once": Mutant(
        "what another than its worker said of a post is never looked at again", _looks_once, theme="dies as it goes on"
    ),
    "sleeper_forgotten": Mutant(
        "who was answered for by another is forgotten", _sleeper_forgotten, theme="stopped between look and call"
    ),
}


@contextlib.contextmanager
def mutated(names: tuple[str, ...]) -> Iterator[None]:
    """Switch bugs on for a while; raises Inapplicable where what one replaces is gone."""
    with contextlib.ExitStack() as stack:
        for name in names:
            for owner, attribute, value in patches_of(name):
                stack.enter_context(mock.patch.object(owner, attribute, value))
        yield


def patches_of(name: str) -> list[Patch]:
    """Return what a bug replaces; raises Inapplicable where that is gone."""
    try:
        found = MUTANTS[name].patches()
    except AttributeError as error:
        raise Inapplicable(f"{name}: {error}") from error
    for owner, attribute, _ in found:
        if not hasattr(owner, attribute):
            raise Inapplicable(f"{name}: {owner.__name__} has no {attribute}")
    return found


def with_those_behind(name: str) -> tuple[str, ...]:
    """Return a bug with what has to be planted beside it."""
    return (name, *MUTANTS[name].behind)


__all__ = ["MUTANTS", "Inapplicable", "Mutant", "mutated", "patches_of", "with_those_behind"]
