"""Writes the golden files of the present version: ``python -m tests.support.golden.write``.

``<version>/events/<kind>.json`` has one event of each kind in exact bytes, ``<version>/record/`` a small whole record
with public keys only, ``<version>/must-fail/`` another one with what the audit has to find in it. Files of a version
that is released are never written anew: a contract that cannot read them is wrong, not they. ``--anew`` replaces those
of a version that is not released yet.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import sys
import tempfile
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

from schemas import canonical, subjects
from schemas.events.authority import Grant, Officer, Renewal, Role, Settings, System
from schemas.events.control import (
    Confirm,
    CrisisDeclare,
    CrisisEnd,
    Decline,
    Designate,
    EocActivate,
    EocChange,
    Hold,
    OfficerAdd,
    PasskeyEnrolled,
    PasskeyInvite,
    PasskeyRemove,
    ProfileAdd,
    ProfileRemove,
    ProfileSuspend,
    Reinstate,
    Rekey,
    Renewed,
    Revoke,
    SettingsChange,
    SystemAdd,
    SystemRemove,
    Withdraw,
)
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.envelope import RENEWAL_TYPE, Envelope
from schemas.events.requests import ScreeningFinding
from schemas.events.verdicts import Finding, FindingOutcome, Outcome
from services.audit.proof import verify_record
from services.kernel.authority.signing import Signer, new_seed, seal
from tests.support.authenticator import Authenticator, enrolment_of
from tests.support.ledger_builder import FIRE, WEB, LedgerBuilder, demo_city, story

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent


def present_version() -> str:
    """Return the version that pyproject.toml names."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def kind_of(subject: str, data: bytes) -> str:
    """Return the name of an event's golden file: its kind, and what within the kind makes it another thing."""
    event: dict[str, Any] = json.loads(data)
    kind = subject.split(".")[1]
    if kind == "control":
        return (
            f"control.ordered.{_payload(event['order'])['action']['action']}"
            if "order" in event
            else f"control.{event['type']}"
        )
    if kind in ("approval", "resolution"):
        return f"{kind}.{_payload(event['envelope'])['decision']}"
    return f"{kind}.{event['outcome']}" if "outcome" in event else kind


def _payload(envelope: dict[str, Any]) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(Envelope.from_value(envelope).payload_bytes())
    return payload


def everything(builder: LedgerBuilder) -> None:
    """Append at least one event of each kind; those that say the most come last, and are kept."""
    builder.genesis()
    _controls(builder)
    request = builder.request(
        "r7c",
        (FIRE,),
        link="https://mission.example/roads",
        severity="severe",
        crisis=True,
        replaces="r6b",
        follows="r6a",
        not_before=builder.now - timedelta(minutes=1),
        next_update=builder.now + timedelta(hours=2),
        source="https://mission.example/alerts",
        screening=(ScreeningFinding(code="link-missing", clause="xi", reason="No link.", where="the text"),),
    )
    builder.approve(request, "pio", decision="return", reason="name the detour")
    builder.approve(request, "pio", decision="reject", reason="the road is open again")
    builder.approve(request, "cao", acknowledged=("link-missing",))
    finding = Finding(clause="2(iii)", outcome=FindingOutcome.SATISFIED, reason="Approved by the CAO.")
    for outcome in (Outcome.REFUSED, Outcome.BLOCKED, Outcome.CLEARED):
        builder.verdict(request, outcome, findings=(finding,), approved_by=("cao",), publisher_of_record="cao")
    attempt = builder.attempt(request)
    for receipt in ReceiptOutcome:
        builder.receipt(request, attempt, FIRE, receipt, reason="as told", **_more(builder, receipt))
    _resolutions(builder, request, attempt)
    builder.acknowledge(builder.outside(card_sha256=canonical.sha256(b"card")))
    builder.notice("r7c")
    builder.seal()


