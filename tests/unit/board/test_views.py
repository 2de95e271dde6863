"""What the board shows of a request, from what the fold holds, and the order and the pages of ``pending``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import canonical
from schemas.events.dead import DeadLetterCause, DeadLetterView
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.desk import BoardEvent, BoardQuery, BoardReply, DeliveryView, RequestView
from schemas.events.shown import LOOK_FIRST, DeliveryCounts, PostWait
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR
from services.board.domain.views import delivery_view, is_pending, page_key, request_view
from services.board.pending_page import PendingPage
from services.desk.views.message.outcome import delivered
from services.kernel.fold.state import SEVERITIES, RequestState, TargetState
from tests.unit.fanout.world import NOW, PROFILES, profile, receipt, request, verdict
from tests.unit.states import ended_target, open_target, state, undecided_state

FIRE, PARKS = "fire-social", "parks-social"
BOTH = request(targets=(FIRE, PARKS))
KNOWN = {name: profile(name) for name in PROFILES}
DELIVERED = ended_target(receipt(outcome=ReceiptOutcome.DELIVERED, final=True, url="https://x.example/1"))
UNSURE = ended_target(receipt(outcome=ReceiptOutcome.UNCONFIRMED, final=True))


def view(of: RequestState, **changes: Any) -> RequestView:
    return request_view(of, KNOWN, **({"withdrawn": False, "as_of": 99} | changes))


def shown(of: RequestState, **changes: Any) -> dict[str, str]:
    return {one.profile: one.outcome for one in view(of, **changes).deliveries}


def with_fire(target: TargetState, said: Outcome = Outcome.CLEARED) -> RequestState:
    return state(BOTH, verdict(BOTH, outcome=said), targets={FIRE: target})


# --- one profile ------------------------------------------------------------------------------------------------


def test_before_a_verdict_nothing_is_shown_and_after_it_each_target_is_queued() -> None:
    assert shown(undecided_state(BOTH)) == {}
    assert shown(state(BOTH)) == {FIRE: "queued", PARKS: "queued"}
    blocked = verdict(BOTH, outcome=Outcome.BLOCKED)
    assert shown(state(BOTH, blocked)) == {}
    assert shown(state(BOTH, blocked, wanted=(FIRE,))) == {}, "cleared before, and not any more"


def test_what_is_under_way_is_posting_and_says_when_nobody_knows() -> None:
    (found, _) = view(with_fire(open_target())).deliveries
    assert (found.outcome, found.reason, found.final) == ("posting", "", False)
    (found, _) = view(with_fire(open_target(lapsed=True))).deliveries
    assert found.outcome == "posting"
    assert "not known" in found.reason


def test_a_receipt_is_shown_as_it_stands_whatever_the_verdict() -> None:
    for said in Outcome:
        found = view(with_fire(DELIVERED, said)).deliveries[0]
        assert (found.profile, found.outcome, found.url, found.final) == (
            FIRE,
            "delivered",
            "https://x.example/1",
            True,
        )


def test_the_receipt_that_a_resolution_has_to_name_is_shown() -> None:
    found = delivery_view(FIRE, "mastodon", with_fire(UNSURE))
    assert found is not None
    assert (found.outcome, found.receipt_seq, found.final) == ("unconfirmed", 51, True)


def test_when_it_is_tried_again_is_shown_while_it_may_be() -> None:
    at = NOW + timedelta(minutes=1)
    again = view(with_fire(ended_target(receipt(retry_at=at)))).deliveries[0]
    assert (again.outcome, again.retry_at) == ("withheld", at)
    done = view(with_fire(ended_target(receipt(retry_at=at, final=True)))).deliveries[0]
    assert done.retry_at is None


def test_the_mirror_is_shown_as_the_websites() -> None:
    mirrored = view(state(BOTH, verdict(BOTH, mirror=True)))
    assert [(one.profile, one.platform) for one in mirrored.deliveries][-1] == (MIRROR, "website")


def test_a_profile_that_is_gone_is_still_shown() -> None:
    found = request_view(with_fire(DELIVERED), {}, withdrawn=True, as_of=7)
    assert (found.deliveries[0].platform, found.withdrawn, found.as_of) == ("unknown", True, 7)


def test_what_a_post_waits_for_is_shown_unless_it_is_under_way_or_over() -> None:
    until = NOW + timedelta(seconds=20)
    waits = (PostWait(request_id=BOTH.request_id, profile=FIRE, reason="the host is away", until=until),)
    found = view(state(BOTH), waits=waits).deliveries
    assert [(one.reason, one.retry_at) for one in found] == [("the host is away", until), ("", None)]
    for target in (open_target(), DELIVERED):
        assert view(with_fire(target), waits=waits).deliveries[0].reason != "the host is away"


def test_all_posts_of_a_message_that_wait_for_the_same_are_shown_with_it() -> None:
    until = NOW + timedelta(seconds=20)
    wait = PostWait(request_id=BOTH.request_id, profile=FIRE, reason="a quota", until=until, also=(PARKS,), count=2)
    found = view(state(BOTH), waits=(wait,)).deliveries
    assert [(one.reason, one.retry_at) for one in found] == [("a quota", until)] * 2


def test_a_queued_post_that_no_wait_names_is_shown_with_what_it_may_wait_for() -> None:
    """Of thousands that wait a heartbeat names a thousand."""
    until = NOW + timedelta(seconds=20)
    named = PostWait(request_id=BOTH.request_id, profile=FIRE, reason="a quota", until=until, count=800)
    fewer = PostWait(request_id=BOTH.request_id, profile="police", reason="a token", until=until, count=2)
    fire, parks = view(state(BOTH), waits=(named, fewer)).deliveries
    assert (fire.reason, parks.reason, parks.retry_at) == (
        "a quota",
        "it may be one of 799 more posts that wait: a quota",
        until,
    )
    done = state(BOTH, targets={PARKS: ended_target(receipt(profile=PARKS, reason="refused", final=True))})
    assert view(done, waits=(named,)).deliveries[1].reason == "refused"
    mirrored = view(state(BOTH, verdict(BOTH, mirror=True)), waits=(named,)).deliveries
    assert mirrored[-1].reason == "", "the website's page follows the posts"


# --- some of many -----------------------------------------------------------------------------------------------

PROFILE_NAMES = tuple(f"p{number}" for number in range(8))
TARGETS = st.sampled_from(
    [
        None,
        open_target(),
        DELIVERED,
        UNSURE,
        ended_target(receipt()),
        ended_target(receipt(outcome=ReceiptOutcome.FAILED)),
    ]
)


@given(
    st.lists(TARGETS, min_size=8, max_size=8), st.sampled_from(Outcome), st.booleans(), st.booleans(), st.integers(0, 9)
)
def test_so_many_deliveries_are_those_that_need_a_look_first_and_the_rest_is_counted(
    targets: list[TargetState | None], said: Outcome, mirror: bool, letters: bool, most: int
) -> None:
    """Each is shown as it is among all of them; what nobody knows of, and the mirror's, are never left out."""
    asked = request(targets=PROFILE_NAMES)
    known = {name: one for name, one in zip(PROFILE_NAMES, targets, strict=True) if one is not None}
    of = state(
        asked, verdict(asked, outcome=said, targets=PROFILE_NAMES[:6], mirror=True if mirror else None), targets=known
    )
    aside = letter() if letters else None
    every, some = view(of, put_aside=aside), view(of, put_aside=aside, most=most)
    rows = sorted((one for one in every.deliveries if one.profile != MIRROR), key=place)
    unsure = sum(one.outcome == "unconfirmed" for one in rows)
    shown = [one for one in some.deliveries if one.profile != MIRROR]
    assert shown == rows[: max(most, unsure)]
    assert [one for one in some.deliveries if one.profile == MIRROR] == [
        one for one in every.deliveries if one.profile == MIRROR
    ]
    assert some.counts == DeliveryCounts(every=len(rows), done=delivered(every))
    assert every.counts is None


