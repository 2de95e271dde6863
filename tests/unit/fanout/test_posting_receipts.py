"""A receipt follows on what stood when the work on it began: what another worker wrote meanwhile is looked at first."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemas.events.control import Posture
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.requests import PlatformContent, Rendering, Request
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Correction,
    Declaration,
    Intent,
    Posted,
    ReconcileResult,
    WhenUnknown,
)
from services.fanout.delivery.admission import Admission
from services.fanout.delivery.caller import Lease, NotAttempted
from services.fanout.delivery.conclusion import Conclusion
from services.fanout.delivery.credentials import Credentials
from services.fanout.delivery.places import Places
from services.fanout.delivery.posting import Posting, _PostingWay, _RecordedAttempt
from services.fanout.delivery.records import Written
from services.fanout.delivery.settler import Settler
from services.fanout.domain.limits import HostLimit, Rate
from services.fanout.domain.settings import FanoutSettings
from services.fanout.domain.step import Done, End, LookAgain, Place, Settle, Wait, next_step
from services.fanout.following.earlier import EarlierPosts, Follow
from services.fanout.hosts.credits import PrepaidCredit
from services.fanout.hosts.host import Host, HostRegistry
from services.fanout.hosts.line import HostSlot
from services.fanout.hosts.starts import Start, Starts
from services.kernel.authority.post_authorization import PostViolation
from services.kernel.base.clock import ManualClock
from services.kernel.base.settings.city_platforms import XSection
from services.kernel.fold.borne_out import baseless_because
from services.kernel.fold.chain import Chain
from services.kernel.fold.state import RequestState, TargetState
from tests.support.virtual_time import in_virtual_time
from tests.unit.fanout.world import CONTROL_SEQ, NOW, VERDICT_SEQ, attempt, control, profile, receipt, request, verdict
from tests.unit.states import ended_target, state


class Records:
    """Notes behind which receipt each one is to be written."""

    def __init__(self) -> None:
        self.written: list[tuple[ReceiptOutcome, int]] = []
        self.receipts: list[Receipt] = []

    async def receipt(self, receipt: Receipt, expect_last: int) -> None:
        self.written.append((receipt.outcome, expect_last))
        self.receipts.append(receipt)


class Harness:
    """A posting worker that is beside another one, which delivers while this one is busy."""

    def __init__(self, policy: WhenUnknown = WhenUnknown.LOOK, of: Request | None = None) -> None:
        self.records, self.clock = Records(), ManualClock(NOW)
        self.found: Posted | Absent | CannotTell = Absent()
        self.asks = False
        made = attempt()
        self.target = TargetState(
            attempt=made, attempt_seq=50, answered=False, receipt_last=44, effective=[50], number=1
        )
        of = of or request()
        self.known: dict[str, RequestState] = {}
        self.state = RequestState(of, 10, NOW, verdict=verdict(of), verdict_seq=VERDICT_SEQ)
        self.state.targets[made.profile] = self.target
        self.place = Place(VERDICT_SEQ, made.profile, self.state, self.target, CONTROL_SEQ)
        quiet: Any = SimpleNamespace(info=lambda *_, **__: None)
        requests = {self.state.request_id: self.state}
        fold = SimpleNamespace(seq=61, requests=requests, control=control(), chain=Chain(), busy={})
        self.told: list[Any] = []
        projection = SimpleNamespace(listen=lambda listener, *_kinds: self.told.append(listener))
        runtime: Any = SimpleNamespace(
            clock=self.clock,
            log=quiet,
            fold=fold,
            control=fold.control,
            projection=projection,
            present=self.clock.now,
            state_on=self.state_on,
        )
        host: Any = SimpleNamespace(note_answer=lambda *_: None)
        connector = SimpleNamespace(
            declaration=Declaration(policy, Correction.NEW_POST, delete=True), platform="mastodon"
        )
        destinations: Any = SimpleNamespace(
            profile=profile, connector=lambda _name: connector, host=lambda _profile: host
        )
        caller: Any = SimpleNamespace(look=self.look)
        read_back: Any = SimpleNamespace(watch=lambda *_: None)
        records: Any = self.records
        nobody: Any = None
        settings = FanoutSettings(15.0)
        conclusion, credit = Conclusion(runtime, records, read_back), PrepaidCredit(runtime, XSection())
        self.settler = Settler(runtime, destinations, EarlierPosts(runtime), caller, records, conclusion, settings)
        self.posting = Posting(
            runtime,
            places=Places(runtime, settings.lease),
            destinations=destinations,
            judge=nobody,
            earlier=nobody,
            admission=Admission(runtime, HostRegistry(runtime), nobody, Credentials(runtime), credit),
            starts=nobody,
            caller=caller,
            records=records,
            conclusion=conclusion,
            settler=self.settler,
            settings=settings,
        )

    async def state_on(self, request_id: str, _profile: str) -> RequestState | None:
        return self.known.get(request_id)

    async def look(self, connector: Any, intent: Intent) -> ReconcileResult:
        if self.asks:
            found: ReconcileResult = await connector.reconcile(intent)
            return found
        self.another_delivers()
        return self.found

    def another_delivers(self) -> None:
        """The fold of this very worker sees another one's attempt and its receipt."""
        self.target.attempt_seq, self.target.receipt_last, self.target.answered = 60, 61, True
        self.target.receipt_seq = 61
        self.target.effective.append(60)


