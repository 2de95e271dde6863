"""What waits for an officer. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.events.desk import RequestView
from schemas.events.verdicts import FindingOutcome, Outcome
from services.desk.views.message import outcome, unconfirmed

HOLD_CLAUSE = "setting: hold"
"""The finding that no approval changes (services.gatekeeper.policy.clauses.setting_hold)."""


def for_a_person(views: Iterable[RequestView]) -> list[RequestView]:
    """Return the requests that an officer can help: blocked by more than the hold or its own time, or unconfirmed."""
    return [view for view in views if needs_approval(view) or unconfirmed.of(view)]


def needs_approval(view: RequestView) -> bool:
    """True when an officer's word can change what blocks a request: more than the hold or its own time does."""
    found = view.verdict
    if found is None or found.outcome is not Outcome.BLOCKED or view.withdrawn:
        return False
    blocking = [one for one in found.findings if one.outcome is FindingOutcome.BLOCKED]
    return any(one.clause not in (HOLD_CLAUSE, outcome.SCHEDULE_CLAUSE) for one in blocking)
