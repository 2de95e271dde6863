"""Shows dead letters, and hands them back to their services as officers order."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial

from pydantic import ValidationError

from schemas import flow, streams, subjects
from schemas.canonical import StrictJsonError
from schemas.events.dead import (
    Closing,
    DeadLetter,
    DeadLetterOrder,
    DeadLetterReply,
    DeadLetterStatement,
    DeadLetterView,
    Ending,
    SendAgain,
)
from schemas.events.desk import BoardQuery, BoardReply
from schemas.roles import OFFICE_OR_APPROVER
from services.board.domain.dead_letter_order import check_dead_letter_order
from services.board.domain.dead_letter_state import OVER, DeadLetterState, advisory, body_of, dead_letter_view
from services.kernel.authority.judged import judged
from services.kernel.authority.statements import read_sent
from services.kernel.base.errors import BadInput, Refused
from services.kernel.ledger.client import Conflict, Entry
from services.kernel.runtime.messages.dependencies import Sender
from services.kernel.runtime.service import Runtime

MAX_SHOWN = 500
LOOK_SECONDS = 1.0
_LIST = "onevoice dead list"


class DeadLetters:
    """Reads the stream DEAD to its end, whenever it is asked."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._state = DeadLetterState()
        self._lock = asyncio.Lock()

    async def state(self) -> DeadLetterState:
        """Return the dead letters as the stream has them now; raises Unreachable."""
        async with self._lock:
            while (entry := await self._runtime.ledger.next_in(streams.DEAD, self._state.last_seq)) is not None:
                about = await self._about(entry)
                self._state.add(entry.seq, entry.subject, entry.at, entry.data, about)
            return self._state

    @property
    def known(self) -> DeadLetterState:
        """The dead letters as they were last read; ``follow`` reads them every second."""
        return self._state

    async def follow(self) -> None:
        """Read new dead letters as they come; without end."""
        while True:
            await self.state()
            await asyncio.sleep(LOOK_SECONDS)

    async def answer(self, query: BoardQuery) -> BoardReply:
        """List the newest 500 dead letters, or show one with its body."""
        state = await self.state()
        if query.letter is not None:
            return BoardReply(dead_letters=(await self._whole(_known(state, query.letter)),))
        shown = tuple(state.views.values()) if query.closed else state.open()
        return BoardReply(dead_letters=shown[-MAX_SHOWN:])

    async def on_order(self, order: DeadLetterOrder, sender: Sender) -> DeadLetterReply:
        """Put on record that an officer sends a dead letter again, or drops it.

        Raises:
            BadInput: ``dead.unknown``, ``dead.closed``, ``dead.reason``, ``dead.malformed``. Refused: ``dead.denied``,
                ``dead.no_way``, ``dead.signature``, ``dead.sender``, and as ``check_dead_letter_order``.
        """
        runtime = self._runtime
        statement = read_sent("dead", order.officer, order.envelope, DeadLetterStatement, sender)
        await judged(runtime.present(), runtime.ledger.server_time, partial(self._check_right, statement.officer))
        view = _known(await self.state(), statement.letter)
        if view.state in OVER:
            raise BadInput(
                "dead.closed", f"dead letter {view.letter} is closed: {view.state} {view.said}".rstrip(), _LIST
            )

        async def check(now: datetime) -> None:
            check_dead_letter_order(order, statement, view, runtime.control, now)

        await judged(runtime.present(), runtime.ledger.server_time, check)
        await (self._again(view, order) if statement.order == "again" else self._drop(view, order, statement.reason))
        runtime.log.info(
            f"dead letter: {statement.order}", letter=view.letter, officer=statement.officer, subject=view.subject
        )
        return DeadLetterReply(letter=view.letter)

    async def _check_right(self, officer: str, now: datetime) -> None:
        if not self._runtime.control.roles_of(officer, now) & OFFICE_OR_APPROVER:
            raise Refused(
                "dead.denied",
                f"{officer} may read dead letters, but not send them again or drop them",
                "an officer of the office or an approver may: --as mcpe, pio, cao, eoc-director",
            )

    async def _again(self, view: DeadLetterView, ordered: DeadLetterOrder) -> None:
        row = next((row for row in flow.SERVICES if row.name == view.service and row.again), None)
        if row is None or view.durable is None or not subjects.place_of(view.subject).kind:
            raise Refused(
                "dead.no_way",
                f"dead letter {view.letter} cannot go back to {view.service}",
                f'look at it: onevoice dead show {view.letter}; then: onevoice dead drop {view.letter} --reason "..."',
            )
        order = SendAgain(
            at=self._runtime.clock.now(),
            letter=view.letter,
            durable=view.durable,
            subject=view.subject,
            seq=view.seq,
            officer=ordered.officer,
            envelope=ordered.envelope,
        )
        await self._runtime.ledger.keep(subjects.dead_again(row.name), order)

    async def _drop(self, view: DeadLetterView, ordered: DeadLetterOrder, reason: str | None) -> None:
        if reason is None:
            raise BadInput(
                "dead.reason", "a dead letter is dropped for a reason, which goes on record", "--reason TEXT"
            )
        closing = Closing(
            at=self._runtime.clock.now(),
            letter=view.letter,
            ending=Ending.DROPPED,
            officer=ordered.officer,
            said=reason,
            envelope=ordered.envelope,
        )
        try:
            await self._runtime.ledger.keep(subjects.dead_closed(view.letter), closing, expect_last=0)
        except Conflict as conflict:
            raise BadInput("dead.closed", f"dead letter {view.letter} was closed just now", _LIST) from conflict

    async def _about(self, entry: Entry) -> str:
        """Return the subject of the ledger entry that an advisory is about; empty for anything else."""
        if not entry.subject.startswith("$JS."):
            return ""
        try:
            found = advisory(entry.data)
        except (StrictJsonError, ValidationError):
            return ""  # the state shows it as a dead letter that cannot be read
        if found.stream != streams.LEDGER:
            return ""
        given_up = await self._runtime.ledger.get(found.stream_seq)
        return given_up.subject if given_up else ""

    async def _whole(self, view: DeadLetterView) -> DeadLetterView:
        entry = await self._runtime.ledger.next_in(streams.DEAD, view.letter - 1)
        if entry is None or entry.seq != view.letter:
            return view
        try:
            letter = DeadLetter.from_bytes(entry.data)
        except (StrictJsonError, ValidationError):
            return body_of(view, entry.data)
        return view.model_copy(update={"data_base64": dead_letter_view(view.letter, letter, whole=True).data_base64})


def _known(state: DeadLetterState, number: int) -> DeadLetterView:
    view = state.views.get(number)
    if view is None:
        raise BadInput("dead.unknown", f"there is no dead letter {number}", _LIST)
    return view