async def test_what_was_found_in_a_look_follows_on_what_stood_before_the_look() -> None:
    harness = Harness()
    slot: Any = SimpleNamespace(calling=lambda: None)
    await harness.settler.settle(harness.place, Settle(attempt(), 50, 20.0), slot)
    assert harness.records.written == [(ReceiptOutcome.WITHHELD, 44)]


@pytest.mark.parametrize(
    ("policy", "wrote"),
    [
        (WhenUnknown.LOOK, []),
        (WhenUnknown.PERSON, [(ReceiptOutcome.UNCONFIRMED, 44)]),
        (WhenUnknown.REPEAT, [(ReceiptOutcome.UNCONFIRMED, 44)]),
    ],
)
async def test_only_a_platform_that_can_be_asked_is_asked_again(policy: WhenUnknown, wrote: list[Any]) -> None:
    """What a platform can never show goes to a person at once, and is not asked for in vain for two minutes."""
    harness = Harness(policy)
    harness.found = CannotTell("it does not show what was sent to it")
    slot: Any = SimpleNamespace(calling=lambda: None)
    outcome = await harness.settler.settle(harness.place, Settle(attempt(), 50, 1.0), slot)
    assert harness.records.written == wrote
    assert isinstance(outcome, Wait) == (policy is WhenUnknown.LOOK)


async def test_what_is_open_on_a_profile_that_changed_its_platform_is_found_out_by_nobody() -> None:
    """There is no rendering for the new platform: the request became a dead letter and stayed `posting` for ever."""
    harness = Harness()
    found = await harness.settler.look(harness.place, attempt(platform="bluesky"))
    assert isinstance(found, CannotTell)
    assert "was on bluesky then, and is on mastodon by now" in found.reason


@pytest.mark.parametrize("policy", list(WhenUnknown))
async def test_a_deletion_without_an_answer_is_made_again_and_not_looked_for(policy: WhenUnknown) -> None:
    """What is deleted leaves nothing to be found. Before, it was made again when the listing could be believed, after
    five minutes on Facebook, or a person was asked whether the recall's own words are public.
    """
    earlier = request()
    stands = receipt(outcome=ReceiptOutcome.DELIVERED, final=True, remote_id="5")
    content = PlatformContent(platform="mastodon", parts=("So.",), created_at=NOW, act="recall", about="r1")
    recall = request(request_id="rother", replaces="r1", renderings=(Rendering.of(content),))
    harness = Harness(policy, recall)
    harness.known = {"r1": state(earlier, targets={stands.profile: ended_target(stands)}), "rother": harness.state}
    harness.asks = True
    slot: Any = SimpleNamespace(calling=lambda: None)
    outcome = await harness.settler.settle(harness.place, Settle(attempt(request_id="rother"), 50, 1.0), slot)
    assert outcome == LookAgain()
    [receipt_] = harness.records.receipts
    assert (receipt_.outcome, receipt_.final) == (ReceiptOutcome.UNCONFIRMED, False)
    assert "to repeat it is safe" in receipt_.reason


