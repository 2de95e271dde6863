"""Makes findings: one clause's answer, with its reason in plain words.

Findings do not change, so equal ones are made once and shared; most decisions say what was said before.
"""

from __future__ import annotations

from functools import lru_cache

from schemas.events.verdicts import Finding, FindingOutcome


def satisfied(clause: str, reason: str) -> Finding:
    """Return that a clause has what it asks for."""
    return _finding(clause, FindingOutcome.SATISFIED, reason)


def blocked(clause: str, reason: str) -> Finding:
    """Return that something is missing which can still come; the reason names who can fix it."""
    return _finding(clause, FindingOutcome.BLOCKED, reason)


def refused(clause: str, reason: str) -> Finding:
    """Return a final no."""
    return _finding(clause, FindingOutcome.REFUSED, reason)


def noted(clause: str, reason: str) -> Finding:
    """Return a remark for people; it decides nothing."""
    return _finding(clause, FindingOutcome.NOTED, reason)


@lru_cache(maxsize=4_096)
def _finding(clause: str, outcome: FindingOutcome, reason: str) -> Finding:
    return Finding(clause=clause, outcome=outcome, reason=reason)
