"""The gatekeeper's key alone refuses nothing and clears nothing unnoticed: each verdict is decided again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.events.verdicts import Outcome
from services.audit.proof import Report
from tests.support.ledger_builder import FIRE, LedgerBuilder
from tests.unit.audit.judging import Verify


def told(report: Report) -> list[tuple[int, str]]:
    """Return each violation as sequence and code."""
    return [(one.seq, one.code) for one in report.violations]


def test_a_forged_refusal_of_an_approved_message(builder: LedgerBuilder, verify: Verify) -> None:
    request = builder.request()
    builder.approve(request, "mcpe")
    forged = builder.verdict(request, Outcome.REFUSED)
    report = verify(builder)
    assert told(report) == [(forged, "verdict.policy")]
    assert "It says refused; by the policy it is cleared" in report.violations[0].message


def test_a_forged_block_of_an_approved_message(builder: LedgerBuilder, verify: Verify) -> None:
    request = builder.request()
    builder.approve(request, "mcpe")
    forged = builder.verdict(request, Outcome.BLOCKED)
    assert told(verify(builder)) == [(forged, "verdict.policy")]


def test_a_forged_clearance(builder: LedgerBuilder, verify: Verify) -> None:
    request = builder.request()
    forged = builder.verdict(request)
    assert told(verify(builder)) == [(forged, "verdict.policy")]


def test_what_was_not_known_yet_is_not_held_against_it(builder: LedgerBuilder, verify: Verify) -> None:
    """An approval that came while the gate decided: the verdict says up to where it had read."""
    request = builder.request()
    known = len(builder.entries)
    builder.approve(request, "mcpe")
    builder.verdict(request, Outcome.BLOCKED, as_of=known)
    builder.verdict(request)
    assert told(verify(builder)) == []


def test_the_second_approval_of_an_officer_counts_from_where_it_stands(builder: LedgerBuilder, verify: Verify) -> None:
    request = builder.request()
    builder.approve(request, "mcpe")
    known = len(builder.entries)
    builder.approve(request, "mcpe", decision="reject")
    builder.verdict(request, as_of=known)
    builder.verdict(request, Outcome.REFUSED)
    assert told(verify(builder)) == []


@pytest.mark.parametrize(
    ("bent", "code"),
    [
        ({"as_of": 1}, "verdict.as_of"),
        ({"valid_until_in": timedelta(hours=3)}, "verdict.policy"),
        ({"targets": (FIRE, "parks-townsquare")}, "verdict.policy"),
        ({"at_in": timedelta(hours=5)}, "verdict.time"),
    ],
)
def test_a_verdict_that_says_more_than_the_policy(
    builder: LedgerBuilder, verify: Verify, bent: dict[str, Any], code: str
) -> None:
    """It names what was not there, clears for longer or for more, or is dated when everything has expired."""
    changes = {name: value for name, value in bent.items() if not name.endswith("_in")}
    if "valid_until_in" in bent:
        changes["valid_until"] = builder.now + bent["valid_until_in"]
    if "at_in" in bent:
        changes |= {"at": builder.now + bent["at_in"], "outcome": Outcome.REFUSED}
    request = builder.request()
    builder.approve(request, "mcpe")
    forged = builder.verdict(request, **changes)
    assert (forged, code) in told(verify(builder))
