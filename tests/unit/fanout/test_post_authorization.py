"""Post authorization: each reason to hold a post back, alone and in the company of others."""

from __future__ import annotations

import ast
import base64
import itertools
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.approvals import Approval
from schemas.events.authority import Grant, Role, Settings
from schemas.events.control import Posture
from schemas.events.envelope import APPROVAL_TYPE, ORDER_TYPE, Envelope, Signature
from schemas.events.requests import PlatformContent, Rendering
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR
from services.kernel.authority import post_authorization
from services.kernel.authority.post_authorization import post_violations
from tests.unit.fanout.world import (
    NOW,
    PROFILES,
    ROLES,
    SIGNERS,
    STRANGER,
    approval,
    codes,
    control,
    facts,
    officer,
    profile,
    rendering,
    request,
    statement,
    verdict,
)

EOC = (Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE)
WHO_COUNTS: dict[Posture, set[str]] = {
    Posture.ROUTINE: {"mcpe", "office", "fire-publisher", "fire-designee"},
    Posture.CRISIS: {"mcpe", "pio", "office"},
    Posture.EOC_ACTIVATING: {"cao", "mcpe", "pio", "director"},
    Posture.EOC_ACTIVE: {"cao", "mcpe", "pio", "director"},
}


def test_a_cleared_and_signed_request_may_be_posted() -> None:
    assert post_violations(facts()) == ()


@pytest.mark.parametrize(("posture", "name"), list(itertools.product(Posture, ROLES)))
def test_each_role_counts_in_exactly_the_postures_that_the_policy_names(posture: Posture, name: str) -> None:
    found = codes(facts(signed_by=(name,), control=control(posture)))
    assert found == (set() if name in WHO_COUNTS[posture] else {"no_signature"})


@pytest.mark.parametrize("submitted", EOC)
@pytest.mark.parametrize("posture", [Posture.ROUTINE, Posture.CRISIS])
def test_what_was_submitted_under_the_eoc_keeps_needing_its_approval(submitted: Posture, posture: Posture) -> None:
    subject = request(submitted_posture=submitted.value)
    for name in ROLES:
        found = codes(facts(subject, signed_by=(name,), control=control(posture)))
        assert found == (set() if name in WHO_COUNTS[Posture.EOC_ACTIVE] else {"no_signature"}), name


@pytest.mark.parametrize(("posture", "submitted"), list(itertools.product(Posture, Posture)))
@pytest.mark.parametrize("name", ROLES)
def test_the_signatures_of_one_message_are_weighed_for_each_of_its_profiles(
    posture: Posture, submitted: Posture, name: str
) -> None:
    """They are remembered where no role hangs on the profile: whichever is asked first, the answers are the same."""
    subject = request(targets=("fire-social", "parks-social"), submitted_posture=submitted.value)
    asked = [facts(subject, signed_by=(name,), control=control(posture))]
    asked.append(asked[0]._replace(profile_id="parks-social"))
    apart = [
        codes(facts(subject, signed_by=(name,), control=control(posture), profile_id=one.profile_id)) for one in asked
    ]
    assert [codes(one) for one in reversed(asked)] == list(reversed(apart))


def test_a_signature_ends_while_its_message_goes_out() -> None:
    subject = request()
    before = facts(subject, control=control(Posture.CRISIS))
    assert codes(before) == set()
    assert "no_signature" in codes(before._replace(now=NOW + timedelta(hours=2)))


def test_routine_crisis_content_needs_a_designated_publisher() -> None:
    """2(ii): a publisher without the designation clears no crisis content; one with it, and the office, do."""
    subject = request(crisis=True)
    assert codes(facts(subject, signed_by=("fire-publisher",))) == {"no_signature"}
    assert codes(facts(subject, signed_by=("fire-designee",))) == set()
    assert codes(facts(subject, signed_by=("office",))) == set()
    assert codes(facts(subject, signed_by=("designee",))) == {"no_signature"}


def test_a_publisher_clears_only_what_goes_to_profiles_delegated_to_them_alone() -> None:
    """1 Oversight (iii): with one target that is not theirs, neither their yes nor their no counts."""
    subject = request(targets=("fire-social", "parks-social"))
    for target in subject.targets:
        for name in ("fire-publisher", "parks-publisher"):
            assert codes(facts(subject, signed_by=(name,), profile_id=target)) == {"no_signature"}
    no = approval(subject, "parks-publisher", decision="reject")
    assert codes(facts(subject, approvals=(no, approval(subject, "mcpe")))) == set()


