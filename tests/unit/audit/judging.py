"""What the tests of the replay ask: requests as they are cleared, posts, and what a report names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas.events.requests import Request
from services.audit.proof import Report
from services.kernel.base.city import City
from tests.support.ledger_builder import LedgerBuilder

Verify = Callable[[LedgerBuilder], Report]


def named(report: Report) -> set[tuple[int, str]]:
    """Return each violation as sequence and code, after checking that it says something.

    But for what the policy says of the verdict: most of these stories have a gate that errs, so that another check has
    to find what it let pass. That one has tests of its own (test_policy_replay).
    """
    assert all(one.message.endswith(".") and "\n" not in one.message for one in report.violations)
    return {(one.seq, one.code) for one in report.violations if one.code != "verdict.policy"}


def warned(report: Report) -> list[tuple[int, str]]:
    """Return each warning as sequence and code, after checking that it says something."""
    assert all(one.message.endswith(".") and "\n" not in one.message for one in report.warnings)
    return [(one.seq, one.code) for one in report.warnings]


def cleared(builder: LedgerBuilder, approver: str = "mcpe", **fields: Any) -> Request:
    """Append a request with its approval and its cleared verdict, and let the moment pass."""
    request = builder.request(**fields)
    builder.approve(request, approver)
    builder.verdict(request)
    builder.wait(10)
    return request


def verify_post(builder: LedgerBuilder, verify: Verify, request: Request, **fields: Any) -> Report:
    """Append an attempt and its delivered receipt, and verify; the attempt is the last entry but one."""
    seq = builder.attempt(request, **fields)
    builder.receipt(request, seq)
    return verify(builder)


def old_ledger(city: City) -> LedgerBuilder:
    """A ledger as 0.2 wrote it, that begins with the manifest and a post."""
    made = LedgerBuilder(city, old=True)
    made.genesis()
    made.post(cleared(made, name="r0old"))
    made.wait(10)
    return made
