"""Reads from the ledger what a delivery hangs on. Every answer comes from the stream's leader."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import nats.errors
from pydantic import ValidationError

from schemas import streams, subjects
from schemas.canonical import StrictJsonError
from schemas.events.approvals import Approval
from schemas.events.base import Contract
from schemas.events.deliveries import Attempt, Delivery, Receipt
from schemas.events.requests import Request
from schemas.events.verdicts import Verdict
from services.fanout.fresh import Fresh, FreshByKey
from services.fanout.standing import Standing
from services.kernel.control import ControlState
from services.kernel.errors import Unreachable
from services.kernel.ledger import Entry, Ledger, parse_time
from services.kernel.middleware import describe
from services.kernel.service import Runtime

Event = TypeVar("Event", bound=Contract)
KEPT = 512
"""How many parsed events are kept; entries of the ledger never change."""


@dataclass(frozen=True)
class Case:
    """All facts of one delivery at one time."""

    standing: Standing
    approvals: tuple[Approval, ...]
    control: ControlState


class Reader:
    """Reads cases. What was parsed once is kept by its sequence."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._parsed: OrderedDict[int, Contract] = OrderedDict()
        self._control = Fresh(runtime.control.refresh)
        self._shared = FreshByKey(self._read_shared)

    async def case(self, delivery: Delivery) -> Case:
        """Return the facts of a delivery as the ledger has them now.

        Raises:
            Unreachable: the ledger cannot be read.
            StrictJsonError: an entry is not what its subject says; it belongs into the dead letters.
        """
        ledger, request_id, profile = self._runtime.ledger, delivery.request_id, delivery.profile
        shared, control, attempt, receipt = await asyncio.gather(
            self._shared.get(request_id),
            self._control.get(),
            ledger.last(subjects.attempt(profile, request_id)),
            ledger.last(subjects.receipt(profile, request_id)),
        )
        request, verdict, approvals = shared
        standing = Standing(
            request=self._read(Request, request),
            verdict=self._read(Verdict, verdict),
            verdict_seq=seq_of(verdict),
            attempt=self._read(Attempt, attempt),
            attempt_seq=seq_of(attempt),
            attempt_at=attempt.at if attempt else None,
            receipt=self._read(Receipt, receipt),
            receipt_seq=seq_of(receipt),
            answered=attempt is not None and await self.answered(attempt, receipt),
        )
        return Case(standing, self._last_of_each(approvals), control)

    async def _read_shared(self, request_id: str) -> tuple[Entry | None, Entry | None, list[Entry]]:
        """Read what all deliveries of a request have in common: request, last verdict, approvals."""
        ledger = self._runtime.ledger
        return await asyncio.gather(
            ledger.last(subjects.request(request_id)),
            ledger.last(subjects.verdict(request_id)),
            ledger.history(subjects.approvals_of(request_id)),
        )

    async def answered(self, attempt: Entry, last: Entry | None) -> bool:
        """True when a receipt names an attempt; ``last``: the last receipt on the same place.

        A receipt behind the attempt need not be its own: it may be a late one of an attempt before it, or one that
        ended the delivery without an attempt.
        """
        if last is None or last.seq < attempt.seq:
            return False
        newest = self._read(Receipt, last)
        if newest is not None and newest.attempt_seq == attempt.seq:
            return True
        later = await self._runtime.ledger.history(last.subject, attempt.seq)
        return any(read(Receipt, entry).attempt_seq == attempt.seq for entry in later)

    async def request(self, request_id: str) -> Request | None:
        """Return the newest revision of a request."""
        return self._read(Request, await self._runtime.ledger.last(subjects.request(request_id)))

    async def receipts(self, request_id: str, profiles: tuple[str, ...], after: int) -> dict[str, Receipt]:
        """Return the newest receipt of each profile that has one; ``after``: the request's own sequence.

        One read says that there is none at all, as for most verdicts; else each profile is asked for, a few at
        a time.
        """
        ledger = self._runtime.ledger
        if await ledger.next(f"ledger.receipt.*.{subjects.token(request_id)}", after) is None:
            return {}
        few = asyncio.Semaphore(32)

        async def newest(profile: str) -> Entry | None:
            async with few:
                return await ledger.last(subjects.receipt(profile, request_id))

        found = zip(profiles, await asyncio.gather(*map(newest, profiles)), strict=True)
        return {profile: read(Receipt, entry) for profile, entry in found if entry is not None}

    def _last_of_each(self, entries: list[Entry]) -> tuple[Approval, ...]:
        """Return the last approval of each officer, by the subject: its token is what intake stands for."""
        last = {entry.subject: entry for entry in entries}
        found = [self._read(Approval, entry) for entry in last.values()]
        return tuple(approval for approval in found if approval is not None)

    def _read(self, kind: type[Event], entry: Entry | None) -> Event | None:
        if entry is None:
            return None
        kept = self._parsed.get(entry.seq)
        if isinstance(kept, kind):
            self._parsed.move_to_end(entry.seq)
            return kept
        event = read(kind, entry)
        self._parsed[entry.seq] = event
        while len(self._parsed) > KEPT:
            self._parsed.popitem(last=False)
        return event


def read(kind: type[Event], entry: Entry) -> Event:
    """Parse an entry; raises StrictJsonError, also for what does not fit the contract."""
    try:
        return kind.from_bytes(entry.data)
    except ValidationError as error:
        raise StrictJsonError(f"{entry.subject} at {entry.seq}: {describe(error)}") from error


def seq_of(entry: Entry | None) -> int:
    """Return an entry's sequence, 0 where there is none."""
    return entry.seq if entry else 0


async def ledger_time(ledger: Ledger) -> datetime:
    """Return the present time by the clock that stamps the ledger's entries.

    Whether a lease is over is a matter of that clock alone: two machines' clocks differ.

    Raises:
        Unreachable: the broker did not say.
    """
    subject = f"$JS.API.STREAM.INFO.{streams.LEDGER}"
    try:
        reply = await ledger.client.request(subject, b"", timeout=5.0)
        return parse_time(str(json.loads(reply.data)["ts"]))
    except (nats.errors.Error, OSError, KeyError, ValueError) as error:
        raise Unreachable("broker.unreachable", "the broker did not say what time it is", "onevoice doctor") from error