def place(one: DeliveryView) -> tuple[int, str]:
    """Where a delivery stands among the others."""
    return (LOOK_FIRST.get(one.outcome, len(LOOK_FIRST)), one.profile)


def test_before_a_verdict_there_is_nothing_to_count() -> None:
    assert view(undecided_state(BOTH), most=3).counts == DeliveryCounts(every=0, done=0)


# --- dead letters -----------------------------------------------------------------------------------------------


def letter(**changes: Any) -> DeadLetterView:
    fields = {
        "letter": 4, "cause": DeadLetterCause.FAILED, "service": "fanout", "subject": "ledger.verdict.r1", "seq": 9,
        "reason": "a bug", "tries": 3, "first_at": NOW, "last_at": NOW,
    }  # fmt: skip
    return DeadLetterView(**(fields | changes))


def put_aside(of: RequestState, **changes: Any) -> DeliveryView:
    return view(of, put_aside=letter(**changes)).deliveries[0]


def test_work_that_was_put_aside_says_so_and_how_to_go_on() -> None:
    found = put_aside(state(BOTH))
    assert (found.outcome, found.reason, found.final) == ("put_aside", "a bug (onevoice dead again 4)", False)


def test_a_dropped_letter_says_who_and_why() -> None:
    found = put_aside(state(BOTH), state="dropped", officer="mcpe", said="too late")
    assert (found.outcome, found.reason) == ("put_aside", "dropped by mcpe: too late")


