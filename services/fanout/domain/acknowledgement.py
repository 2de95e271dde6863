"""Whether an officer's word on an outside post goes on record. Pure.

Source: HUM.11(A) section 1, Oversight (monitoring for compliance).
"""

from __future__ import annotations

from datetime import datetime

from schemas.events.outside import Acknowledgement, AcknowledgementStatement
from schemas.roles import OFFICE_OR_APPROVER
from services.kernel.authority.statements import ORDER_LIFETIME, Denied, check_signed, faults_of, read_sent
from services.kernel.base.errors import BadInput, Refused
from services.kernel.control.control_state import ControlState

_LIST = "onevoice outside list"


def read_acknowledgement(event: Acknowledgement, sender: str) -> AcknowledgementStatement:
    """Read what was signed, and see that it is what the wrapper says and that its officer sent it.

    Raises:
        BadInput: ``acknowledgement.malformed``.
        Refused: ``acknowledgement.signature``, ``acknowledgement.sender``, ``acknowledgement.other``.
    """
    statement = read_sent("acknowledgement", event.officer, event.envelope, AcknowledgementStatement, sender)
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
    with faults_of("acknowledgement"):
        check_signed(
            event.envelope, statement, control, now, lifetime=ORDER_LIFETIME, denied=_denied(statement, control, now)
        )
    if not post_seq:
        said = f"there is no outside post {statement.outside} on {statement.profile}"
        raise BadInput("outside.unknown", said, _LIST)
    if post_seq != statement.seq:
        said = f"it is signed for the entry {statement.seq}, and {statement.outside} is at {post_seq}"
        raise Refused("acknowledgement.post", said, "give the command again: onevoice outside ack")


def _wrapper(one: Acknowledgement | AcknowledgementStatement) -> tuple[str, str, str]:
    return one.outside, one.profile, one.officer


def _denied(statement: AcknowledgementStatement, control: ControlState, now: datetime) -> Denied | None:
    if control.roles_of(statement.officer, now) & OFFICE_OR_APPROVER:
        return None
    able = [name for name in sorted(control.officers) if control.roles_of(name, now) & OFFICE_OR_APPROVER]
    asked = f"acknowledging an outside post asks for one of {', '.join(sorted(OFFICE_OR_APPROVER))}"
    return Denied.lacking(statement.officer, asked, able, control, now)
