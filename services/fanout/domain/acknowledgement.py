"""Whether an officer's word on an outside post goes on record. Pure.

Source: HUM.11(A) section 1, Oversight (monitoring for compliance).
"""

from __future__ import annotations

from datetime import datetime

from schemas.events.outside import Acknowledgement, AcknowledgementStatement
from schemas.roles import OFFICE_OR_APPROVER
from services.kernel.authority.statements import (
    ORDER_LIFETIME,
    Denied,
    StatementFault,
    check_signed,
    read_signed,
    speaks_for,
)
from services.kernel.base.errors import BadInput, Refused
from services.kernel.control.control_state import ControlState

_LIST = "onevoice outside list"


def read_acknowledgement(event: Acknowledgement, sender: str) -> AcknowledgementStatement:
    """Read what was signed, and see that it is what the wrapper says and that its officer sent it.

    Raises:
        BadInput: ``acknowledgement.malformed``.
        Refused: ``acknowledgement.signature``, ``acknowledgement.sender``, ``acknowledgement.other``.
    """
    try:
        statement = read_signed(event.envelope, AcknowledgementStatement)
    except StatementFault as fault:
        raise fault.error("acknowledgement") from fault
    if event.officer != statement.officer or not speaks_for(sender, statement.officer, event.envelope):
        raise Refused(
            "acknowledgement.sender",
            f"{sender} sent an acknowledgement of {statement.officer}",
            "officers send their own: --as must be the one who signs",
        )
    if _wrapper(event) != _wrapper(statement):
        raise Refused(
            "acknowledgement.other",
            f"it is signed for {statement.outside} on {statement.profile}, and sent for {event.outside} on "
            f"{event.profile}",
            "give the command again: onevoice outside ack signs it again",
        )
    return statement


def check_acknowledgement(
    event: Acknowledgement,
    statement: AcknowledgementStatement,
    post_seq: int,
    control: ControlState,
    now: datetime,
) -> None:
    """Say why an acknowledgement does not go on record; return when it does.

    Args:
        event: as it came in.
        statement: its payload, as ``read_acknowledgement`` returned it.
        post_seq: where the outside post stands that it names; 0: nowhere.
        control: the state of control now.
        now: the time in UTC.

    Raises:
        BadInput: ``outside.unknown``.
        Refused: ``acknowledgement.officer_unknown``, ``.revoked``, ``.signature``, ``.realm``, ``.future``,
            ``.expired``, ``.too_long``, ``.no_authority``, ``.post``.
    """
    try:
        check_signed(
            event.envelope, statement, control, now, lifetime=ORDER_LIFETIME, denied=_denied(statement, control, now)
        )
    except StatementFault as fault:
        raise fault.error("acknowledgement") from fault
    if not post_seq:
        said = f"there is no outside post {statement.outside} on {statement.profile}"
        raise BadInput("outside.unknown", said, _LIST)
    if post_seq != statement.seq:
        said = f"it is signed for the entry {statement.seq}, and {statement.outside} is at {post_seq}"
        raise Refused("acknowledgement.post", said, "give the command again: onevoice outside ack")


def _wrapper(one: Acknowledgement | AcknowledgementStatement) -> tuple[str, str, str]:
    return one.outside, one.profile, one.officer


def _denied(statement: AcknowledgementStatement, control: ControlState, now: datetime) -> Denied | None:
    held = control.roles_of(statement.officer, now)
    if held & OFFICE_OR_APPROVER:
        return None
    able = [name for name in sorted(control.officers) if control.roles_of(name, now) & OFFICE_OR_APPROVER]
    return Denied(
        f"{statement.officer} holds {', '.join(sorted(held)) or 'no role'}; an outside post is acknowledged by one of "
        f"{', '.join(sorted(OFFICE_OR_APPROVER))}",
        f"it can be done by {', '.join(able)}" if able else "the cao or the mcpe must designate somebody",
    )
