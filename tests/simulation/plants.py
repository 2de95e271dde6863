"""Bugs that can be planted: each switches one wall of the real services off while a run plays.

Some walls stand behind another one; where a bug alone can do no harm, both are planted (``BEHIND``).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.subjects import place_of
from services.eoc_state import flights
from services.eoc_state import handlers as eoc
from services.eoc_state.domain.activation import Barrier
from services.fanout.connectors.contract import Permanent, Unknown
from services.fanout.delivery import caller, conclusion, judge, places, posting, settler, work
from services.fanout.domain import retry, step
from services.gatekeeper import handlers as gate
from services.kernel.fold import ledger_fold as fold
from services.kernel.fold.ledger_fold import LedgerFold
from services.kernel.fold.reading import parse
from services.kernel.ledger import append_batch
from services.kernel.ledger.client import Entry
from services.kernel.projection.projection import Projection
from tests.simulation import server

Patch = tuple[Any, str, Any]


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
            item.headers.pop(append_batch.MESSAGE_ID, None)
        await real(self, batch)

    return [(append_batch.AppendQueue, "_singly", singly)]


# --- the fold ---------------------------------------------------------------------------------------------


def _effective_off() -> list[Patch]:
    return [(fold, "void_because", lambda *_, **__: "")]


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
        return [entry async for batch in self._source.entries(0, pattern) for entry in batch]

    return [(Projection, "all_of", read)]


# --- the fan-out ------------------------------------------------------------------------------------------


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

    def at_once(place: Any, now: Any, boot: float, _lease: float) -> Any:
        found = real(place, now, boot, -step.LEASE_SLACK)
        return replace(found, over_for=1_000.0) if isinstance(found, step.Settle) else found

    return [(places, "next_step", at_once)]


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
        return step.Done("a newer verdict stands") if stale else real(place, *rest)

    return [(places, "next_step", let_go)]


def _expired_posted() -> list[Patch]:
    from services.kernel.fold import effective

    real = judge.post_violations
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
        profile = self._routes.profile(place.profile)
        if isinstance(outcome, step.Wait) and not outcome.hold and outcome.delay > work.HOLD_SECONDS and profile:
            async with self._routes.host(profile).line.slot(place.profile, place.state.priority):
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
        handler.__globals__.update(Request=gate.Request, Approval=gate.Approval, EntryOf=gate.EntryOf)
        return handler

    patches: list[Patch] = [(gate.GateHandlers, name, at_once(name)) for name in ("on_request", "on_approval")]
    return [*patches, (gate.GateHandlers, "_schedule_all", lambda _self: None)]


def _repeats_unchanged() -> list[Patch]:
    return [(gate, "is_news", lambda *_: True)]


def _forgets_cleared() -> list[Patch]:
    """After a control change what was cleared is not decided anew."""
    real = gate.undecided

    def undecided(known: Any) -> list[str]:
        return [name for name in real(known) if not known.requests[name].is_cleared]

    return [(gate, "undecided", undecided)]


def _no_sweep() -> list[Patch]:
    async def sweep(_self: Any) -> None:
        return None

    return [(gate.GateHandlers, "sweep", sweep)]


# --- the barrier ------------------------------------------------------------------------------------------


def _barrier_does_not_wait() -> list[Patch]:
    return [(eoc, "barrier", lambda *_: Barrier((), 0, ()))]


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


def _barrier_names_nothing() -> list[Patch]:
    real = eoc.barrier

    def nameless(*args: Any) -> Barrier:
        return replace(real(*args), unknown=())

    return [(eoc, "barrier", nameless)]


def _sleeper_forgotten() -> list[Patch]:
    """Who answered an attempt in another's place makes the barrier forget that one."""
    real = flights.Flights.before

    def before(self: Any, seq: int) -> Any:
        return tuple(flight for flight in real(self, seq) if not flight.answered_by)

    return [(flights.Flights, "before", before)]


