"""What a submission is about: where it goes, what it says, and what it cannot be about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.requests import Request
from schemas.platforms import LIMITS
from services.intake.domain.findings.screening import ScreeningRules, screen
from services.intake.domain.following import Earlier, earlier_of, labelled
from services.intake.domain.identity import identify
from services.intake.domain.rendering import render
from services.intake.domain.submission import Draft, draft_of, request_of
from services.kernel.base.errors import BadInput
from services.kernel.fold.state import RequestState, TargetState
from tests.support.messages import receipt_on
from tests.unit.intake.world import NOW, SITE, city, code_of, event, request

FIRE, WATER, PARKS = (f"{name}-mastodon" for name in ("fire", "water", "parks"))


def earlier(*carried_by: str, **changes: Any) -> Earlier:
    """An earlier request that these profiles carry."""
    return Earlier(changes.pop("request", request()), carried_by, **({"is_decided": True} | changes))


def following(about: Earlier, act: str = "correct", state: Any = None, **data: Any) -> Draft:
    """The draft of a submission that does something to an earlier request."""
    said = event(**({"targets": [], "act": act, "about": about.request.request_id} | data))
    return draft_of(identify(said, "clerk", "live"), said, "clerk", state or city(), NOW, about)


@pytest.mark.parametrize("act", ["correct", "update", "recall", "all_clear"])
def test_it_goes_exactly_to_the_profiles_that_got_it(act: str) -> None:
    """Nobody who saw the first message is left without what came after it, and nobody else is told."""
    assert following(earlier(FIRE, WATER), act).targets == (FIRE, WATER)


def test_more_profiles_only_when_they_are_named() -> None:
    """``--to`` adds, and names no profile twice."""
    assert following(earlier(FIRE), targets=[PARKS, FIRE]).targets == (FIRE, PARKS)


def test_a_repost_goes_to_the_profiles_that_are_named() -> None:
    """And to none that has it already, unless it is named."""
    assert following(earlier(FIRE), "repost", targets=[PARKS]).targets == (PARKS,)


def test_a_profile_that_is_not_official_any_more_is_left_out_and_named() -> None:
    """The recall of the others must not wait for it; the approver sees that it stays there."""
    about = earlier(FIRE, "arena-mastodon")
    draft = following(about, "recall")
    assert (draft.targets, draft.left_out) == ((FIRE,), ("arena-mastodon",))
    found = screen(draft, render(draft, LIMITS), ScreeningRules(SITE), {FIRE: "fire"})
    assert [one.where for one in found if one.code == "left-out"] == ["arena-mastodon"]


def test_a_carrier_whose_account_is_none_keeps_no_correction_from_the_others() -> None:
    """A city may have it from an older version; who names it is refused."""
    state = city()
    wrong = state.profiles[WATER].model_copy(update={"account": "water"})
    state = replace(state, profiles={**state.profiles, WATER: wrong})
    draft = following(earlier(FIRE, WATER), state=state)
    assert (draft.targets, draft.unreachable) == ((FIRE, WATER), (WATER,))
    found = screen(draft, render(draft, LIMITS), ScreeningRules(SITE), {FIRE: "fire", WATER: "water"})
    assert [one.where for one in found if one.code == "account"] == [WATER]
    assert code_of(following, earlier(FIRE, WATER), state=state, targets=[WATER]) == "profile.account"


@pytest.mark.parametrize(
    ("act", "command"),
    [("correct", "correct"), ("recall", "recall"), ("all_clear", "all-clear"), ("update", None), ("repost", None)],
)
def test_a_repost_of_what_ends_is_named(act: str, command: str | None) -> None:
    """It is a message of its own, and nothing reaches it but its own recall: the approver sees what to type."""
    draft = following(earlier(FIRE, shown_again=(("r7", (PARKS, WATER)),)), act, targets=[WATER])
    found = screen(draft, render(draft, LIMITS), ScreeningRules(SITE), {WATER: "water", FIRE: "fire"})
    again = [(one.reason.partition(": ")[2], one.where) for one in found if one.code == "shown-again"]
    assert again == ([(f"onevoice {command} r7", f"{PARKS}, {WATER}")] if command else [])


@pytest.mark.parametrize(("act", "named"), [("recall", True), ("correct", False), ("all_clear", False)])
def test_an_update_of_what_is_recalled_is_named(act: str, named: bool) -> None:
    """It stays as an answer to what is gone: the false alarm's "now zone 5 too" was left out, and nobody was told."""
    draft = following(earlier(FIRE, updated_by=(("r8", (FIRE,)),)), act)
    found = screen(draft, render(draft, LIMITS), ScreeningRules(SITE), {FIRE: "fire"})
    left = [(one.reason.partition(": ")[2], one.where) for one in found if one.code == "update-left"]
    assert left == ([("onevoice recall r8", FIRE)] if named else [])


