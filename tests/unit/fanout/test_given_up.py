"""An attempt that was given up before its call is answered at once; one that may have been called never is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from schemas import subjects
from schemas.events.deliveries import Attempt, ReceiptOutcome
from services.fanout.connectors.contract import Correction, Declaration, WhenUnknown
from services.fanout.delivery.given_up import KEPT, OF_A_PLACE, GivenUpAttempts
from services.fanout.delivery.records import Records
from services.fanout.domain.limits import HostLimit, Rate
from services.fanout.domain.step import LookAgain, NotCalled, Post, Wait
from services.fanout.following.earlier import Follow
from services.fanout.hosts.host import Host
from services.fanout.hosts.starts import Starts
from services.kernel.base.errors import Unreachable
from services.kernel.fold.applied import Applied
from services.kernel.fold.state import TargetState
from services.kernel.ledger.entry import Entry
from tests.support.virtual_time import in_virtual_time
from tests.unit.fanout.test_posting_receipts import Harness
from tests.unit.fanout.world import NOW, attempt, profile, receipt
from tests.unit.states import open_target

FIRE = profile("fire-social")
SEQ = 70
AWAY = Unreachable("broker.unreachable", "the broker does not answer", "wait")


class AttemptHarness(Harness):
    """A worker that puts the first attempt of a message on record; ``stand`` folds what it wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: Any = self.posting
        self.places = self.parts._places
        runtime: Any = self.parts._runtime
        runtime.instance, runtime.ledger = "this-process", SimpleNamespace(fault=None)
        runtime.catch_up, runtime.projection.at_least = self.in_time, self.in_time
        runtime.fold.busy = {}
        self.records_of = Records(runtime)
        self.records.attempt_of = self.records_of.attempt_of  # type: ignore[attr-defined]
        self.records.attempt = self.append  # type: ignore[attr-defined]
        self.target.attempt, self.target.attempt_seq, self.target.answered = None, 0, True
        self.target.number, self.target.effective = 0, []
        self.wrote: list[Attempt] = []
        self.on_append: Callable[[], Awaitable[Any]] = self.stored
        self.after: Callable[[], Awaitable[Any]] = self.nothing

    async def append(self, made: Attempt) -> Any:
        self.wrote.append(made)
        return await self.on_append()

    async def stored(self) -> Any:
        self.stand(self.wrote[-1])
        return SimpleNamespace(seq=SEQ, duplicate=False)

    async def nothing(self) -> None:
        """What the ledger is asked is answered."""

    async def in_time(self, *_: object) -> None:
        await self.after()

    def stand(self, made: Attempt) -> None:
        """The fold has it: it is open, and its lease runs from now."""
        self.target.attempt, self.target.attempt_seq = made, SEQ
        self.target.answered, self.target.number, self.target.effective = False, made.number, [SEQ]
        self.target.folded_at = self.clock.monotonic()
        self.parts._runtime.fold.seq += 1

    def next(self) -> Any:
        place = self.places.of(self.place.request_id, self.place.verdict_seq, FIRE.id)
        assert place is not None
        return self.places.next_step(place)

    async def attempt(self) -> int:
        place = self.places.of(self.place.request_id, self.place.verdict_seq, FIRE.id)
        return int(await self.parts._attempt(place, FIRE, 1))


def failing(error: BaseException) -> Callable[[], Awaitable[Any]]:
    async def fail() -> None:
        raise error

    return fail


async def test_what_stands_and_is_acked_is_called() -> None:
    harness = AttemptHarness()
    assert await harness.attempt() == SEQ
    assert isinstance(harness.next(), Wait), "its call may be under way"


async def test_what_stands_without_its_ack_is_called_all_the_same() -> None:
    harness = AttemptHarness()
    harness.on_append = failing(AWAY)

    async def folded() -> None:
        harness.stand(harness.wrote[0])
        assert isinstance(harness.next(), Wait), "while it is being recorded nobody says that it was not called"

    harness.after = folded
    assert await harness.attempt() == SEQ
    assert isinstance(harness.next(), Wait)


@pytest.mark.parametrize("where", ["append", "catch up", "fold behind", "killed"])
async def test_what_was_given_up_and_lands_is_said_to_be_not_called(where: str) -> None:
    """The broker was away: it waited out its lease and what its platform may lag behind, or was left to a person."""
    harness = AttemptHarness()
    harness.on_append, harness.after = {
        "append": (failing(OSError("the connection is gone")), harness.nothing),
        "catch up": (failing(AWAY), failing(AWAY)),
        "fold behind": (harness.stored, failing(AWAY)),
        "killed": (failing(asyncio.CancelledError()), harness.nothing),
    }[where]
    with pytest.raises((Unreachable, OSError, asyncio.CancelledError)):
        await harness.attempt()
    if where != "fold behind":
        assert harness.next() == Post(1), "nothing stands yet"
        harness.stand(harness.wrote[0])
    assert harness.next() == NotCalled(harness.wrote[0], SEQ)
    assert await harness.settler.not_called(harness.place, harness.next()) == LookAgain()
    assert harness.records.written == [(ReceiptOutcome.WITHHELD, 44)]
    harness.target.answered = True
    assert not isinstance(harness.next(), NotCalled), "said once"


