"""Verdicts: what the gate decided, at which control revision, and why."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from schemas.events.base import Contract, Id, Sha256, Utc
from schemas.events.control import Posture


class Outcome(StrEnum):
    """Cleared; blocked (what is missing can still come, and is named); refused (final)."""

    CLEARED = "cleared"
    BLOCKED = "blocked"
    REFUSED = "refused"


class FindingOutcome(StrEnum):
    """What one clause says: satisfied, missing something, a final no, or a remark for people."""

    SATISFIED = "satisfied"
    BLOCKED = "blocked"
    REFUSED = "refused"
    NOTED = "noted"


class Finding(Contract):
    """One clause's answer, with its reason in plain words and, where it blocks, who can fix it."""

    clause: str
    outcome: FindingOutcome
    reason: str


class Verdict(Contract):
    """``ledger.verdict.<request_id>``, appended by compare-and-set on its subject.

    ``control_seq`` is the control revision that it was decided at; attempts are fenced on it. ``as_of`` is the
    ledger sequence up to which all facts were considered (before version 0.3: the newest fact of this request). A
    cleared verdict ends at ``valid_until``. ``mirror``: the city's website shows it too (section 1, Transparency (ii)).
    """

    type: Literal["verdict"] = "verdict"
    at: Utc
    request_id: Id
    revision: int
    digest: Sha256
    outcome: Outcome
    posture: Posture
    control_seq: int
    as_of: int
    targets: tuple[Id, ...]
    findings: tuple[Finding, ...]
    approved_by: tuple[Id, ...] = ()
    publisher_of_record: Id | None = None
    valid_until: Utc | None = None
    mirror: Literal[True] | None = None