@pytest.mark.parametrize(
    ("about", "act", "code"),
    [
        (earlier(FIRE, replaced_by="r9"), "correct", "about.replaced"),
        (earlier(FIRE, replaced_by="r9"), "update", "about.replaced"),
        (earlier(FIRE, replaced_by="r9"), "repost", "about.replaced"),
        (earlier(FIRE, is_decided=False), "correct", "about.not_cleared"),
        (earlier(), "recall", "about.nowhere"),
        (earlier("arena-mastodon"), "recall", "about.nowhere"),
        (earlier(FIRE), "repost", "about.targets"),
    ],
)
def test_refused(about: Earlier, act: str, code: str) -> None:
    """Each with one clear error."""
    with pytest.raises(BadInput) as caught:
        following(about, act)
    assert caught.value.code == code


def test_a_recall_is_not_recalled() -> None:
    """What it took back is gone; a message is published anew."""
    draft = following(earlier(FIRE), "recall")
    recall = request_of(draft, city(), NOW, render(draft, LIMITS), ())
    with pytest.raises(BadInput) as caught:
        following(earlier(FIRE, request=recall), "recall")
    assert caught.value.code == "about.recall"


@pytest.mark.parametrize(
    ("act", "replaces", "follows"), [("correct", True, False), ("recall", True, False), ("update", False, True)]
)
def test_request_and_renderings_say_the_same(act: str, replaces: bool, follows: bool) -> None:
    """What is done to which message is in the bytes that are signed, and beside them for the ledger's order."""
    about = earlier(FIRE)
    draft = following(about, act)
    made = request_of(draft, city(), NOW, render(draft, LIMITS), ())
    name = about.request.request_id
    assert (made.replaces, made.follows) == (name if replaces else None, name if follows else None)
    assert {(one.content().act, one.content().about) for one in made.renderings} == {(act, name)}
    assert made.act == act


@pytest.mark.parametrize(
    ("act", "text", "said"),
    [
        ("correct", "Zone 4.", "Correction: Zone 4."),
        ("update", "Zone 4.", "Update: Zone 4."),
        ("all_clear", "All is well.", "All clear: All is well."),
        ("all_clear", "All clear in zone 4.", "All clear in zone 4."),
        ("repost", "Zone 4.", "Zone 4."),
        (None, "Zone 4.", "Zone 4."),
    ],
)
def test_the_first_word_says_what_it_is(act: Any, text: str, said: str) -> None:
    """Nobody takes it for the first message; an author who wrote it is not corrected."""
    assert labelled(act, text) == said


def test_act_and_about_come_together() -> None:
    """Half of it is a mistake of whoever wrote the program."""
    with pytest.raises(ValueError, match="come together"):
        event(act="correct")


def receipt(of: Request, outcome: ReceiptOutcome, *, final: bool = True, **more: Any) -> Receipt:
    """A receipt on the fire profile."""
    return receipt_on(of.request_id, FIRE, 5, NOW, outcome=outcome, final=final, **more)


@pytest.mark.parametrize(
    ("target", "carried"),
    [
        (TargetState(), True),
        (TargetState(answered=False, attempt_seq=5), True),
        (TargetState(receipt=receipt(request(), ReceiptOutcome.DELIVERED)), True),
        (TargetState(receipt=receipt(request(), ReceiptOutcome.UNCONFIRMED)), True),
        (TargetState(receipt=receipt(request(), ReceiptOutcome.FAILED)), False),
        (TargetState(receipt=receipt(request(), ReceiptOutcome.FAILED, remote_id="1")), True),
        (TargetState(receipt=receipt(request(), ReceiptOutcome.EXPIRED)), False),
        (TargetState(receipt=receipt(request(), ReceiptOutcome.WITHHELD, final=False)), True),
    ],
    ids=["to come", "under way", "delivered", "unconfirmed", "failed", "begun", "expired", "tried again"],
)
def test_who_carries_it(target: TargetState, carried: bool) -> None:
    """Where it is, may stand, or is still to be posted; what surely does not stand there needs no correction."""
    of = request(targets=[FIRE])
    state = RequestState(of, 3, NOW, wanted=(FIRE,), targets={FIRE: target})
    assert earlier_of(state, "").carried_by == ((FIRE,) if carried else ())