@pytest.mark.parametrize("name", ["pio", "mcpe"])
@pytest.mark.parametrize("posture", [Posture.CRISIS, *EOC])
def test_pio_or_mcpe_release_to_all_departments_in_crisis_or_eoc(name: str, posture: Posture) -> None:
    subject = request(scope="all-departments", targets=PROFILES)
    assert codes(facts(subject, signed_by=(name,), control=control(posture))) == set()


@pytest.mark.parametrize("scope", ["all-departments", "profiles"])
@pytest.mark.parametrize("name", ["cao", "director"])
def test_cao_and_director_alone_do_not_release_to_all_departments(name: str, scope: str) -> None:
    """2(iv), also when each department is named one by one."""
    subject = request(scope=scope, targets=PROFILES)
    eoc = control(Posture.EOC_ACTIVE)
    assert codes(facts(subject, signed_by=(name,), control=eoc)) == {"all_departments_signature"}
    assert codes(facts(subject, signed_by=(name, "pio"), control=eoc)) == set()


def test_what_is_scheduled_is_not_posted_before_its_time() -> None:
    """By the worker's own clock, which may be a little behind the gate's."""
    due = NOW + timedelta(minutes=2)
    subject = request(not_before=due)
    assert codes(facts(subject)) == {"not_due"}
    assert codes(facts(subject, now=due)) == set()


def test_an_approval_of_what_is_scheduled_lasts_until_that() -> None:
    due = NOW + timedelta(hours=3)
    subject = request(not_before=due)
    signed = approval(subject, "mcpe", expires_at=due + timedelta(minutes=5))
    there = verdict(subject, valid_until=due + timedelta(minutes=5))
    assert codes(facts(subject, approvals=(signed,), verdict=there, now=due)) == set()
    other = approval(subject, "mcpe", expires_at=due + timedelta(minutes=5), not_before=None)
    assert codes(facts(subject, approvals=(other,), verdict=there, now=due)) == {"no_signature"}


def test_what_was_scheduled_in_an_emergency_is_not_posted_after_it() -> None:
    subject = request(not_before=NOW, submitted_posture="crisis")
    assert codes(facts(subject)) == {"stood_down"}
    assert codes(facts(subject, control=control(Posture.CRISIS))) == set()


def test_a_return_and_its_officer_as_editor_hold_it_back() -> None:
    subject = request()
    back = approval(subject, "office", decision="return")
    assert codes(facts(subject, approvals=(back, approval(subject, "mcpe")))) == {"returned"}
    assert codes(facts(subject, returned_by=frozenset({"clerk"}))) == {"editor"}


def test_all_departments_are_not_used_in_routine() -> None:
    subject = request(scope="all-departments", targets=PROFILES)
    assert codes(facts(subject, signed_by=("mcpe",))) == {"all_departments_routine"}
    held = request(scope="all-departments", targets=PROFILES, submitted_posture="eoc_active")
    assert codes(facts(held, signed_by=("pio",))) == {"all_departments_routine"}


VERDICT_FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"outcome": Outcome.BLOCKED}, "not_cleared"),
    ({"outcome": Outcome.REFUSED}, "not_cleared"),
    ({"request_id": "rother"}, "other_request"),
    ({"revision": 2}, "other_request"),
    ({"digest": "1" * 64}, "verdict_digest"),
    ({"targets": ("parks-social",)}, "not_cleared_for"),
    ({"targets": ()}, "not_cleared_for"),
    ({"valid_until": NOW}, "verdict_expired"),
    ({"valid_until": None}, "verdict_endless"),
    ({"control_seq": 6}, "control_changed"),
]


@pytest.mark.parametrize(("change", "code"), VERDICT_FAULTS)
def test_a_verdict_that_is_not_the_one_for_this_post(change: dict[str, Any], code: str) -> None:
    subject = request()
    assert codes(facts(subject, verdict=verdict(subject, **change))) == {code}


def test_no_verdict() -> None:
    assert codes(facts(verdict=None)) == {"no_verdict"}
    assert codes(facts(verdict_seq=0)) == {"no_verdict"}


def test_a_control_change_since_the_verdict_or_the_attempt() -> None:
    assert codes(facts(control=control(seq=8))) == {"control_changed"}
    assert codes(facts(control_seq=6)) == {"control_changed"}


