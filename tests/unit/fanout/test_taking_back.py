"""What a recall does where nothing is on record, and where a post may be by now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.requests import Act, PlatformContent, Rendering, Request
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Cause,
    Correction,
    Declaration,
    FetchMedia,
    HandedOver,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    ReconcileResult,
    Retracted,
    RetractResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.delivery.caller import intent_of
from services.fanout.domain.outside import Ours
from services.fanout.following.answering import AnswersEarlier
from services.fanout.following.earlier import EarlierPosts, Follow
from services.fanout.following.taking_back import TakesBack, ToDelete
from services.kernel.base.errors import Unreachable
from services.kernel.fold.state import RequestState
from services.kernel.fold.taken_over import TakenOver
from tests.support.virtual_time import in_virtual_time
from tests.unit.fanout.world import NOW, profile, receipt, request
from tests.unit.states import ended_target, state

FIRE = profile("fire-social")
FOUND = Posted("https://m.example/7", "7")


LOOKS = Declaration(WhenUnknown.LOOK, Correction.NEW_POST, delete=True)
KEYED = Declaration(WhenUnknown.REPEAT, Correction.NEW_POST, delete=True)
WORDS = "Road closed at Wren Street."


@dataclass
class Timeline:
    """A platform that shows what it is told to, and counts what is deleted and posted."""

    shows: ReconcileResult
    declaration: Declaration = LOOKS
    answers: RetractResult = field(default_factory=Retracted)
    deleted: list[str] = field(default_factory=list)
    posted: list[Intent] = field(default_factory=list)
    looked_for: list[Intent] = field(default_factory=list)
    platform: str = "mastodon"

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        assert intent.call_timeout > 0
        self.looked_for.append(intent)
        return self.shows

    async def retract(self, _intent: Intent, remote_id: str) -> RetractResult:
        self.deleted.append(remote_id)
        return self.answers

    async def publish(self, intent: Intent, _fetch_media: FetchMedia) -> PublishResult:
        self.posted.append(intent)
        return Posted("https://m.example/8", "8")


def to_delete(others: Ours | Unreachable | None = None, remote_id: str = "") -> ToDelete:
    """A post of the road's closure; ``others``: what the ledger says is there too, None: it is not to be asked."""

    async def read() -> Ours:
        assert others is not None, "the ledger is read in vain"
        if isinstance(others, Unreachable):
            raise others
        return others

    content = PlatformContent(platform="mastodon", parts=(WORDS,), created_at=NOW)
    return ToDelete(intent_of(request(renderings=(Rendering.of(content),)), FIRE, "key", 0.0), remote_id, nothing, read)


async def nothing() -> str:
    """What a message of its own follows."""
    return ""


async def taken(platform: Timeline, *posts: ToDelete, **how: bool) -> PublishResult:
    """What comes of a recall of these posts."""
    connector: Any = platform
    intent = intent_of(request(request_id="rother"), FIRE, "other", 5.0)
    return await TakesBack(connector, posts, **how).publish(intent, _no_media)


@pytest.mark.parametrize(("shows", "deleted"), [(FOUND, ["7"]), (Absent(), []), (Absent(FOUND), ["7"])])
@in_virtual_time
async def test_what_may_be_there_is_looked_for_and_deleted(shows: ReconcileResult, deleted: list[str]) -> None:
    platform = Timeline(shows)
    assert await taken(platform, to_delete(None if shows == Absent() else Ours())) == Retracted()
    assert platform.deleted == deleted


MAY_BE_ANOTHERS = [Ours(ids=frozenset({"7"})), Ours(urls=frozenset({FOUND.url})), Ours(texts=(WORDS,))]


@pytest.mark.parametrize("others", MAY_BE_ANOTHERS)
@in_virtual_time
async def test_what_may_be_another_messages_stays_and_is_handed_to_a_person(others: Ours) -> None:
    """The same message may have been published anew meanwhile, and hides the late one: nobody can say it is gone."""
    platform = Timeline(FOUND)
    took = await taken(platform, to_delete(others))
    assert isinstance(took, HandedOver)
    assert FOUND.url in took.reason
    assert request().request_id in took.reason
    assert "look at the profile, and delete there by hand" in took.reason
    assert platform.deleted == []


@pytest.mark.parametrize("shows", [CannotTell("too many posts since"), HandedOver("a person has to look")])
@in_virtual_time
async def test_what_can_never_be_seen_is_handed_to_a_person_at_once(shows: ReconcileResult) -> None:
    """The platform answered: it says the same as often as it is asked."""
    platform = Timeline(shows)
    took = await taken(platform, to_delete())
    assert isinstance(took, HandedOver)
    assert getattr(shows, "reason", "?") in took.reason
    assert platform.deleted == []


@pytest.mark.parametrize("cause", list(Cause))
@in_virtual_time
async def test_what_cannot_be_seen_now_is_looked_for_again(cause: Cause) -> None:
    platform = Timeline(CannotTell("the timeline cannot be read", cause, 7.0))
    took = await taken(platform, to_delete())
    assert isinstance(took, Retryable)
    assert "the timeline cannot be read" in took.reason
    assert (took.cause, took.after, platform.deleted) == (cause, 7.0, [])


