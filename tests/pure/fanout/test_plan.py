"""The plan: which deliveries a cleared verdict queues."""

from __future__ import annotations

from datetime import timedelta

import pytest
from services.fanout.plan import expiry, plan, settled

from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.verdicts import Outcome
from tests.pure.fanout.world import NOW, PROFILES, profile, rendering, request, verdict

KNOWN = {name: profile(name) for name in PROFILES}


def receipt(name: str, *, final: bool = True, revision: int = 1) -> Receipt:
    return Receipt(
        at=NOW,
        request_id="rabcdefghijkl",
        revision=revision,
        profile=name,
        platform="mastodon",
        attempt_seq=50,
        outcome=ReceiptOutcome.DELIVERED if final else ReceiptOutcome.WITHHELD,
        final=final,
    )


def test_one_delivery_per_target_in_the_verdicts_order() -> None:
    subject = request(targets=("water-social", "fire-social", "parks-social"))
    planned = plan(subject, verdict(subject), 40, KNOWN, {}, NOW)
    assert [item.profile for item in planned.deliveries] == list(subject.targets)
    assert planned.unserved == ()
    first = planned.deliveries[0]
    assert (first.verdict_seq, first.control_seq, first.platform) == (40, 7, "mastodon")
    assert first.rendering_sha256 == subject.renderings[0].sha256


def test_each_profile_gets_the_rendering_of_its_platform() -> None:
    subject = request(targets=("fire-social", "fire-website"))
    known = {**KNOWN, "fire-website": profile("fire-website", platform="website", account="fire")}
    hashes = [item.rendering_sha256 for item in plan(subject, verdict(subject), 40, known, {}, NOW).deliveries]
    assert hashes == [item.sha256 for item in subject.renderings]


@pytest.mark.parametrize("outcome", [Outcome.BLOCKED, Outcome.REFUSED])
def test_only_a_cleared_verdict_queues(outcome: Outcome) -> None:
    subject = request()
    assert plan(subject, verdict(subject, outcome=outcome), 40, KNOWN, {}, NOW).deliveries == ()


def test_a_verdict_on_another_request_or_revision_queues_nothing() -> None:
    subject = request(revision=2)
    assert plan(subject, verdict(request()), 40, KNOWN, {}, NOW).deliveries == ()
    assert plan(subject, verdict(subject, request_id="rother"), 40, KNOWN, {}, NOW).deliveries == ()


def test_what_has_its_final_receipt_is_not_queued_again_and_what_may_be_repeated_is() -> None:
    subject = request(targets=PROFILES)
    receipts = {"fire-social": receipt("fire-social"), "parks-social": receipt("parks-social", final=False)}
    planned = plan(subject, verdict(subject), 40, KNOWN, receipts, NOW)
    assert [item.profile for item in planned.deliveries] == ["parks-social", "water-social"]


def test_a_final_receipt_of_an_earlier_revision_does_not_hold_a_newer_one_back() -> None:
    subject = request(revision=2)
    assert plan(subject, verdict(subject), 40, KNOWN, {"fire-social": receipt("fire-social")}, NOW).deliveries


def test_a_receipt_of_a_newer_revision_ends_the_older_one() -> None:
    """Invariant 9: revision n+1 on a profile is never followed by revision n."""
    assert settled(receipt("fire-social", final=False, revision=2), 1)
    assert not settled(receipt("fire-social", final=False), 1)
    assert not settled(None, 1)


def test_it_expires_with_the_request_or_the_clearance_whichever_is_first() -> None:
    early, late = NOW + timedelta(minutes=1), NOW + timedelta(hours=1)
    subject = request(expires_at=early)
    assert expiry(subject, verdict(subject, valid_until=late)) == early
    subject = request(expires_at=late)
    assert expiry(subject, verdict(subject, valid_until=early)) == early
    assert plan(subject, verdict(subject, valid_until=early), 40, KNOWN, {}, NOW).deliveries[0].expires_at == early


def test_targets_that_cannot_be_served_are_named() -> None:
    subject = request(targets=("fire-social", "gone", "odd-social"), renderings=(rendering(),))
    known = {**KNOWN, "odd-social": profile("odd-social", platform="bluesky")}
    planned = plan(subject, verdict(subject), 40, known, {}, NOW)
    assert [item.profile for item in planned.deliveries] == ["fire-social"]
    assert dict(planned.unserved) == {
        "gone": "there is no such profile",
        "odd-social": "nothing is rendered for bluesky",
    }


def test_a_target_named_twice_is_queued_once() -> None:
    subject = request()
    doubled = verdict(subject, targets=("fire-social", "fire-social"))
    assert len(plan(subject, doubled, 40, KNOWN, {}, NOW).deliveries) == 1