def test_the_stop_button_and_a_withdrawal() -> None:
    assert codes(facts(control=control(hold=True))) == {"hold"}
    assert codes(facts(control=control(withdrawn={"rabcdefghijkl": "a mistake"}))) == {"withdrawn"}
    assert codes(facts(control=control(withdrawn={"rother": "a mistake"}))) == set()


def test_an_expired_request() -> None:
    assert codes(facts(request(expires_at=NOW))) == {"request_expired"}
    assert codes(facts(request(expires_at=NOW + timedelta(microseconds=1)))) == set()


@pytest.mark.parametrize("where", ["request", "control", "worker"])
def test_the_realms_must_be_one(where: str) -> None:
    if where == "request":
        given_facts = facts(request(realm="exercise"))
    elif where == "control":
        given_facts = facts(control=control(realm="exercise"))
    else:
        given_facts = facts(realm="exercise")
    assert "realm" in codes(given_facts)


def test_an_exercise_approval_is_worth_nothing_in_live() -> None:
    subject = request()
    drill = approval(subject, "mcpe", realm="exercise")
    assert codes(facts(subject, approvals=(drill,))) == {"approval_doubtful", "no_signature"}


def test_control_before_its_first_event_allows_nothing() -> None:
    assert "realm" in codes(facts(control=control(seq=0), control_seq=0))


@pytest.mark.parametrize("missing", ["purpose", "identification", "disclosure"])
def test_a_profile_carries_its_statements(missing: str) -> None:
    profiles = {"fire-social": profile("fire-social", **{missing: "  "})}
    assert codes(facts(control=control(profiles=profiles))) == {"profile_statements"}


def test_a_profile_is_official_and_known() -> None:
    suspended = {"fire-social": profile("fire-social", official=False)}
    assert codes(facts(control=control(profiles=suspended))) == {"profile_not_official"}
    assert codes(facts(signed_by=("mcpe",), control=control(profiles={}))) == {"profile_unknown"}


def test_a_profile_that_is_no_target() -> None:
    assert codes(facts(profile_id="parks-social")) == {"not_a_target", "not_cleared_for"}


def test_the_bytes_posted_are_the_rendering_that_was_approved() -> None:
    assert codes(facts(rendering_sha256="2" * 64)) == {"other_bytes"}
    subject = request()
    assert codes(facts(subject, rendering_sha256=subject.renderings[1].sha256)) == {"other_bytes"}


def test_a_changed_body_is_found_by_its_hash() -> None:
    good = rendering()
    bad = good.model_copy(update={"body": good.body.replace("zone 3", "zone 4")})
    assert codes(facts(request(renderings=(bad,)))) == {"body_hash"}


def test_a_body_exchanged_together_with_its_hash_is_found_by_the_digest() -> None:
    subject = request()
    forged = subject.model_copy(update={"renderings": (rendering(text="All is well."), subject.renderings[1])})
    found = codes(facts(forged, approvals=(approval(subject, "mcpe"),), verdict=verdict(subject)))
    assert found == {"digest", "no_signature"}


def test_a_missing_double_or_mislabelled_rendering() -> None:
    assert "no_rendering" in codes(facts(request(renderings=(rendering("website"),))))
    assert codes(facts(request(renderings=(rendering(), rendering(text="b"))))) == {"renderings_twice"}
    content = PlatformContent(platform="website", parts=("x",), created_at=NOW)
    mislabelled = Rendering.of(content).model_copy(update={"platform": "mastodon"})
    assert codes(facts(request(renderings=(mislabelled,)))) == {"rendering_platform"}


STATEMENT_GAPS: list[dict[str, Any]] = [
    {"digest": "3" * 64},
    {"renderings": {}},
    {"renderings": {"mastodon": "3" * 64}},
    {"targets": ("parks-social",)},
    {"targets": ("fire-social", "fire-social")},
    {"scope": "all-departments"},
    {"revision": 2},
    {"author": "fire-publisher"},
    {"crisis": True},
    {"severity": "extreme"},
    {"request_expires_at": NOW + timedelta(days=3_650)},
    {"replaces": "r2b"},
    {"follows": "r2a"},
    {"expires_at": NOW},
    {"issued_at": NOW + timedelta(minutes=2)},
    {"issued_at": NOW - timedelta(hours=1)},
]


@pytest.mark.parametrize("change", STATEMENT_GAPS, ids=str)
def test_an_approval_that_does_not_cover_exactly_this_does_not_count(change: dict[str, Any]) -> None:
    subject = request()
    assert codes(facts(subject, approvals=(approval(subject, "mcpe", **change),))) == {"no_signature"}