def _more(builder: LedgerBuilder, outcome: ReceiptOutcome) -> dict[str, Any]:
    return {"retry_at": builder.now + timedelta(seconds=9)} if outcome is ReceiptOutcome.WITHHELD else {}


def _controls(builder: LedgerBuilder) -> None:
    builder.order("mcpe", CrisisDeclare(incident="Flood"))
    builder.order("mcpe", CrisisEnd())
    activating = builder.order("eoc-director", EocActivate(level=2, incident="Freshet"))
    builder.active(activating, (FIRE, "r6e", activating - 1))
    builder.order("eoc-director", EocChange(level=3, incident="Freshet and slide", activation=activating))
    builder.stand_down()
    builder.order("cao", Hold(on=True))
    builder.order("cao", Hold(on=False))
    until = builder.now + timedelta(days=30)
    grant = Grant(role=Role.PUBLISHER, profiles=(FIRE,), valid_from=builder.now, valid_until=until)
    builder.order("mcpe", Designate(officer="clerk", grant=grant))
    profile = builder.state().profiles[FIRE]
    builder.order("mcpe", ProfileAdd(profile=profile.model_copy(update={"purpose": "Fire news"})))
    builder.order("mcpe", ProfileSuspend(profile="parks-townsquare"))
    builder.order("mcpe", ProfileRemove(profile="parks-townsquare"))
    builder.order("cao", Revoke(officer="clerk"))
    _people(builder)
    withdrawn = builder.request("r8d", (FIRE,))
    builder.order("mcpe", Withdraw(request_id=withdrawn.request_id, reason="sent too soon"))


def _people(builder: LedgerBuilder) -> None:
    """People, keys, systems, settings and the root; each new key proposed by one and confirmed by another."""
    keys = [Signer(new_seed()).public_key for _ in range(7)]
    dana = Officer(id="dana", name="Dana Cho", public_key=keys[0], login_key=keys[1], grants=(Grant(role=Role.PIO),))
    settings = Settings(second_approver_severities=("extreme",), device_bound_roles=(Role.CAO,))
    for action in (
        OfficerAdd(officer=dana),
        Reinstate(officer="clerk", public_key=keys[2], login_key=keys[3]),
        Rekey(officer="pio", public_key=keys[4], login_key=keys[5]),
        SettingsChange(settings=settings),
    ):
        seq = builder.order("mcpe", action)
        builder.order("eoc-director", Confirm(proposal=seq, order=builder.state().proposals[seq].order))
    _passkeys(builder)
    builder.order("mcpe", SystemAdd(system=System(id="roads", name="Roads", public_key=keys[6])))
    builder.order("mcpe", SystemRemove(system="roads"))
    seq = builder.order("mcpe", Revoke(officer="cao"))
    builder.order("mcpe", Decline(proposal=seq, order=builder.state().proposals[seq].order))
    state = builder.state()
    renewal = Renewal(
        realm="live",
        version=state.version + 1,
        issued_at=builder.now,
        expires_at=builder.now + timedelta(days=365),
        root_keys=tuple(sorted(state.root_keys)),
        threshold=state.root_threshold,
        audit_key=Signer(new_seed()).public_key,
    )
    roots = (builder.signer("cao"), builder.signer("mcpe"))
    builder.control(Renewed(at=builder.now, renewal=seal(RENEWAL_TYPE, renewal, roots)))


def _passkeys(builder: LedgerBuilder) -> None:
    """A link, the passkey that used it, what it signed, and its end."""
    phone, token = Authenticator("phone"), secrets.token_urlsafe(32)
    place, day = {"origin": phone.origin, "rp_id": phone.rp_id}, timedelta(days=1)
    link = PasskeyInvite(
        officer="dana", token_sha256=canonical.sha256(token.encode()), until=builder.now + day, **place
    )
    builder.order("mcpe", link)
    enrolment = enrolment_of(phone, "dana", token, builder.now)
    seq = builder.control(PasskeyEnrolled(at=builder.now, enrolment=enrolment))
    builder.order("eoc-director", Confirm(proposal=seq, order=builder.state().proposals[seq].order))
    builder.order("dana", Hold(on=True), signer=phone)
    builder.order("dana", Hold(on=False), signer=phone)
    builder.order("mcpe", PasskeyRemove(officer="dana", credential=phone.passkey.credential))


