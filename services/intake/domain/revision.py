"""Who may put a new revision in place of a request that waits, and when. Pure."""

from __future__ import annotations

from datetime import datetime

from schemas.events.desk import SubmitReply
from schemas.events.requests import Submission
from schemas.events.verdicts import Outcome
from services.intake.domain.approval import may_decide
from services.intake.domain.identity import Identity
from services.kernel.base.errors import BadInput, Refused
from services.kernel.base.zones import utc_text
from services.kernel.control.control_state import ControlState
from services.kernel.fold.state import RequestState


def answer_repeat(identity: Identity, state: RequestState) -> SubmitReply | None:
    """Return the first answer again, where this very revision is there already."""
    data, known = identity.submission, state.request
    if data.revision != known.revision or identity.content_sha256 != known.content_sha256:
        return None
    return SubmitReply(request_id=known.request_id, revision=known.revision, seq=state.seq, duplicate=True)


def check(data: Submission, state: RequestState, sender: str, control: ControlState, now: datetime) -> None:
    """Check that somebody may put this revision in place of the current one.

    Raises:
        Refused: ``request.withdrawn``, ``.expired``, ``.refused``, ``.already_cleared``, ``revision.right``,
            ``revision.returned``, ``revision.about``.
        BadInput: ``revision.stale``.
    """
    request = state.request
    name = request.request_id
    _check_open(state, control, now)
    if data.revision != request.revision + 1:
        raise BadInput(
            "revision.stale",
            f"revision {request.revision} of {name} stands by now, by {request.author}",
            f"look at it, and revise that one: onevoice show {name}",
        )
    if sender in state.returned | state.returning:
        raise Refused(
            "revision.returned",
            f"{sender} returned {name}, and may not be who edits it",
            "its author or another officer revises it",
        )
    authors = {request.author, *((state.previous.author,) if state.previous is not None else ())}
    if sender not in authors and not may_decide(request, sender, control, now):
        raise Refused(
            "revision.right",
            f"{name} is by {request.author}, and {sender} could not approve it either",
            "its author, or an officer who could approve it, revises it; or submit a request of your own",
        )
    if (data.act, data.about) != (request.act, request.earlier):
        raise Refused(
            "revision.about",
            f"a revision of {name} is about what {name} is about: {request.earlier or 'no other message'}",
            f"onevoice withdraw {name}, and make a new message",
        )


def _check_open(state: RequestState, control: ControlState, now: datetime) -> None:
    name, again = state.request_id, "submit it again if it should still go out"
    if name in control.withdrawn:
        raise Refused("request.withdrawn", f"{name} was withdrawn: {control.withdrawn[name]}", again)
    if state.request.expires_at <= now:
        raise Refused("request.expired", f"{name} expired at {utc_text(state.request.expires_at)}", again)
    if state.is_refused:
        raise Refused("request.refused", f"{name} is refused already, and that is final", again)
    if state.is_begun or (state.verdict is not None and state.verdict.outcome is Outcome.CLEARED):
        raise Refused(
            "request.already_cleared",
            f"{name} is cleared already, so it is posted as it is",
            f"put right what is out: onevoice correct {name} TEXT",
        )
