"""The stream DEAD folded into letters: their states, what they hold up, and nothing passed over in silence."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas import subjects
from schemas.events.dead import Cause, Closing, DeadLetter, Ending, SendAgain
from schemas.events.desk import DeliveryView
from services.board.dead_book import DeadBook, durable_of, request_of, service_of
from services.board.views import with_letter

T0 = datetime(2026, 1, 31, 14, 0, tzinfo=UTC)
DELIVERY = subjects.delivery("fire-townsquare", "r1")


def letter(**changes: Any) -> DeadLetter:
    fields = {"at": T0, "service": "fanout", "subject": DELIVERY, "seq": 9, "error": "a bug", "data_base64": "e30="}
    return DeadLetter(**(fields | changes))


class Told(DeadBook):
    """A book that numbers what it is told."""

    def tell(self, subject: str, record: Any, given_up: str = "") -> int:
        data = record if isinstance(record, bytes) else record.to_bytes()
        self.add(self.last_seq + 1, subject, T0, data, given_up)
        return self.last_seq

    def close(self, number: int, ending: Ending, said: str = "") -> None:
        self.tell(f"dead.closed.{number}", Closing(at=T0, letter=number, ending=ending, officer="mcpe", said=said))


def test_a_letter_is_open_until_it_is_closed_and_a_closed_one_stays_so() -> None:
    book = Told()
    number = book.tell("dead.fanout", letter())
    assert [view.letter for view in book.open()] == [number]
    again = SendAgain(at=T0, letter=number, durable="deliver-fire-townsquare", subject=DELIVERY, seq=9, officer="pio")
    book.tell("dead.again.fanout", again)
    assert [(view.state, view.officer) for view in book.open()] == [("sent_again", "pio")]
    book.close(number, Ending.HANDLED)
    assert book.open() == ()
    book.tell("dead.again.fanout", again)
    book.close(number, Ending.DROPPED)
    assert book.letters[number].state == "handled"


def test_a_letter_of_the_first_version_is_read_and_has_a_way_back() -> None:
    """Written before letters named their durable, their cause and their times."""
    raw = {"at": "2026-01-31T14:00:00Z", "service": "fanout", "subject": DELIVERY, "seq": 9, "error": "x: y"}
    book = Told()
    book.tell("dead.fanout", json.dumps(raw | {"data_base64": ""}).encode())
    (view,) = book.open()
    assert (view.durable, view.cause, view.tries, view.first_at) == ("deliver-fire-townsquare", "unreadable", 1, T0)


GIVEN_UP = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.LEDGER.gatekeeper-requests"


@pytest.mark.parametrize("data", [b"\xff", b"{}", b'{"a":1,"a":2}', b"[]"])
@pytest.mark.parametrize(
    "subject",
    ["dead.fanout", "dead.again.fanout", "dead.closed.1", GIVEN_UP],
)
def test_a_record_that_cannot_be_read_is_shown_as_a_letter(subject: str, data: bytes) -> None:
    book = Told()
    book.tell(subject, data)
    (view,) = book.open()
    assert (view.cause, view.service, view.subject) == (Cause.UNREADABLE, "board", subject)


def test_what_the_server_gave_up_is_a_letter() -> None:
    """The bytes are those of nats-server 2.15.1."""
    raw = (
        b'{"type":"io.nats.jetstream.advisory.v1.max_deliver","id":"pISeoRDA6FiEzbdjMtU1ty",'
        b'"timestamp":"2026-11-22T11:49:31.525489215Z","stream":"LEDGER","consumer":"gatekeeper-requests",'
        b'"stream_seq":7,"deliveries":2}'
    )
    book = Told()
    book.tell(GIVEN_UP, raw, "ledger.request.r1")
    (view,) = book.open()
    assert (view.cause, view.service, view.durable) == (Cause.GIVEN_UP, "gatekeeper", "gatekeeper-requests")
    assert (view.subject, view.seq, view.tries) == ("ledger.request.r1", 7, 2)
    assert [one.letter for one in book.holding("r1")] == [view.letter]


def test_a_delivery_put_aside_is_found_by_the_verdict_that_it_belongs_to() -> None:
    book = Told()
    number = book.tell("dead.fanout", letter())
    assert book.of_delivery("fire-townsquare", "r1", 12) is None
    assert book.of_delivery("parks-townsquare", "r1", 5) is None
    found = book.of_delivery("fire-townsquare", "r1", 5)
    assert found is not None
    queued = DeliveryView(profile="fire-townsquare", platform="mastodon", outcome="queued")
    shown = with_letter(queued, found)
    assert (shown.outcome, shown.final) == ("put_aside", False)
    assert shown.reason == f"a bug (onevoice dead again {number})"
    ended = queued.model_copy(update={"outcome": "delivered", "final": True})
    assert with_letter(ended, found) == ended


def test_a_dropped_delivery_still_says_why_nothing_is_posted_and_a_handled_one_nothing() -> None:
    queued = DeliveryView(profile="fire-townsquare", platform="mastodon", outcome="queued")
    for ending, outcome in ((Ending.DROPPED, "put_aside"), (Ending.HANDLED, "queued")):
        book = Told()
        book.close(book.tell("dead.fanout", letter()), ending, "by hand")
        shown = with_letter(queued, book.of_delivery("fire-townsquare", "r1", 5))
        assert shown.outcome == outcome
        assert book.holding("r1") == ()


@pytest.mark.parametrize(
    ("subject", "request_id"),
    [
        ("ledger.request.r1", "r1"),
        ("ledger.verdict.r1", "r1"),
        ("ledger.approval.r1.cao", "r1"),
        ("ledger.delivery.p.r1", "r1"),
        ("ledger.resolution.p.r1", "r1"),
        ("ledger.control", None),
        ("ledger.seal", None),
        ("dead.fanout", None),
    ],
)
def test_the_request_that_a_subject_is_about(subject: str, request_id: str | None) -> None:
    assert request_of(subject) == request_id


def test_durables_and_services_are_found_in_the_map() -> None:
    assert durable_of("gatekeeper", "ledger.approval.r1.cao") == "gatekeeper-approvals"
    assert durable_of("board", "ledger.seal") == "board-feed"
    assert durable_of("fanout", "ledger.verdict.r1") == "fanout-verdicts"
    assert durable_of("nobody", "ledger.seal") is None
    assert durable_of("fanout", "ledger.seal") is None
    assert service_of("deliver-fire-townsquare") == "fanout"
    assert service_of("gatekeeper-again") == "gatekeeper"
    assert service_of("unknown") is None