@in_virtual_time
async def test_while_the_ledger_does_not_say_whose_post_it_is_nothing_is_deleted() -> None:
    platform = Timeline(FOUND)
    took = await taken(platform, to_delete(Unreachable("broker.silent", "the broker does not answer")))
    assert isinstance(took, Retryable)
    assert "the broker does not answer" in took.reason
    assert platform.deleted == []


@in_virtual_time
async def test_a_doubt_keeps_no_other_post_from_being_deleted() -> None:
    """A recall of a correction that may be late takes the first post back all the same."""
    platform = Timeline(CannotTell("too many posts since"))
    assert isinstance(await taken(platform, to_delete(), to_delete(remote_id="3")), HandedOver)
    assert platform.deleted == ["3"]


@in_virtual_time
async def test_a_refusal_says_what_else_a_person_has_to_look_for() -> None:
    platform = Timeline(CannotTell("too many posts since"), answers=Permanent("too old to be deleted"))
    took = await taken(platform, to_delete(), to_delete(remote_id="3"))
    assert isinstance(took, Permanent)
    assert took.reason.startswith("too old to be deleted; whether ")


@in_virtual_time
async def test_where_the_key_says_which_post_it_is_it_is_deleted_unseen() -> None:
    platform = Timeline(CannotTell("somebody changed it"), declaration=KEYED)
    assert await taken(platform, to_delete()) == Retracted()
    assert platform.deleted == [""]


@pytest.mark.parametrize("shows", [FOUND, CannotTell("too many posts since")])
@in_virtual_time
async def test_behind_an_officers_look_it_ends(shows: ReconcileResult) -> None:
    """They deleted what was to go, or saw that nothing is there; the other message's post stays."""
    platform = Timeline(shows)
    took = await taken(platform, to_delete(MAY_BE_ANOTHERS[0]), looked=True)
    assert isinstance(took, Retracted)
    assert "an officer looked at the profile" in took.note
    assert platform.deleted == []


@pytest.mark.parametrize("cause", [Cause.HOST, None])
@in_virtual_time
async def test_a_correction_does_not_wait_to_be_looked_for_when_nothing_of_it_was_sent(cause: Cause | None) -> None:
    """A deletion that is not answered is made again at once; the wrong words stand no minutes longer for it."""
    platform = Timeline(FOUND, answers=Unknown("HTTP 500", cause, 7.0))
    took = await taken(platform, to_delete(remote_id="7"), then_posts=True)
    assert took == Retryable("HTTP 500", 7.0, cause=cause or Cause.LIMIT)
    assert platform.posted == []
    assert isinstance(await taken(platform, to_delete(remote_id="7")), Unknown)
    platform.answers = Retracted()
    assert isinstance(await taken(platform, to_delete(remote_id="7"), then_posts=True), Posted)


@in_virtual_time
async def test_a_correction_in_its_place_is_posted_when_an_officer_has_looked() -> None:
    """Where a person has to look for the wrong post, the right one waits for that (invariant 9)."""
    platform = Timeline(CannotTell("too many posts since"))
    assert isinstance(await taken(platform, to_delete(), then_posts=True), HandedOver)
    assert platform.posted == []
    assert isinstance(await taken(platform, to_delete(), then_posts=True, looked=True), Posted)
    assert len(platform.posted) == 1


@pytest.mark.parametrize(
    "able",
    [
        Declaration(WhenUnknown.PERSON, Correction.REPLY, delete=True, reply=True),
        Declaration(WhenUnknown.LOOK, Correction.REPLY, reply=True),
    ],
)
@in_virtual_time
async def test_nothing_is_looked_for_where_it_cannot_be_found_or_deleted(able: Declaration) -> None:
    """A notice that something is taken back, where nothing is, would only make people ask what."""
    assert await follow_of(able) is None


@pytest.mark.parametrize("act", ["recall", "correct"])
@in_virtual_time
async def test_what_is_on_the_profile_is_read_when_something_was_found(act: Act) -> None:
    """A thousand profiles whose worker died, and nothing landed: the ledger's past is not read at all."""
    found = await follow_of(LOOKS, act)
    assert found is not None
    intent = intent_of(request(request_id="rother"), FIRE, "other", 5.0)
    platform: Any = found.connector
    assert isinstance(await platform.publish(intent, _no_media), Retracted if act == "recall" else Posted)


@pytest.mark.parametrize(("revision", "ends"), [(1, True), (2, False)])
@in_virtual_time
async def test_an_officers_word_counts_for_the_revision_that_it_is_on(revision: int, ends: bool) -> None:
    word = receipt(request_id="rother", revision=revision, outcome=ReceiptOutcome.WITHHELD, resolution_seq=60)
    found = await follow_of(LOOKS, shows=CannotTell("too many posts since"), word=word)
    assert found is not None
    intent = intent_of(request(request_id="rother"), FIRE, "other", 5.0)
    took = await found.connector.publish(intent, _no_media)
    assert isinstance(took, Retracted if ends else HandedOver)


