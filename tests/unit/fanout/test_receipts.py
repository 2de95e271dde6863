"""The receipt of each way in which an attempt can end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.events.deliveries import Receipt, ReceiptOutcome
from services.fanout.connectors.contract import (
    Absent,
    Altered,
    CannotTell,
    Cause,
    HandedOver,
    Permanent,
    Posted,
    Retracted,
    Retryable,
    WhenUnknown,
)
from services.fanout.delivery.caller import NotAttempted
from services.fanout.domain import receipts, retry
from services.kernel.ledger.entry import Entry
from tests.unit.fanout.world import NOW, attempt, request
from tests.unit.states import open_target, state

POSTED = Posted("https://x.example/1", "1", note="without its picture")
BEGUN = Posted("https://x.example/1", "1")

RESULTS = [
    (POSTED, "delivered", True, "without its picture", POSTED.url),
    (Permanent("too long"), "failed", True, "too long", None),
    (Permanent("1 of 2 parts stand", begun=BEGUN), "failed", True, "1 of 2 parts stand", BEGUN.url),
    (HandedOver("enter it by hand"), "unconfirmed", True, "enter it by hand", None),
    (Retryable("busy"), "withheld", False, "busy", None),
    (Retryable("1 of 2", begun=BEGUN), "withheld", False, "1 of 2", BEGUN.url),
    (NotAttempted("a newer verdict is there"), "withheld", False, "a newer verdict is there", None),
]


@pytest.mark.parametrize(("result", "outcome", "final", "reason", "url"), RESULTS)
def test_a_call_that_ended_clearly(
    result: Posted | Permanent | HandedOver | Retryable | NotAttempted,
    outcome: str,
    final: bool,
    reason: str,
    url: str | None,
) -> None:
    made = receipts.of_result(attempt(), 50, result, NOW)
    assert (str(made.outcome), made.final, made.reason, made.url, made.attempt_seq) == (outcome, final, reason, url, 50)


@pytest.mark.parametrize("words", ["250 \x1b[31mred\x00 \udce9", "queued\nas\r\n7", "half \ud83d of it", "\u202etxt"])
def test_whatever_a_server_says_its_receipt_can_be_stored_and_shown(words: str) -> None:
    """A mail server's byte that is no UTF-8 was one that nobody could write: sent, and without a receipt for ever."""
    made = receipts.of_result(attempt(), 50, Posted("", "key", note=words), NOW)
    assert Receipt.from_bytes(made.to_bytes()) == made
    assert made.reason.isprintable()


LOOKS = [
    (POSTED, WhenUnknown.LOOK, "delivered", True),
    (Absent(), WhenUnknown.LOOK, "withheld", False),
    (Absent(begun=BEGUN), WhenUnknown.LOOK, "withheld", False),
    (HandedOver("enter it by hand"), WhenUnknown.PERSON, "unconfirmed", True),
    (CannotTell("no access"), WhenUnknown.LOOK, "unconfirmed", True),
    (CannotTell("no access"), WhenUnknown.PERSON, "unconfirmed", True),
    (CannotTell("no access"), WhenUnknown.REPEAT, "unconfirmed", False),
]


@pytest.mark.parametrize(("found", "policy", "outcome", "final"), LOOKS)
def test_an_attempt_that_was_looked_for(
    found: Posted | Absent | HandedOver | CannotTell, policy: WhenUnknown, outcome: str, final: bool
) -> None:
    made = receipts.of_look(attempt(), 50, found, NOW, policy)
    assert (str(made.outcome), made.final, made.attempt_seq) == (outcome, final, 50)
    assert made.reason


def test_the_beginning_of_a_thread_that_stands_is_on_record() -> None:
    made = receipts.of_look(attempt(), 50, Absent(begun=BEGUN), NOW, WhenUnknown.LOOK)
    assert (made.url, made.remote_id) == (BEGUN.url, BEGUN.remote_id)
    assert receipts.of_look(attempt(), 50, Absent(), NOW, WhenUnknown.LOOK).url is None


LAST = receipts.of_result(attempt(), 40, POSTED, NOW)


@pytest.mark.parametrize("stands", [LAST, receipts.vanished(LAST, NOW)])
@pytest.mark.parametrize(
    "result", [Retryable("busy"), NotAttempted("another worker took it over"), Permanent("too long")]
)
def test_what_surely_did_not_post_does_not_take_back_what_stands(
    stands: Receipt, result: Retryable | NotAttempted | Permanent
) -> None:
    """Or it would be tried again, and stand twice."""
    made = receipts.reconcile_with_latest(receipts.of_result(attempt(), 50, result, NOW), stands)
    assert (made.attempt_seq, made.final, made.outcome) == (50, True, stands.outcome)
    assert (made.url, made.remote_id, made.retry_at) == (POSTED.url, POSTED.remote_id, None)
    assert made.reason.endswith(result.reason)


