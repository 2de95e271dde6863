"""What the last verification by the timer came to, kept in the audit folder, for the doctor.

It proves nothing by itself: who can write the folder can write it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from schemas.events.base import Contract, Utc
from services.kernel.base.city import City
from services.kernel.base.files import write_atomically

if TYPE_CHECKING:  # each command reads this module, and few of them a proof
    from services.audit.proof import Report
    from services.audit.witnesses import Given

_NAME = "verified.json"


class LastVerified(Contract):
    """One verification: ``violations`` counts them, ``first`` says the first; ``troubles`` are those of witnesses."""

    at: Utc
    ok: bool
    events: int
    last_seq: int
    root: str
    violations: int = 0
    first_seq: int = 0
    first: str = ""
    troubles: tuple[str, ...] = ()


def keep_result(city: City, report: Report, given: Given, at: datetime) -> None:
    """Write down what a verification came to; raises OSError."""
    first = report.violations[0] if report.violations else None
    result = LastVerified(
        at=at,
        ok=report.ok,
        events=report.events,
        last_seq=report.last_seq,
        root=report.root,
        violations=len(report.violations),
        first_seq=first.seq if first else 0,
        first=first.message if first else "",
        troubles=given.troubles,
    )
    write_atomically(city.audit_folder / _NAME, result.to_bytes() + b"\n", mode=0o600)


def read_result(city: City) -> LastVerified | None:
    """Return the last verification, or None where there was none."""
    try:
        return LastVerified.from_bytes((city.audit_folder / _NAME).read_bytes().strip())
    except (OSError, ValueError):
        return None


def copy_began(city: City) -> datetime | None:
    """Return the time of the second copy's first entry, or None where there is none to read."""
    try:
        with city.record_path.open("rb") as file:
            return datetime.fromisoformat(json.loads(file.readline())["entry"]["at"]).astimezone(UTC)
    except (OSError, ValueError, KeyError, TypeError):
        return None
