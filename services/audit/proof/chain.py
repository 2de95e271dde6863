"""The order of a message's own chain: the audit's own reading of the rule, and invariant 9. Pure.

Nothing is posted before what it comes after is settled on the profile, and nothing that a cleared correction or recall
replaces is posted any more. Services have it in services.kernel.fold.chain; nothing is shared.
"""

from __future__ import annotations

from schemas.events.requests import Request
from services.audit.proof.replay_state import ReplayState


def cleared(state: ReplayState, request: Request, seq: int) -> None:
    """Take up that a request was cleared: it replaces what it names, unless another one did before."""
    if request.replaces is not None and request.replaces not in state.replaced_by:
        state.replaced_by[request.replaces] = request.request_id
        state.replaced_at[request.replaces] = seq


def replacement(state: ReplayState, request_id: str | None, as_of: int) -> str:
    """Return what had replaced a request up to a sequence; empty where nothing had."""
    if request_id is None or state.replaced_at.get(request_id, as_of + 1) > as_of:
        return ""
    return state.replaced_by[request_id]


def out_of_turn(state: ReplayState, request: Request, profile: str) -> str:
    """Return why an attempt to post a request on a profile does not count by its chain; empty where it does."""
    if request.request_id in state.replaced_by:
        return f"{state.replaced_by[request.request_id]} had replaced it"
    if request.replaces is not None and state.replaced_by.get(request.replaces) != request.request_id:
        return f"what it replaces, {request.replaces}, had been replaced by another"
    name, passed = request.replaces or request.follows, {request.request_id}
    while name is not None and name not in passed:
        passed.add(name)
        context = state.context(name)
        if context is None:
            return ""
        if not _settled(state, name, profile, context.counted.wanted):
            return f"{name}, which it comes after, was not settled there"
        name = context.request.replaces or context.request.follows
    return ""


def _settled(state: ReplayState, request_id: str, profile: str, wanted: frozenset[str]) -> bool:
    progress = state.progress.of(request_id, profile)
    if not progress.answered:
        return False
    return progress.final or profile not in wanted
