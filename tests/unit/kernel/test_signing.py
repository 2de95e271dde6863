"""Keys and signatures: DSSE's encoding, tampering, nkeys with a wrong checksum, the modes of key files."""

from __future__ import annotations

import base64
import binascii
import os
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nkeys
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.events.control import Hold
from schemas.events.envelope import ORDER_TYPE, Envelope, Signature, pae
from schemas.events.requests import PlatformContent
from services.kernel.authority.signing import Signer, load_key, new_seed, seal, verified_by, write_key
from services.kernel.base.errors import BadInput
from tests.unit.gatekeeper.policy_city import signer

STATEMENT = Hold(on=True)
NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "payload", "encoded"),
    [
        ("http://example.com/HelloWorld", b"hello world", b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"),
        ("", b"", b"DSSEv1 0  0 "),
        ("é", b"\x00\xff", b"DSSEv1 2 \xc3\xa9 2 \x00\xff"),
    ],
    ids=["the specification's own", "empty", "bytes are counted"],
)
def test_what_is_signed_is_the_pre_authentication_encoding(kind: str, payload: bytes, encoded: bytes) -> None:
    """The first vector is that of the DSSE v1 protocol document."""
    assert encoded == pae(kind, payload)


@given(st.text(max_size=12), st.binary(max_size=12), st.text(max_size=12), st.binary(max_size=12))
def test_two_statements_never_encode_alike(kind: str, payload: bytes, other: str, another: bytes) -> None:
    assert (pae(kind, payload) == pae(other, another)) == ((kind, payload) == (other, another))


def test_a_signature_is_good_for_its_key_and_type() -> None:
    one, two = signer("one"), signer("two")
    assert verified_by(one.sign(ORDER_TYPE, STATEMENT), ORDER_TYPE) == {one.public_key}
    assert verified_by(seal(ORDER_TYPE, STATEMENT, (one, two)), ORDER_TYPE) == {one.public_key, two.public_key}
    assert verified_by(one.sign(ORDER_TYPE, STATEMENT), "application/other") == frozenset()


def test_the_payload_is_the_statement_byte_for_byte() -> None:
    assert signer("one").sign(ORDER_TYPE, STATEMENT).payload_bytes() == STATEMENT.to_bytes()


@pytest.mark.parametrize("length", [10, 100_000], ids=["remembered", "too long to remember"])
def test_a_signature_that_was_good_is_good_for_nothing_else(length: int) -> None:
    """What was verified before is remembered: by key, signature and every byte."""
    envelope, other = (
        signer("one").sign(ORDER_TYPE, PlatformContent(platform=name, parts=("x" * length,), created_at=NOW))
        for name in ("mastodon", "bluesky")
    )
    swapped = envelope.model_copy(update={"payload": other.payload})
    stolen = (Signature(keyid=signer("two").public_key, sig=envelope.signatures[0].sig),)
    for _ in range(2):
        assert verified_by(envelope, ORDER_TYPE) == {signer("one").public_key}
        assert verified_by(swapped, ORDER_TYPE) == frozenset()
        assert verified_by(envelope.model_copy(update={"signatures": stolen}), ORDER_TYPE) == frozenset()


@given(st.integers(0, 511))
def test_a_flipped_bit_of_the_signature_is_noticed(bit: int) -> None:
    envelope = signer("one").sign(ORDER_TYPE, STATEMENT)
    raw = bytearray(base64.b64decode(envelope.signatures[0].sig))
    raw[bit // 8] ^= 1 << bit % 8
    forged = Signature(keyid=envelope.signatures[0].keyid, sig=base64.b64encode(bytes(raw)).decode())
    assert verified_by(envelope.model_copy(update={"signatures": (forged,)}), ORDER_TYPE) == frozenset()


@given(st.data())
def test_a_flipped_bit_of_the_payload_is_noticed(data: st.DataObject) -> None:
    envelope = signer("one").sign(ORDER_TYPE, STATEMENT)
    raw = bytearray(envelope.payload_bytes())
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[bit // 8] ^= 1 << bit % 8
    changed = envelope.model_copy(update={"payload": base64.b64encode(bytes(raw)).decode()})
    assert verified_by(changed, ORDER_TYPE) == frozenset()


def test_a_signature_under_anothers_name_is_not_good() -> None:
    envelope = signer("one").sign(ORDER_TYPE, STATEMENT)
    renamed = envelope.signatures[0].model_copy(update={"keyid": signer("two").public_key})
    assert verified_by(envelope.model_copy(update={"signatures": (renamed,)}), ORDER_TYPE) == frozenset()


@pytest.mark.parametrize("sig", ["", "AAAA", "=", "A", "AAAAA"])
def test_a_broken_signature_raises_nothing(sig: str) -> None:
    envelope = signer("one").sign(ORDER_TYPE, STATEMENT)
    broken = Signature.model_construct(keyid=envelope.signatures[0].keyid, sig=sig)
    assert verified_by(envelope.model_copy(update={"signatures": (broken,)}), ORDER_TYPE) == frozenset()


def test_a_payload_that_is_no_base64_raises_nothing() -> None:
    envelope = signer("one").sign(ORDER_TYPE, STATEMENT).model_copy(update={"payload": "A"})
    assert verified_by(envelope, ORDER_TYPE) == frozenset()


def nkey(prefix: int, raw: bytes, *, wrong: int = 0) -> str:
    body = bytes([prefix]) + raw
    checksum = binascii.crc_hqx(body, 0) ^ wrong
    return base64.b32encode(body + checksum.to_bytes(2, "little")).decode()


def test_a_key_with_a_wrong_checksum_or_of_another_kind_signs_nothing() -> None:
    """The very key that signed, but misspelt or passed off as an account's."""
    one = signer("one")
    envelope = one.sign(ORDER_TYPE, STATEMENT)
    raw = base64.b32decode(one.public_key)[1:33]
    assert nkey(20 << 3, raw) == one.public_key
    for keyid in (nkey(20 << 3, raw, wrong=1), nkey(0, raw), one.public_key[:-1], one.public_key.lower()):
        named = Signature.model_construct(keyid=keyid, sig=envelope.signatures[0].sig)
        assert verified_by(envelope.model_copy(update={"signatures": (named,)}), ORDER_TYPE) == frozenset()


def test_an_envelope_holds_one_to_eight_signatures() -> None:
    good = signer("one").sign(ORDER_TYPE, STATEMENT).model_dump(mode="json")
    wrong: tuple[list[Any], ...] = ([], good["signatures"] * 9)
    for signatures in wrong:
        with pytest.raises(ValidationError):
            Envelope.from_value(good | {"signatures": signatures})


# --- key files ----------------------------------------------------------------------------------------------


def test_a_key_file_is_written_for_its_owner_alone_and_never_replaced(tmp_path: Path) -> None:
    path, seed = tmp_path / "deep" / "a.nk", new_seed()
    write_key(path, seed)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        write_key(path, new_seed())
    assert load_key(path).public_key == Signer(seed).public_key


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644, 0o777])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.nk"
    write_key(path, new_seed())
    path.chmod(mode)
    with pytest.raises(BadInput, match=f"mode {mode:04o}") as error:
        load_key(path)
    assert error.value.code == "key.permissions"
    assert "chmod 600" in error.value.hint


