"""A passkey's signature counts for its own statement, at its own address, by its own person; and for nothing else.

Each attack is tried on both verifiers, the kernel's and the audit's, and on the fido2 library too.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fido2.server import Fido2Server
from fido2.webauthn import AttestedCredentialData, PublicKeyCredentialRpEntity
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.events import control as c
from schemas.events.authority import Grant, Officer, Role, Settings
from schemas.events.base import Contract
from schemas.events.envelope import APPROVAL_TYPE, ORDER_TYPE, Envelope, Signature
from schemas.events.passkeys import Assertion, Passkey, credential_id
from services.audit.proof.signers import signed_by_officer
from services.kernel.authority.officer_keys import OfficerKeys
from services.kernel.authority.passkeys import assertion_fault, challenge_of
from services.kernel.authority.signing import Signer, new_seed, seal, verified_by
from services.kernel.authority.statements import speaks_for
from services.kernel.control.control_state import ControlState
from tests.support.authenticator import FLAG, ORIGIN, Answer, Authenticator, client_data, sealed
from tests.support.people import order_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATEMENT = order_of("pio", c.Hold(on=True), NOW, nonce="0a" * 16)
OTHER = STATEMENT.model_copy(update={"nonce": "0b" * 16})
PHONE, KEY = Authenticator("phone"), Authenticator("key", "EdDSA", device_bound=True)
BOTH = pytest.mark.parametrize("device", [PHONE, KEY], ids=["ES256", "EdDSA"])
UP, UV, BE, BS = FLAG.UP, FLAG.UV, FLAG.BE, FLAG.BS


def city(*passkeys: Passkey, **changes: Any) -> ControlState:
    pio = Officer(id="pio", name="Pio", grants=(Grant(role=Role.PIO),), passkeys=passkeys or None)
    return ControlState(officers={"pio": pio}, **changes)


def judged(envelope: Envelope, passkey: Passkey, kind: str = ORDER_TYPE) -> bool:
    """Whether it counts; the two verifiers must agree."""
    ours = bool(OfficerKeys(None, (passkey,)).signer_of(envelope, kind))
    assert signed_by_officer(envelope, kind, city(passkey), "pio", NOW) is ours
    return ours


def fido2_takes(answer: Answer, device: Authenticator, statement: Contract = STATEMENT, kind: str = ORDER_TYPE) -> bool:
    """Whether the fido2 library takes it, as a relying party that asked for exactly this challenge."""
    server = Fido2Server(PublicKeyCredentialRpEntity(id=device.rp_id, name="city"), verify_origin=ORIGIN.__eq__)
    known = AttestedCredentialData.create(bytes(16), device.credential, device.cose)
    state = {
        "challenge": credential_id(challenge_of(kind, statement.to_bytes())),
        "user_verification": "required",
    }
    name = credential_id(answer.credential)
    response = {
        "clientDataJSON": credential_id(answer.client_data),
        "authenticatorData": credential_id(answer.authenticator_data),
        "signature": credential_id(answer.signature),
    }
    try:
        server.authenticate_complete(
            state, [known], {"id": name, "rawId": name, "type": "public-key", "response": response}
        )
    except Exception:
        return False
    return True


def answer_of(device: Authenticator, **wrong: Any) -> Answer:
    return device.answer(challenge_of(ORDER_TYPE, STATEMENT.to_bytes()), **wrong)


@BOTH
def test_an_honest_signature_counts_by_all_three(device: Authenticator) -> None:
    answer = answer_of(device)
    assert judged(sealed(ORDER_TYPE, STATEMENT, answer), device.passkey)
    assert fido2_takes(answer, device)


def test_what_browsers_add_does_no_harm() -> None:
    """Chrome adds a key at random; extensions come behind the counter; old browsers leave crossOrigin out."""
    assert judged(PHONE.sign(ORDER_TYPE, STATEMENT, other_keys_can_be_added_here="do not compare"), PHONE.passkey)
    assert judged(PHONE.sign(ORDER_TYPE, STATEMENT, crossOrigin=None), PHONE.passkey)
    extended = PHONE.sign(ORDER_TYPE, STATEMENT, flags=PHONE.flags | FLAG.ED, more=b"\xa0")
    assert judged(extended, PHONE.passkey)
    assert judged(PHONE.sign(ORDER_TYPE, STATEMENT, counter=7), PHONE.passkey), "counters are not looked at"


ATTACKS: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "https://desk.city.example.evil.example"},
    "the origin in capitals": {"origin": ORIGIN.upper()},
    "another port": {"origin": ORIGIN + ":8443"},
    "no origin": {"origin": None},
    "another relying party": {"rp_id": "evil.example"},
    "the person was not verified": {"flags": int(UP | BE | BS)},
    "nobody touched it": {"flags": int(UV | BE | BS)},
    "backed up and not to be copied": {"flags": int(UP | UV | BS)},
    "a registration, not a signature": {"type": "webauthn.create"},
    "a payment": {"type": "payment.get"},
    "no challenge": {"challenge": None},
    "a challenge with its padding": {
        "challenge": credential_id(challenge_of(ORDER_TYPE, STATEMENT.to_bytes())) + "=",
    },
    "a list for client data": {"client": b"[]"},
    "client data that is no JSON": {"client": b"webauthn.get"},
    "client data in another encoding": {
        "client": client_data("webauthn.get", challenge_of(ORDER_TYPE, STATEMENT.to_bytes()), ORIGIN)
        .decode()
        .encode("utf-16")
    },
}
OURS_ALONE: dict[str, dict[str, Any]] = {
    "inside another site's frame": {"crossOrigin": True},
    "a frame's address": {"topOrigin": "https://evil.example"},
    "a frame's address that is empty": {"topOrigin": ""},
    "crossOrigin that is no truth value": {"crossOrigin": "false"},
    "crossOrigin that is a number": {"crossOrigin": 0},
    "it became a key that stays": {"flags": int(UP | UV)},
    "an origin twice": {
        "client": b'{"origin":"https://evil.example",'
        + client_data("webauthn.get", challenge_of(ORDER_TYPE, STATEMENT.to_bytes()), ORIGIN)[1:]
    },
}
"""What the library lets pass, and we do not."""


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_by_all_three(attack: str) -> None:
    answer = answer_of(PHONE, **ATTACKS[attack])
    assert not judged(sealed(ORDER_TYPE, STATEMENT, answer), PHONE.passkey)
    padded = attack == "a challenge with its padding"  # the library decodes it, and so takes two texts for one
    assert fido2_takes(answer, PHONE) is (padded or attack == "backed up and not to be copied")


@pytest.mark.parametrize("attack", OURS_ALONE)
def test_an_attack_that_the_library_does_not_see_is_refused(attack: str) -> None:
    answer = answer_of(PHONE, **OURS_ALONE[attack])
    assert not judged(sealed(ORDER_TYPE, STATEMENT, answer), PHONE.passkey)
    assert fido2_takes(answer, PHONE), "if the library looks at it by now, say so in docs/adr"


def test_a_key_that_stays_in_its_device_says_so_each_time() -> None:
    assert not judged(KEY.sign(ORDER_TYPE, STATEMENT, flags=int(UP | UV | BE)), KEY.passkey)
    assert not judged(KEY.sign(ORDER_TYPE, STATEMENT, flags=int(UP | UV | BE | BS)), KEY.passkey)


@BOTH
def test_the_signature_of_one_statement_is_none_of_another(device: Authenticator) -> None:
    """Replayed under another statement, or under another kind of the same bytes, it does not count."""
    answer = answer_of(device)
    assert not judged(sealed(ORDER_TYPE, OTHER, answer), device.passkey)
    assert not judged(sealed(APPROVAL_TYPE, STATEMENT, answer), device.passkey, APPROVAL_TYPE)
    assert not judged(sealed(ORDER_TYPE, STATEMENT, answer), device.passkey, APPROVAL_TYPE)
    assert not fido2_takes(answer, device, OTHER)


@BOTH
def test_each_bit_of_the_signed_parts_matters(device: Authenticator) -> None:
    """One bit anywhere in the authenticator data, the client data or the signature, and it does not count."""
    answer = answer_of(device)
    for part in ("authenticator_data", "client_data", "signature"):
        raw = getattr(answer, part)
        for place in range(len(raw)):
            bent = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
            assert not judged(sealed(ORDER_TYPE, STATEMENT, replace(answer, **{part: bent})), device.passkey), place
        for cut in (raw[:-1], raw + b"\x00", b""):
            assert not judged(sealed(ORDER_TYPE, STATEMENT, replace(answer, **{part: cut})), device.passkey)


def test_another_persons_passkey_does_not_count() -> None:
    """Neither by its own name nor under the name of the right one."""
    stolen = Authenticator("stolen")
    answer = answer_of(stolen)
    assert not judged(sealed(ORDER_TYPE, STATEMENT, answer), PHONE.passkey)
    assert not judged(sealed(ORDER_TYPE, STATEMENT, replace(answer, credential=PHONE.credential)), PHONE.passkey)
    assert assertion_fault(_first(sealed(ORDER_TYPE, STATEMENT, answer)), PHONE.passkey, b"") != ""


def test_an_officer_has_the_passkeys_of_the_manifest_and_no_other() -> None:
    envelope = PHONE.sign(ORDER_TYPE, STATEMENT)
    assert signed_by_officer(envelope, ORDER_TYPE, city(KEY.passkey, PHONE.passkey), "pio", NOW)
    assert not signed_by_officer(envelope, ORDER_TYPE, city(KEY.passkey), "pio", NOW)
    assert not signed_by_officer(envelope, ORDER_TYPE, city(), "pio", NOW)
    assert not signed_by_officer(envelope, ORDER_TYPE, city(PHONE.passkey), "nobody", NOW)
    assert city(PHONE.passkey, revoked={"pio": 3}).keys_of("pio", NOW) == OfficerKeys(None)
    assert city(PHONE.passkey).keys_of("nobody", NOW) == OfficerKeys(None)


def test_a_passkey_signs_alone() -> None:
    """With a second signature beside it, a good one too, it does not count, and neither does the second."""
    pio = Signer(new_seed())
    keys = OfficerKeys(pio.public_key, (PHONE.passkey,))
    (good,), (nkeys,) = PHONE.sign(ORDER_TYPE, STATEMENT).signatures, pio.sign(ORDER_TYPE, STATEMENT).signatures
    one = PHONE.sign(ORDER_TYPE, STATEMENT)
    for pair in ((good, nkeys), (good, good)):
        both = one.model_copy(update={"signatures": pair})
        assert keys.signer_of(both, ORDER_TYPE) == ""
        assert not signed_by_officer(both, ORDER_TYPE, city(PHONE.passkey), "pio", NOW)
    assert keys.signer_of(one, ORDER_TYPE) == PHONE.passkey.credential
    assert keys.signer_of(pio.sign(ORDER_TYPE, STATEMENT), ORDER_TYPE) == pio.public_key


def test_a_passkey_is_no_nkey() -> None:
    """It opens no door that asks for a key: the manifest, a renewal, a checkpoint."""
    assert verified_by(PHONE.sign(ORDER_TYPE, STATEMENT), ORDER_TYPE) == frozenset()


def test_who_holds_a_role_that_demands_it_signs_with_a_key_that_stays() -> None:
    strict = Settings(device_bound_roles=(Role.PIO,))
    for settings, roles, counts in (
        (strict, (Role.PIO,), False),
        (strict, (Role.EMPLOYEE,), True),
        (Settings(device_bound_roles=(Role.CAO,)), (Role.PIO,), True),
        (Settings(), (Role.PIO,), True),
    ):
        grants = tuple(Grant(role=role) for role in roles)
        control = city(PHONE.passkey, KEY.passkey, settings=settings)
        pio = control.officers["pio"].model_copy(update={"grants": grants})
        control = replace(control, officers={"pio": pio})
        envelope = PHONE.sign(ORDER_TYPE, STATEMENT)
        assert bool(control.keys_of("pio", NOW).signer_of(envelope, ORDER_TYPE)) is counts
        assert signed_by_officer(envelope, ORDER_TYPE, control, "pio", NOW) is counts
        assert control.keys_of("pio", NOW).signer_of(KEY.sign(ORDER_TYPE, STATEMENT), ORDER_TYPE)


def test_the_web_service_carries_what_a_passkey_signed_and_nothing_else() -> None:
    by_key = Signer(new_seed()).sign(ORDER_TYPE, STATEMENT)
    by_passkey = PHONE.sign(ORDER_TYPE, STATEMENT)
    assert speaks_for("web", "pio", by_passkey)
    assert not speaks_for("web", "pio", by_key)
    assert not speaks_for("cao", "pio", by_passkey)
    assert speaks_for("pio", "pio", by_key)
    mixed = by_passkey.model_copy(update={"signatures": (*by_passkey.signatures, *by_key.signatures)})
    assert not speaks_for("web", "pio", mixed)


def test_an_envelope_keeps_its_bytes() -> None:
    envelope = PHONE.sign(ORDER_TYPE, STATEMENT)
    said = json.loads(envelope.to_bytes())
    assert set(said["signatures"][0]) == {"keyid", "sig", "authenticatorData", "clientDataJSON"}
    assert Envelope.from_bytes(envelope.to_bytes()) == envelope
    plain = seal(ORDER_TYPE, STATEMENT, (Signer(new_seed()),))
    assert isinstance(Envelope.from_bytes(plain.to_bytes()).signatures[0], Signature)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("public_key", base64.b64encode(b"\xa5" + bytes(76)).decode()),
        ("public_key", ""),
        ("public_key", PHONE.passkey.public_key[:-4]),
        ("origin", "http://desk.city.example"),
        ("origin", "https://desk.city.example/"),
        ("origin", "https://DESK.city.example"),
        ("rp_id", "evil.example"),
        ("rp_id", "esk.city.example"),
        ("credential", "short"),
        ("label", "two\nlines"),
        ("label", "turned \u202e round"),
        ("label", ""),
    ],
)
def test_a_passkey_that_cannot_be_is_refused(field: str, value: str) -> None:
    with pytest.raises(ValueError, match=field if field != "rp_id" else "rp_id|domain"):
        Passkey.from_value(PHONE.passkey.model_dump() | {field: value})


def test_a_domain_above_the_origin_may_be_the_relying_party() -> None:
    wide = Authenticator("wide", rp_id="city.example")
    assert judged(wide.sign(ORDER_TYPE, STATEMENT), wide.passkey)
    home = Authenticator("home", origin="http://localhost:4225", rp_id="localhost")
    assert judged(home.sign(ORDER_TYPE, STATEMENT), home.passkey)


def _first(envelope: Envelope) -> Assertion:
    (one,) = envelope.signatures
    assert isinstance(one, Assertion)
    return one


def _junk() -> Iterator[st.SearchStrategy[bytes]]:
    honest = answer_of(PHONE)
    yield st.binary(max_size=80)
    yield st.builds(lambda head, tail: head + tail, st.just(honest.authenticator_data), st.binary(max_size=20))
    yield st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "challenge", "origin", "crossOrigin", "topOrigin"]) | st.text(max_size=6),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    ).map(lambda value: json.dumps(value).encode())


JUNK = st.one_of(*_junk())


@given(data=JUNK, client=JUNK, signature=JUNK)
@example(data=b"", client=b"{}", signature=b"")
@example(data=bytes(37), client=b'{"challenge":1,"type":"webauthn.get"}', signature=b"")
@example(data=bytes(37), client=b'{"challenge":"\\u00e9","type":"webauthn.get","origin":""}', signature=b"")
def test_junk_is_refused_and_raises_nothing(data: bytes, client: bytes, signature: bytes) -> None:
    answer = Answer(PHONE.credential, data, client, signature)
    with contextlib.suppress(ValueError):  # too long for the contract
        assert not judged(sealed(ORDER_TYPE, STATEMENT, answer), PHONE.passkey)


@given(client=JUNK, flags=st.integers(0, 255), more=st.binary(max_size=8))
def test_well_signed_junk_is_refused_too(client: bytes, flags: int, more: bytes) -> None:
    """Whatever a device was brought to sign, it is a statement only with the right client data and flags."""
    envelope = PHONE.sign(ORDER_TYPE, STATEMENT, client=client, flags=flags, more=more)
    assert not judged(envelope, PHONE.passkey)
    honest = PHONE.sign(ORDER_TYPE, STATEMENT, flags=flags)
    wanted = int(UP | UV | BE)
    assert judged(honest, PHONE.passkey) is (flags & wanted == wanted)
