"""What a person may decide on an unconfirmed post: each refusal, and what each decision does to the receipt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.events.control import Posture
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.envelope import ORDER_TYPE, RESOLUTION_TYPE
from schemas.events.requests import Request
from schemas.events.resolutions import Resolution, ResolutionStatement, post_url
from schemas.events.verdicts import Outcome
from schemas.platforms import MANUAL, MIRROR, WEBSITE
from services.fanout.domain.resolution import Situation, check, key_of_call, outcome_of, read_statement
from services.kernel.authority.signing import Signer, seal
from services.kernel.base.errors import BadInput, OneVoiceError, Refused
from services.kernel.control.control_state import ControlState
from services.kernel.fold.genuine import genuine_resolution
from tests.support.messages import receipt_on
from tests.support.people import resolution_of
from tests.unit.fanout import world
from tests.unit.fanout.world import NOW, SIGNERS, STRANGER

RECEIPT_SEQ = 60
URL = "https://social.example/@fire/1"


def genuine(one: Resolution, control: ControlState) -> ResolutionStatement | None:
    """Ask as the fan-out does, at a time when all of control is folded."""
    return genuine_resolution(one, one.request_id, one.profile, control.seq + 1, control=control, realm=control.realm)


def receipt(outcome: str = "unconfirmed", *, final: bool = True, **changes: Any) -> Receipt:
    fields = {"outcome": outcome, "final": final, "reason": "it may be public or not"}
    return receipt_on("rabcdefghijkl", "fire-social", 55, NOW, **(fields | changes))


def signed(by: str = "pio", *, key: Signer | None = None, wrapper: Any = None, **changes: Any) -> Resolution:
    """A decision signed by the officer's key, as the desk sends it."""
    fields, about = {"nonce": "cd" * 16} | changes, ("rabcdefghijkl", "fire-social", RECEIPT_SEQ)
    return resolution_of(about, "post_again", by, key or SIGNERS[by], NOW, wrapper, **fields)


def situation(**changes: Any) -> Situation:
    request: Request = changes.pop("request", world.request())
    made = Situation(
        request=request,
        verdict=world.verdict(request),
        verdict_seq=world.VERDICT_SEQ,
        receipt=receipt(),
        receipt_seq=RECEIPT_SEQ,
    )
    return replace(made, **changes)


def judge(one: Resolution, where: Situation | None = None, control: ControlState | None = None, **more: Any) -> None:
    statement = read_statement(one, more.get("sender", one.officer))
    check(one, statement, where or situation(), control or world.control(), more.get("now", NOW))


def refusal(work: Callable[[], object]) -> OneVoiceError:
    with pytest.raises(OneVoiceError) as caught:
        work()
    assert caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("decision", ["posted", "post_again", "give_up"])
@pytest.mark.parametrize("officer", ["cao", "mcpe", "pio", "director", "office"])
def test_each_of_the_roles_may_decide(officer: str, decision: str) -> None:
    judge(signed(officer, decision=decision, url=URL if decision == "posted" else None))


@pytest.mark.parametrize("decision", ["posted", "post_again", "give_up"])
def test_the_websites_page_is_decided_on_like_a_post(decision: str) -> None:
    """It is no target, but a delivery like any other: a full disk may leave it unconfirmed."""
    doubt = receipt(profile=MIRROR, platform=WEBSITE)
    judge(
        signed(profile=MIRROR, decision=decision, url=URL if decision == "posted" else None), situation(receipt=doubt)
    )


@dataclass(frozen=True)
class No:
    """A case that is refused: what is sent, in which situation, and by which code."""

    code: str
    sent: Resolution = field(default_factory=signed)
    where: Situation = field(default_factory=situation)
    control: ControlState = field(default_factory=world.control)
    more: dict[str, Any] = field(default_factory=dict)


OTHERS_WORD = signed("mcpe", decision="give_up")
UNDER_EOC = world.control(Posture.EOC_ACTIVE)

