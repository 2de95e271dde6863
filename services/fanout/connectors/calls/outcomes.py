"""What a call's outcome holds, for who reads a platform's answers. Pure."""

from __future__ import annotations

from typing import Any

from services.fanout.connectors.calls.http import Answer, Outcome


def json_of(outcome: Outcome) -> Any:
    """Return the JSON of an answer with the status 200; None for any other outcome."""
    return outcome.body if isinstance(outcome, Answer) and outcome.status == 200 else None


def fields_of(outcome: Outcome) -> dict[str, Any]:
    """Return the JSON object of an answer, whatever its status; empty where there is none."""
    return outcome.body if isinstance(outcome, Answer) and isinstance(outcome.body, dict) else {}