def test_what_may_have_posted_speaks_for_itself_and_so_does_what_follows_nothing_final() -> None:
    own = receipts.of_result(attempt(), 50, Retryable("busy"), NOW)
    posted = receipts.of_result(attempt(), 50, Posted("https://x.example/2", "2"), NOW)
    withheld = receipts.of_result(attempt(), 40, Retryable("busy"), NOW)
    newer = LAST.model_copy(update={"revision": attempt().revision + 1})
    ended = receipts.without_attempt(
        request(), "fire-social", "mastodon", ReceiptOutcome.EXPIRED, NOW, final=True, reason="missed"
    )
    assert receipts.reconcile_with_latest(posted, LAST) is posted
    assert receipts.reconcile_with_latest(ended, LAST) is ended
    for last in (None, withheld, newer, own.model_copy(update={"outcome": ReceiptOutcome.DELIVERED, "final": True})):
        assert receipts.reconcile_with_latest(own, last) is own


def test_what_vanished_after_it_was_delivered_is_left_to_a_person() -> None:
    """The same attempt, its address kept; final, so that nothing posts it again by itself."""
    delivered = receipts.of_result(attempt(), 50, POSTED, NOW)
    made = receipts.vanished(delivered, NOW)
    assert (str(made.outcome), made.final, made.attempt_seq, made.url) == ("unconfirmed", True, 50, POSTED.url)
    assert POSTED.url in made.reason


@pytest.mark.parametrize(("result", "outcome"), [(Absent(), "failed"), (CannotTell("no access"), "unconfirmed")])
def test_a_post_that_was_attempted_often_enough_ends_in_what_is_known(
    result: Absent | CannotTell, outcome: str
) -> None:
    made = receipts.exhausted(receipts.of_look(attempt(), 50, result, NOW, WhenUnknown.REPEAT), 24)
    assert (str(made.outcome), made.final) == (outcome, True)
    assert "24 attempts" in made.reason


def test_a_lapsed_lease_frees_the_profile_and_ends_nothing() -> None:
    made = receipts.lapsed(attempt(), 50, NOW)
    assert (str(made.outcome), made.final, made.attempt_seq, made.retry_at) == ("lapsed", False, 50, None)


DELIVERED = receipts.of_result(attempt(), 50, POSTED, NOW)
WITHHELD = receipts.of_result(attempt(), 50, Retryable("busy"), NOW)
LAPSED = receipts.lapsed(attempt(), 50, NOW)


@pytest.mark.parametrize(
    ("old", "new", "enough"),
    [
        (DELIVERED, WITHHELD, True),
        (DELIVERED, DELIVERED, True),
        (WITHHELD, WITHHELD, True),
        (WITHHELD, DELIVERED, False),
        (LAPSED, WITHHELD, False),
        (LAPSED, DELIVERED, False),
        (DELIVERED.model_copy(update={"attempt_seq": 40}), WITHHELD, False),
    ],
)
def test_one_receipt_of_an_attempt_is_enough_unless_the_new_one_knows_that_it_stands(
    old: Receipt, new: Receipt, enough: bool
) -> None:
    assert receipts.says_enough(old, new) is enough


def test_only_what_counts_among_the_receipts_of_a_place_says_anything() -> None:
    """Junk is passed over, and so is what whoever has fan-out's key wrote without a basis."""
    first, lapsed, forged = (receipts.of_result(attempt(), seq, POSTED, NOW) for seq in (50, 60, 70))
    lapsed = lapsed.model_copy(update={"outcome": ReceiptOutcome.LAPSED, "final": False})
    other = lapsed.model_copy(update={"attempt_seq": 70})
    bodies = [b"{}", first.to_bytes(), b"\xff", lapsed.to_bytes(), forged.to_bytes(), other.to_bytes()]
    target = open_target(effective=[50, 60], receipts=[(52, first)])
    entries = [Entry(seq, "ledger.receipt.fire-social.r1", NOW, body, {}) for seq, body in enumerate(bodies, 51)]
    assert receipts.counted(entries, target) == [first, lapsed]


