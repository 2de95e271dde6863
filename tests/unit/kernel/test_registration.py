"""What a device answers when it makes a passkey is taken at its own address, with its person, and not otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fido2 import cbor
from fido2.cose import RS256
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.passkeys import WebPlace, credential_id
from services.kernel.authority.registration import passkey_from
from services.kernel.base.errors import BadInput
from tests.support.authenticator import FLAG, ORIGIN, RP_ID, Authenticator

CHALLENGE = bytes(range(32))
PLACE = WebPlace(origin=ORIGIN, rp_id=RP_ID)
PHONE, KEY = Authenticator("phone"), Authenticator("key", "EdDSA", device_bound=True)


def code(answer: Any, label: str = "phone") -> str:
    with pytest.raises(BadInput) as error:
        passkey_from(answer, CHALLENGE, PLACE, label)
    assert error.value.hint
    return error.value.code


@pytest.mark.parametrize("device", [PHONE, KEY], ids=["ES256", "EdDSA"])
def test_a_new_passkey_is_what_the_device_made(device: Authenticator) -> None:
    answer = json.loads(json.dumps(device.register(CHALLENGE)))
    assert passkey_from(answer, CHALLENGE, PLACE, device.name) == device.passkey


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"origin": ORIGIN + ":8443"},
        {"type": "webauthn.get"},
        {"crossOrigin": True},
        {"crossOrigin": None, "topOrigin": "https://evil.example"},
        {"challenge": credential_id(bytes(32))},
        {"flags": int(FLAG.UP | FLAG.BE)},
        {"flags": int(FLAG.UV | FLAG.BE)},
    ],
)
def test_what_was_made_otherwise_is_refused(wrong: dict[str, Any]) -> None:
    assert code(PHONE.register(CHALLENGE, **wrong)) == "passkey.registration"


def test_another_relying_party_or_challenge_is_refused() -> None:
    assert code(Authenticator("phone", rp_id="city.example").register(CHALLENGE)) == "passkey.registration"
    assert code(PHONE.register(bytes(32))) == "passkey.registration"


def test_a_key_or_a_name_that_is_not_taken() -> None:
    assert code(PHONE.register(CHALLENGE), "turned \u202e round") == "passkey.kind"

    class Rsa(Authenticator):
        @property
        def cose(self) -> Any:
            return RS256({1: 3, 3: -257, -1: bytes(256), -2: b"\x01\x00\x01"})

    assert code(Rsa("rsa").register(CHALLENGE)) == "passkey.kind"


def test_an_answer_that_is_bent_anywhere_is_refused() -> None:
    answer = PHONE.register(CHALLENGE)
    changes: tuple[dict[str, Any], ...] = (
        {"id": "x"},
        {"response": {}},
        {"response": answer["response"] | {"attestationObject": "AAAA"}},
        {"response": answer["response"] | {"clientDataJSON": "AAAA"}},
        {"response": answer["response"] | {"attestationObject": credential_id(cbor.encode({"fmt": "none"}))}},
    )
    for change in changes:
        assert code(answer | change) == "passkey.registration"


@given(
    st.dictionaries(
        st.sampled_from(["id", "rawId", "type", "response"]),
        st.none()
        | st.text(max_size=9)
        | st.dictionaries(st.sampled_from(["clientDataJSON", "attestationObject"]), st.text(max_size=9)),
    )
)
def test_junk_is_refused_and_raises_nothing_else(answer: dict[str, Any]) -> None:
    assert code(answer) == "passkey.registration"
