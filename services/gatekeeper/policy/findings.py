"""Makes findings: one clause's answer, with its reason in plain words."""

from __future__ import annotations

from schemas.events.verdicts import Finding, FindingOutcome


def satisfied(clause: str, reason: str) -> Finding:
    """Return that a clause has what it asks for."""
    return Finding(clause=clause, outcome=FindingOutcome.SATISFIED, reason=reason)


def blocked(clause: str, reason: str) -> Finding:
    """Return that something is missing which can still come; the reason names who can mend it."""
    return Finding(clause=clause, outcome=FindingOutcome.BLOCKED, reason=reason)


def refused(clause: str, reason: str) -> Finding:
    """Return a final no."""
    return Finding(clause=clause, outcome=FindingOutcome.REFUSED, reason=reason)


def noted(clause: str, reason: str) -> Finding:
    """Return a remark for people; it decides nothing."""
    return Finding(clause=clause, outcome=FindingOutcome.NOTED, reason=reason)
