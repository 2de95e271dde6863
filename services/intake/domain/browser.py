"""Whether a submission that came from a browser is its officer's own: signed by one of their passkeys. Pure."""

from __future__ import annotations

from datetime import datetime

from schemas.events.enrolment import SubmissionStatement
from schemas.events.envelope import Envelope
from services.kernel.authority.statements import ORDER_LIFETIME, check_signed, faults_of, read_signed, speaks_for
from services.kernel.base.errors import Refused
from services.kernel.control.control_state import ControlState


def read_submission(envelope: Envelope, sender: str, control: ControlState, now: datetime) -> SubmissionStatement:
    """Return a signed submission that counts now. Sent again it finds itself by its event's id, so no nonce is kept.

    Raises:
        BadInput: ``submission.malformed``, ``submission.times``.
        Refused: ``submission.sender``, ``.officer_unknown``, ``.revoked``, ``.signature``, ``.realm``, ``.expired``,
            ``.future``, ``.too_long``.
    """
    with faults_of("submission"):
        statement = read_signed(envelope, SubmissionStatement)
        if not speaks_for(sender, statement.officer, envelope):
            raise Refused(
                "submission.sender", f"{sender} sent a submission of {statement.officer}", "use the onevoice command"
            )
        check_signed(envelope, statement, control, now, lifetime=ORDER_LIFETIME)
    return statement
