"""Which signed decisions go on record, and why the others do not."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import canonical
from schemas.events.approvals import Approval
from schemas.events.authority import Settings
from schemas.events.control import Posture
from schemas.events.envelope import APPROVAL_TYPE, ORDER_TYPE, Envelope
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from services.intake.domain.approval import RequestContext, check, may_decide, read_statement
from services.kernel.base.errors import Exit, OneVoiceError, Refused
from services.kernel.control.control_state import ControlState
from tests.support.messages import verdict_on
from tests.unit.intake.world import NOW, SIGNERS, approval, city, request

REQUEST = request()


def judge(
    given_approval: Approval,
    context: RequestContext | None = None,
    state: ControlState | None = None,
    sender: str | None = None,
    now: Any = NOW,
) -> None:
    statement = read_statement(given_approval, sender or given_approval.officer)
    check(given_approval, statement, context or RequestContext(REQUEST), state or city(), now)


def refused(*args: Any, **kwargs: Any) -> OneVoiceError:
    with pytest.raises(OneVoiceError) as caught:
        judge(*args, **kwargs)
    assert caught.value.hint
    return caught.value


def verdict(outcome: Outcome, of: Request = REQUEST) -> Verdict:
    return verdict_on(of, NOW, outcome=outcome, control_seq=7, as_of=9, valid_until=None)


def with_signature(made: Approval, keyid: str, sig: str) -> Approval:
    return made.model_copy(
        update={
            "envelope": Envelope.from_value(
                {
                    "payloadType": made.envelope.payload_type,
                    "payload": made.envelope.payload,
                    "signatures": [{"keyid": keyid, "sig": sig}],
                }
            )
        }
    )


def with_payload(made: Approval, raw: bytes) -> Approval:
    envelope = made.envelope.model_copy(update={"payload": base64.b64encode(raw).decode()})
    return made.model_copy(update={"envelope": envelope})


def test_a_genuine_approval_passes() -> None:
    """By the mcpe in routine; the author's own word needs a role like anybody's, and is refused at once."""
    judge(approval(REQUEST))
    error = refused(approval(REQUEST, "clerk"))
    assert (error.code, error.exit_status) == ("approval.no_authority", Exit.REFUSED)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"realm": "exercise"}, "approval.realm"),
        ({"revision": 2}, "approval.revision"),
        ({"digest": "0" * 64}, "approval.digest"),
        ({"renderings": {"mastodon": "0" * 64}}, "approval.digest"),
        ({"targets": ("water-mastodon",)}, "approval.targets"),
        ({"targets": ()}, "approval.targets"),
        ({"scope": "all-departments"}, "approval.targets"),
        ({"request_id": "rothersrequest"}, "approval.request"),
        ({"issued_at": NOW - timedelta(hours=1), "expires_at": NOW}, "approval.expired"),
        ({"issued_at": NOW + timedelta(seconds=61), "expires_at": NOW + timedelta(minutes=5)}, "approval.future"),
        ({"expires_at": NOW + timedelta(minutes=31)}, "approval.too_long"),
    ],
)
def test_a_decision_about_something_else_or_out_of_time_is_refused(changes: dict[str, Any], code: str) -> None:
    """Other realm, request, revision, digest, targets; expired, ahead, too long. Exit status 4."""
    error = refused(approval(REQUEST, **changes))
    assert (error.code, error.exit_status) == (code, Exit.REFUSED)


def test_backwards_times_are_bad_input() -> None:
    error = refused(approval(REQUEST, issued_at=NOW, expires_at=NOW - timedelta(minutes=1)))
    assert (error.code, error.exit_status) == ("approval.times", Exit.USAGE)


def test_a_citys_shorter_approval_time_counts() -> None:
    state = city(settings=Settings(approval_seconds=600))
    assert refused(approval(REQUEST), state=state).code == "approval.too_long"


def test_signatures() -> None:
    """By another key, in another's name, changed after signing, with a second signature: none counts."""
    made = approval(REQUEST)
    other = approval(REQUEST, "pio")
    assert refused(approval(REQUEST, signer="stranger")).code == "approval.signature"
    sig = other.envelope.signatures[0]
    assert refused(with_signature(made, sig.keyid, sig.sig)).code == "approval.signature"
    key = SIGNERS["mcpe"].public_key
    assert refused(with_signature(made, key, "")).code == "approval.signature"
    changed = made.envelope.payload_bytes().replace(b'"approve"', b'"reject"')
    assert refused(with_payload(made, changed)).code == "approval.signature"
    doubled = made.envelope.model_copy(update={"signatures": (*made.envelope.signatures, sig)})
    assert refused(made.model_copy(update={"envelope": doubled})).code == "approval.signature"