@in_virtual_time
async def test_a_late_correction_is_looked_for_under_what_it_corrects() -> None:
    """It would not be found as a post of its own, and its recall would say that nothing is there."""
    first = request()
    correction = following("rcorrect", "correct", first.request_id)
    recall = following("rother", "recall", "rcorrect")
    stands = receipt(outcome=ReceiptOutcome.DELIVERED, final=True, remote_id="5")
    late = receipt(request_id="rcorrect", attempt_seq=70, outcome=ReceiptOutcome.WITHHELD, final=True)
    able = Declaration(WhenUnknown.LOOK, Correction.REPLY, delete=True, reply=True)
    platform: Any = Timeline(CannotTell("busy", Cause.LIMIT), able)
    earlier = earlier_posts([(first, stands), (correction, late), (recall, None)], late)
    found = await earlier.of(recall, FIRE, platform)
    assert found is not None
    await found.connector.publish(intent_of(recall, FIRE, "other", 5.0), _no_media)
    assert [(one.request_id, one.follows) for one in platform.looked_for] == [("rcorrect", "5")]


@pytest.mark.parametrize(("platform_of", "looks"), [("mastodon", True), ("manual", False)])
@in_virtual_time
async def test_what_an_officer_gave_up_is_looked_for(platform_of: str, looks: bool) -> None:
    """Nobody knows whether it is public. Of what people enter by hand the same word says that it was not done."""
    first, recall = request(), following("rother", "recall", request().request_id)
    given_up = receipt(platform=platform_of, outcome=ReceiptOutcome.FAILED, final=True, resolution_seq=60)
    platform: Any = Timeline(Absent())
    earlier = earlier_posts([(first, given_up), (recall, None)], receipt(attempt_seq=999))
    found = await earlier.of(recall, FIRE, platform)
    assert (found is not None) == looks
    if found is not None:
        assert await found.connector.publish(intent_of(recall, FIRE, "other", 5.0), _no_media) == Retracted()
        assert [one.request_id for one in platform.looked_for] == [first.request_id]


@pytest.mark.parametrize(("question", "way"), [(None, AnswersEarlier), ("https://m.example/@jo/1", Timeline)])
@in_virtual_time
async def test_what_is_about_an_answer_to_somebody_never_stands_for_itself(question: str | None, way: type) -> None:
    """All else does, where the post that it would answer is gone."""
    content = PlatformContent(platform="mastodon", parts=("So.",), created_at=NOW, answers=question)
    first = request(renderings=(Rendering.of(content),))
    correction = following("rcorrect", "correct", first.request_id)
    stands = receipt(outcome=ReceiptOutcome.DELIVERED, final=True, remote_id="5")
    platform: Any = Timeline(Absent(), Declaration(WhenUnknown.LOOK, Correction.REPLY, delete=True, reply=True))
    found = await earlier_posts([(first, stands), (correction, None)], stands).of(correction, FIRE, platform)
    assert found is not None
    assert (type(found.connector), found.follows) == (way, "5")


def following(request_id: str, act: Act, about: str) -> Request:
    """A correction or recall."""
    content = PlatformContent(platform="mastodon", parts=("So.",), created_at=NOW, act=act, about=about)
    return request(request_id=request_id, replaces=about, renderings=(Rendering.of(content),))


def earlier_posts(known: Sequence[tuple[Request, Receipt | None]], taken_over: Receipt) -> EarlierPosts:
    """What is known of some requests on a profile, and that the attempt of one receipt was answered by another worker.

    The ledger is not there to be read.
    """
    states = {
        one.request_id: state(one, targets={} if said is None else {FIRE.id: ended_target(said)}) for one, said in known
    }

    async def state_on(request_id: str, _profile: str) -> RequestState | None:
        return states.get(request_id)

    answered = TakenOver(FIRE.id, taken_over.request_id, "worker-1", "worker-2", NOW, 0.0)
    fold = SimpleNamespace(taken_over={taken_over.attempt_seq: answered})
    runtime: Any = SimpleNamespace(state_on=state_on, fold=fold)
    return EarlierPosts(runtime)


async def follow_of(
    able: Declaration, act: Act = "recall", shows: ReconcileResult | None = None, word: Receipt | None = None
) -> Follow | None:
    """How a recall goes to a profile where another than its worker said that nothing was posted.

    The ledger is not there to be read; ``word``: what an officer had done with the recall.
    """
    earlier, recall = request(), following("rother", act, request().request_id)
    said = receipt(outcome=ReceiptOutcome.WITHHELD, final=True)
    connector: Any = Timeline(shows or Absent(), able)
    return await earlier_posts([(earlier, said), (recall, word)], said).of(recall, FIRE, connector)


async def _no_media(_sha256: str) -> bytes:
    raise LookupError