async def test_what_is_not_in_the_fold_and_lands_later_was_not_called() -> None:
    harness = AttemptHarness()
    harness.on_append = failing(AWAY)
    assert await harness.attempt() == 0
    assert harness.next() == Post(1)
    harness.stand(harness.wrote[0])
    assert harness.next() == NotCalled(harness.wrote[0], SEQ)


async def test_the_same_attempt_again_is_called_and_no_more_given_up() -> None:
    """The clock stood still between the two: their bytes are the same, and the second one is called."""
    harness = AttemptHarness()
    harness.on_append = failing(AWAY)
    assert await harness.attempt() == 0
    harness.on_append = harness.stored

    async def folded() -> None:
        assert isinstance(harness.next(), Wait), "another task looks while the second one is being recorded"

    harness.after = folded
    assert await harness.attempt() == SEQ
    assert harness.wrote[0] == harness.wrote[1]
    assert isinstance(harness.next(), Wait)


async def test_the_first_of_two_that_were_given_up_may_be_the_one_that_stands() -> None:
    harness = AttemptHarness()
    harness.on_append = failing(AWAY)
    assert await harness.attempt() == 0
    harness.clock.time += timedelta(seconds=1)
    assert await harness.attempt() == 0
    for one in harness.wrote:
        harness.stand(one)
        assert harness.next() == NotCalled(one, SEQ)


@pytest.mark.parametrize("changes", [{"worker": "another-process"}, {"number": 2}, {"idempotency_key": "another"}])
async def test_what_another_wrote_may_have_been_called(changes: dict[str, Any]) -> None:
    """Also under the name of this process: who has the key of fan-out may write so, and post."""
    harness = AttemptHarness()
    harness.on_append = failing(AWAY)
    assert await harness.attempt() == 0
    harness.stand(harness.wrote[0].model_copy(update=changes))
    assert isinstance(harness.next(), Wait)


@in_virtual_time
async def test_a_post_whose_attempt_failed_gives_back_what_it_took_of_the_quota() -> None:
    harness = AttemptHarness()
    host = Host("host", HostLimit(at_once=1, host=Rate(3.0, 1 / 3_600.0, reserve=0.0)), harness.posting._runtime)
    connector: Any = SimpleNamespace(
        platform="mastodon", declaration=Declaration(WhenUnknown.LOOK, Correction.NEW_POST), answers=False
    )

    async def follow(*_: object) -> Follow:
        return Follow(connector)

    parts = harness.parts
    parts._judge, parts._earlier = SimpleNamespace(violations=lambda *_: ()), SimpleNamespace(of=follow)
    parts._destinations = SimpleNamespace(profile=profile, connector=lambda _: connector, host=lambda _: host)
    parts._starts = Starts()
    harness.on_append = failing(OSError("the connection is gone"))
    slot: Any = SimpleNamespace(calling=lambda: None)
    for _ in range(5):
        with pytest.raises(OSError, match="gone"):
            await harness.posting.post(harness.place, 1, slot)
        assert host.quota.left(harness.clock.monotonic()) == 3.0
    assert harness.places.given_up.holds(open_target(harness.wrote[-1]))


def test_few_are_remembered_and_those_that_were_noted_last() -> None:
    given_up, made = GivenUpAttempts(), attempt()
    assert not given_up.holds(open_target(made))
    for number in range(KEPT + 1):
        given_up.note(made.model_copy(update={"request_id": f"r{number}"}))
    assert not given_up.holds(open_target(made.model_copy(update={"request_id": "r0"})))
    assert given_up.holds(open_target(made.model_copy(update={"request_id": "r1"})))
    assert not given_up.holds(TargetState())


def test_of_one_place_the_newest_are_remembered() -> None:
    """A broker that is away for a day has a waiting post put an attempt on record each second or so."""
    given_up, made = GivenUpAttempts(), [attempt(number=number) for number in range(1, OF_A_PLACE + 2)]
    for one in made:
        given_up.note(one)
    assert [given_up.holds(open_target(one)) for one in made] == [False] + [True] * OF_A_PLACE


@pytest.mark.parametrize(
    ("final", "void", "in_memory", "held"),
    [(True, "", True, False), (True, "", False, False), (True, "forged", True, True), (False, "", True, True)],
)
def test_what_has_its_final_receipt_is_forgotten(final: bool, void: str, in_memory: bool, held: bool) -> None:
    """Also where the request left memory with it; what is no end of it takes nothing."""
    harness, made = AttemptHarness(), attempt()
    other = made.model_copy(update={"profile": "parks-social"})
    for one in (made, other):
        harness.places.given_up.note(one)
    harness.target.receipt, harness.target.answered = receipt(final=final), True
    if not in_memory:
        harness.parts._runtime.fold.requests.clear()
    for told in harness.told:
        told(
            Entry(71, subjects.receipt(made.profile, made.request_id), NOW, b"", {}), Applied(71, "receipt", void=void)
        )
    assert harness.places.given_up.holds(open_target(made)) is held
    assert harness.places.given_up.holds(open_target(other))