def test_what_cannot_be_read_is_malformed() -> None:
    """Another payload type, no JSON, doubled or unknown keys, not canonical: exit status 2."""
    made = approval(REQUEST)
    raw = made.envelope.payload_bytes()
    order = made.envelope.model_copy(update={"payload_type": ORDER_TYPE})
    broken = [
        made.model_copy(update={"envelope": order}),
        with_payload(made, b"{"),
        with_payload(made, b"\xff"),
        with_payload(made, raw.replace(b'{"', b'{"officer":"pio","', 1)),
        with_payload(made, raw.replace(b'{"', b'{"extra":1,"', 1)),
        with_payload(made, raw.replace(b",", b", ", 1)),
        with_payload(made, b"[" * 50 + b"]" * 50),
        made.model_copy(update={"envelope": made.envelope.model_copy(update={"payload": "A"})}),
    ]
    for one in broken:
        error = refused(one)
        assert (error.code, error.exit_status) == ("approval.malformed", Exit.USAGE)


def test_officers_send_their_own_decisions() -> None:
    """The NATS user, the wrapper and the statement must name the same officer."""
    assert refused(approval(REQUEST), sender="clerk").code == "approval.sender"
    wrapped = approval(REQUEST).model_copy(update={"officer": "pio"})
    assert refused(wrapped, sender="pio").code == "approval.sender"
    moved = approval(REQUEST).model_copy(update={"request_id": "rothersrequest"})
    assert refused(moved).code == "approval.request"


def test_unknown_and_revoked_officers() -> None:
    made = approval(REQUEST)
    without = {name: one for name, one in city().officers.items() if name != "mcpe"}
    assert refused(made, state=city(officers=without)).code == "approval.officer_unknown"
    assert refused(made, state=city(revoked={"mcpe": 5})).code == "approval.revoked"


def test_a_nonce_is_good_for_one_decision() -> None:
    """The same nonce in another statement is a replay; the very same envelope is known again."""
    first = approval(REQUEST)
    nonce = canonical.loads(first.envelope.payload_bytes())["nonce"]
    context = RequestContext(REQUEST, approvals=((12, first),))
    assert context.repeated(first.model_copy(update={"at": NOW + timedelta(seconds=3)})) == 12
    again = approval(REQUEST, "pio", nonce=nonce)
    assert context.repeated(again) == 0
    assert refused(again, context, city(Posture.CRISIS)).code == "approval.replayed"


def test_a_request_that_is_over_takes_no_decision() -> None:
    """Expired, withdrawn, refused."""
    late = REQUEST.expires_at
    made = approval(REQUEST, issued_at=late, expires_at=late + timedelta(minutes=5))
    assert refused(made, now=late).code == "request.expired"
    assert refused(approval(REQUEST), state=city(withdrawn={REQUEST.request_id: "wrong"})).code == "request.withdrawn"
    over = RequestContext(REQUEST, verdict=verdict(Outcome.REFUSED), verdict_seq=9)
    assert refused(approval(REQUEST), over).code == "request.refused"


def test_a_rejection_after_clearing_is_a_withdrawal() -> None:
    """It is told so; an approval more is taken."""
    cleared = RequestContext(REQUEST, verdict=verdict(Outcome.CLEARED), verdict_seq=9)
    error = refused(approval(REQUEST, decision="reject", acknowledged=()), cleared)
    assert error.code == "request.already_cleared"
    assert f"onevoice withdraw {REQUEST.request_id}" in error.hint
    judge(approval(REQUEST), cleared)
    blocked = RequestContext(REQUEST, verdict=verdict(Outcome.BLOCKED), verdict_seq=9)
    judge(approval(REQUEST, decision="reject", reason="wrong street"), blocked)


