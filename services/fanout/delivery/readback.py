"""Read-back: a while after a post was delivered it is looked whether it is still there as it was approved.

A platform may accept a post and drop it: a filter, a moderator, a database that fell back; or somebody changes it
there. The delivered receipt stays, for it was true; what vanished or was changed gets a later receipt, ``unconfirmed``
and final, so that it is shown to people.
Nothing is posted again by this: whether it is to be, a person decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from schemas import subjects
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.requests import Request
from services.fanout.connectors.contract import Altered, CannotTell, HandedOver, Posted, ReadBackResult, ReadsBack
from services.fanout.delivery.caller import Caller, intent_of
from services.fanout.delivery.destinations import Destinations
from services.fanout.delivery.due_looks import DueLooks
from services.fanout.delivery.records import Records
from services.fanout.domain.receipts import altered, unknown_before, vanished
from services.fanout.domain.settling import settling_of
from services.fanout.following.answering import STANDS_ALONE
from services.fanout.following.earlier import EarlierPosts
from services.fanout.hosts.starts import Starts
from services.kernel.fold.reading import is_readable, parse
from services.kernel.fold.state import TargetState
from services.kernel.projection.past import SLOWLY, past
from services.kernel.runtime.service import Runtime

AT_ONCE = 8
TRIES = 5

READ_SECONDS = 5.0
"""So long a request that was read counts as known."""

KEPT = 10_000
"""Posts that wait to be looked at; beyond that the oldest are, and the others are let be."""


@dataclass(frozen=True)
class _Watched:
    """A delivered receipt at ``seq``, and when it is looked at; of these ``confirm`` are for what is not as it was.

    ``gone`` counts the looks in a row that did not find it, or found another, ``failed`` those in vain; ``pause`` is
    between two looks that confirm each other. ``booked``: its place in the host's queue has come.
    """

    receipt: Receipt
    seq: int
    looks: tuple[datetime, ...]
    confirm: int
    pause: timedelta
    gone: int = 0
    failed: int = 0
    booked: bool = False


class ReadBack:
    """Looks after what was delivered; ``run`` goes on until the service stops."""

    def __init__(
        self,
        runtime: Runtime,
        destinations: Destinations,
        earlier: EarlierPosts,
        records: Records,
        caller: Caller,
        starts: Starts,
        lease: float,
    ) -> None:
        self._runtime = runtime
        self._destinations = destinations
        self._lease = lease
        self._earlier = earlier
        self._records = records
        self._caller = caller
        self._due = DueLooks[_Watched](starts, lease, runtime.clock.now)
        self._seen: set[int] = set()
        self._read: dict[str, tuple[float, Request | None]] = {}

    def watch(self, receipt: Receipt, seq: int, at: datetime) -> None:
        """Look after a receipt that was stored at a time, if it says delivered and the platform can be asked."""
        settling = settling_of(receipt.platform, self._lease)
        looks = settling.read_back
        wanted = receipt.outcome is ReceiptOutcome.DELIVERED and receipt.remote_id and receipt.resolution_seq is None
        able = self._destinations.can(receipt.platform, ReadsBack)
        if not wanted or not able or not looks or seq in self._seen or len(self._due) >= KEPT:
            return
        self._seen.add(seq)
        times = tuple(at + timedelta(seconds=one) for one in (*looks[:1], *settling.later))
        pause = timedelta(seconds=looks[1] - looks[0] if len(looks) > 1 else looks[0])
        self._due.plan(_Watched(receipt, seq, times, len(looks), pause), times[0])

    async def run(self) -> None:
        """Take up what an earlier process delivered, then look at each post when it is due."""
        await self._take_up()
        await self._due.run(self._one, AT_ONCE)

    async def _take_up(self) -> None:
        known = [settling_of(name, self._lease) for name in (*self._destinations.platforms, "")]
        longest = max(max((*one.read_back, *one.later), default=0.0) for one in known)
        now = self._runtime.clock.now()
        after = await self._runtime.ledger.first_since(now - timedelta(seconds=longest)) - 1
        async for entry in past(self._runtime.source, subjects.RECEIPTS, after, SLOWLY):
            if is_readable(entry):  # junk is void for everybody
                self.watch(parse(Receipt, entry.data), entry.seq, entry.at)
            if len(self._due) >= KEPT:
                return

    async def _one(self, watched: _Watched) -> None:
        try:
            await self._look(watched)
        except Exception as error:  # noqa: BLE001 - the next ones are looked at all the same
            self._runtime.log.warning("not read back, again soon", profile=watched.receipt.profile, error=str(error))
            self._later(watched)

    async def _look(self, watched: _Watched) -> None:
        receipt = watched.receipt
        request = await self._request(receipt.request_id)
        profile = self._runtime.control.profiles.get(receipt.profile)
        connector = self._destinations.of_platform(receipt.platform)
        ours = request is not None and request.revision == receipt.revision
        taken_back = receipt.request_id in self._runtime.fold.chain.replaced
        if not ours or profile is None or profile.platform != receipt.platform or taken_back:
            self._seen.discard(watched.seq)
            return
        if request is None or connector is None or not isinstance(connector, ReadsBack):
            return
        host = self._destinations.host(profile)
        now = self._runtime.clock.monotonic()
        if host.breaker.is_open:
            self._later(watched)
            return
        if not watched.booked and (wait := host.quota.read_back(now)) > 0:
            self._due.plan(replace(watched, booked=True), self._runtime.clock.now() + timedelta(seconds=wait))
            return
        alone = STANDS_ALONE in receipt.reason
        follows = "" if alone else await self._earlier.follows(request, profile, connector)
        intent = replace(intent_of(request, profile, "", min(self._lease, 5.0)), follows=follows)
        found = await self._caller.read_back(connector, intent, receipt.remote_id or "")
        host.note_answer(profile.id, found)
        await self._conclude(replace(watched, booked=False), found)

    async def _conclude(self, watched: _Watched, found: ReadBackResult) -> None:
        receipt, now = watched.receipt, self._runtime.clock.now()
        changes = unknown_before(receipt, found) if isinstance(found, Altered) else []
        stands, last = await self._standing(receipt, watched.seq)
        if stands != watched.seq:
            self._seen.discard(watched.seq)  # something newer was said of it
        elif isinstance(found, CannotTell | HandedOver):
            self._later(watched)
        elif isinstance(found, Posted) or (isinstance(found, Altered) and not changes):
            left = [time for time in watched.looks if time > now]
            if left:
                self._due.plan(replace(watched, gone=0, failed=0), left[0])
            else:
                self._seen.discard(watched.seq)
        elif watched.gone + 1 < watched.confirm:
            self._due.plan(replace(watched, gone=watched.gone + 1), now + watched.pause)
        else:
            self._seen.discard(watched.seq)
            said = altered(receipt, changes, now) if changes else vanished(receipt, now)
            if await self._records.receipt(said, last):
                self._runtime.log.error(
                    f"a delivered post {'was changed' if changes else 'does not stand any more'}",
                    request_id=receipt.request_id,
                    profile=receipt.profile,
                    url=receipt.url,
                    changes=changes,
                )

    def _later(self, watched: _Watched) -> None:
        now = self._runtime.clock.now()
        if watched.failed + 1 < TRIES:
            when = now + timedelta(seconds=self._lease * 2.0**watched.failed)
            self._due.plan(replace(watched, failed=watched.failed + 1, booked=False), when)
        elif left := [time for time in watched.looks if time > now]:  # given up for now
            self._due.plan(replace(watched, gone=0, failed=0, booked=False), left[0])
        else:
            self._seen.discard(watched.seq)
            self._runtime.log.warning(
                "a delivered post could not be read back", profile=watched.receipt.profile, url=watched.receipt.url
            )

    async def _standing(self, receipt: Receipt, seq: int) -> tuple[int, int]:
        """Return the newest receipt that counts, and the last sequence on its subject."""
        last = await self._runtime.ledger.last(subjects.receipt(receipt.profile, receipt.request_id))
        if last is None or last.seq == seq:
            return seq, seq
        await self._runtime.projection.at_least(last.seq)
        state = await self._runtime.state_on(receipt.request_id, receipt.profile)
        target = state.target(receipt.profile) if state is not None else TargetState()
        return target.receipt_seq, target.receipt_last

    async def _request(self, request_id: str) -> Request | None:
        """Return a request; one that is delivered everywhere has left memory, and is read once for its profiles."""
        known = self._runtime.fold.requests.get(request_id)
        if known is not None:
            return known.request
        now = self._runtime.clock.monotonic()
        read_at, request = self._read.get(request_id, (now - READ_SECONDS, None))
        if now - read_at >= READ_SECONDS:
            entry = await self._runtime.ledger.last(subjects.request(request_id))
            request = parse(Request, entry.data) if entry is not None else None
            self._read = {name: one for name, one in self._read.items() if now - one[0] < READ_SECONDS}
            self._read[request_id] = (now, request)
        return request
