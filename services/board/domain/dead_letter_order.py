"""Whether an officer's order about a dead letter is carried out. Pure."""

from __future__ import annotations

from datetime import datetime

from schemas.events.dead import DeadLetterOrder, DeadLetterStatement, DeadLetterView
from services.kernel.authority.statements import ORDER_LIFETIME, check_signed, faults_of
from services.kernel.base.errors import Refused
from services.kernel.control.control_state import ControlState


def check_dead_letter_order(
    order: DeadLetterOrder, statement: DeadLetterStatement, view: DeadLetterView, control: ControlState, now: datetime
) -> None:
    """Say why an order is not carried out; return when it is.

    Args:
        order: as it came in.
        statement: its payload, as ``read_sent`` returned it.
        view: the dead letter that it names.
        control: the state of control now.
        now: the time in UTC.

    Raises:
        BadInput: ``dead.times``.
        Refused: ``dead.officer_unknown``, ``.revoked``, ``.signature``, ``.realm``, ``.future``, ``.expired``,
            ``.too_long``, ``.other``: it is signed for another message than this dead letter holds.
    """
    with faults_of("dead"):
        check_signed(order.envelope, statement, control, now, lifetime=ORDER_LIFETIME)
    if (statement.subject, statement.seq) != (view.subject, view.seq):
        said = f"it is signed for {statement.subject} at {statement.seq}, and dead letter {view.letter} holds another"
        raise Refused("dead.other", said, f"look at it: onevoice dead show {view.letter}; then give the command again")
