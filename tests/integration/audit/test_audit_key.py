"""The audit service seals with a new key while it runs, from the entry on by which the root names it."""

from __future__ import annotations

from datetime import timedelta

from schemas.events.audit import Checkpoint
from schemas.events.authority import Renewal
from schemas.events.control import Renewed
from schemas.events.envelope import RENEWAL_TYPE, Envelope
from services.audit.copy_plan import SealRule
from services.audit.record.folder import CHECKPOINTS
from services.audit.sealing import next_key_path
from services.desk.keys import rotation
from services.kernel.authority.signing import load_key, seal
from tests.integration.audit.conftest import AuditedCity
from tests.support.ledger_builder import LedgerBuilder
from tests.support.mission import eventually


def newest(audited: AuditedCity) -> Envelope:
    """The newest checkpoint."""
    return Envelope.from_bytes((audited.city.audit_folder / CHECKPOINTS).read_bytes().splitlines()[-1])


def named_by_the_root(builder: LedgerBuilder, audit_key: str) -> Envelope:
    """The root's next version, which names another audit key."""
    state = builder.state()
    statement = Renewal(
        realm="live",
        version=state.version + 1,
        issued_at=builder.now,
        expires_at=builder.now + timedelta(days=365),
        root_keys=tuple(sorted(state.root_keys)),
        threshold=state.root_threshold,
        audit_key=audit_key,
    )
    return seal(RENEWAL_TYPE, statement, (builder.signer("cao"), builder.signer("mcpe")))


async def test_the_audit_key_is_replaced_while_the_service_runs(audited: AuditedCity) -> None:
    """The thief of the old key seals nothing after that; a key that is missing is said, and taken when it comes."""
    builder, city, old = audited.builder, audited.city, audited.builder.audit_signer()
    builder.genesis()
    await audited.flush()
    await audited.client("audit")  # the thief's, by the login that the broker knows
    new = rotation.prepare_audit(city)
    away = next_key_path(city).rename(city.folder / "on a stick")

    async def says_what_is_missing() -> bool:
        return new in (runtime.health.trouble or "")

    async def is_sealed_by_the_new_key() -> bool:
        checkpoint = Checkpoint.from_bytes(newest(audited).payload_bytes())
        return (checkpoint.size, newest(audited).signatures[0].keyid) == (len(builder.entries), new)

    async with audited.audit_here(SealRule(entries=10**6, seconds=1e6)) as runtime:
        await audited.until_copied(1)
        builder.control(Renewed(at=builder.now, renewal=named_by_the_root(builder, new)))
        await audited.flush()
        await eventually(says_what_is_missing)
        away.rename(next_key_path(city))
        await eventually(is_sealed_by_the_new_key)
        assert rotation.finish_audit(city) == new
        assert load_key(city.service_key_path("audit")).public_key == new
        builder.request("r5x")
        await audited.flush()
        await eventually(is_sealed_by_the_new_key)
        assert {one.code for one in audited.verify().violations} == set()
        builder.seal(signer=old)
        await audited.flush()
        await eventually(is_sealed_by_the_new_key)
        assert {one.code for one in audited.verify().violations} == {"seal.signature"}