def test_what_was_attempted_often_enough_is_given_up() -> None:
    """The receipt is final and tells how often and why."""
    often = open_target(effective=list(range(retry.MOST_ATTEMPTS)))
    held = state(request(), targets={"fire-social": often})
    busy = receipts.of_result(attempt(), 50, Retryable("busy"), NOW)
    made = receipts.to_be_tried_again(busy, held, None, NOW, 0.0)
    assert (made.outcome, made.final, made.retry_at) == (ReceiptOutcome.FAILED, True, None)
    assert made.reason == f"given up after {retry.MOST_ATTEMPTS} attempts, the last: busy"


def test_who_is_not_let_in_is_not_given_up() -> None:
    """Whoever mends it finds the message waiting; its expiry alone ends it."""
    often = open_target(effective=list(range(retry.MOST_ATTEMPTS + 5)))
    held = state(request(), targets={"fire-social": often})
    locked = receipts.of_result(attempt(), 50, Retryable("locked", cause=Cause.CREDENTIAL), NOW)
    made = receipts.to_be_tried_again(locked, held, None, NOW, 0.0, not_let_in=True)
    assert (made.outcome, made.final, made.reason) == (ReceiptOutcome.WITHHELD, False, "locked")
    assert made.retry_at == NOW + timedelta(seconds=retry.LATE_CAP_SECONDS)


def test_an_attempt_that_was_not_called_is_none_of_them() -> None:
    """After minutes of a slow ledger the first 429 was `failed`, and after nine such attempts a 503 waited 300 s."""
    late, busy = NotAttempted("too late", late=True), Retryable("busy")
    uncalled = [(seq + 1, receipts.of_result(attempt(), seq, late, NOW)) for seq in range(100, 160, 2)]
    answered = receipts.of_result(attempt(), 50, busy, NOW).model_copy(update={"retry_at": NOW})
    looked_for = receipts.of_look(attempt(), 52, CannotTell("away"), NOW, WhenUnknown.REPEAT)
    said = [(51, answered), (53, looked_for), *uncalled]
    effective = [50, 52, *range(100, 160, 2), 170]
    tried = state(request(), targets={"fire-social": open_target(effective=effective, receipts=said, number=40)})
    made = receipts.to_be_tried_again(receipts.of_result(attempt(), 170, busy, NOW), tried, None, NOW, 0.0)
    assert (made.outcome, made.final) == (ReceiptOutcome.WITHHELD, False)
    assert made.retry_at == retry.again(3, None, NOW, tried.request.expires_at, 0.0).at


def test_what_a_person_has_posted_again_was_called_before() -> None:
    """The decision's receipt names the attempt that nobody knew the end of."""
    unknown = receipts.of_look(attempt(), 50, CannotTell("away"), NOW, WhenUnknown.LOOK)
    again = receipts.of_result(attempt(), 50, NotAttempted("again"), NOW).model_copy(update={"resolution_seq": 60})
    target = open_target(seq=70, effective=[50, 70], receipts=[(51, unknown), (61, again)])
    assert receipts.times_called(target) == 2


def test_what_was_taken_back_says_so() -> None:
    made = receipts.of_result(attempt(), 50, Retracted(), NOW)
    assert (made.outcome, made.final, made.url) == (ReceiptOutcome.RECALLED, True, None)


def test_a_post_that_is_another_than_was_approved_is_a_persons_to_look_at() -> None:
    made = receipts.altered(LAST, ["its text was changed since", "a picture is missing"], NOW)
    assert (made.outcome, made.final, made.url) == (ReceiptOutcome.UNCONFIRMED, True, POSTED.url)
    assert "its text was changed since; a picture is missing" in made.reason


def test_what_its_receipt_told_already_is_not_told_again() -> None:
    delivered = LAST.model_copy(update={"reason": "the server shows the text otherwise than it was approved"})
    found = Altered((("text", "it says other words"), ("language", "it is marked as language 'fr'")))
    assert receipts.unknown_before(delivered, found) == ["it is marked as language 'fr'"]
    since = Altered((("text", receipts.CHANGED),))
    assert receipts.unknown_before(delivered, since) == [receipts.CHANGED]


@pytest.mark.parametrize(
    "note",
    [
        "picture 1 is missing: it could not be uploaded",
        "posted; picture 2 is missing: it could not be uploaded with its description",
        "the pictures are missing: the platform refuses them",
        "1 of its pictures are missing",
    ],
)
def test_a_picture_that_its_receipt_misses_is_no_change(note: str) -> None:
    """In the words of each connector, so that no officer is woken for what was told when it was posted."""
    delivered = LAST.model_copy(update={"reason": note})
    found = Altered((("pictures", "1 of its pictures are missing"),))
    assert receipts.unknown_before(delivered, found) == []
    assert receipts.unknown_before(LAST, found) == ["1 of its pictures are missing"]
