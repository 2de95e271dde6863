"""When an attempt counts: by its own bytes and what is before it in the ledger, the same for every reader. Pure.

The ledger's order is the lock: of two copies that attempt at the same time, on a request or on a profile, the first
one is effective and the other is void. A void attempt is never called, needs no receipt, and is ignored by all. The
audit has the same rule in code of its own (services.audit.proof.effective). Source: docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from schemas import subjects
from schemas.events.deliveries import Attempt
from services.kernel.authority.post_authorization import counting_roles
from services.kernel.control.control_state import ControlState
from services.kernel.fold.state import RequestState, TargetState, set_of
from services.kernel.ledger.entry import EXPECTED, FENCE_SUBJECT


def void_because(
    attempt: Attempt,
    at: datetime,
    headers: Mapping[str, str],
    state: RequestState,
    *,
    control_seq: int,
    rejected_by: str,
    busy: int,
    out_of_order: str = "",
) -> str:
    """Return why an attempt does not count, the empty text when it is effective.

    Args:
        attempt: the attempt.
        at: when the server stored it.
        headers: its own headers: the fence.
        state: the request before it.
        control_seq: the control revision in force before it.
        rejected_by: the officer whose rejection counts there, the empty text for nobody's.
        busy: the sequence of an effective attempt on the profile that nothing was said of yet, 0 where there is none.
        out_of_order: why its place in its message's chain has not come, or has passed; the empty text when it is right.
    """
    if not _is_fenced(attempt, headers, control_seq):
        return f"it is not fenced on control revision {control_seq}"
    return (
        _verdict(attempt, state)
        or (f"{rejected_by} rejected it" if rejected_by else "")
        or _expired(at, state)
        or _place(attempt, state.target(attempt.profile))
        or (f"the attempt at {busy} on the profile has no receipt" if busy else "")
        or out_of_order
    )


def rejected_by(state: RequestState, attempt: Attempt, control: ControlState, at: datetime) -> str:
    """Return an officer whose rejection counts for this post at the time at which the attempt was stored."""
    for name, (_, statement) in state.rejections.items():
        if statement.revision != state.request.revision:
            continue
        if counting_roles(state.request, attempt.profile, control, name, at):
            return name
    return ""


def is_forged(attempt: Attempt, headers: Mapping[str, str], state: RequestState, *, control_seq: int) -> bool:
    """Return whether no worker of ours can have stored a void attempt: it lost no race, and calls for an alarm.

    The server refuses a stale fence, so one that does not hold was never asked for; and the content of a verdict that
    stands is known to whoever names it.
    """
    if not _is_fenced(attempt, headers, control_seq):
        return True
    if attempt.revision >= state.request.revision and not state.goes_to(attempt.profile):
        return True  # of a revision before it may be: a newer one, which names other profiles, came first
    content = (attempt.request_id, attempt.revision, attempt.digest)
    return state.verdict is not None and attempt.verdict_seq == state.verdict_seq and content != _content(state)


def _is_fenced(attempt: Attempt, headers: Mapping[str, str], control_seq: int) -> bool:
    fence = (headers.get(FENCE_SUBJECT), headers.get(EXPECTED))
    return fence == (subjects.CONTROL, str(attempt.control_seq)) and attempt.control_seq == control_seq


def _content(state: RequestState) -> tuple[str, int, str]:
    return state.request.request_id, state.request.revision, state.request.digest


def _verdict(attempt: Attempt, state: RequestState) -> str:
    verdict = state.verdict
    if verdict is None or not state.is_cleared or attempt.verdict_seq != state.verdict_seq:
        return "its verdict is not the newest cleared one"
    if verdict.control_seq != attempt.control_seq:
        return "its verdict was decided at another control revision"
    if _content(state) != (attempt.request_id, attempt.revision, attempt.digest):
        return "it is not on the request's content"
    return "" if attempt.profile in set_of(state.wanted) else "the profile is not among those that it is cleared for"


def _expired(at: datetime, state: RequestState) -> str:
    until = state.verdict.valid_until if state.verdict else None
    if state.request.expires_at <= at or until is None or until <= at:
        return "the request or its clearance had expired"
    return ""


def _place(attempt: Attempt, target: TargetState) -> str:
    if target.is_open:
        return f"the attempt at {target.attempt_seq} has no receipt"
    if target.is_final:
        return "it had ended on the profile"
    return "" if attempt.number > target.number else "there is an attempt of that number already"
