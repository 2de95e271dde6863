"""What is next for a request on a profile, from what the fold holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.deliveries import ReceiptOutcome
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR
from services.fanout.domain.retry import HIGHEST_NUMBER
from services.fanout.domain.step import (
    LEAD_GRACE,
    LEASE_SLACK,
    MIRROR_GRACE,
    ORDER_SECONDS,
    Busy,
    Done,
    End,
    Lapse,
    NotCalled,
    Occupied,
    Place,
    Post,
    Settle,
    Step,
    Wait,
    next_step,
)
from services.kernel.fold.state import RequestState, TargetState
from tests.unit.fanout.world import CONTROL_SEQ, NOW, VERDICT_SEQ, attempt, receipt, request, verdict
from tests.unit.states import ended_target, open_target, state

FIRE, LEASE, BOOT = "fire-social", 15.0, 1_000.0
REQUEST = request()
OVER = BOOT + LEASE + LEASE_SLACK
CLEARED_UNTIL = verdict(REQUEST).valid_until or NOW


def step(
    target: TargetState | None = None,
    of: RequestState | None = None,
    *,
    now: datetime = NOW,
    boot: float = BOOT,
    **changes: Any,
) -> Step:
    subject = of or state(REQUEST)
    place: dict[str, Any] = {"verdict_seq": VERDICT_SEQ, "profile": FIRE, "control_seq": CONTROL_SEQ} | changes
    held = target or subject.target(place["profile"])
    return next_step(Place(state=subject, target=held, **place), now, boot, LEASE)


def withheld(**changes: Any) -> TargetState:
    return ended_target(receipt(**changes))


OPEN = open_target(folded_at=BOOT)
BUSY = Busy("r-other", attempt(), 50, BOOT)
REFUSED = state(REQUEST, verdict(REQUEST, outcome=Outcome.REFUSED), verdict_seq=VERDICT_SEQ, wanted=(FIRE,))
BLOCKED = state(REQUEST, verdict(REQUEST, outcome=Outcome.BLOCKED), verdict_seq=VERDICT_SEQ, wanted=(FIRE,))
EXPIRED = state(request(expires_at=NOW))


def test_what_is_cleared_is_posted() -> None:
    assert step() == Post(1)


def test_attempts_are_counted_on_also_those_that_were_void() -> None:
    assert step(withheld()) == Post(2)
    assert step(TargetState(number=7)) == Post(8)


# --- what is open ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [HIGHEST_NUMBER, 10**40 - 1])
def test_behind_a_number_that_no_worker_gives_nothing_is_posted(number: int) -> None:
    """The next one might have more digits than any reader takes, but for the process that wrote it: it posted alone."""
    waits = step(TargetState(number=number))
    assert isinstance(waits, Wait)
    assert waits.shown
    assert step(TargetState(number=HIGHEST_NUMBER - 1)) == Post(HIGHEST_NUMBER)


def test_an_open_attempt_is_waited_for_until_its_lease_is_over_on_our_own_clock() -> None:
    """From when it was folded here, in boot-time seconds: what the wall clock shows does not count."""
    assert step(OPEN) == Wait(LEASE + LEASE_SLACK, "attempt 1 may still be under way", hold=True)
    assert isinstance(step(OPEN, now=NOW + timedelta(days=1)), Wait)
    assert isinstance(step(OPEN, boot=OVER - 0.001), Wait)
    assert step(OPEN, boot=OVER) == Settle(attempt(), 50, 0.0)
    assert step(OPEN, boot=OVER + 5.0) == Settle(attempt(), 50, 5.0)


def test_a_lapsed_attempt_is_still_to_be_settled() -> None:
    assert isinstance(step(open_target(folded_at=BOOT, lapsed=True), boot=OVER), Settle)


def test_an_attempt_that_was_given_up_before_its_call_is_answered_at_once() -> None:
    assert step(OPEN, given_up=True) == NotCalled(attempt(), 50)
    assert step(open_target(folded_at=BOOT, lapsed=True), given_up=True) == NotCalled(attempt(), 50)
    assert step(withheld(), given_up=True) == Post(2), "it is answered"


STALE: dict[str, tuple[RequestState, dict[str, Any]]] = {
    "a newer verdict": (state(REQUEST, verdict_seq=VERDICT_SEQ + 1), {}),
    "refused": (REFUSED, {}),
    "blocked": (BLOCKED, {}),
    "expired": (EXPIRED, {}),
    "control changed": (state(REQUEST), {"control_seq": CONTROL_SEQ + 1}),
    "another one is busy there": (state(REQUEST), {"busy": BUSY}),
}


@pytest.mark.parametrize("name", STALE)
def test_what_is_open_is_settled_first_whatever_became_of_the_verdict(name: str) -> None:
    """Invariant 5: each attempt gets its receipt."""
    of, changes = STALE[name]
    assert isinstance(step(OPEN, of, boot=OVER, **changes), Settle)
    assert isinstance(step(OPEN, of, **changes), Wait)


# --- what is over or stale --------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [ReceiptOutcome.DELIVERED, ReceiptOutcome.FAILED, ReceiptOutcome.UNCONFIRMED])
def test_a_final_receipt_ends_it_and_one_that_is_not_does_not(outcome: ReceiptOutcome) -> None:
    assert isinstance(step(withheld(outcome=outcome, final=True)), Done)
    assert isinstance(step(withheld(outcome=ReceiptOutcome.WITHHELD)), Post)


def test_the_work_on_an_older_verdict_is_left_to_the_newer_one() -> None:
    newer = state(REQUEST, verdict_seq=VERDICT_SEQ + 1)
    assert step(of=newer) == Done("a newer verdict is there")
    assert step(of=newer, verdict_seq=VERDICT_SEQ + 1) == Post(1)


def test_a_block_after_the_clearance_is_silent_for_it_can_be_cleared_again() -> None:
    assert step(of=BLOCKED) == Done("it is not cleared")


def test_after_a_control_change_the_gate_decides_anew_and_nothing_is_attempted() -> None:
    found = step(control_seq=CONTROL_SEQ + 1)
    assert isinstance(found, Done)
    assert "decides again" in found.reason


def test_a_refusal_after_the_clearance_ends_in_a_final_receipt() -> None:
    found = step(of=REFUSED)
    assert isinstance(found, End)
    assert (found.outcome, found.final, found.due) == (ReceiptOutcome.WITHHELD, True, None)


def test_an_expired_request_is_missed_and_not_late() -> None:
    found = step(of=EXPIRED)
    assert isinstance(found, End)
    assert (found.outcome, found.final, found.due) == (ReceiptOutcome.EXPIRED, True, EXPIRED.request.expires_at)


def test_an_ended_clearance_can_be_renewed_and_is_written_down_once() -> None:
    found = step(now=CLEARED_UNTIL)
    assert isinstance(found, End)
    assert (found.outcome, found.final, found.due) == (ReceiptOutcome.EXPIRED, False, CLEARED_UNTIL)
    said = receipt(outcome=ReceiptOutcome.EXPIRED, attempt_seq=0)
    behind = ended_target(said, VERDICT_SEQ + 5)
    assert isinstance(step(behind, now=CLEARED_UNTIL), Done), "behind this very verdict"
    before = ended_target(said, VERDICT_SEQ - 5)
    assert step(before) == Post(1), "a newer clearance may post"


UNSURE = (withheld(outcome=ReceiptOutcome.UNCONFIRMED), withheld(url="https://m.example/1", remote_id="1"))


def test_an_end_names_the_beginning_that_stands() -> None:
    found = step(UNSURE[1], EXPIRED)
    assert isinstance(found, End)
    assert found.reason.startswith("its beginning is public at https://m.example/1, please look at the profile; ")


def test_what_an_officer_has_made_again_is_posted_behind_the_same_verdict() -> None:
    again = receipt(attempt_seq=0, resolution_seq=70)
    assert step(ended_target(again, VERDICT_SEQ + 5)) == Post(1)


@pytest.mark.parametrize("unsure", UNSURE)
@pytest.mark.parametrize("how", ["expired", "refused", "clearance over"])
def test_what_may_be_public_never_ends_as_surely_not_posted(how: str, unsure: TargetState) -> None:
    """Found by the simulation: the website took it, no answer, nothing to be seen, and then the request expired.

    Or of a thread part 1 of 2 stands.
    """
    of = {"expired": EXPIRED, "refused": REFUSED}.get(how)
    found = step(unsure, of, now=CLEARED_UNTIL if how == "clearance over" else NOW)
    assert isinstance(found, End)
    assert (found.outcome, found.final) == (ReceiptOutcome.UNCONFIRMED, how != "clearance over")


# --- waits ------------------------------------------------------------------------------------------------------


def test_the_time_that_the_platform_asked_for_is_waited_out() -> None:
    waiting = withheld(retry_at=NOW + timedelta(seconds=9), reason="busy")
    assert step(waiting) == Wait(9.0, "busy")
    assert step(waiting, now=NOW + timedelta(seconds=9)) == Post(2)


def test_a_clock_that_is_put_back_keeps_nothing_waiting() -> None:
    """Each wait is over when it has lasted, by boot-time seconds, whatever the time of day is by then."""
    put_back, soon = NOW - timedelta(hours=2), BOOT + 9.0
    waiting = withheld(retry_at=NOW + timedelta(seconds=9), reason="busy")
    waiting.receipt_folded_at = BOOT
    assert step(waiting, now=put_back) == Wait(9.0, "busy")
    assert step(waiting, now=put_back, boot=soon) == Post(2)
    assert step(waiting, now=NOW + timedelta(seconds=9)) == Post(2), "a clock that was put ahead calls a little sooner"
    led = state(REQUEST, verdict_folded_at=BOOT)
    assert isinstance(step(of=led, now=put_back, lead_target=TargetState(), **LEAD), Wait)
    over = BOOT + LEAD_GRACE.total_seconds()
    assert step(of=led, now=put_back, boot=over, lead_target=TargetState(), **LEAD) == Post(1)


def test_another_requests_attempt_is_stood_in_line_for_and_lapses_with_its_lease() -> None:
    assert step(busy=BUSY) == Occupied(LEASE + LEASE_SLACK, "a post of r-other is under way there")
    assert isinstance(step(busy=BUSY, boot=OVER - 0.001), Occupied)
    assert step(busy=BUSY, boot=OVER) == Lapse(BUSY)


def test_what_waits_for_its_platform_frees_nobodys_profile() -> None:
    """The wait comes first: the profile is not taken from another one for a post that may not go yet."""
    waiting = withheld(retry_at=NOW + timedelta(seconds=9))
    assert isinstance(step(waiting, busy=BUSY, boot=OVER), Wait)


# --- the website's mirror ---------------------------------------------------------------------------------------

TARGETS = ("fire-social", "parks-social")
MIRRORED = request(targets=TARGETS)


def mirror(
    fire: TargetState | None = None, parks: TargetState | None = None, now: datetime = NOW, boot: float = BOOT
) -> Step:
    targets = {name: one for name, one in zip(TARGETS, (fire, parks), strict=True) if one is not None}
    of = state(MIRRORED, verdict(MIRRORED, mirror=True), targets=targets)
    return step(TargetState(), of, profile=MIRROR, now=now, boot=boot)


def said(profile: str, outcome: ReceiptOutcome, *, final: bool = True, at: datetime = NOW) -> TargetState:
    return ended_target(receipt(profile=profile, outcome=outcome, final=final, at=at))


STANDS = said("fire-social", ReceiptOutcome.DELIVERED)
FAILED = said("parks-social", ReceiptOutcome.FAILED)


def test_the_website_follows_the_first_post() -> None:
    found = mirror()
    assert isinstance(found, Wait)
    assert not found.shown
    assert isinstance(mirror(parks=FAILED), Wait), "the other one may still stand"


def test_it_waits_a_moment_for_the_other_addresses_and_no_longer() -> None:
    assert mirror(STANDS) == Wait(MIRROR_GRACE.total_seconds(), "it waits a moment for the other addresses")
    assert mirror(STANDS, now=NOW + MIRROR_GRACE) == Post(1)


def test_a_clock_that_is_put_back_keeps_no_page_waiting() -> None:
    stands = replace(STANDS, receipt_folded_at=BOOT)
    assert isinstance(mirror(stands, now=NOW - timedelta(hours=2)), Wait)
    assert mirror(stands, now=NOW - timedelta(hours=2), boot=BOOT + MIRROR_GRACE.total_seconds()) == Post(1)


@pytest.mark.parametrize("outcome", [ReceiptOutcome.DELIVERED, ReceiptOutcome.FAILED])
def test_when_all_others_have_ended_it_is_written_at_once(outcome: ReceiptOutcome) -> None:
    assert mirror(STANDS, said("parks-social", outcome)) == Post(1)


def test_what_stands_nowhere_is_not_mirrored() -> None:
    for outcome in (ReceiptOutcome.FAILED, ReceiptOutcome.EXPIRED):
        found = mirror(said("fire-social", outcome), FAILED)
        assert isinstance(found, End)
        assert (found.outcome, found.final) == (ReceiptOutcome.WITHHELD, True)


def test_what_a_person_has_yet_to_look_for_may_stand() -> None:
    unsure = said("fire-social", ReceiptOutcome.UNCONFIRMED)
    assert isinstance(mirror(unsure, FAILED), Wait)
    assert isinstance(mirror(STANDS, said("parks-social", ReceiptOutcome.UNCONFIRMED)), Wait)


class _Counting(dict[str, TargetState]):
    """Counts how often something is looked up or gone through."""

    looked = 0

    def get(self, *args: Any) -> Any:
        self.looked += 1
        return super().get(*args)

    def __getitem__(self, key: str) -> TargetState:
        self.looked += 1
        return super().__getitem__(key)


def test_what_the_mirror_waits_for_does_not_cost_more_with_more_profiles() -> None:
    """It looks at each receipt of the others: a look at all of them each time would be a million for a thousand."""
    names = tuple(f"p{number}-social" for number in range(200))
    of = request(targets=names)
    targets = _Counting({name: ended_target(receipt(profile=name)) for name in names})
    targets["p0-social"] = said("p0-social", ReceiptOutcome.DELIVERED)
    held = state(of, verdict(of, mirror=True), targets=targets)
    targets.looked = 0
    assert isinstance(step(TargetState(), held, profile=MIRROR), Wait)
    assert targets.looked <= 1


def test_the_mirror_is_bound_by_the_same_rules_as_a_post() -> None:
    of = state(MIRRORED, verdict(MIRRORED, mirror=True), targets={"fire-social": STANDS, "parks-social": FAILED})
    assert isinstance(step(TargetState(), of, profile=MIRROR, control_seq=CONTROL_SEQ + 1), Done)
    assert isinstance(step(TargetState(), of, profile=MIRROR, now=of.request.expires_at), End)
    assert isinstance(step(OPEN, of, profile=MIRROR), Wait)
    assert isinstance(step(TargetState(), of, profile=MIRROR, busy=BUSY), Occupied)


# --- the whole table --------------------------------------------------------------------------------------------

HELD: dict[str, TargetState] = {
    "nothing": TargetState(),
    "open": OPEN,
    "withheld": withheld(),
    "unsure": withheld(outcome=ReceiptOutcome.UNCONFIRMED),
    "delivered": withheld(outcome=ReceiptOutcome.DELIVERED, final=True),
    "waits": withheld(retry_at=NOW + timedelta(seconds=9)),
}
SAID: dict[str, tuple[RequestState, dict[str, Any]]] = {"cleared": (state(REQUEST), {}), **STALE}
TABLE = """
                           nothing   open  withheld unsure   delivered waits