async def test_who_slept_before_its_call_takes_back_nothing_that_another_delivered() -> None:
    """Found by the model (a worker dies, another stands still): it wrote ``withheld`` behind ``delivered``."""
    harness = Harness()
    lease, known = Lease(harness.clock, 15.0), harness.target.receipt_last
    harness.another_delivers()
    result = NotAttempted("another worker took it over")
    anything: Any = None
    fire = profile("fire-social")
    way = _PostingWay(fire, anything, Host("host", HostLimit(at_once=1), anything), anything)
    call = _RecordedAttempt(harness.place, way, attempt(), 50, anything, lease, Posture.ROUTINE, known)
    await harness.posting._conclude(call, result)
    assert harness.records.written == [(ReceiptOutcome.WITHHELD, 44)]


async def test_what_ends_without_a_post_follows_on_what_stood_before_it_was_looked_for() -> None:
    """Found by the simulation: while a recall's earlier post was read, another copy had delivered, and this one wrote
    ``withheld`` behind it.
    """
    harness, anything = Harness(), SimpleNamespace(declaration=Declaration(WhenUnknown.LOOK, Correction.NEW_POST))

    async def nothing_there(*_: object) -> None:
        harness.another_delivers()

    parts: Any = harness.posting
    parts._judge, parts._earlier = SimpleNamespace(violations=lambda *_: ()), SimpleNamespace(of=nothing_there)
    parts._destinations = SimpleNamespace(profile=profile, connector=lambda _: anything)
    assert await harness.posting.post(harness.place, 2, cast("HostSlot", None)) == LookAgain()
    assert harness.records.written == [(ReceiptOutcome.WITHHELD, 44)]


@pytest.mark.parametrize("counts", [False, True])
async def test_an_end_that_does_not_count_is_not_written_again_at_once(counts: bool) -> None:
    """By a worker's clock that is more than a minute ahead the message has expired, and by the server's it has not: a
    void receipt and an alarm were written for each profile with every round trip.
    """
    harness = Harness()
    harness.target.answered, known = True, harness.target.receipt_last

    async def receipt(said: Receipt, expect_last: int) -> Written:
        harness.target.receipt_last = expect_last + 1
        harness.target.receipt_seq = harness.target.receipt_last if counts else 0
        return Written(harness.target.receipt_last, said)

    harness.records.receipt = receipt  # type: ignore[method-assign, assignment]
    outcome = await harness.settler.end(harness.place, End(ReceiptOutcome.EXPIRED, True, "it expired"), known)
    assert (outcome == LookAgain()) is counts
    assert counts or (isinstance(outcome, Wait) and outcome.delay >= 5.0)


@pytest.mark.parametrize("counts", [False, True])
async def test_a_post_that_may_not_go_out_is_done_when_its_end_counts(counts: bool) -> None:
    """Else its message would be acked, and nothing on record."""
    harness = Harness()
    parts: Any = harness.posting
    quiet = SimpleNamespace(warning=lambda *_, **__: None)
    parts._runtime = SimpleNamespace(log=quiet, present=harness.clock.now)

    async def end(*_: object) -> LookAgain | Wait:
        return LookAgain() if counts else Wait(5.0, "it does not count")

    parts._settler = SimpleNamespace(end=end)
    found = (PostViolation("warrant.request_expired", "It expired."),)
    outcome = await parts._refuse(harness.place, found)
    assert outcome == (Done("It expired.") if counts else Wait(5.0, "it does not count"))