def _garbled(by: str) -> list[Approval]:
    subject = request()
    good = approval(subject, by).envelope
    other = statement(subject, by).model_copy(update={"reason": "changed after signing"})
    payload = base64.b64encode(b'{"realm":').decode()
    unparseable = SIGNERS[by].sign(APPROVAL_TYPE, subject)
    envelopes = [
        STRANGER.sign(APPROVAL_TYPE, statement(subject, by)),
        SIGNERS[by].sign(ORDER_TYPE, statement(subject, by)),
        good.model_copy(update={"payload": base64.b64encode(other.to_bytes()).decode()}),
        good.model_copy(update={"payload": "A"}),
        good.model_copy(update={"payload": payload}),
        Envelope(
            payloadType=good.payload_type,
            payload=good.payload,
            signatures=(Signature(keyid="U" + "A" * 55, sig=good.signatures[0].sig),),
        ),
        unparseable,
        SIGNERS[by].sign(APPROVAL_TYPE, statement(subject, by, officer="pio")),
        SIGNERS[by].sign(APPROVAL_TYPE, statement(subject, by, request_id="rother")),
    ]
    return [Approval(at=NOW, request_id=subject.request_id, officer=by, envelope=item) for item in envelopes]


@pytest.mark.parametrize("index", range(9))
def test_an_approval_that_is_not_genuine_counts_as_a_no(index: int) -> None:
    """Also beside a good one: what a counting officer answered cannot be known, so it is held back."""
    subject = request()
    bad = _garbled("mcpe")[index]
    assert codes(facts(subject, approvals=(bad,))) == {"approval_doubtful", "no_signature"}
    assert codes(facts(subject, approvals=(bad, approval(subject, "office")))) == {"approval_doubtful"}


@pytest.mark.parametrize("index", range(9))
def test_garbage_by_someone_without_a_say_changes_nothing(index: int) -> None:
    subject = request()
    assert codes(facts(subject, approvals=(_garbled("clerk")[index], approval(subject, "mcpe")))) == set()


def test_an_unknown_officer_does_not_count() -> None:
    subject = request()
    unknown = Approval(
        at=NOW,
        request_id=subject.request_id,
        officer="nobody",
        envelope=STRANGER.sign(APPROVAL_TYPE, statement(subject, "nobody")),
    )
    assert codes(facts(subject, approvals=(unknown,))) == {"no_signature"}


def test_a_revoked_officer_and_a_lapsed_or_future_grant_do_not_count() -> None:
    subject = request()
    assert codes(facts(subject, control=control(revoked={"mcpe": 6}))) == {"no_signature"}
    for change in ({"valid_until": NOW}, {"valid_from": NOW + timedelta(seconds=1)}):
        person = officer("mcpe").model_copy(update={"grants": (Grant(role=Role.MCPE, **change),)})
        state = control(officers={**control().officers, "mcpe": person})
        assert codes(facts(subject, control=state)) == {"no_signature"}


@pytest.mark.parametrize("posture", Posture)
def test_a_rejection_stands_when_its_role_counts(posture: Posture) -> None:
    subject = request()
    for name in ROLES:
        no = approval(subject, name, decision="reject", reason="wrong zone")
        yes = next(who for who in sorted(WHO_COUNTS[posture]) if who != name)
        found = codes(facts(subject, approvals=(no, approval(subject, yes)), control=control(posture)))
        assert found == ({"rejected"} if name in WHO_COUNTS[posture] else set()), name


def test_a_rejection_of_an_earlier_revision_does_not_stand() -> None:
    subject = request(revision=2)
    no = approval(subject, "office", decision="reject", revision=1)
    assert codes(facts(subject, approvals=(no, approval(subject, "mcpe")))) == set()


def test_an_officers_last_answer_counts() -> None:
    subject = request()
    yes, no = approval(subject, "mcpe"), approval(subject, "mcpe", decision="reject")
    assert codes(facts(subject, approvals=(no, yes))) == set()
    assert codes(facts(subject, approvals=(yes, no))) == {"rejected", "no_signature"}