ABLE = {
    ("routine", "routine"): {"mcpe", "office", "fire-publisher"},
    ("crisis", "routine"): {"mcpe", "pio", "office"},
    ("eoc_activating", "routine"): {"cao", "mcpe", "pio", "eoc-director"},
    ("eoc_active", "crisis"): {"cao", "mcpe", "pio", "eoc-director"},
    ("routine", "eoc_active"): {"cao", "mcpe", "pio", "eoc-director"},
    ("crisis", "eoc_activating"): {"cao", "mcpe", "pio", "eoc-director"},
}


@pytest.mark.parametrize(("now", "then"), ABLE)
def test_who_could_decide_in_each_posture(now: str, then: str) -> None:
    """2(i), 2(iii), 3(iv)(c); the author (clerk) by role like others; what was submitted under EOC keeps its rule."""
    of = request(state=city(Posture(then)))
    state = city(Posture(now))
    assert {name for name in state.officers if may_decide(of, name, state, NOW)} == ABLE[now, then]
    for name in state.officers:
        if name in ABLE[now, then]:
            judge(approval(of, name), RequestContext(of), state)
        else:
            error = refused(approval(of, name), RequestContext(of), state)
            assert isinstance(error, Refused)
            assert error.code == "approval.no_authority"
            assert "mcpe" in error.hint


def test_a_publisher_only_for_their_own_profiles() -> None:
    of = request(targets=["water-mastodon"])
    assert refused(approval(of, "fire-publisher"), RequestContext(of)).code == "approval.no_authority"


def test_what_screening_found_must_be_acknowledged() -> None:
    """To approve; to reject needs no acknowledgement."""
    of = request(text="Leave now. Call 604-555-0142.")
    assert {finding.code for finding in of.screening} == {"link-missing", "phone"}
    error = refused(approval(of, acknowledged=("phone",)), RequestContext(of))
    assert error.code == "approval.not_acknowledged"
    assert "link-missing" in error.message
    assert "--acknowledge" in error.hint
    judge(approval(of), RequestContext(of))
    judge(approval(of, decision="reject", acknowledged=()), RequestContext(of))


def test_a_reason_shows_what_it_says() -> None:
    """The reason is shown to people: no control or reordering characters in it."""
    assert refused(approval(REQUEST, decision="reject", reason="a\u202eb")).code == "text.bidi"
    assert refused(approval(REQUEST, decision="reject", reason="\x1b[2J")).code == "text.control"


@given(raw=st.binary(max_size=200))
def test_any_payload_ends_in_a_known_error(raw: bytes) -> None:
    """Whatever bytes are wrapped as an approval, the answer is one clear error."""
    made = with_payload(approval(REQUEST), raw)
    assert made.envelope.payload_type == APPROVAL_TYPE
    assert refused(made).code == "approval.malformed"


@pytest.mark.parametrize(
    "change",
    [
        {"author": "fire-publisher"},
        {"crisis": True},
        {"severity": "extreme"},
        {"request_expires_at": NOW + timedelta(days=3_650)},
        {"replaces": "r2b"},
        {"follows": "r2a"},
    ],
    ids=str,
)
def test_an_approval_of_other_circumstances_is_refused_and_a_rejection_is_not(change: dict[str, Any]) -> None:
    """What the policy reads beside the content has to be what the officer saw."""
    assert refused(approval(REQUEST, **change)).code == "approval.circumstances"
    judge(approval(REQUEST, decision="reject", reason="no", **change))


def test_a_desk_of_before_0_3_is_told_so() -> None:
    old: dict[str, Any] = {"rule": None, "author": None, "crisis": None, "severity": None, "request_expires_at": None}
    judge(approval(REQUEST, **old))
    assert refused(approval(REQUEST, **old), state=city(ruled=True)).code == "approval.version"
