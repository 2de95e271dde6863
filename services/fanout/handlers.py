"""Handlers of fanout: verdicts become deliveries, deliveries become posts, posts are mirrored."""

from __future__ import annotations

import asyncio

from pydantic import ValidationError

from schemas import subjects
from schemas.canonical import StrictJsonError
from schemas.events.dead import SendAgain
from schemas.events.deliveries import Delivery, Receipt
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from services.fanout.mirror import Mirror
from services.fanout.plan import plan
from services.fanout.reader import Reader, read
from services.fanout.worker import Worker
from services.kernel.crashpoints import crash_point
from services.kernel.ledger import Entry
from services.kernel.reasons import NotAsTheSubjectSays, describe
from services.kernel.service import EntryOf, Runtime

AT_ONCE = 64
"""How many appends of one plan wait for their acks at a time."""

UNSERVED_LOOK_SECONDS = 5.0


class Handlers:
    """What fanout does with what it consumes. ``served``: the profiles that have a subscription here."""

    def __init__(self, runtime: Runtime, worker: Worker, mirror: Mirror, served: frozenset[str]) -> None:
        self._runtime = runtime
        self._worker = worker
        self._mirror = mirror
        self._served = served
        self._reader = Reader(runtime)

    async def on_verdict(self, verdict: Verdict, entry: EntryOf) -> None:
        """Queue what a cleared verdict allows, one delivery per profile without a final receipt."""
        if verdict.outcome is not Outcome.CLEARED:
            return
        ledger, log = self._runtime.ledger, self._runtime.log
        newest = await ledger.last(subjects.verdict(verdict.request_id))
        found = await ledger.last(subjects.request(verdict.request_id))
        if newest is None or newest.seq != entry.seq:
            return  # the newer verdict is consumed too, and queues its own
        if found is None:
            log.error("a verdict on a request that is not on record", verdict_seq=entry.seq)
            return
        request = read(Request, found)
        control = await self._runtime.control.refresh()
        receipts = await self._reader.receipts(verdict.request_id, verdict.targets, found.seq)
        now = self._runtime.clock.now()
        planned = plan(request, verdict, entry.seq, control.profiles, receipts, now)
        for profile, reason in planned.unserved:
            log.error("nothing can be queued", profile=profile, reason=reason)
        for start in range(0, len(planned.deliveries), AT_ONCE):
            await asyncio.gather(*map(self._queue, planned.deliveries[start : start + AT_ONCE]))
        crash_point("fanout.verdict.queued")
        log.info("queued", deliveries=len(planned.deliveries), verdict_seq=entry.seq)

    async def on_delivery(self, delivery: Delivery) -> None:
        """Bring one delivery to its end."""
        await self._worker.deliver(delivery)

    async def queue_again(self, entry: Entry, order: SendAgain) -> str:
        """Put a delivery whose letter is sent again in line for its profile: one at a time holds, across all copies.

        The worker drops it if a newer verdict stands by now, and settles an attempt that it left open.

        Raises:
            NotAsTheSubjectSays: the entry is no delivery.
        """
        try:
            delivery = Delivery.from_bytes(entry.data)
        except ValidationError as error:
            raise NotAsTheSubjectSays(describe(error)) from error
        except StrictJsonError as error:
            raise NotAsTheSubjectSays(str(error)) from error
        queued = await self._runtime.ledger.append(
            subjects.delivery(delivery.profile, delivery.request_id), delivery, msg_id=f"again:{order.letter}"
        )
        return f"queued again for {delivery.profile}, as ledger entry {queued.seq}"

    async def on_receipt(self, receipt: Receipt) -> None:
        """Mirror on the city's website what stands on another platform (section 1, Transparency (ii))."""
        await self._mirror.show(receipt)
        crash_point("fanout.mirror.written")

    async def tell_unserved(self) -> None:
        """Say aloud which profiles came after the start: their deliveries wait for provisioning and a restart."""
        told: frozenset[str] = frozenset()
        while True:
            unserved = frozenset(self._runtime.control.state.profiles) - self._served
            if unserved - told:
                names = ", ".join(sorted(unserved))
                self._runtime.trouble = f"no consumer for {names}: provision and restart fanout" if names else None
                self._runtime.log.error(
                    "profiles without a consumer: what is queued for them waits",
                    profiles=sorted(unserved),
                    hint="onevoice provision, then start fanout again",
                )
            told = unserved
            await asyncio.sleep(UNSERVED_LOOK_SECONDS)

    async def _queue(self, delivery: Delivery) -> None:
        place = f"{delivery.profile}:{delivery.request_id}:{delivery.revision}:{delivery.verdict_seq}"
        await self._runtime.ledger.append(
            subjects.delivery(delivery.profile, delivery.request_id), delivery, msg_id=f"delivery:{place}"
        )
        crash_point("fanout.delivery.stored")
        if delivery.profile not in self._served:
            self._runtime.log.error("queued for a profile without a consumer", profile=delivery.profile)