def told(*receipts: Receipt) -> TargetState:
    """A profile of which this was said, one after the other."""
    return TargetState(receipt=receipts[-1], receipts=list(enumerate(receipts, 5)))


DONE = receipt(request(), ReceiptOutcome.DELIVERED, remote_id="123")
DOUBTED = receipt(request(), ReceiptOutcome.UNCONFIRMED)
GIVEN_UP = receipt(request(), ReceiptOutcome.FAILED, resolution_seq=9)
BY_HAND = GIVEN_UP.model_copy(update={"platform": "manual"})


@pytest.mark.parametrize(
    ("target", "carried"),
    [
        (told(DONE, DOUBTED, GIVEN_UP), True),
        (told(DOUBTED, GIVEN_UP), True),
        (told(DONE, DOUBTED, receipt(request(), ReceiptOutcome.WITHHELD)), True),
        (told(DOUBTED, BY_HAND), False),
        (told(DOUBTED, receipt(request(), ReceiptOutcome.FAILED)), False),
        (told(DONE, receipt(request(), ReceiptOutcome.RECALLED)), False),
    ],
    ids=["changed there", "never found out", "not posted again", "not done by hand", "surely not", "taken back"],
)
def test_what_was_given_up_may_be_public_and_is_taken_back(target: TargetState, carried: bool) -> None:
    """Before, no recall went where an officer had given it up; where it was the only profile there could be none."""
    state = RequestState(request(targets=[FIRE]), 3, NOW, wanted=(FIRE,), targets={FIRE: target})
    assert earlier_of(state, "").carried_by == ((FIRE,) if carried else ())
    failed = TargetState(receipt=receipt(request(), ReceiptOutcome.FAILED))
    correction = RequestState(request(targets=[FIRE]), 9, NOW, wanted=(FIRE,), targets={FIRE: failed})
    assert earlier_of(correction, "", before=(state,)).carried_by == ((FIRE,) if carried else ())


@pytest.mark.parametrize(
    ("first", "carried"),
    [
        (TargetState(receipt=receipt(request(), ReceiptOutcome.DELIVERED)), True),
        (TargetState(receipt=receipt(request(), ReceiptOutcome.UNCONFIRMED)), True),
        (TargetState(receipt=receipt(request(), ReceiptOutcome.FAILED, remote_id="1")), True),
        (TargetState(answered=False, attempt_seq=5), True),
        (TargetState(receipt=receipt(request(), ReceiptOutcome.WITHHELD)), False),
        (TargetState(), False),
    ],
    ids=["delivered", "unconfirmed", "begun", "under way", "withheld", "never posted"],
)
def test_where_a_correction_failed_what_it_was_to_correct_is_carried(first: TargetState, carried: bool) -> None:
    """Before, neither the next correction nor a recall reached that profile, and the first message stayed there."""
    failed = TargetState(receipt=receipt(request(), ReceiptOutcome.FAILED))
    correction = RequestState(request(targets=[FIRE]), 9, NOW, wanted=(FIRE,), targets={FIRE: failed})
    earlier = RequestState(request(targets=[FIRE]), 3, NOW, wanted=(FIRE,), targets={FIRE: first})
    assert earlier_of(correction, "", before=(earlier,)).carried_by == ((FIRE,) if carried else ())
    undecided = RequestState(request(targets=[FIRE]), 9, NOW)
    assert earlier_of(undecided, "", before=(earlier,)).carried_by == ()


def test_only_reposts_that_stand_somewhere_are_shown_again() -> None:
    """One that failed everywhere needs no recall."""
    stands = RequestState(request(targets=[FIRE]), 3, NOW, wanted=(FIRE,))
    failed = TargetState(receipt=receipt(stands.request, ReceiptOutcome.FAILED))
    gone = RequestState(stands.request, 3, NOW, wanted=(FIRE,), targets={FIRE: failed})
    found = earlier_of(RequestState(request(), 3, NOW), "", (stands, gone))
    assert found.shown_again == ((stands.request_id, (FIRE,)),)


def test_what_was_never_cleared_is_carried_nowhere() -> None:
    """It is withdrawn, and submitted as it should be."""
    found = earlier_of(RequestState(request(), 3, NOW), "")
    assert (found.carried_by, found.is_decided) == ((), False)
