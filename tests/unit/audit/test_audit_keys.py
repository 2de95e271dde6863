"""The key that seals the record changes by the root's word alone; what the old one sealed still verifies."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from schemas.events.audit import Checkpoint, OpenedValue, Proof
from schemas.events.authority import Renewal
from schemas.events.control import Renewed
from schemas.events.envelope import CHECKPOINT_TYPE, RENEWAL_TYPE, Envelope
from services.audit.proof import prove_request, trusted_keys, verify_record
from services.audit.proof.exports.export import Wanted, check_export, export_record
from services.audit.proof.exports.prove import check_proof
from services.audit.record.audit_keys import AuditKeys, Succession, pinned_succession
from services.audit.record.checkpoints import checkpoint_hash
from services.audit.record.folder import CHECKPOINTS
from services.audit.record.writer import RecordWriter
from services.audit.sealing import key_here, key_in_force, next_key_path, sealing_key
from services.desk.keys import rotation
from services.kernel.authority.signing import Signer, load_key, new_seed, seal
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Unproven
from tests.support.ledger_builder import FIRE, LedgerBuilder, story


def renewal(builder: LedgerBuilder, audit_key: str | None, *roots: str, **changes: Any) -> Envelope:
    """The root's next version, signed by the cao's and the mcpe's root keys or others."""
    state = builder.state()
    fields: dict[str, Any] = {
        "realm": "live",
        "version": state.version + 1,
        "issued_at": builder.now,
        "expires_at": builder.now + timedelta(days=365),
        "root_keys": tuple(sorted(state.root_keys)),
        "threshold": state.root_threshold,
        "audit_key": audit_key,
    }
    signers = tuple(builder.signer(one) for one in roots or ("cao", "mcpe"))
    return seal(RENEWAL_TYPE, Renewal(**(fields | changes)), signers)


@pytest.fixture(autouse=True)
def _own_key(city: City) -> Iterator[None]:
    """The city's folder serves many tests."""
    path = city.service_key_path("audit")
    kept = path.read_bytes()
    shutil.rmtree(city.audit_folder, ignore_errors=True)
    yield
    shutil.rmtree(city.audit_folder, ignore_errors=True)
    path.write_bytes(kept)
    next_key_path(city).unlink(missing_ok=True)


class Rotated:
    """A record whose audit key was replaced in its middle, at the sequence ``since``."""

    def __init__(self, builder: LedgerBuilder) -> None:
        self.builder, self.city, self.old = builder, builder.city, builder.audit_signer()
        story(builder, sealed=False)
        self.new = rotation.prepare_audit(self.city)
        self.since = builder.control(Renewed(at=builder.now, renewal=renewal(builder, self.new)))
        request = builder.request("r9z", (FIRE,))
        builder.approve(request, "mcpe")
        builder.verdict(request)
        builder.post(request)
        self.write()

    def write(self) -> None:
        """Write as the audit service does, which learns of the new key while it writes."""
        keys = pinned_succession(self.city)
        with RecordWriter(
            self.city.audit_folder, "live", self.old, keys, lambda key: sealing_key(self.city, key)
        ) as record:
            while record.size < len(self.builder.entries):
                record.append(self.builder.entries[record.size : record.size + 3])
                record.seal(self.builder.now)

    def signers(self) -> list[tuple[int, str]]:
        """Where each checkpoint ends, and who signed it."""
        lines = (self.city.audit_folder / CHECKPOINTS).read_bytes().splitlines()
        found = [Envelope.from_bytes(line) for line in lines]
        return [(Checkpoint.from_bytes(one.payload_bytes()).last_seq, one.signatures[0].keyid) for one in found]

    def codes(self, **more: Any) -> set[str]:
        """What the verification finds."""
        return {one.code for one in verify_record(self.city, self.builder.now, **more).violations}


@pytest.fixture
def rotated(builder: LedgerBuilder) -> Rotated:
    return Rotated(builder)


def test_old_seals_verify_under_the_old_key_and_new_ones_under_the_new(rotated: Rotated) -> None:
    assert rotated.codes() == set()
    keys = {last_seq >= rotated.since: key for last_seq, key in rotated.signers()}
    assert keys == {False: rotated.old.public_key, True: rotated.new}
    assert pinned_succession(rotated.city).keys == AuditKeys(rotated.old.public_key, ((rotated.since, rotated.new),))
    roots = trusted_keys(rotated.city, frozenset(rotated.city.authority.root_keys))
    assert rotated.codes(keys=roots) == set()


def test_a_stolen_old_key_seals_nothing_any_more(rotated: Rotated) -> None:
    """Neither a checkpoint of the record, nor a seal in the ledger, nor the rest of a record that is written anew."""
    path = rotated.city.audit_folder / CHECKPOINTS
    newest = Envelope.from_bytes(path.read_bytes().splitlines()[-1])
    forged = Checkpoint.from_bytes(newest.payload_bytes()).model_copy(update={"previous": checkpoint_hash(newest)})
    with path.open("ab") as file:
        file.write(rotated.old.sign(CHECKPOINT_TYPE, forged).to_bytes() + b"\n")
    assert rotated.codes() == {"checkpoint.signature"}
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    rotated.builder.seal(signer=rotated.old)
    rotated.write()
    assert rotated.codes() == {"seal.signature"}
    with RecordWriter(rotated.city.audit_folder, "live", rotated.old, pinned_succession(rotated.city)) as thief:
        thief.seal(rotated.builder.now)
    assert rotated.codes() == {"seal.signature", "checkpoint.signature"}