def test_what_is_to_be_typed_of_a_path_with_spaces_can_be_typed(tmp_path: Path) -> None:
    path = tmp_path / "Fire Hall 1's keys" / "a.nk"
    path.parent.mkdir()
    write_key(path, new_seed())
    path.chmod(0o644)
    with pytest.raises(BadInput) as error:
        load_key(path)
    assert shlex.split(error.value.hint.partition(";")[0]) == ["chmod", "600", str(path)]


@pytest.mark.parametrize("around", [(b"", b"\n"), (b"\xef\xbb\xbf", b"\r\n"), (b" ", b"\t\n\n")])
def test_a_key_that_an_editor_has_saved_is_the_same_key(tmp_path: Path, around: tuple[bytes, bytes]) -> None:
    path, seed = tmp_path / "a.nk", new_seed()
    path.touch(mode=0o600)
    path.write_bytes(seed.join(around))
    assert load_key(path).public_key == Signer(seed).public_key


def test_a_pipe_in_the_place_of_a_key_is_no_key(tmp_path: Path) -> None:
    """It had the command wait for ever."""
    os.mkfifo(tmp_path / "a.nk", 0o600)
    with pytest.raises(BadInput) as error:
        load_key(tmp_path / "a.nk")
    assert error.value.code == "key.invalid"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"SU" + b"A" * 56,
        b"\xff\xfe",
        b"S",
        bytes(nkeys.encode_seed(b"0" * 32, nkeys.PREFIX_BYTE_ACCOUNT)),
    ],
    ids=["empty", "words", "checksum", "bytes", "short", "an account's"],
)
def test_a_file_without_a_users_seed_is_refused_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.nk"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(BadInput) as error:
        load_key(path)
    assert error.value.code == "key.invalid"
    assert not content or content.decode("latin-1") not in error.value.message.replace(str(path), "")


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "no.nk", tmp_path):
        with pytest.raises(BadInput) as error:
            load_key(path)
        assert error.value.code == "key.missing"
        assert str(path) in error.value.message


@pytest.mark.parametrize("content", [None, b"SUAJUNK"])
def test_it_is_said_how_a_services_key_comes_back(tmp_path: Path, content: bytes | None) -> None:
    """Nobody typed a name after --as."""
    for folder, realm in (("services", ""), ("services/exercise", " --realm exercise")):
        path = tmp_path / folder / "gatekeeper.nk"
        path.parent.mkdir(exist_ok=True)
        if content is not None:
            path.write_bytes(content)
            path.chmod(0o600)
        with pytest.raises(BadInput) as error:
            load_key(path)
        assert error.value.hint.endswith(f"onevoice{realm} keys rotate --service gatekeeper")


@pytest.mark.parametrize(("name", "realm"), [("live", ""), ("exercise", " --realm exercise")])
def test_it_is_said_how_the_provisioning_key_comes_back(tmp_path: Path, name: str, realm: str) -> None:
    """Before, somebody who had named nobody was to check the name after --as."""
    with pytest.raises(BadInput) as error:
        load_key(tmp_path / "keys" / "provision" / f"{name}.nk")
    assert f"onevoice{realm} keys rotate --service provision" in error.value.hint


def test_a_signer_does_not_show_its_seed() -> None:
    seed = new_seed()
    shown = repr(Signer(seed)) + str(vars(Signer(seed)))
    assert seed.decode() not in shown