def _resolutions(builder: LedgerBuilder, request: Any, attempt: int) -> None:
    unconfirmed = builder.unconfirmed(request, attempt)
    for decision in ("give_up", "post_again", "posted"):
        resolution = builder.resolve(request, decision, unconfirmed)
    builder.carry_out(request, attempt, resolution, "posted", remote_id="seen", reason="seen by the PIO")


def must_fail(builder: LedgerBuilder) -> None:
    """A day on which several things went wrong, beside what is merely void."""
    builder.genesis()
    request = builder.request("r2a", (FIRE, WEB))
    builder.approve(request, "comms-officer")
    builder.verdict(request)
    builder.wait(10)
    good = builder.attempt(request)
    void = builder.attempt(request, worker="worker-2")
    builder.receipt(request, void, worker="worker-2")  # by an attempt that does not count
    builder.receipt(request, good)  # the second post
    builder.append(subjects.CONTROL, b"junk, and void")
    builder.verdict(request)
    builder.wait(10)
    lost = builder.attempt(request, WEB)
    activating = builder.order("eoc-director", EocActivate(level=2, incident="Freshet"))
    builder.wait(16)
    builder.lapsed(request, lost, WEB)
    builder.active(activating)  # nobody knows of the attempt on the website, and it is not named
    update = builder.request("r3b", (FIRE,))
    builder.approve(update, "comms-officer")
    builder.verdict(update)
    builder.wait(10)
    builder.post(update)  # under the EOC, approved by the office alone
    builder.seal()


def write(folder: Path) -> None:
    """Write events and records into a version's folder."""
    with tempfile.TemporaryDirectory() as place:
        city = demo_city(Path(place) / "city")
        all_kinds = LedgerBuilder(city)
        everything(all_kinds)
        events = folder / "events"
        events.mkdir(parents=True)
        for line in all_kinds.entries:
            (events / f"{kind_of(line.subject, line.data)}.json").write_bytes(line.data)
        record = LedgerBuilder(city)
        story(record)
        assert _kept(record, folder / "record") == []
        bent = LedgerBuilder(city)
        must_fail(bent)
        found = _kept(bent, folder / "must-fail")
        assert found
        (folder / "must-fail" / "violations.json").write_text(json.dumps(found, indent=2) + "\n")


def _kept(builder: LedgerBuilder, kept: Path) -> list[tuple[int, str]]:
    """Write a record and keep its public files; return what the audit finds in it."""
    city = builder.city
    shutil.rmtree(city.audit_folder, ignore_errors=True)
    builder.write()
    for path in (city.folder / "city.toml", city.manifest_path, *sorted(city.audit_folder.glob("*.jsonl"))):
        target = kept / path.relative_to(city.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return [(one.seq, one.code) for one in verify_record(city, builder.now).violations]


def main() -> int:
    """Write the present version's files; return the exit status."""
    parser = argparse.ArgumentParser(prog="tests.support.golden.write", description=__doc__)
    parser.add_argument("--version", default=present_version())
    parser.add_argument("--anew", action="store_true")
    chosen = parser.parse_args()
    folder = HERE / chosen.version
    if folder.exists() and not chosen.anew:
        sys.stderr.write(
            f"{folder.relative_to(ROOT)} is there; --anew replaces it, if {chosen.version} is not released\n"
        )
        return 2
    shutil.rmtree(folder, ignore_errors=True)
    write(folder)
    sys.stdout.write(f"{folder.relative_to(ROOT)}: {len(list((folder / 'events').iterdir()))} events and a record\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