def test_a_second_approver_where_the_city_asks_for_one() -> None:
    subject = request(severity="extreme")
    two = control(settings=Settings(second_approver_severities=("extreme",)))
    assert codes(facts(subject, control=two)) == {"second_approver"}
    assert codes(facts(subject, signed_by=("mcpe", "office"), control=two)) == set()
    assert codes(facts(request(severity="minor"), control=two)) == set()
    shared = officer("office").model_copy(update={"public_key": SIGNERS["mcpe"].public_key})
    one_key = replace(two, officers={**two.officers, "office": shared})
    both = (approval(subject, "mcpe"), approval(subject, "office", key=SIGNERS["mcpe"]))
    assert codes(facts(subject, approvals=both, control=one_key)) == {"second_approver"}


def test_all_reasons_are_named_at_once_in_sentences() -> None:
    subject = request(expires_at=NOW)
    found = post_violations(facts(subject, signed_by=(), control=control(hold=True, seq=9)))
    assert {item.code for item in found} == {
        "warrant.control_changed",
        "warrant.hold",
        "warrant.request_expired",
        "warrant.no_signature",
    }
    assert all(item.message.endswith(".") and item.message[0].isupper() for item in found)


def test_a_surprise_is_a_violation() -> None:
    broken = facts().request.model_copy(update={"renderings": None})
    assert "surprise" in codes(facts()._replace(request=broken))


def test_a_lone_surrogate_in_a_body_is_a_violation() -> None:
    bad = rendering().model_copy(update={"body": "\ud800"})
    subject = request()
    assert codes(facts()._replace(request=subject.model_copy(update={"renderings": (bad,)})))


@given(
    names=st.sets(st.sampled_from(sorted(ROLES))),
    posture=st.sampled_from(list(Posture)),
    submitted=st.sampled_from(list(Posture)),
    crisis=st.booleans(),
    scope=st.sampled_from(["profiles", "all-departments"]),
)
def test_no_post_without_the_signature_that_the_policy_asks_for(
    names: set[str], posture: Posture, submitted: Posture, crisis: bool, scope: str
) -> None:
    """Invariants 2 and 3, over every mix of signers, postures and kinds of request."""
    targets = PROFILES if scope == "all-departments" else ("fire-social",)
    subject = request(submitted_posture=submitted.value, crisis=crisis, scope=scope, targets=targets)
    found = post_violations(facts(subject, signed_by=tuple(sorted(names)), control=control(posture)))
    if found:
        return
    if posture in EOC or submitted in EOC:
        assert names & {"cao", "mcpe", "pio", "director"}
    else:
        assert names & WHO_COUNTS[posture]
    if scope == "all-departments":
        assert posture is not Posture.ROUTINE
        assert names & {"pio", "mcpe"}


def test_it_shares_no_code_with_the_gate_and_reads_no_clock() -> None:
    files = Path(post_authorization.__file__).parent.glob("*.py")
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text()))]
    modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module is not None}
    others = {name for name in modules if not name.startswith(post_authorization.__name__)}
    assert {name for name in others if name.startswith("services.")} == {
        "services.kernel.control.control_state",
        "services.kernel.base.remember",
        "services.kernel.authority.passkeys",
        "services.kernel.authority.signing",
        "services.kernel.authority.visible",
    }
    assert not others & {"services.gatekeeper", "asyncio", "nats", "structlog", "services.kernel.base.clock"}


def test_the_mirror_of_what_goes_to_no_official_profile_is_held_back() -> None:
    """The website shows what goes to official profiles elsewhere; alone it shows nothing."""
    subject = request()
    mirrored: dict[str, Any] = {"profile_id": MIRROR, "rendering_sha256": rendering("website").sha256}
    cleared = verdict(subject, mirror=True)
    assert "not_a_target" not in codes(facts(subject, verdict=cleared, **mirrored))
    assert "not_cleared_for" in codes(facts(subject, **mirrored))
    gone = control(profiles={"fire-social": profile("fire-social", official=False)})
    assert "not_a_target" in codes(facts(subject, verdict=cleared, control=gone, **mirrored))


@pytest.mark.parametrize("posture", ["somewhere else"])
def test_nobody_counts_in_a_posture_that_is_not_known(posture: Any) -> None:
    """A posture of a later version: fail closed."""
    assert codes(facts(control=control(posture))) == {"no_signature"}


@pytest.mark.parametrize("text", ["Leave now\x1b[8m for the bridge\x1b[0m", "a\u202eb", "a\u200bb"], ids=ascii)
def test_what_no_approver_could_see_is_not_posted(text: str) -> None:
    """A terminal hides what is between two escapes: the signature is genuine, the reading was not."""
    subject = request(renderings=(rendering(text=text),))
    assert codes(facts(subject)) == {"unseen"}
