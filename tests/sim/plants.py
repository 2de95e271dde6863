"""Bugs that can be planted: each switches one wall of the real services off while a run plays.

Some walls stand behind another one; where a bug alone can do no harm, both are planted (``BEHIND``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

from schemas.events.deliveries import Attempt
from services.eoc_state import handlers as eoc
from services.fanout import caller, retry, standing, worker
from services.fanout.connectors.contract import Unknown
from services.gatekeeper import handlers as gate
from services.kernel import ledger
from services.kernel.control_view import ControlView
from tests.sim import server

Patch = tuple[Any, str, Any]


def _unchecked(kind: str) -> list[Patch]:
    """The headers of compare-and-set or fence are there, and the server does not look at them."""
    real = server.Stream._check

    def check(self: Any, subject: str, headers: dict[str, str]) -> None:
        if not subject.startswith(f"ledger.{kind}."):
            real(self, subject, headers)

    return [(server.Stream, "_check", check)]


def _no_receipt_ids() -> list[Patch]:
    """The server does not know a receipt again that it has: the wall behind compare-and-set."""
    real = server.Stream.append

    def append(self: Any, subject: str, data: bytes, headers: dict[str, str], *rest: Any, **options: Any) -> Any:
        if subject.startswith("ledger.receipt."):
            headers = {name: value for name, value in headers.items() if name != server.MSG_ID}
        return real(self, subject, data, headers, *rest, **options)

    return [(server.Stream, "append", append)]


def _no_warrant() -> list[Patch]:
    async def once_more(*_: Any, **__: Any) -> None:
        return None

    owner = worker.Worker
    with contextlib.suppress(ImportError):
        from services.fanout import admission

        owner = admission.Admission  # type: ignore[assignment]
    name = "_once_more" if hasattr(owner, "_once_more") else "once_more"
    owner = owner if hasattr(owner, name) else worker.Worker
    name = name if hasattr(owner, name) else "_once_more"
    return [(owner, name, once_more)]


def _blind_repeat() -> list[Patch]:
    real = caller.Caller._call

    async def twice(self: Any, connector: Any, intent: Any, lease: Any) -> Any:
        result = await real(self, connector, intent, lease)
        return await real(self, connector, intent, lease) if isinstance(result, Unknown) else result

    return [(caller.Caller, "_call", twice)]


def _no_lease_wait() -> list[Patch]:
    real = standing.next_step

    def at_once(delivery: Any, known: Any, now: Any, ledger_now: Any, _lease: float) -> Any:
        step = real(delivery, known, now, ledger_now, -standing.CLOCK_SLACK)
        return replace(step, over_for=1_000.0) if isinstance(step, standing.Settle) else step

    return [(worker, "next_step", at_once)]


def _duplicate_is_mine() -> list[Patch]:
    real = ledger.Ledger.append

    async def append(self: Any, subject: str, event: Any, **options: Any) -> Any:
        done = await real(self, subject, event, **options)
        mine = subject.startswith("ledger.attempt.") and isinstance(event, Attempt)
        return replace(done, duplicate=False) if mine else done

    return [(ledger.Ledger, "append", append)]


def _barrier_does_not_wait() -> list[Patch]:
    async def nothing(*_: Any, **__: Any) -> tuple[()]:
        return ()

    return [(eoc, "in_flight", nothing)]


def _late_call() -> list[Patch]:
    return [(retry, "may_start", lambda age, lease: True), (caller.Lease, "left", lambda self: self.length)]


def _mark_after_decision() -> list[Patch]:
    async def on_request(self: Any, event: Any, entry: Any) -> None:
        await self.judge(event.request_id)
        await self.open.mark(gate.OpenRequest(request_id=event.request_id, due=event.expires_at))

    on_request.__annotations__ = dict(gate.Handlers.on_request.__annotations__)
    on_request.__globals__.update(Request=gate.Request, EntryOf=gate.EntryOf)
    return [(gate.Handlers, "on_request", on_request)]


def _never_marked() -> list[Patch]:
    async def mark(*_: Any) -> None:
        return None

    return [(gate.OpenRequests, "mark", mark)]


def _acked_before_receipt() -> list[Patch]:
    async def record(self: Any, receipt: Any, expect_last: int) -> Any:
        import asyncio

        asyncio.create_task(self._records.receipt(receipt, expect_last))  # noqa: RUF006
        return receipt

    return [(worker.Worker, "_record", record)]


def _expired_posted() -> list[Patch]:
    real = worker.objections
    return [
        (standing, "_end", lambda *_: None),
        (worker, "objections", lambda facts: tuple(o for o in real(facts) if "expired" not in o.code)),
    ]


def _redelivery_is_new() -> list[Patch]:
    """Whoever gets a delivery does not look at what was attempted before."""
    real = worker.next_step

    def forgetful(delivery: Any, known: Any, now: Any, ledger_now: Any, lease: float) -> Any:
        step = real(delivery, known, now, ledger_now, lease)
        fresh = isinstance(step, standing.Wait | standing.Settle)
        return standing.Post(known.attempt.number + 1) if fresh and known.attempt else step

    return [(worker, "next_step", forgetful)]


def _ack_without_a_look() -> list[Patch]:
    real = worker.Worker._record

    async def record(self: Any, receipt: Any, expect_last: int) -> Any:
        await real(self, receipt, expect_last)
        return receipt

    return [(worker.Worker, "_record", record)]


def _acked_beside_an_attempt() -> list[Patch]:
    """Who finds nothing to do acks, also beside an attempt that another worker has open."""

    async def let_go(*_: Any) -> bool:
        return False

    return [(worker.Worker, "_let_go", let_go)]


def _unconfirmed_forgotten() -> list[Patch]:
    return [(standing, "_end", standing._ended)] if hasattr(standing, "_ended") else []


def _stale_control() -> list[Patch]:
    """A service goes on with the control that it saw first."""
    real = ControlView.refresh

    async def refresh(self: Any) -> Any:
        return self.state if self.state.seq else await real(self)

    return [(ControlView, "refresh", refresh)]


def _receipt_lies() -> list[Patch]:
    """A post whose outcome is unknown is written down as failed."""
    real = worker.Worker._conclude

    async def conclude(self: Any, delivery: Any, case: Any, seq: int, number: int, result: Any, lease: Any) -> bool:
        if isinstance(result, Unknown):
            from services.fanout.connectors.contract import Permanent

            result = Permanent("no answer")
        return await real(self, delivery, case, seq, number, result, lease)

    return [(worker.Worker, "_conclude", conclude)]


PLANTS: dict[str, tuple[str, Callable[[], list[Patch]]]] = {
    "no_fence": ("an attempt is appended without the fence", lambda: _unchecked("attempt")),
    "verdict_without_cas": ("a verdict is appended without compare-and-set", lambda: _unchecked("verdict")),
    "receipt_without_cas": ("a receipt is appended without compare-and-set", lambda: _unchecked("receipt")),
    "no_receipt_ids": ("a receipt is stored again though it carries a known message id", _no_receipt_ids),
    "blind_repeat": ("an unknown outcome is answered by another call", _blind_repeat),
    "no_lease_wait": ("an open attempt is settled at once", _no_lease_wait),
    "duplicate_is_mine": ("a duplicate attempt is taken as one's own", _duplicate_is_mine),
    "barrier_does_not_wait": ("eoc_active is appended while posts are in flight", _barrier_does_not_wait),
    "late_call": ("a call starts however old its attempt is", _late_call),
    "no_second_look": ("the call is not warranted again", _no_warrant),
    "mark_after_decision": ("a request is marked open after it was decided", _mark_after_decision),
    "never_marked": ("a request is not marked open", _never_marked),
    "acked_before_receipt": ("a delivery is acknowledged before its receipt stands", _acked_before_receipt),
    "expired_posted": ("what has expired is posted all the same", _expired_posted),
    "redelivery_is_new": ("a delivery that comes again is taken as new", _redelivery_is_new),
    "unconfirmed_forgotten": ("what may be public ends as expired", _unconfirmed_forgotten),
    "ack_without_a_look": ("a worker acks on another's receipt without looking what it says", _ack_without_a_look),
    "acked_beside_an_attempt": ("a worker acks beside another's open attempt", _acked_beside_an_attempt),
    "stale_control": ("a service goes on with the control that it saw first", _stale_control),
    "receipt_lies": ("a post whose outcome is unknown is written down as failed", _receipt_lies),
}
"""Each bug: what it is, and what it replaces."""

BEHIND: dict[str, tuple[str, ...]] = {
    "late_call": ("no_second_look",),
    "receipt_without_cas": ("no_receipt_ids",),
}
"""Bugs that another wall makes harmless, and the bugs that must be planted with them."""

HARMLESS = frozenset({"mark_after_decision", "no_receipt_ids"})
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


__all__ = ["BEHIND", "HARMLESS", "PLANTS", "planted", "with_those_behind"]