REFUSALS = {
    "sent for another": No("resolution.sender", more={"sender": "mcpe"}),
    "the wrapper names another request": No("resolution.other", signed(wrapper={"request_id": "rother"})),
    "the wrapper names another profile": No("resolution.other", signed(wrapper={"profile": "parks-social"})),
    "the wrapper names another revision": No("resolution.other", signed(wrapper={"revision": 2})),
    "an unknown officer": No("resolution.officer_unknown", control=world.control(officers={})),
    "a revoked officer": No("resolution.revoked", control=world.control(revoked={"pio": 3})),
    "another key": No("resolution.signature", signed(key=STRANGER)),
    "another realm": No("resolution.realm", signed(realm="exercise")),
    "dated ahead": No(
        "resolution.future",
        signed(issued_at=NOW + timedelta(minutes=2), expires_at=NOW + timedelta(minutes=3)),
    ),
    "expired": No("resolution.expired", more={"now": NOW + timedelta(minutes=2)}),
    "valid for too long": No("resolution.too_long", signed(expires_at=NOW + timedelta(minutes=6))),
    "no such request": No("request.unknown", where=situation().__class__(None, None, 0, None, 0)),
    "a profile that is no target": No("profile.not_a_target", signed(profile="parks-social")),
    "no page on the website": No(
        "resolution.nothing_unconfirmed", signed(profile=MIRROR), situation(receipt=None, receipt_seq=0)
    ),
    "an employee": No("resolution.no_authority", signed("clerk")),
    "a designated employee": No("resolution.no_authority", signed("designee", decision="give_up")),
    "the profile's own publisher": No("resolution.no_authority", signed("fire-publisher", decision="posted", url=URL)),
    "post again by the office under the EOC": No("resolution.no_authority", signed("office"), control=UNDER_EOC),
    "post again by the office, submitted under the EOC": No(
        "resolution.no_authority",
        signed("office"),
        situation(request=world.request(submitted_posture="eoc_active")),
    ),
    "nothing was posted yet": No("resolution.nothing_unconfirmed", where=situation(receipt=None, receipt_seq=0)),
    "it is delivered": No("resolution.nothing_unconfirmed", where=situation(receipt=receipt("delivered", url=URL))),
    "it failed": No("resolution.nothing_unconfirmed", where=situation(receipt=receipt("failed"))),
    "it is still looked for": No("resolution.nothing_unconfirmed", where=situation(receipt=receipt(final=False))),
    "an older receipt": No("resolution.receipt", where=situation(receipt_seq=RECEIPT_SEQ + 9)),
    "another revision": No("resolution.revision", where=situation(receipt=receipt(revision=2))),
    "another officer was first": No("resolution.decided", where=situation(decided=((61, OTHERS_WORD),))),
    "a newer revision is there": No(
        "request.newer_revision", where=situation(request=world.request(revision=2), receipt=receipt())
    ),
    "withdrawn": No("request.withdrawn", control=world.control(withdrawn={"rabcdefghijkl": "wrong road"})),
    "the request expired": No("request.expired", where=situation(request=world.request(expires_at=NOW))),
    "refused": No("request.refused", where=situation(verdict=world.verdict(world.request(), outcome=Outcome.REFUSED))),
}


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
def test_each_refusal_has_its_code_and_says_what_to_do(case: No) -> None:
    error = refusal(lambda: judge(case.sent, case.where, case.control, **case.more))
    assert error.code == case.code
    family = BadInput if case.code in ("request.unknown", "profile.not_a_target") else Refused
    assert isinstance(error, family)


def test_a_refusal_says_what_stands() -> None:
    delivered = refusal(lambda: judge(signed(), situation(receipt=receipt("delivered", url=URL)))).message
    assert f"it is delivered ({URL})" in delivered
    assert (
        "mcpe decided it already: give it up"
        in refusal(lambda: judge(signed(), situation(decided=((61, OTHERS_WORD),)))).message
    )
    assert (
        "2(iii) asks for one of cao, eoc_director, mcpe, pio"
        in refusal(lambda: judge(signed("office"), control=UNDER_EOC)).message
    )


@pytest.mark.parametrize("decision", ["posted", "give_up"])
@pytest.mark.parametrize("name", ["withdrawn", "the request expired", "refused", "a newer revision is there"])
def test_what_may_not_go_out_any_more_can_still_be_settled(name: str, decision: str) -> None:
    """Only posting again needs a request that may still be posted."""
    case = REFUSALS[name]
    judge(signed(decision=decision, url=URL if decision == "posted" else None), case.where, case.control)


def test_under_the_eoc_the_office_may_still_say_what_it_sees() -> None:
    judge(signed("office", decision="posted", url=URL), control=UNDER_EOC)
    judge(signed("office", decision="give_up"), control=UNDER_EOC)
    judge(signed("director"), control=UNDER_EOC)


@pytest.mark.parametrize(
    "bend",
    [
        lambda one: one.model_copy(update={"envelope": one.envelope.model_copy(update={"payload": "e30="})}),
        lambda one: one.model_copy(update={"envelope": one.envelope.model_copy(update={"payload_type": ORDER_TYPE})}),
    ],
    ids=["not a statement", "another type"],
)
def test_what_cannot_be_read_is_refused(bend: Callable[[Resolution], Resolution]) -> None:
    assert refusal(lambda: judge(bend(signed()))).code == "resolution.malformed"
    assert genuine(bend(signed()), world.control()) is None


def test_a_second_signature_is_one_too_many() -> None:
    one = signed()
    statement = read_statement(one, "pio")
    double = one.model_copy(update={"envelope": seal(RESOLUTION_TYPE, statement, (SIGNERS["pio"], STRANGER))})
    assert refusal(lambda: judge(double)).code == "resolution.signature"
    assert genuine(double, world.control()) is None


