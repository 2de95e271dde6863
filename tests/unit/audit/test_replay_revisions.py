"""Revisions in the record: which one counts, and that who returned one did not write the next."""

from __future__ import annotations

from schemas.events.requests import Request
from schemas.events.verdicts import Outcome
from tests.support.ledger_builder import FIRE, WEB, LedgerBuilder
from tests.unit.audit.judging import Verify
from tests.unit.audit.test_replay_pair import by_fold

OFFICE = "comms-officer"


def revised(builder: LedgerBuilder, author: str = "clerk") -> Request:
    """A request that was returned, and its second revision, approved and cleared."""
    first = builder.request()
    builder.approve(first, OFFICE, decision="return", reason="name the street")
    builder.verdict(first, Outcome.BLOCKED)
    second = builder.request(
        text="Road closed at Wren Street. https://mission.example/roads", revision=2, author=author
    )
    builder.approve(second, "mcpe")
    builder.verdict(second)
    builder.wait(10)
    return second


def test_a_revision_that_somebody_else_wrote_is_posted(builder: LedgerBuilder, verify: Verify) -> None:
    builder.post(revised(builder))
    assert verify(builder).violations == ()


def test_a_revision_by_who_returned_the_one_before_is_found(builder: LedgerBuilder, verify: Verify) -> None:
    builder.post(revised(builder, author=OFFICE))
    assert "warrant.editor" in {one.code for one in verify(builder).violations}


def test_an_approval_of_the_revision_before_covers_nothing(builder: LedgerBuilder, verify: Verify) -> None:
    first = builder.request()
    builder.approve(first, "mcpe")
    second = builder.request(text="Open again. https://mission.example/roads", revision=2)
    builder.verdict(second)
    builder.wait(10)
    builder.post(second)
    assert "warrant.no_signature" in {one.code for one in verify(builder).violations}


def test_what_came_too_late_for_a_newer_revision_is_no_fault(builder: LedgerBuilder, verify: Verify) -> None:
    first = builder.request()
    builder.approve(first, "mcpe")
    builder.verdict(first)
    second = builder.request(text="Open again. https://mission.example/roads", revision=2)
    late = builder.attempt(first)
    builder.verdict(first)
    builder.approve(second, "mcpe")
    builder.verdict(second)
    builder.wait(10)
    builder.post(second)
    report = verify(builder)
    assert (report.violations, report.warnings) == ((), ())
    assert late not in report.unconfirmed


def test_a_revision_of_what_is_posted_changes_nothing(builder: LedgerBuilder, verify: Verify) -> None:
    first = builder.request()
    builder.approve(first, "mcpe")
    builder.verdict(first)
    builder.wait(10)
    attempt = builder.attempt(first)
    builder.request(text="Too late. https://mission.example/roads", revision=2)
    builder.receipt(first, attempt)
    assert verify(builder).violations == ()


def test_the_number_of_what_came_too_late_for_a_profile_of_an_older_revision_is_free(
    builder: LedgerBuilder, verify: Verify
) -> None:
    """Services note no number on a profile that the revision in force does not name: the next attempt has it again."""
    first = builder.request(targets=(FIRE, WEB))
    builder.approve(first, "mcpe")
    builder.verdict(first)
    builder.request(targets=(WEB,), revision=2)
    builder.attempt(first, FIRE, number=1)
    third = builder.request(targets=(FIRE, WEB), revision=3)
    builder.approve(third, "mcpe")
    builder.verdict(third)
    builder.wait(10)
    seq = builder.attempt(third, FIRE, number=1)
    builder.receipt(third, seq)
    report = verify(builder)
    assert (report.violations, report.warnings) == ((), ())
    assert seq in by_fold(builder)[0], "the services count it"