PLANTS: dict[str, tuple[str, Callable[[], list[Patch]]]] = {
    "no_fence": ("an attempt is appended without the fence", lambda: _unchecked("attempt")),
    "verdict_without_cas": ("a verdict is appended without compare-and-set", lambda: _unchecked("verdict")),
    "receipt_without_cas": ("a receipt is appended without compare-and-set", lambda: _unchecked("receipt")),
    "no_receipt_ids": ("a receipt is stored again though it carries a known message id", _no_receipt_ids),
    "singles_without_ids": ("what a batch could not commit is repeated without ids", _singles_without_ids),
    "effective_off": ("each attempt on record counts", _effective_off),
    "lapsed_frees_the_same": ("a lapsed attempt frees its profile for the same request too", _lapsed_frees_the_same),
    "stale_control": ("a service goes on with the control that it saw first", _stale_control),
    "no_barrier": ("the fold is taken as it is, ahead of the entry that it was told of", _no_barrier),
    "replica_believed": ("a request is reopened with what a replica happens to know", _replica_believed),
    "no_second_look": ("the call is not judged again", _no_second_look),
    "blind_repeat": ("an unknown outcome is answered by another call", _blind_repeat),
    "no_lease_wait": ("an open attempt is settled at once", _no_lease_wait),
    "duplicate_is_mine": ("a duplicate attempt is taken as one's own", _duplicate_is_mine),
    "void_called": ("an attempt that does not count is called", _void_called),
    "late_call": ("a call starts however old its attempt is", _late_call),
    "acked_before_receipt": ("a verdict is acknowledged before its receipts stand", _acked_before_receipt),
    "no_look_after": ("who wrote a receipt is done, whatever it says", _no_look_after),
    "acked_beside_an_attempt": ("work on an older verdict ends beside its open attempt", _acked_beside_an_attempt),
    "expired_posted": ("what has expired is posted all the same", _expired_posted),
    "redelivery_is_new": ("a verdict that comes again is taken as new", _redelivery_is_new),
    "unconfirmed_forgotten": ("what may be public ends as expired", _unconfirmed_forgotten),
    "receipt_lies": ("a post whose outcome is unknown is written down as failed", _receipt_lies),
    "waits_in_line": ("a post that waits for minutes keeps its place on the profile", _waits_in_line),
    "no_quota": ("a host's quota is not kept to", _no_quota),
    "acked_before_verdict": ("a request is acknowledged before its verdict stands", _acked_before_verdict),
    "repeats_unchanged": ("an unchanged verdict is appended again", _repeats_unchanged),
    "forgets_cleared": ("what was cleared is not decided anew after a control change", _forgets_cleared),
    "no_sweep": ("what time alone has changed is not decided anew", _no_sweep),
    "barrier_does_not_wait": ("eoc_active is appended while posts are in flight", _barrier_does_not_wait),
    "barrier_forgets_lapsed": ("the barrier takes a lapsed attempt for an answered one", _barrier_forgets_lapsed),
    "barrier_names_nothing": ("eoc_active names no unknown post", _barrier_names_nothing),
    "wakes_unlooked": ("who stood still over its call does not look what became of it", _wakes_unlooked),
    "sleeper_forgotten": ("who was answered for by another is forgotten", _sleeper_forgotten),
}
"""Each bug: what it is, and what it replaces."""

BEHIND: dict[str, tuple[str, ...]] = {
    "no_fence": ("effective_off", "no_second_look"),
    "late_call": ("no_second_look",),
    "receipt_without_cas": ("no_receipt_ids",),
    "redelivery_is_new": ("effective_off",),
    "singles_without_ids": ("effective_off",),
    "void_called": ("no_second_look",),
}
"""Bugs that another wall makes harmless, and the bugs that must be planted with them."""

SEEDS = {
    "acked_before_receipt": 28,
    "acked_before_verdict": 688,
    "acked_beside_an_attempt": 13,
    "barrier_does_not_wait": 0,
    "barrier_forgets_lapsed": 102,
    "barrier_names_nothing": 13,
    "blind_repeat": 17,
    "duplicate_is_mine": 107,
    "effective_off": 13,
    "expired_posted": 15,
    "forgets_cleared": 0,
    "lapsed_frees_the_same": 50,
    "late_call": 16,
    "no_barrier": 3,
    "no_fence": 8,
    "no_lease_wait": 25,
    "no_look_after": 50,
    "no_quota": 12,
    "no_sweep": 45,
    "receipt_lies": 6,
    "receipt_without_cas": 4,
    "redelivery_is_new": 1,
    "repeats_unchanged": 0,
    "replica_believed": 4,
    "singles_without_ids": 13,
    "sleeper_forgotten": 1294,
    "stale_control": 0,
    "unconfirmed_forgotten": 17,
    "verdict_without_cas": 0,
    "void_called": 188,
    "waits_in_line": 3,
    "wakes_unlooked": 351,
}
"""Each with a seed that caught it; ``make sim-plants`` begins with it."""

HARMLESS = frozenset({"no_receipt_ids", "no_second_look"})
"""Walls that are not the only one; see docs/reliability.md for what stands behind them."""


@contextlib.contextmanager
def planted(names: tuple[str, ...]) -> Iterator[None]:
    """Switch bugs on for a while."""
    with contextlib.ExitStack() as stack:
        for name in names:
            for owner, attribute, value in PLANTS[name][1]():
                stack.enter_context(mock.patch.object(owner, attribute, value))
        yield


def with_those_behind(name: str) -> tuple[str, ...]:
    """Return a bug with what has to be planted beside it."""
    return (name, *BEHIND.get(name, ()))


__all__ = ["BEHIND", "HARMLESS", "PLANTS", "SEEDS", "planted", "with_those_behind"]
