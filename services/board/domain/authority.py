"""What people are shown of the city's authority, made from the fold. Pure."""

from __future__ import annotations

from datetime import datetime

from schemas.events.desk import AuthorityView
from schemas.events.enrolment import InviteView
from schemas.events.proposals import ProposalView
from services.kernel.control.control_state import ControlState


def authority_view(state: ControlState, now: datetime, about: str | None = None) -> AuthorityView:
    """Return the root in force, the settings, the systems, what waits for a second officer; ``about``: as asked."""
    return AuthorityView(
        version=state.version,
        expires_at=state.expires_at,
        root_keys=tuple(sorted(state.root_keys)),
        root_threshold=state.root_threshold,
        threshold=state.threshold,
        settings=state.settings,
        systems=tuple(state.systems[name] for name in sorted(state.systems)),
        proposals=tuple(
            ProposalView(
                proposal=seq,
                order=one.order,
                action=one.action,
                asked=one.asked,
                needed=state.threshold,
                until=one.until,
            )
            for seq, one in sorted(state.proposals.items())
            if one.until > now
        ),
        invites=tuple(
            InviteView(
                rp_id=one.action.rp_id,
                origin=one.action.origin,
                token_sha256=token,
                officer=one.action.officer,
                invited_by=one.by,
                until=one.action.until,
            )
            for token, one in sorted(state.invites.items(), key=lambda item: item[1].seq)
            if one.action.until > now
        ),
        last_change=None if about is None else state.changes.get(about, 0),
    )
