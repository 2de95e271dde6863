"""Whether a person's statement on record is theirs, and about the place where it is. Pure."""

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


def genuine_resolution(
    event: Resolution, request_id: str, profile: str, seq: int, *, control: ControlState, realm: str
) -> ResolutionStatement | None:
    """Return what an officer's own key signed for this place, at a sequence; None where it is not genuine."""
    if event.officer not in control.officers or (event.request_id, event.profile) != (request_id, profile):
        return None
    found = signed_by(control.keys_at(event.officer, seq), event.envelope, ResolutionStatement)
    if found is None:
        return None
    said = (request_id, event.revision, profile, event.officer, realm)
    return found if said == (found.request_id, found.revision, found.profile, found.officer, found.realm) else None


def genuine_acknowledgement(
    event: Acknowledgement, profile: str, outside: str, seq: int, *, control: ControlState, realm: str
) -> AcknowledgementStatement | None:
    """Return what an officer's own key signed for this outside post, at a sequence; None where it is not genuine."""
    if event.officer not in control.officers or (event.profile, event.outside) != (profile, outside):
        return None
    found = signed_by(control.keys_at(event.officer, seq), event.envelope, AcknowledgementStatement)
    said = (profile, outside, event.officer, realm)
    return found if found and (found.profile, found.outside, found.officer, found.realm) == said else None