cleared                    Post      Wait  Post     Post     Done      Wait
a newer verdict            Done      Wait  Done     Done     Done      Done
refused                    End       Wait  End      End      Done      End
blocked                    Done      Wait  Done     Done     Done      Done
expired                    End       Wait  End      End      Done      End
control changed            Done      Wait  Done     Done     Done      Done
another one is busy there  Occupied  Wait  Occupied Occupied Done      Wait
"""


def _cells() -> list[tuple[str, str, str]]:
    lines = TABLE.strip().splitlines()
    heads = lines[0].split()
    rows = [(line[:27].strip(), line[27:].split()) for line in lines[1:]]
    return [(row, head, cell) for row, cells in rows for head, cell in zip(heads, cells, strict=True)]


@pytest.mark.parametrize(("row", "held", "wanted"), _cells())
def test_each_cell_of_the_table(row: str, held: str, wanted: str) -> None:
    """A row is what there is of the request, a column what is on the profile."""
    of, changes = SAID[row]
    assert type(step(HELD[held], of, **changes)).__name__ == wanted


def test_the_table_is_whole() -> None:
    assert {(row, head) for row, head, _ in _cells()} == {(row, head) for row in SAID for head in HELD}


@given(
    st.sampled_from(sorted(HELD)),
    st.sampled_from(sorted(SAID)),
    st.integers(-100, 100_000).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    st.floats(BOOT, BOOT + 100.0),
)
def test_nothing_is_posted_that_is_open_final_expired_stale_or_not_cleared(
    held: str, row: str, now: datetime, boot: float
) -> None:
    of, changes = SAID[row]
    found = step(HELD[held], of, now=now, boot=boot, **changes)
    if isinstance(found, Wait | Occupied):
        assert found.delay > 0
    if isinstance(found, Settle):
        assert (held, boot >= OVER) == ("open", True)
    if isinstance(found, Post):
        assert held not in ("open", "delivered")
        assert row in ("cleared", "expired")
        assert now < min(of.request.expires_at, CLEARED_UNTIL)
        assert found.number > HELD[held].number


def test_only_one_post_at_a_time_is_made_on_a_profile_and_on_a_page_of_the_mirror() -> None:
    fire = Place(VERDICT_SEQ, FIRE, state(REQUEST), TargetState(), CONTROL_SEQ)
    mirrored = Place(VERDICT_SEQ, MIRROR, state(REQUEST), TargetState(), CONTROL_SEQ)
    assert fire.one_at_a_time == FIRE
    assert mirrored.one_at_a_time == f"{MIRROR} {REQUEST.request_id}"


def test_what_follows_a_message_waits_for_its_turn_in_the_chain() -> None:
    """The original is not settled there yet: it says so, and holds the work until it is."""
    waits = step(out_of_order="r-original is not settled here yet")
    assert waits == Wait(ORDER_SECONDS, "r-original is not settled here yet", shown=True, hold=True)


# --- what shows the lead's post -------------------------------------------------------------------------------

LEAD: dict[str, Any] = {"lead": "city-x"}


def test_the_others_wait_a_moment_for_the_leads_post_and_show_it() -> None:
    """A lead that failed, or does not deliver soon, keeps nobody silent."""
    decided = verdict(REQUEST).at
    waits = step(now=decided, lead_target=TargetState(), **LEAD)
    assert isinstance(waits, Wait)
    assert "city-x" in waits.reason
    assert waits.delay == LEAD_GRACE.total_seconds()
    assert step(now=decided + LEAD_GRACE, lead_target=TargetState(), **LEAD) == Post(1)
    stands = ended_target(receipt(outcome=ReceiptOutcome.DELIVERED, final=True, remote_id="7"))
    assert step(now=decided, lead_target=stands, **LEAD) == Post(1)
    failed = ended_target(receipt(outcome=ReceiptOutcome.FAILED, final=True))
    assert step(now=decided, lead_target=failed, **LEAD) == Post(1)


def test_only_what_stands_is_shown() -> None:
    def shown(target: TargetState | None) -> str:
        return Place(VERDICT_SEQ, FIRE, state(REQUEST), TargetState(), CONTROL_SEQ, lead_target=target).repost_of

    stands = receipt(outcome=ReceiptOutcome.DELIVERED, final=True, remote_id="7,8")
    unsure = receipt(outcome=ReceiptOutcome.UNCONFIRMED, final=True, remote_id="7")
    assert shown(ended_target(stands)) == "7,8"
    assert [shown(one) for one in (None, TargetState(), ended_target(unsure))] == ["", "", ""]
