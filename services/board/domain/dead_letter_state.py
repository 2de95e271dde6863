"""Folds the stream DEAD into one view for each dead letter. Pure: records in, views out."""

from __future__ import annotations

import base64
from datetime import datetime

from pydantic import ValidationError

from schemas import flow, subjects
from schemas.canonical import StrictJsonError, loads
from schemas.events.dead import Closing, DeadLetter, DeadLetterCause, DeadLetterView, Ending, MessageGivenUp, SendAgain
from schemas.subjects import DEAD_AGAIN_ALL, DEAD_CLOSED_ALL, matches, place_of

_ADVISORY = "$JS.EVENT.ADVISORY.CONSUMER."
OVER = frozenset(str(ending) for ending in Ending)


class DeadLetterState:
    """The dead letters by number (the sequence in the stream DEAD), without their bodies."""

    def __init__(self) -> None:
        self.views: dict[int, DeadLetterView] = {}
        self.last_seq = 0
        self._by_place: dict[str, set[int]] = {}

    def add(self, seq: int, subject: str, at: datetime, data: bytes, given_up: str = "") -> None:
        """Take the next record; ``given_up`` is the ledger subject that an advisory is about.

        A record that cannot be read is shown as a dead letter itself: nothing in this stream is skipped in silence.
        """
        self.last_seq = seq
        try:
            if matches(DEAD_CLOSED_ALL, subject):
                self._close(Closing.from_bytes(data))
            elif matches(DEAD_AGAIN_ALL, subject):
                self._again(SendAgain.from_bytes(data))
            elif subject.startswith(_ADVISORY):
                self._put(_given_up(seq, subject, at, advisory(data), given_up))
            else:
                self._put(dead_letter_view(seq, DeadLetter.from_bytes(data)))
        except (StrictJsonError, ValidationError) as error:
            self._put(_unreadable(seq, subject, at, error))

    def open(self) -> tuple[DeadLetterView, ...]:
        """Return the dead letters that nobody closed, oldest first."""
        return tuple(view for view in self.views.values() if view.state not in OVER)

    def holding(self, request_id: str) -> tuple[DeadLetterView, ...]:
        """Return the open dead letters about a request."""
        found = (self.views[number] for number in sorted(self._by_place.get(request_id, ())))
        return tuple(view for view in found if view.state not in OVER)

    def of_verdict(self, request_id: str, verdict_seq: int) -> DeadLetterView | None:
        """Return the newest dead letter of the work on a verdict, unless it was handled since."""
        found = [self.views[number] for number in self._by_place.get(request_id, ())]
        mine = [one for one in found if one.subject == subjects.verdict(request_id) and one.seq == verdict_seq]
        newest = max((one for one in mine if one.service == "fanout"), key=lambda one: one.letter, default=None)
        return None if newest is None or newest.state == "handled" else newest

    def _put(self, view: DeadLetterView) -> None:
        self.views[view.letter] = view
        request_id = place_of(view.subject).request_id
        if request_id:
            self._by_place.setdefault(request_id, set()).add(view.letter)

    def _again(self, order: SendAgain) -> None:
        self._change(order.letter, state="sent_again", officer=order.officer, state_at=order.at)

    def _close(self, closing: Closing) -> None:
        ended = {"officer": closing.officer, "state_at": closing.at, "said": closing.said}
        self._change(closing.letter, state=str(closing.ending), **ended)

    def _change(self, letter: int, **changes: object) -> None:
        view = self.views.get(letter)
        if view is not None and view.state not in OVER:
            self.views[letter] = view.model_copy(update=changes)


def advisory(data: bytes) -> MessageGivenUp:
    """Read an advisory of the server, of which more is known than is needed; raises as ``from_bytes`` does."""
    said = loads(data)
    known = MessageGivenUp.model_fields
    return MessageGivenUp.from_value({name: said[name] for name in known if isinstance(said, dict) and name in said})


def durable_of(service: str, subject: str) -> str | None:
    """Return the durable by which a subject reaches a service, for dead letters that do not name it."""
    try:
        row = flow.service(service)
    except KeyError:
        return None
    fitting = [one.durable for one in row.consumes if matches(one.filter_subject, subject)]
    return fitting[0] if len(fitting) == 1 else None


def service_of(durable: str) -> str | None:
    """Return the service that a durable belongs to."""
    rows = [row for row in flow.SERVICES if durable in {one.durable for one in (*row.consumes, row.again) if one}]
    return rows[0].name if rows else None


def dead_letter_view(number: int, letter: DeadLetter, *, whole: bool = False) -> DeadLetterView:
    """Return the view of a dead letter; ``whole`` with its body."""
    return DeadLetterView(
        letter=number,
        cause=letter.cause,
        service=letter.service,
        durable=letter.durable or durable_of(letter.service, letter.subject),
        subject=letter.subject,
        seq=letter.seq,
        reason=letter.error,
        tries=letter.tries,
        first_at=letter.first_at or letter.at,
        last_at=letter.last_at or letter.at,
        again_of=letter.again_of,
        data_base64=letter.data_base64 if whole else None,
    )


def _given_up(number: int, subject: str, at: datetime, found: MessageGivenUp, about: str) -> DeadLetterView:
    terminated = ".MSG_TERMINATED." in subject
    said = "a client had the server end it" if terminated else "the server delivers it no more (max_deliver)"
    return DeadLetterView(
        letter=number,
        cause=DeadLetterCause.GIVEN_UP,
        service=service_of(found.consumer) or found.consumer,
        durable=found.consumer,
        subject=about or f"sequence {found.stream_seq} of {found.stream}",
        seq=found.stream_seq,
        reason=said,
        tries=max(found.deliveries, 1),
        first_at=at,
        last_at=at,
    )


def _unreadable(number: int, subject: str, at: datetime, error: Exception) -> DeadLetterView:
    said = f"this record of the stream DEAD cannot be read itself: {type(error).__name__}"
    place = {"subject": subject, "seq": number, "service": "board", "reason": said}
    return DeadLetterView(letter=number, cause=DeadLetterCause.UNREADABLE, tries=1, first_at=at, last_at=at, **place)


def body_of(view: DeadLetterView, data: bytes) -> DeadLetterView:
    """Return a view with a body."""
    return view.model_copy(update={"data_base64": base64.b64encode(data).decode("ascii")})
