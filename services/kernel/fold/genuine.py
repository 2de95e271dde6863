"""Whether a person's statement on record is theirs, and about the place where it stands. Pure."""

from __future__ import annotations

from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.outside import Acknowledgement, AcknowledgementStatement
from schemas.events.resolutions import Resolution, ResolutionStatement
from services.kernel.authority.statements import signed_by
from services.kernel.control.control_state import ControlState


def genuine(
    approval: Approval, request_id: str, name: str, seq: int, *, control: ControlState, realm: str
) -> ApprovalStatement | None:
    """Return what an officer's own key signed for this place, at a sequence; None where it is not genuine."""
    if name not in control.officers or (approval.request_id, approval.officer) != (request_id, name):
        return None
    statement = signed_by(control.keys_at(name, seq), approval.envelope, ApprovalStatement)
    said = (request_id, name, realm)
    return statement if statement and (statement.request_id, statement.officer, statement.realm) == said else None


def is_genuine(
    resolution: Resolution, request_id: str, profile: str, seq: int, *, control: ControlState, realm: str
) -> bool:
    """Return whether the officer's own key, and no other, signed what is beside it, for this place."""
    keys = control.keys_at(resolution.officer, seq)
    if (resolution.request_id, resolution.profile) != (request_id, profile):
        return False
    statement = signed_by(keys, resolution.envelope, ResolutionStatement)
    said = (request_id, resolution.revision, profile, resolution.officer, realm)
    return statement is not None and said == (
        statement.request_id,
        statement.revision,
        statement.profile,
        statement.officer,
        statement.realm,
    )


def genuine_acknowledgement(
    event: Acknowledgement, profile: str, outside: str, seq: int, *, control: ControlState, realm: str
) -> AcknowledgementStatement | None:
    """Return what an officer's own key signed for this outside post, at a sequence; None where it is not genuine."""
    if event.officer not in control.officers or (event.profile, event.outside) != (profile, outside):
        return None
    found = signed_by(control.keys_at(event.officer, seq), event.envelope, AcknowledgementStatement)
    said = (profile, outside, event.officer, realm)
    return found if found and (found.profile, found.outside, found.officer, found.realm) == said else None
