"""How a passkey comes to an officer, and goes: a link proposes it, others confirm it, what is taken back stays so."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from schemas import canonical
from schemas.events import control as c
from schemas.events.authority import Grant, Officer, Role
from schemas.events.enrolment import Enrolment
from schemas.events.envelope import ENROLMENT_TYPE, ORDER_TYPE, Envelope
from schemas.events.passkeys import Passkey
from services.kernel.control.control_state import ControlFault
from services.kernel.control.passkeys import LONGEST_INVITE
from tests.support.authenticator import FLAG, Authenticator, enrolment_of
from tests.support.people import order_of
from tests.unit.gatekeeper.policy_city import MINUTE, OFFICERS, PolicyCity, signer

TOKEN = "t" * 43
HOUR = timedelta(hours=1)
PHONE = Authenticator("phone")
DANA = Officer(id="dana", name="Dana", grants=(Grant(role=Role.PIO),))


def town(**changes: Any) -> PolicyCity:
    """A city in which a change of who has power takes two."""
    return PolicyCity(**({"threshold": 2} | changes))


def refused(city: PolicyCity, event: Any, officer: str = "") -> str:
    """The code with which an order or an event is refused; the state must be as before."""
    before = city.control
    append = partial(city.order, officer) if officer else city.fold
    with pytest.raises(ControlFault) as fault:
        append(event)
    assert city.control is before
    return fault.value.code


def link(city: PolicyCity, officer: str = "pio", token: str = TOKEN, **changes: Any) -> c.PasskeyInvite:
    fields = {
        "officer": officer,
        "token_sha256": canonical.sha256(token.encode()),
        "until": city.now + HOUR,
        "origin": PHONE.origin,
        "rp_id": PHONE.rp_id,
    }
    return c.PasskeyInvite(**(fields | changes))


def used(
    city: PolicyCity, device: Authenticator = PHONE, officer: str = "pio", token: str = TOKEN, **wrong: Any
) -> c.PasskeyEnrolled:
    return c.PasskeyEnrolled(at=city.now, enrolment=enrolment_of(device, officer, token, city.now, **wrong))


def confirm(city: PolicyCity, officer: str = "mcpe") -> None:
    (proposal,) = city.control.proposals.values()
    city.order(officer, c.Confirm(proposal=proposal.seq, order=proposal.order))


def enrolled(city: PolicyCity, device: Authenticator = PHONE, officer: str = "pio", by: str = "pio") -> None:
    """Let an officer have a passkey."""
    city.order(by, link(city, officer, device.name.ljust(43, "x")))
    city.fold(used(city, device, officer, device.name.ljust(43, "x")))
    confirm(city, "cao" if by == "mcpe" else "mcpe")


def order(
    city: PolicyCity, action: Any, device: Authenticator = PHONE, officer: str = "pio", **wrong: Any
) -> c.Ordered:
    """An order signed by a passkey."""
    said = order_of(officer, action, city.now, expires_at=city.now + MINUTE, nonce=city.nonce())
    return c.Ordered(at=city.now, rule=c.RULE, order=device.sign(ORDER_TYPE, said, **wrong))


def passkeys(city: PolicyCity, officer: str = "pio") -> tuple[Passkey, ...]:
    return city.control.officers[officer].passkeys or ()


def test_a_link_proposes_a_passkey_and_another_officer_gives_it() -> None:
    city = town()
    city.order("pio", link(city))
    city.fold(used(city))
    assert passkeys(city) == ()
    assert refused(city, order(city, c.Hold(on=True))) == "order.signature"
    (proposal,) = city.control.proposals.values()
    assert (proposal.asked, proposal.action) == (("pio",), c.PasskeyAdd(officer="pio", passkey=PHONE.passkey))
    confirm(city)
    assert passkeys(city) == (PHONE.passkey,)
    city.fold(order(city, c.Hold(on=True)))
    assert city.control.hold


def test_nobody_orders_a_passkey_without_a_link() -> None:
    """There is no such order, so that each passkey on record has signed once."""
    said = {
        "realm": "live",
        "officer": "mcpe",
        "action": c.PasskeyAdd(officer="pio", passkey=PHONE.passkey).model_dump(),
    }
    with pytest.raises(ValueError, match="action"):
        c.Order.from_value(said)
    added = DANA.model_copy(update={"passkeys": (PHONE.passkey,)})
    assert refused(town(), c.OfficerAdd(officer=added), "mcpe") == "passkey.unproven"


def test_who_gets_the_passkey_does_not_confirm_it() -> None:
    city = town()
    city.order("mcpe", link(city))
    city.fold(used(city))
    (proposal,) = city.control.proposals.values()
    assert proposal.asked == ("mcpe",)
    assert refused(city, c.Confirm(proposal=proposal.seq, order=proposal.order), "pio") == "proposal.own"
    assert refused(city, c.Confirm(proposal=proposal.seq, order=proposal.order), "mcpe") == "proposal.own"
    confirm(city, "cao")
    assert passkeys(city) == (PHONE.passkey,)


def test_where_one_is_enough_the_link_is_enough() -> None:
    city = PolicyCity()
    city.order("cao", link(city, "cao"))
    city.fold(used(city, officer="cao"))
    assert passkeys(city, "cao") == (PHONE.passkey,)


def test_an_officer_may_have_passkeys_alone() -> None:
    """Added without a key, then by a link; and what such a person signs counts."""
    city = town()
    city.order("mcpe", c.OfficerAdd(officer=DANA))
    confirm(city, "cao")
    enrolled(city, officer="dana", by="mcpe")
    city.fold(order(city, c.Hold(on=True), officer="dana"))
    assert city.control.hold
    assert city.control.keys_of("dana", city.now).nkey is None


@pytest.mark.parametrize(
    ("officer", "action", "code"),
    [
        ("office", {"officer": "pio"}, "order.role"),
        ("pio", {"officer": "cao"}, "order.role"),
        ("mcpe", {"officer": "stranger"}, "officer.unknown"),
        ("mcpe", {"until": LONGEST_INVITE + MINUTE}, "passkey.until"),
        ("mcpe", {"until": -MINUTE}, "passkey.until"),
    ],
)
def test_a_link_that_may_not_be_made(officer: str, action: dict[str, Any], code: str) -> None:
    city = town()
    changes = {name: city.now + value if name == "until" else value for name, value in action.items()}
    assert refused(city, link(city, **changes), officer) == code


def test_a_link_is_used_once() -> None:
    city = town()
    city.order("pio", link(city))
    city.fold(used(city))
    assert refused(city, used(city, Authenticator("second"))) == "enrolment.link"


def test_a_newer_link_ends_the_one_that_was_not_used() -> None:
    city = town()
    city.order("pio", link(city))
    city.order("pio", link(city, token="u" * 43))
    assert refused(city, used(city)) == "enrolment.link"
    city.fold(used(city, token="u" * 43))


def test_a_link_runs_out() -> None:
    city = town()
    city.order("pio", link(city))
    city.now += HOUR
    assert refused(city, used(city)) == "enrolment.link"


BAD_ENROLMENTS: dict[str, tuple[Any, str]] = {
    "another token": (lambda city: used(city, token="u" * 43), "enrolment.link"),
    "another officer": (lambda city: used(city, officer="cao"), "enrolment.link"),
    "another realm": (lambda city: used(city, realm="exercise"), "enrolment.realm"),
    "another origin": (
        lambda city: used(city, Authenticator("phone", origin="https://evil.city.example", rp_id="city.example")),
        "enrolment.place",
    ),
    "a wider relying party": (lambda city: used(city, Authenticator("phone", rp_id="city.example")), "enrolment.place"),
    "signed at another origin": (lambda city: used(city, origin="https://evil.example"), "enrolment.signature"),
    "signed in a frame": (lambda city: used(city, topOrigin="https://evil.example"), "enrolment.signature"),
    "not verified": (lambda city: used(city, flags=int(FLAG.UP | FLAG.BE)), "enrolment.signature"),
    "it can be copied after all": (
        lambda city: used(city, Authenticator("phone", device_bound=True), flags=int(FLAG.UP | FLAG.UV | FLAG.BE)),
        "enrolment.signature",
    ),
    "signed by another passkey": (lambda city: _other_signs(city), "enrolment.signature"),
    "signed by a key of the desk": (lambda city: _key_signs(city), "enrolment.signature"),
    "signed an hour ago": (lambda city: _late(city), "enrolment.expired"),
    "not to be read": (lambda city: _unread(city), "enrolment.malformed"),
}


def _statement(city: PolicyCity) -> Enrolment:
    return Enrolment.from_bytes(used(city).enrolment.payload_bytes())


def _other_signs(city: PolicyCity) -> c.PasskeyEnrolled:
    return c.PasskeyEnrolled(at=city.now, enrolment=Authenticator("other").sign(ENROLMENT_TYPE, _statement(city)))


def _key_signs(city: PolicyCity) -> c.PasskeyEnrolled:
    return c.PasskeyEnrolled(at=city.now, enrolment=signer("pio").sign(ENROLMENT_TYPE, _statement(city)))


def _late(city: PolicyCity) -> c.PasskeyEnrolled:
    event = used(city)
    city.now += 2 * MINUTE
    return event.model_copy(update={"at": city.now})


def _unread(city: PolicyCity) -> c.PasskeyEnrolled:
    envelope = used(city).enrolment.model_copy(update={"payload": "e30="})
    return c.PasskeyEnrolled(at=city.now, enrolment=Envelope.from_bytes(envelope.to_bytes()))


@pytest.mark.parametrize("what", BAD_ENROLMENTS)
def test_an_enrolment_that_may_not_be(what: str) -> None:
    city = town()
    city.order("pio", link(city))
    make, code = BAD_ENROLMENTS[what]
    assert refused(city, make(city)) == code
    fresh = Authenticator("phone")
    city.now = max(city.now, city.control.since or city.now)
    city.fold(used(city, fresh))  # the link is still good: what was refused did not use it up


def test_who_made_the_link_must_count_when_it_is_used_and_when_it_is_confirmed() -> None:
    city = town()
    city.order("mcpe", link(city))
    city.order("mcpe", c.Revoke(officer="pio"))
    assert refused(city, used(city)) == "officer.gone"
    city = town()
    city.order("mcpe", link(city))
    city.fold(used(city))
    city.order("cao", c.Revoke(officer="mcpe"))
    waits = next(one for one in city.control.proposals.values() if isinstance(one.action, c.Revoke))
    city.order("eoc-director", c.Confirm(proposal=waits.seq, order=waits.order))
    passkey = next(one for one in city.control.proposals.values() if isinstance(one.action, c.PasskeyAdd))
    assert refused(city, c.Confirm(proposal=passkey.seq, order=passkey.order), "cao") == "officer.gone"


def test_nobody_gains_a_passkey_when_the_authority_has_expired() -> None:
    city = town(expires_at=PolicyCity().now + HOUR)
    city.order("pio", link(city, until=city.now + 2 * HOUR))
    city.now += HOUR
    assert refused(city, used(city)) == "authority.expired"
    assert refused(city, link(city), "pio") == "authority.expired"


def test_a_passkey_is_one_persons_for_ever() -> None:
    """Nobody has it a second time: not another one, not under another id, not after it was taken back."""
    city = town()
    enrolled(city)
    city.order("cao", link(city, "cao", "v" * 43))
    assert refused(city, used(city, officer="cao", token="v" * 43)) == "passkey.used"
    renamed = Authenticator("phone")
    renamed.credential = b"another id " * 3
    assert refused(city, used(city, renamed, officer="cao", token="v" * 43)) == "passkey.used"
    city.order("pio", c.PasskeyRemove(officer="pio", credential=PHONE.passkey.credential))
    assert refused(city, used(city, officer="cao", token="v" * 43)) == "passkey.used"


def test_a_lost_phone_is_taken_back_at_once() -> None:
    city = town()
    enrolled(city)
    at = city.seq
    city.order("cao", c.Hold(on=False))
    city.order("pio", c.PasskeyRemove(officer="pio", credential=PHONE.passkey.credential))
    assert passkeys(city) == ()
    assert refused(city, order(city, c.Hold(on=True))) == "order.signature"
    assert (
        refused(city, c.PasskeyRemove(officer="pio", credential=PHONE.passkey.credential), "pio") == "passkey.unknown"
    )
    keys = city.control
    assert PHONE.passkey not in keys.keys_at("pio", at).passkeys, "it counts from the next entry on"
    assert PHONE.passkey in keys.keys_at("pio", at + 1).passkeys
    assert PHONE.passkey not in keys.keys_at("pio", at + 2).passkeys


def test_the_passkey_itself_may_take_itself_back() -> None:
    city = town()
    enrolled(city)
    city.fold(order(city, c.PasskeyRemove(officer="pio", credential=PHONE.passkey.credential)))
    assert passkeys(city) == ()


def test_who_takes_whose_passkey_back() -> None:
    city = town()
    enrolled(city)
    enrolled(city, Authenticator("of-the-cao"), officer="cao", by="cao")
    gone = c.PasskeyRemove(officer="pio", credential=PHONE.passkey.credential)
    assert refused(city, gone, "office") == "order.role"
    city.order("mcpe", gone)
    assert passkeys(city) == ()
    city.order("mcpe", c.PasskeyRemove(officer="cao", credential=Authenticator("of-the-cao").passkey.credential))
    assert len(passkeys(city, "cao")) == 1, "that of a cao takes two"
    confirm(city, "eoc-director")
    assert passkeys(city, "cao") == ()


def test_after_a_revocation_no_passkey_counts_and_none_comes_back() -> None:
    city = town()
    enrolled(city)
    city.order("mcpe", c.Revoke(officer="pio"))
    assert refused(city, order(city, c.Hold(on=True))) == "officer.revoked"
    city.order("mcpe", c.Reinstate(officer="pio"))
    confirm(city, "cao")
    assert passkeys(city) == ()
    assert refused(city, order(city, c.Hold(on=True))) == "order.signature"
    city.order("mcpe", link(city))
    assert refused(city, used(city)) == "passkey.used"
    city.fold(used(city, Authenticator("new phone")))
    confirm(city, "cao")
    city.fold(order(city, c.Hold(on=True), Authenticator("new phone")))
    assert city.control.hold


def test_an_order_of_a_passkey_is_judged_as_any_other() -> None:
    """Rights, freshness, nonce and replay: the passkey is the signature and no more."""
    city = town()
    enrolled(city)
    assert refused(city, order(city, c.EocActivate(level=2, incident="flood"))) == "order.role"
    assert refused(city, order(city, c.Hold(on=True), officer="cao")) == "order.signature"
    first = order(city, c.Hold(on=True))
    city.fold(first)
    assert refused(city, first) == "order.replayed"
    assert refused(city, order(city, c.Hold(on=False), origin="https://evil.example")) == "order.signature"


def test_whose_only_key_is_a_passkey_is_not_left_without_by_one_alone() -> None:
    """Without a key nobody confirms anything, so it counts as a revocation does."""
    people = ("cao", "mcpe")
    city = PolicyCity(threshold=2, officers={name: OFFICERS[name] for name in people})
    city.order("mcpe", c.OfficerAdd(officer=Officer(id="dana", name="Dana", grants=(Grant(role=Role.PIO),))))
    confirm(city, "cao")
    enrolled(city, officer="dana", by="mcpe")
    gone = c.PasskeyRemove(officer="dana", credential=PHONE.passkey.credential)
    city.order("mcpe", gone)
    assert len(passkeys(city, "dana")) == 1
    assert [one.action for one in city.control.proposals.values()] == [gone]
    confirm(city, "cao")
    assert passkeys(city, "dana") == ()