def test_what_ended_otherwise_and_what_failed_again_is_not_told_as_put_aside() -> None:
    assert put_aside(with_fire(DELIVERED)).outcome == "delivered"
    assert put_aside(state(BOTH), state="failed_again").outcome == "queued"


# --- pending ----------------------------------------------------------------------------------------------------


def test_a_request_waits_until_it_is_refused_or_delivered_and_known_to_be() -> None:
    everywhere = {FIRE: DELIVERED, PARKS: DELIVERED}
    assert is_pending(undecided_state(BOTH))
    assert is_pending(state(BOTH, verdict(BOTH, outcome=Outcome.BLOCKED)))
    assert is_pending(with_fire(DELIVERED))
    assert not is_pending(state(BOTH, targets=everywhere))
    assert not is_pending(state(BOTH, verdict(BOTH, outcome=Outcome.REFUSED)))


@pytest.mark.parametrize("said", Outcome)
def test_a_request_with_an_unconfirmed_post_waits_whatever_its_verdict(said: Outcome) -> None:
    assert is_pending(state(BOTH, verdict(BOTH, outcome=said), targets={FIRE: UNSURE, PARKS: DELIVERED}))


Told = tuple[str | None, bool, int]
told = st.tuples(st.sampled_from(SEVERITIES), st.booleans(), st.integers(1, 10**15))


def of(one: Told) -> RequestState:
    return state(request(severity=one[0], crisis=one[1]), seq=one[2])


@given(told, told)
def test_keys_compare_as_the_requests_are_ordered(one: Told, other: Told) -> None:
    """Severity, then crisis before routine, then age; as text, since a page is asked for by the key before it."""
    first, second = of(one), of(other)
    assert (page_key(first) < page_key(second)) == (first.priority < second.priority)
    assert (page_key(first) == page_key(second)) == (first.priority == second.priority)
    assert BoardQuery(query="pending", after=page_key(first)).after == page_key(first)


def test_the_most_urgent_and_the_oldest_come_first() -> None:
    ordered: list[Told] = [
        ("extreme", True, 9), ("extreme", False, 2), ("severe", True, 1), ("minor", False, 1), (None, True, 1),
        (None, False, 1), (None, False, 2), (None, False, 10),
    ]  # fmt: skip
    keys = [page_key(of(one)) for one in ordered]
    assert keys == sorted(keys)


@given(st.lists(told, max_size=30, unique_by=lambda one: one[2]), st.integers(1, 7))
def test_page_after_page_shows_each_once_in_order(given_: list[Told], size: int) -> None:
    keys = sorted(page_key(of(one)) for one in given_)
    pages, after = [], ""
    while page := [key for key in keys if key > after][:size]:
        pages += page
        after = page[-1]
    assert pages == keys


# --- the answer on the wire -------------------------------------------------------------------------------------


def test_a_page_leaves_out_all_renderings_and_nothing_else() -> None:
    of = state(BOTH, previous=BOTH)
    whole, bare = view(of), view(of, bare=True)
    assert whole.request.renderings, "else this shows nothing"
    assert (bare.request.renderings, bare.previous and bare.previous.renderings) == ((), ())
    given_back = {"request": whole.request, "previous": whole.previous}
    assert bare.model_copy(update=given_back) == whole


def test_an_answer_reads_as_its_canonical_bytes_would() -> None:
    body = {"text": "Straße gesperrt \U0001f6a7", "many": 10**30, "none": None, "deep": [{"a": [1, True]}]}
    event = BoardEvent(seq=7, subject="ledger.control", at=NOW, body=body)
    reply = BoardReply(requests=(view(state(BOTH)), view(undecided_state(BOTH), bare=True)), changes=(event,), as_of=99)
    assert canonical.loads(reply.to_bytes()) == reply.model_dump(mode="json", exclude_none=True)
    assert BoardReply.from_bytes(reply.to_bytes()) == reply


def test_a_page_whose_rows_are_made_once_is_the_answer_that_it_would_be() -> None:
    views = [view(state(BOTH)), view(undecided_state(BOTH), bare=True)]
    beside = BoardReply(dead_letters=(), total=7, next="2.0.1", as_of=99)
    for rows in (views, []):
        page = PendingPage.of(iter(rows))
        assert BoardReply.from_bytes(page.to_bytes()) == BoardReply(requests=tuple(rows))
        whole = beside.model_copy(update={"requests": tuple(rows)})
        assert BoardReply.from_bytes(page.beside(beside).to_bytes()) == whole