def test_the_same_decision_again_is_a_repeat_and_another_one_is_not() -> None:
    where = situation(decided=((61, signed()),))

    def repeat(**changes: Any) -> int:
        return where.repeated(read_statement(signed(**changes), changes.get("by", "pio")))

    assert repeat() == 61
    assert repeat(nonce="ef" * 16, issued_at=NOW + timedelta(seconds=9)) == 61
    assert repeat(decision="give_up") == 0
    assert repeat(receipt_seq=RECEIPT_SEQ + 1) == 0
    assert repeat(by="mcpe") == 0


def test_what_is_on_record_must_be_genuine_to_be_carried_out() -> None:
    control = world.control()
    assert genuine(signed(), control) is not None
    assert genuine(signed(key=STRANGER), control) is None
    assert genuine(signed(realm="exercise"), control) is None
    assert genuine(signed(wrapper={"profile": "parks-social"}), control) is None


@pytest.mark.parametrize(
    ("decision", "outcome", "final", "words"),
    [
        ("posted", ReceiptOutcome.DELIVERED, True, "confirmed by pio"),
        ("give_up", ReceiptOutcome.FAILED, True, "given up by pio: whether it is public was never found out"),
        ("post_again", ReceiptOutcome.WITHHELD, False, "to be posted again, decided by pio"),
    ],
)
def test_each_decision_has_its_receipt(decision: str, outcome: ReceiptOutcome, final: bool, words: str) -> None:
    url = URL if decision == "posted" else None
    made = outcome_of(read_statement(signed(decision=decision, url=url), "pio"), receipt(), 61, NOW)
    assert (made.outcome, made.final, made.reason, made.url) == (outcome, final, words, url)
    assert (made.attempt_seq, made.resolution_seq, made.profile, made.revision) == (55, 61, "fire-social", 1)


@pytest.mark.parametrize(
    ("decision", "words"),
    [("posted", "done by hand, confirmed by pio"), ("give_up", "not done by hand, says pio")],
)
def test_what_was_to_be_done_by_hand_is_said_so(decision: str, words: str) -> None:
    url = URL if decision == "posted" else None
    by_hand = receipt().model_copy(update={"platform": MANUAL})
    assert outcome_of(read_statement(signed(decision=decision, url=url), "pio"), by_hand, 61, NOW).reason == words


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://social.example/1", "not http or https"),
        ("social.example/@fire/1", "not http or https"),
        ("https://", "not http or https"),
        ("https://city@evil.example/1", "user name"),
        ("https://social.example/\x00", "invisible"),
        ("https://social.example/\u202e1", "invisible"),
        ("https://social.example/ 1", "white space"),
        ("https://social.example/\n1", "white space"),
        ("https://social.example:99999/1", "ort"),
        ("https://social.example/" + "a" * 2_000, "2023 characters"),
        ("", "not http"),
    ],
)
def test_an_address_that_is_none(address: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        post_url(address)
    with pytest.raises(ValidationError):
        signed(decision="posted", url=address)


def test_an_address_belongs_to_posted_and_to_nothing_else() -> None:
    with pytest.raises(ValidationError, match="posted needs"):
        signed(decision="posted")
    with pytest.raises(ValidationError, match="no other decision"):
        signed(decision="give_up", url=URL)
    assert post_url("http://127.0.0.1:8080/@fire/1?a=b#c") == "http://127.0.0.1:8080/@fire/1?a=b#c"


def test_only_what_stood_and_is_gone_is_called_under_another_key() -> None:
    """Each such word has a key of its own; what nobody knew keeps its key, which guards the repeat."""

    def key(*said: Receipt) -> str:
        return key_of_call("k", 1, said)

    delivered, gone = receipt("delivered", attempt_seq=50), receipt(attempt_seq=50)
    again = receipt("withheld", final=False, attempt_seq=50, resolution_seq=60)
    unknown, once_more = receipt(attempt_seq=61), receipt("withheld", final=False, attempt_seq=61, resolution_seq=70)
    assert key() == key(delivered, gone) == key(gone, again) == "k"
    assert key(delivered.model_copy(update={"revision": 2}), gone, again) == "k"
    other = key(delivered, gone, again)
    assert other == key(delivered, gone, again, unknown) == key(delivered, gone, again, unknown, once_more) != "k"
    anew = (receipt("delivered", attempt_seq=61), unknown, once_more)
    assert key(delivered, gone, again, *anew) not in ("k", other)
    part = receipt("withheld", final=False, attempt_seq=49, remote_id="1")
    assert key(part, unknown) == "k"
    assert key(part, unknown, once_more) != "k", "the beginning of a thread stood"
    by_hand = receipt("failed", attempt_seq=50, resolution_seq=60)
    assert key(delivered, gone, by_hand) == "k"


def test_a_decision_of_somebody_who_is_no_officer_is_not_genuine() -> None:
    assert genuine(signed("pio"), world.control(officers={})) is None
