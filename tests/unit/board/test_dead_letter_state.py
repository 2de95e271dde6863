"""The stream DEAD folded into letters: their states, what they hold up, and nothing passed over in silence."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.events.dead import Closing, DeadLetter, DeadLetterCause, Ending, SendAgain
from services.board.domain.dead_letter_state import DeadLetterState, durable_of, service_of

T0 = datetime(2026, 1, 31, 14, 0, tzinfo=UTC)
VERDICT = "ledger.verdict.r1"
OLD = "ledger.delivery.fire-townsquare.r1"
"""Of version 0.2, when each delivery was a message of its own."""


def letter(**changes: Any) -> DeadLetter:
    fields = {"at": T0, "service": "fanout", "subject": VERDICT, "seq": 9, "error": "a bug", "data_base64": "e30="}
    return DeadLetter(**(fields | changes))


class Told(DeadLetterState):
    """A state that numbers what it is told."""

    def tell(self, subject: str, record: Any, given_up: str = "") -> int:
        data = record if isinstance(record, bytes) else record.to_bytes()
        self.add(self.last_seq + 1, subject, T0, data, given_up)
        return self.last_seq

    def close(self, number: int, ending: Ending, said: str = "") -> None:
        self.tell(f"dead.closed.{number}", Closing(at=T0, letter=number, ending=ending, officer="mcpe", said=said))


def test_a_letter_is_open_until_it_is_closed_and_a_closed_one_stays_so() -> None:
    dead = Told()
    number = dead.tell("dead.fanout", letter())
    assert [view.letter for view in dead.open()] == [number]
    again = SendAgain(at=T0, letter=number, durable="fanout-verdicts", subject=VERDICT, seq=9, officer="pio")
    dead.tell("dead.again.fanout", again)
    assert [(view.state, view.officer) for view in dead.open()] == [("sent_again", "pio")]
    dead.close(number, Ending.HANDLED)
    assert dead.open() == ()
    dead.tell("dead.again.fanout", again)
    dead.close(number, Ending.DROPPED)
    assert dead.views[number].state == "handled"


def test_a_letter_of_the_first_version_is_read_and_shown() -> None:
    """Written before letters named their durable, their cause and their times."""
    raw = {"at": "2026-01-31T14:00:00Z", "service": "fanout", "subject": OLD, "seq": 9, "error": "x: y"}
    dead = Told()
    dead.tell("dead.fanout", json.dumps(raw | {"data_base64": ""}).encode())
    (view,) = dead.open()
    assert (view.durable, view.cause, view.tries, view.first_at) == (None, "unreadable", 1, T0)
    assert [one.letter for one in dead.holding("r1")] == [view.letter]


GIVEN_UP = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.LEDGER.gatekeeper-requests"


@pytest.mark.parametrize("data", [b"\xff", b"{}", b'{"a":1,"a":2}', b"[]"])
@pytest.mark.parametrize(
    "subject",
    ["dead.fanout", "dead.again.fanout", "dead.closed.1", GIVEN_UP],
)
def test_a_record_that_cannot_be_read_is_shown_as_a_letter(subject: str, data: bytes) -> None:
    dead = Told()
    dead.tell(subject, data)
    (view,) = dead.open()
    assert (view.cause, view.service, view.subject) == (DeadLetterCause.UNREADABLE, "board", subject)


def test_what_the_server_gave_up_is_a_letter() -> None:
    """The bytes are those of nats-server 2.15.1."""
    raw = (
        b'{"type":"io.nats.jetstream.advisory.v1.max_deliver","id":"pISeoRDA6FiEzbdjMtU1ty",'
        b'"timestamp":"2026-11-22T11:49:31.525489215Z","stream":"LEDGER","consumer":"gatekeeper-requests",'
        b'"stream_seq":7,"deliveries":2}'
    )
    dead = Told()
    dead.tell(GIVEN_UP, raw, "ledger.request.r1")
    (view,) = dead.open()
    assert (view.cause, view.service, view.durable) == (DeadLetterCause.GIVEN_UP, "gatekeeper", "gatekeeper-requests")
    assert (view.subject, view.seq, view.tries) == ("ledger.request.r1", 7, 2)
    assert [one.letter for one in dead.holding("r1")] == [view.letter]


def test_work_put_aside_is_found_by_the_verdict_that_it_was_on() -> None:
    dead = Told()
    number = dead.tell("dead.fanout", letter())
    assert dead.of_verdict("r1", 12) is None, "a newer verdict brings its own work"
    assert dead.of_verdict("r2", 9) is None
    found = dead.of_verdict("r1", 9)
    assert found is not None
    assert found.letter == number


def test_the_newest_letter_of_a_verdict_counts_and_only_the_fan_outs() -> None:
    dead = Told()
    dead.tell("dead.fanout", letter())
    newest = dead.tell("dead.fanout", letter(error="another bug"))
    dead.tell("dead.gatekeeper", letter(service="gatekeeper"))
    found = dead.of_verdict("r1", 9)
    assert found is not None
    assert found.letter == newest


@pytest.mark.parametrize(("ending", "state"), [(Ending.DROPPED, "dropped"), (Ending.HANDLED, None)])
def test_work_that_was_handled_since_is_not_put_aside_any_more(ending: Ending, state: str | None) -> None:
    dead = Told()
    dead.close(dead.tell("dead.fanout", letter()), ending, "by hand")
    found = dead.of_verdict("r1", 9)
    assert (found.state if found else None) == state
    assert dead.holding("r1") == ()


def test_durables_and_services_are_found_in_the_map() -> None:
    assert durable_of("gatekeeper", "ledger.approval.r1.cao") == "gatekeeper-approvals"
    assert durable_of("audit", "ledger.seal") == "audit-copy"
    assert durable_of("fanout", "ledger.verdict.r1") == "fanout-verdicts"
    assert durable_of("nobody", "ledger.seal") is None
    assert durable_of("fanout", "ledger.seal") is None
    assert service_of("fanout-verdicts") == "fanout"
    assert service_of("gatekeeper-again") == "gatekeeper"
    assert service_of("unknown") is None