@pytest.mark.parametrize("found", [Posted("https://x.example/1", "1"), Absent()])
@in_virtual_time
async def test_who_stood_still_over_its_call_looks_what_became_of_it(found: Posted | Absent) -> None:
    """Found by the model: another one had looked, found nothing and said so, and then the post landed."""
    harness = Harness()
    harness.found = found
    assert await harness.settler.look_after_sleep(harness.place, attempt(), 50, 44) == LookAgain()
    assert asyncio.get_running_loop().time() == 15.0
    assert harness.records.written == ([(ReceiptOutcome.DELIVERED, 44)] if isinstance(found, Posted) else [])


@pytest.mark.parametrize(("counted", "repeat"), [([50], False), ([40, 50], True)])
def test_only_behind_an_attempt_that_counted_it_is_looked_for_what_stands(counted: list[int], repeat: bool) -> None:
    """Behind two void attempts of another copy a look among 31 newer posts held a message back for 70 s."""
    harness = Harness()
    harness.target.effective = counted
    anything: Any = None
    way = _PostingWay(profile("fire-social"), anything, anything, anything)
    made = harness.posting._intent(harness.place, way, attempt(number=3), Lease(harness.clock, 15.0))
    assert made.repeat is repeat


async def test_what_a_post_that_did_not_begin_took_of_the_quota_is_given_back() -> None:
    """Before its attempt, as another copy was first, and after it, as it may not be called any more."""
    harness, anything = Harness(), SimpleNamespace(declaration=Declaration(WhenUnknown.LOOK, Correction.NEW_POST))
    host = Host("host", HostLimit(at_once=1, host=Rate(3.0, 1 / 3_600.0, reserve=0.0)), harness.posting._runtime)

    async def follow(*_: object) -> Any:
        return Follow(anything)  # type: ignore[arg-type]

    parts: Any = harness.posting
    parts._judge, parts._earlier = SimpleNamespace(violations=lambda *_: ()), SimpleNamespace(of=follow)
    parts._destinations = SimpleNamespace(profile=profile, connector=lambda _: anything, host=lambda _: host)
    parts._starts, slot = Starts(), cast("HostSlot", None)
    for _ in range(5):
        assert await harness.posting.post(harness.place, 2, slot) == LookAgain()
        assert host.quota.left(harness.clock.monotonic()) == 3.0
    host.quota.take("fire-social", harness.clock.monotonic())
    way = _PostingWay(profile("fire-social"), anything, host, slot)  # type: ignore[arg-type]
    start = cast("Start", None)
    call = _RecordedAttempt(harness.place, way, attempt(), 50, start, Lease(harness.clock, 15.0), Posture.ROUTINE, 44)
    await harness.posting._conclude(call, NotAttempted("control has changed"))
    assert host.quota.left(harness.clock.monotonic()) == 3.0


async def test_an_answer_where_none_can_be_made_is_held_back_and_not_ended_for_good() -> None:
    """For good it would count for no reader, and be written again and again: nothing on record bears it out."""
    harness, words = (
        Harness(),
        PlatformContent(platform="mastodon", parts=("Yes.",), created_at=NOW, answers="https://x.example/1"),
    )
    rendering = Rendering.of(words)
    of = request(renderings=(rendering,))
    harness.state.request = of
    said: list[Receipt] = []

    async def write(receipt: Receipt, known: int) -> None:
        said.append(receipt)
        harness.target.receipt_seq = known + 1

    parts: Any = harness.posting
    parts._judge = SimpleNamespace(violations=lambda *_: ())
    harness.settler._conclusion = cast("Any", SimpleNamespace(write=write))
    assert await harness.posting.post(harness.place, 1, cast("HostSlot", None)) == LookAgain()
    [receipt] = said
    assert (receipt.outcome, receipt.attempt_seq) == (ReceiptOutcome.WITHHELD, 0)
    assert baseless_because(receipt, NOW, harness.state, TargetState()) == ""
    assert baseless_because(receipt.model_copy(update={"final": True}), NOW, harness.state, TargetState())
    harness.target.receipt, harness.target.receipt_seq, harness.target.answered = receipt, VERDICT_SEQ + 1, True
    assert isinstance(next_step(harness.place, NOW, 0.0, 15.0), Done), "until another verdict, or its expiry"
