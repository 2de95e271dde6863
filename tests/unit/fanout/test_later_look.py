"""When and at what it is looked again; who cannot be asked is asked later, and not without end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemas import subjects
from schemas.events.base import Contract
from schemas.events.deliveries import Receipt, ReceiptOutcome
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Cause,
    Correction,
    Declaration,
    Posted,
    ReconcileResult,
    WhenUnknown,
)
from services.fanout.delivery.conclusion import Conclusion
from services.fanout.delivery.later_looks import TRIES, LaterLooks
from services.fanout.delivery.places import Places
from services.fanout.delivery.settler import Settler
from services.fanout.domain.later_look import MOMENTS, looks_after, may_be_wrong, taken_up
from services.fanout.hosts.starts import Starts
from services.kernel.authority.post_authorization import content_of
from services.kernel.fold.applied import Applied
from services.kernel.fold.chain import Chain
from services.kernel.fold.state import RequestState, TargetState
from services.kernel.fold.taken_over import REMEMBERED, TakenOver
from services.kernel.ledger.entry import Entry
from tests.unit.fanout.world import NOW, VERDICT_SEQ, attempt, control, profile, receipt, rendering, request, verdict
from tests.unit.kernel.test_projection_reads import Leader

LEASE = 15.0
WORDS = content_of(rendering()).parts[0]


def test_it_is_looked_at_ever_more_seldom_for_an_hour() -> None:
    looks = looks_after(NOW, NOW + timedelta(seconds=100), LEASE)
    assert looks == tuple(NOW + timedelta(seconds=one) for one in MOMENTS[1:])
    assert looks_after(NOW, NOW, LEASE / 15) == tuple(NOW + timedelta(seconds=one / 15) for one in MOMENTS)
    assert looks_after(NOW, NOW + REMEMBERED, LEASE) == ()
    assert all(timedelta(seconds=one) < REMEMBERED for one in MOMENTS)


def test_who_starts_looks_soon_too() -> None:
    now = NOW + timedelta(seconds=1_790)
    assert taken_up(NOW, now, LEASE) == (now + timedelta(seconds=15), NOW + timedelta(seconds=3_500))
    assert taken_up(NOW, NOW + REMEMBERED, LEASE) == ()


@pytest.mark.parametrize(
    ("target", "wrong"),
    [
        (TargetState(), True),
        (TargetState(answered=False), False),
        (TargetState(receipt=receipt(outcome=ReceiptOutcome.WITHHELD)), True),
        (TargetState(receipt=receipt(outcome=ReceiptOutcome.UNCONFIRMED)), True),
        (TargetState(receipt=receipt(outcome=ReceiptOutcome.DELIVERED)), False),
        (TargetState(receipt=receipt(outcome=ReceiptOutcome.RECALLED)), False),
    ],
)
def test_what_stands_or_is_under_way_is_let_be(target: TargetState, wrong: bool) -> None:
    assert may_be_wrong(target, 50) is wrong


def _with(*said: Receipt, effective: tuple[int, ...] = (50,), **more: Any) -> TargetState:
    known = list(enumerate(said, 60))
    return TargetState(
        attempt=attempt(),
        attempt_seq=effective[-1],
        effective=list(effective),
        receipts=known,
        receipt=said[-1],
        receipt_seq=known[-1][0],
        receipt_last=known[-1][0],
        **more,
    )


THERE = receipt(outcome=ReceiptOutcome.DELIVERED, final=True, url="https://x.example/1", remote_id="1")
DOUBTED = receipt(outcome=ReceiptOutcome.UNCONFIRMED, final=True)
ANOTHER = DOUBTED.model_copy(update={"attempt_seq": 58})


@pytest.mark.parametrize(
    ("target", "wrong"),
    [
        (_with(DOUBTED), True),
        (_with(THERE, DOUBTED), False),
        (_with(THERE, receipt(outcome=ReceiptOutcome.FAILED, final=True, resolution_seq=70)), False),
        (_with(DOUBTED, resolutions=[(70, cast("Any", None))]), False),
        (_with(DOUBTED, resolutions=[(59, cast("Any", None))]), True),
        (_with(receipt(), ANOTHER, effective=(50, 58)), False),
        (_with(receipt(), effective=(50, 58)), False),
        (_with(receipt(), receipt(attempt_seq=58), effective=(50, 58)), True),
        (_with(receipt(), receipt(attempt_seq=58, remote_id="1"), effective=(50, 58)), False),
    ],
    ids=[
        "nobody knows",
        "it was known, and is doubted since",
        "it was known, and an officer gave it up",
        "an officer's word is not carried out yet",
        "an officer's word is older",
        "a later attempt may have posted",
        "nothing is said of a later attempt",
        "a later attempt did not post",
        "a later attempt posted a beginning",
    ],
)
def test_a_look_overrides_no_newer_word_and_takes_no_other_attempts_post(target: TargetState, wrong: bool) -> None:
    assert may_be_wrong(target, 50) is wrong


class OnProfile(Leader):
    """A ledger with what other requests have on the profile."""

    async def first_since(self, _at: datetime) -> int:
        """All of it is young."""
        return 1

    def hold(self, subject: str, event: Contract) -> None:
        self.held.append(Entry(len(self.held) + 1, subject, NOW, event.to_bytes(), {}))


class Copy:
    """A copy of fan-out whose fold has one attempt that another answered; ``found`` is what the platform shows.

    ``ahead``: its clock, of the broker's.
    """

    def __init__(
        self,
        *found: ReconcileResult | Exception,
        policy: WhenUnknown = WhenUnknown.LOOK,
        ahead: timedelta = timedelta(0),
    ) -> None:
        self.found, self.asked, self.written = list(found), 0, list[tuple[Receipt, int]]()
        self.meanwhile: Callable[[], None] = lambda: None
        self.now, of = NOW, request()
        self.target = TargetState(attempt=attempt(), attempt_seq=50, receipt_last=61, receipt=receipt())
        self.state = RequestState(of, 10, NOW, verdict=verdict(of), verdict_seq=VERDICT_SEQ)
        self.state.targets["fire-social"] = self.target
        one = TakenOver("fire-social", of.request_id, "worker-1", "worker-2", NOW, 0.0)
        fold: Any = SimpleNamespace(
            seq=61,
            requests={of.request_id: self.state},
            control=control(),
            chain=Chain(),
            busy={},
            taken_over={50: one},
        )
        self.log: Any = SimpleNamespace(warning=lambda *_, **__: None, error=lambda *_, **__: None)
        self.ledger: Any = OnProfile()
        clock = SimpleNamespace(now=lambda: self.now + ahead, monotonic=lambda: self.now.timestamp())
        runtime: Any = SimpleNamespace(
            fold=fold,
            log=self.log,
            clock=clock,
            projection=SimpleNamespace(listen=lambda *_: None, newest=Entry(61, "ledger.receipt", NOW, b"", {})),
            state_on=self.state_on,
            source=self.ledger,
            ledger=self.ledger,
        )
        self.host: Any = SimpleNamespace(
            note_answer=lambda *_: None,
            breaker=SimpleNamespace(is_open=False),
            quota=SimpleNamespace(look=lambda *_, **__: 0.0),
        )
        connector = SimpleNamespace(declaration=Declaration(policy, Correction.NEW_POST))
        destinations: Any = SimpleNamespace(
            profile=profile, connector=lambda _name: connector, host=lambda _profile: self.host
        )
        settler, conclusion, starts = cast("Settler", self), cast("Conclusion", self), Starts()
        self.parts = (settler, conclusion, starts)
        self.looks = LaterLooks(runtime, Places(runtime, LEASE), destinations, *self.parts, lease=LEASE)

    async def state_on(self, *_: Any) -> RequestState:
        return self.state

    async def look(self, *_: Any) -> ReconcileResult:
        self.asked += 1
        self.meanwhile()
        found = self.found.pop(0) if self.found else Absent()
        if isinstance(found, Exception):
            raise found
        return found

    async def write(self, said: Receipt, known: int) -> bool:
        self.written.append((said, known))
        return True

    async def next_look(self) -> Any:
        """Return what is due next, at its time."""
        self.now = self.looks._due.soonest
        return await self.looks._due.next()

    async def all_looks(self) -> list[float]:
        """Look at all that is due, at its time; return the seconds at which the platform was asked."""
        times = []
        while self.looks._due:
            sleeper = await self.next_look()
            before = self.asked
            await self.looks._one(sleeper)
            times += [(self.now - NOW).total_seconds()] * (self.asked - before)
        return times


async def test_what_is_absent_each_time_is_asked_for_until_its_worker_counts_as_dead() -> None:
    copy = Copy()
    assert await copy.all_looks() == [LEASE, *MOMENTS]
    assert not copy.written


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=1)])
async def test_a_clock_that_is_wrong_makes_nobody_forget_to_look(ahead: timedelta) -> None:
    """By one an hour ahead all moments are over; by one that is behind the first comes an hour late."""
    copy = Copy(ahead=ahead)
    assert await copy.all_looks() == [LEASE, *MOMENTS]
    entry: Any = SimpleNamespace(data=DOUBTED.to_bytes())
    copy.now = NOW
    copy.looks._on_folded(entry, Applied(62, "receipt"))
    assert await copy.all_looks() == list(MOMENTS)


async def test_what_is_found_is_written_behind_what_stood() -> None:
    copy = Copy(Absent(), Posted("https://x.example/1", "1"))
    await copy.all_looks()
    (said, known), *_ = copy.written
    assert (said.outcome, said.attempt_seq, said.final, said.url, known) == (
        ReceiptOutcome.DELIVERED,
        50,
        True,
        "https://x.example/1",
        61,
    )


@pytest.mark.parametrize("why", [CannotTell("away", Cause.HOST), RuntimeError("a bug")])
async def test_who_did_not_answer_is_asked_again_sooner_and_not_for_ever(why: ReconcileResult | Exception) -> None:
    copy = Copy(*[why] * TRIES)
    times = await copy.all_looks()
    assert times[:TRIES] == [15.0, 30.0, 60.0, 120.0, 240.0]
    assert times[TRIES:] == [600.0, 1_800.0, 3_500.0]


async def test_a_host_that_is_away_is_not_asked_and_that_is_said() -> None:
    said: list[str] = []
    copy = Copy()
    copy.host.breaker = SimpleNamespace(is_open=True)
    copy.log.warning = lambda what, **_: said.append(what)
    assert await copy.all_looks() == []
    assert said
    assert all("given up" in one for one in said)


async def test_to_wait_for_a_place_among_the_hosts_looks_is_no_failure() -> None:
    """Before, five looks in vain were the end of it, while read-backs took each token as it came."""
    copy, places = Copy(), iter([9.0] * 20)
    copy.host.quota = SimpleNamespace(look=lambda *_, **__: next(places, 0.0))
    assert await copy.all_looks() == [195.0, *MOMENTS[2:]]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda copy: copy.state.targets.clear(),
        lambda copy: setattr(copy.target, "answered", False),
        lambda copy: setattr(copy.target, "receipt", receipt(outcome=ReceiptOutcome.DELIVERED)),
    ],
)
async def test_nothing_is_asked_where_nothing_can_be_wrong(spoil: Any) -> None:
    copy = Copy()
    spoil(copy)
    assert await copy.all_looks() == []


async def test_a_platform_that_shows_nothing_is_not_asked() -> None:
    assert await Copy(policy=WhenUnknown.PERSON).all_looks() == []


async def test_what_stands_already_is_not_looked_for_at_the_start() -> None:
    copy = Copy()
    one = replace(copy.looks._runtime.fold.taken_over[50], stands="https://x.example/1")
    copy.looks._runtime.fold.taken_over = {50: one}
    looks = LaterLooks(copy.looks._runtime, copy.looks._places, copy.looks._destinations, *copy.parts, lease=LEASE)
    assert not looks._due


async def test_what_stands_already_is_not_looked_for_when_more_is_said_of_it() -> None:
    """Another copy found the post, and a read-back found it altered: the doubt is the newer word."""
    copy = Copy()
    fold = copy.looks._runtime.fold
    fold.taken_over = {50: replace(fold.taken_over[50], stands="https://x.example/1")}
    await copy.next_look()
    assert not copy.looks._due
    copy.looks._known.clear()
    entry: Any = SimpleNamespace(data=DOUBTED.to_bytes())
    copy.looks._on_folded(entry, Applied(62, "receipt"))
    assert not copy.looks._due


@pytest.mark.parametrize(
    "said",
    [
        {"receipt_last": 62},
        {"changed": 62},
        {"attempt_seq": 58, "answered": False},
    ],
    ids=["a receipt", "an officer's word", "a new attempt"],
)
async def test_what_was_said_while_the_platform_was_asked_counts_first(said: dict[str, Any]) -> None:
    copy = Copy(Posted("https://x.example/1", "1"))

    def meanwhile() -> None:
        for name, value in said.items():
            setattr(copy.target, name, value)

    copy.meanwhile = meanwhile
    sleeper = await copy.next_look()
    await copy.looks._one(sleeper)
    assert copy.asked == 1
    assert not copy.written
    assert copy.looks._due.soonest == copy.now + timedelta(seconds=LEASE), "and it is looked again soon"


@pytest.mark.parametrize(
    ("words", "named", "written"),
    [
        (None, {"remote_id": "2,1"}, 0),
        (None, {"url": "https://x.example/1"}, 0),
        (None, {}, 0),
        ("Other words.", {}, 1),
        ("Other words.", {"remote_id": "2", "url": "https://x.example/2"}, 1),
    ],
    ids=["named by its id", "named by its address", "under way, the same words", "under way, other words", "another"],
)
async def test_another_messages_post_is_not_taken_for_what_was_looked_for(
    words: str | None, named: dict[str, Any], written: int
) -> None:
    """The author submits the words anew, and they go out; who then recalled the first message deleted that post."""
    copy = Copy(Posted("https://x.example/1", "1"))
    other = request(request_id="rother", renderings=(rendering(text=words or WORDS),))
    copy.ledger.hold(subjects.request("rother"), other)
    copy.ledger.hold(subjects.attempt("fire-social", "rother"), attempt(other))
    if named:
        said = receipt(other, outcome=ReceiptOutcome.DELIVERED, final=True, **named)
        copy.ledger.hold(subjects.receipt("fire-social", "rother"), said)
    await copy.looks._one(await copy.next_look())
    assert (copy.asked, len(copy.written)) == (1, written)