@pytest.mark.parametrize("what", ["no root key", "other version", "other realm", "expired", "audit key"])
def test_nobody_but_the_root_names_the_audit_key(builder: LedgerBuilder, what: str) -> None:
    story(builder)
    thief = Signer(new_seed())
    made = {
        "no root key": lambda: renewal(builder, thief.public_key, "pio", "clerk"),
        "other version": lambda: renewal(builder, thief.public_key, version=7),
        "other realm": lambda: renewal(builder, thief.public_key, realm="exercise"),
        "expired": lambda: renewal(builder, thief.public_key, expires_at=builder.now - timedelta(days=1)),
        "audit key": lambda: seal(
            RENEWAL_TYPE, _statement(renewal(builder, thief.public_key)), (builder.audit_signer(),)
        ),
    }[what]()
    builder.control(Renewed(at=builder.now, renewal=made))
    builder.write()
    assert pinned_succession(builder.city).keys == AuditKeys(builder.audit_signer().public_key)
    assert verify_record(builder.city, builder.now).violations == ()


def _statement(envelope: Envelope) -> Renewal:
    return Renewal.from_bytes(envelope.payload_bytes())


def test_proofs_and_exports_verify_with_the_root_keys_alone(rotated: Rotated) -> None:
    roots = frozenset(rotated.city.authority.root_keys)
    proof = prove_request(rotated.city, "r9z")
    assert check_proof(proof.to_bytes(), roots).request_id == "r9z"
    hidden = proof.model_copy(update={"renewals": None})
    with pytest.raises(Unproven) as refused:
        check_proof(hidden.to_bytes(), roots)
    assert refused.value.code == "proof.checkpoint"
    forged = renewal(rotated.builder, Signer(new_seed()).public_key, "pio", "clerk")
    with pytest.raises(Unproven) as refused:
        check_proof(proof.model_copy(update={"renewals": (*(proof.renewals or ()), forged)}).to_bytes(), roots)
    assert refused.value.code == "proof.root"
    day = timedelta(days=1)
    wanted = Wanted(rotated.builder.now - day, rotated.builder.now + day, None, ("Wren",))
    made = export_record(rotated.city, wanted, rotated.builder.now, key_in_force(rotated.city))
    assert check_export(made.export.to_bytes(), made.lines, roots).statement.redacted
    old = export_record(rotated.city, wanted, rotated.builder.now, rotated.old)
    with pytest.raises(Unproven) as refused:
        check_export(old.export.to_bytes(), old.lines, roots)
    assert refused.value.code == "export.signature"
    assert Proof.from_bytes(proof.to_bytes()) == proof


def test_the_new_key_is_put_in_place_once_the_root_has_named_it(builder: LedgerBuilder) -> None:
    builder.genesis()
    builder.write()
    written = len(builder.entries)
    with pytest.raises(BadInput) as refused:
        rotation.finish_audit(builder.city)
    assert refused.value.code == "rotate.none"
    new = rotation.prepare_audit(builder.city)
    assert rotation.prepare_audit(builder.city) == new
    with pytest.raises(BadInput) as refused:
        rotation.finish_audit(builder.city)
    assert (refused.value.code, new in refused.value.hint) == ("rotate.waits", True)
    builder.control(Renewed(at=builder.now, renewal=renewal(builder, new)))
    old, keys = builder.audit_signer(), pinned_succession(builder.city)
    with RecordWriter(
        builder.city.audit_folder, "live", old, keys, lambda key: sealing_key(builder.city, key)
    ) as record:
        record.append(builder.entries[written:])
        record.seal(builder.now)
    assert rotation.finish_audit(builder.city) == new
    assert load_key(builder.city.service_key_path("audit")).public_key == new
    assert not next_key_path(builder.city).exists()
    assert verify_record(builder.city, builder.now).ok


def test_a_key_that_the_root_names_and_that_is_not_here_is_said(rotated: Rotated) -> None:
    next_key_path(rotated.city).unlink()
    with pytest.raises(BadInput) as refused:
        key_in_force(rotated.city)
    assert (refused.value.code, rotated.new in refused.value.message) == ("audit.key", True)
    assert key_here(rotated.city) is None
    assert rotated.codes() == set()  # what was sealed needs no private key


def test_junk_that_looks_like_a_renewal_changes_nothing() -> None:
    succession = Succession("first")
    junk = Signer(new_seed()).sign(RENEWAL_TYPE, OpenedValue(salt="0" * 64, value="junk"))
    assert not succession.take(junk)
    assert succession.keys == AuditKeys("first")
    assert AuditKeys("a", ((4, "b"), (9, "c"))).at(3) == "a"
    assert [AuditKeys("a", ((4, "b"), (9, "c"))).at(seq) for seq in (4, 8, 9)] == ["b", "b", "c"]


def test_who_knows_the_key_in_force_refuses_what_an_older_one_sealed(rotated: Rotated) -> None:
    """A thief of the old key forges a proof that knows no renewal: nothing in it shows that."""
    roots, now = frozenset(rotated.city.authority.root_keys), key_in_force(rotated.city).public_key
    proof = prove_request(rotated.city, "r9z").to_bytes()
    day = timedelta(days=1)
    wanted = Wanted(rotated.builder.now - day, rotated.builder.now + day, None, ())
    made = export_record(rotated.city, wanted, rotated.builder.now, key_in_force(rotated.city))
    export = made.export.to_bytes()
    assert check_proof(proof, roots).audit_key == check_proof(proof, roots, now).audit_key == now
    assert check_export(export, made.lines, roots, audit_key=now).audit_key == now
    other = Signer(new_seed()).public_key
    with pytest.raises(Unproven, match="whoever stole an old one") as refused:
        check_proof(proof, roots, other)
    assert refused.value.code == "proof.audit_key"
    with pytest.raises(Unproven) as refused:
        check_export(export, made.lines, roots, audit_key=other)
    assert refused.value.code == "export.audit_key"
