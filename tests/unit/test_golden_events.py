"""What each release wrote is read by today's contracts and written back byte for byte; a new event has a golden file.

The rule for changing a contract is in CONTRIBUTING.md.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import ValidationError

from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.audit import Checkpoint, Seal
from schemas.events.authority import Manifest, Renewal
from schemas.events.base import Contract
from schemas.events.control import Action, ControlEvent, EocActive, Genesis, Order, Ordered
from schemas.events.deliveries import Attempt, DeliveryEvent, Receipt
from schemas.events.enrolment import Enrolment
from schemas.events.notices import NoticeSent
from schemas.events.outside import Acknowledgement, AcknowledgementStatement, OutsidePost
from schemas.events.requests import PlatformContent, Rendering, Request, digest_of
from schemas.events.resolutions import Resolution, ResolutionStatement
from schemas.events.verdicts import Outcome, Verdict
from services.audit.proof import verify_record
from services.kernel.base.city import load_city
from services.kernel.fold.reading import parse_control_event
from services.provision.generate.contracts import CONTRACTS
from tests.support.golden.write import HERE, present_version

VERSIONS = sorted(path.name for path in HERE.iterdir() if path.is_dir() and path.name[0].isdigit())
FILES = sorted(HERE.glob("*/events/*.json"))
FAILING = sorted(path.parts[-2] for path in HERE.glob("*/must-fail"))
NOT_WRITTEN = frozenset({"delivery"})
"""Kinds that no service writes any more, and that the contracts still read."""

HOW = "python -m tests.support.golden.write (--anew while the version is not released) writes the golden files"

EVENTS: dict[str, type[Contract]] = {
    "request": Request,
    "approval": Approval,
    "verdict": Verdict,
    "delivery": DeliveryEvent,
    "attempt": Attempt,
    "receipt": Receipt,
    "resolution": Resolution,
    "outside": OutsidePost,
    "acknowledgement": Acknowledgement,
    "notice": NoticeSent,
    "seal": Seal,
}
STATEMENTS: dict[str, tuple[str, type[Contract]]] = {
    "approval": ("envelope", ApprovalStatement),
    "resolution": ("envelope", ResolutionStatement),
    "acknowledgement": ("envelope", AcknowledgementStatement),
    "seal": ("checkpoint", Checkpoint),
    "control.ordered": ("order", Order),
    "control.genesis": ("manifest", Manifest),
    "control.renewed": ("renewal", Renewal),
    "control.passkey_enrolled": ("enrolment", Enrolment),
}
SEED = re.compile(rb"\bS[UAON][A-Z2-7]{56}\b")

UPCAST: dict[tuple[str, str], bytes] = {}
"""(version, kind): how today's code writes an event that it reads otherwise than it was written; none so far."""


def read(name: str, raw: bytes) -> Contract:
    """Read an event as its services do."""
    kind = name.split(".")[0]
    return parse_control_event(raw) if kind == "control" else EVENTS[kind].from_bytes(raw)


def statement(name: str, event: Contract) -> tuple[Contract, bytes] | None:
    """The signed statement within an event, as it is read today, and its bytes."""
    for beginning, (field, contract) in STATEMENTS.items():
        if name.startswith(beginning):
            payload: bytes = getattr(event, field).payload_bytes()
            return contract.from_bytes(payload), payload
    return None


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parts[-3]} {path.stem}")
def test_an_event_of_any_version_is_read_and_written_back_byte_for_byte(path: Path) -> None:
    raw = path.read_bytes()
    event = read(path.stem, raw)
    assert event.to_bytes() == UPCAST.get((path.parts[-3], path.stem), raw)
    found = statement(path.stem, event)
    if found is not None:
        assert found[0].to_bytes() == found[1]


@pytest.mark.parametrize(
    "path", [one for one in FILES if one.stem.startswith("request")], ids=lambda one: one.parts[-3]
)
def test_what_was_approved_in_any_version_keeps_its_bytes_and_its_digest(path: Path) -> None:
    """A rendering is kept as text within its request: its own bytes are what is signed and posted."""
    request = Request.from_bytes(path.read_bytes())
    assert request.renderings
    for one in request.renderings:
        assert Rendering.of(one.content()) == one
    assert digest_of(request.request_id, request.revision, request.renderings) == request.digest


WRITTEN_DEFAULTS = {
    "ApprovalStatement": {"acknowledged", "reason"},
    "EocActive": {"settled", "lapsed"},
    "Grant": {"profiles"},
    "Manifest": {"version", "settings", "systems"},
    "Officer": {"grants"},
    "PlatformContent": {"pictures"},
    "Profile": {"departmental", "disclosure", "identification", "official", "purpose"},
    "Receipt": {"reason"},
    "Request": {"revision", "screening"},
    "ScreeningFinding": {"where"},
    "Settings": {"approval_seconds", "request_seconds", "second_approver_severities"},
    "Verdict": {"approved_by"},
    "Withdraw": {"reason"},
}
"""The fields with a default that is written: each as old as its event. The list may only shrink."""


def _within(contract: Any, found: set[type[Contract]]) -> set[type[Contract]]:
    """Return the contracts that an annotation holds, however deep, those within them included."""
    if isinstance(contract, type) and issubclass(contract, Contract) and contract not in found:
        found.add(contract)
        for field in contract.model_fields.values():
            _within(field.annotation, found)
    for one in get_args(contract):
        _within(one, found)
    return found


def defaults_written(contract: type[Contract]) -> set[str]:
    """Return the fields whose default is neither None nor the only value: an old event would be written with it."""
    return {
        name
        for name, field in contract.model_fields.items()
        if not field.is_required()
        and field.get_default(call_default_factory=True, validated_data={}) is not None
        and not (get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1)
    }


def test_a_new_field_of_an_event_is_absent_by_default_and_never_empty() -> None:
    """An empty tuple is written, so an old event would get other bytes, another digest, and no valid signature."""
    found: set[type[Contract]] = {PlatformContent}
    for contract in (*EVENTS.values(), *(one for _, one in STATEMENTS.values()), ControlEvent, Action):
        _within(contract, found)
    there = {one.__name__: names for one in found if (names := defaults_written(one))}
    assert there == WRITTEN_DEFAULTS, "give the new field None as default (CONTRIBUTING.md, Changing a contract)"


class _Later(Approval):
    """An event as it would be with a field more."""

    seen_on: tuple[str, ...] = ()


def test_a_field_that_is_empty_by_default_is_found() -> None:
    raw = (HERE / present_version() / "events" / "approval.approve.json").read_bytes()
    assert _Later.from_bytes(raw).to_bytes() != raw
    assert defaults_written(_Later) == {"seen_on"}


def wanted() -> set[str]:
    """The name of each golden file that a version has to have; for events with outcomes one of each."""
    actions = get_args(get_args(Action)[0])
    names = {f"control.ordered.{action.model_fields['action'].default}" for action in actions}
    names |= {f"control.{event.model_fields['type'].default}" for event in get_args(get_args(ControlEvent)[0])}
    names.discard("control.ordered")
    names |= {f"approval.{one}" for one in _choices(ApprovalStatement)}
    names |= {f"resolution.{one}" for one in _choices(ResolutionStatement)}
    names |= {f"verdict.{one}" for one in Outcome}
    names |= {f"receipt.{one}" for one in Receipt.model_fields["outcome"].annotation}  # type: ignore[union-attr]
    return names | (set(EVENTS) - {"approval", "resolution", "verdict", "receipt"} - NOT_WRITTEN)


def _choices(contract: type[Contract]) -> tuple[str, ...]:
    return get_args(contract.model_fields["decision"].annotation)


def test_each_event_of_the_ledger_has_its_golden_file_in_the_present_version() -> None:
    """A new event, action, decision or outcome fails here until its bytes are kept."""
    there = {path.stem for path in FILES if path.parts[-3] == present_version()}
    assert there == wanted(), HOW


def test_each_contract_of_the_ledger_is_known_here() -> None:
    kinds = {name.removeprefix("ledger.") for name in CONTRACTS if name.startswith("ledger.")}
    assert kinds == {*EVENTS, "control"}, f"name the contract in EVENTS; {HOW}"


def test_each_field_of_an_event_or_statement_is_in_some_golden_file_of_the_present_version() -> None:
    """A new optional field fails here until a golden file has it: absent, it would prove nothing."""
    seen: dict[type[Contract], set[str]] = {}
    for path in (one for one in FILES if one.parts[-3] == present_version()):
        event = read(path.stem, path.read_bytes())
        found = statement(path.stem, event)
        for one in (event, *((found[0],) if found else ())):
            seen.setdefault(type(one), set()).update(json.loads(one.to_bytes()))
    written = (contract for kind, contract in EVENTS.items() if kind not in NOT_WRITTEN)
    contracts: list[type[Contract]] = [*written, *(one for _, one in STATEMENTS.values()), Genesis, Ordered, EocActive]
    for contract in contracts:
        assert set(contract.model_fields) - seen.get(contract, set()) == set(), f"{contract.__name__}: {HOW}"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_record_of_any_version_verifies(version: str) -> None:
    city = load_city(HERE / version / "record", "live")
    report = verify_record(city, datetime(2026, 2, 1, tzinfo=UTC))
    assert report.violations == ()
    assert report.events > 30


@pytest.mark.parametrize("version", FAILING)
def test_in_the_record_that_must_fail_each_fault_is_found(version: str) -> None:
    """A proof that would pass anything proves nothing; what is merely void is a warning there."""
    folder = HERE / version / "must-fail"
    report = verify_record(load_city(folder, "live"), datetime(2026, 2, 1, tzinfo=UTC))
    assert [[one.seq, one.code] for one in report.violations] == json.loads((folder / "violations.json").read_bytes())
    assert "event.malformed" in {one.code for one in report.warnings}


def test_the_present_version_has_a_record_that_must_fail() -> None:
    assert present_version() in FAILING


@pytest.mark.parametrize("version", VERSIONS)
def test_no_key_is_kept_beside_a_record(version: str) -> None:
    for path in (HERE / version).rglob("*"):
        assert path.suffix in ("", ".json", ".jsonl", ".toml"), path
        assert not path.is_file() or SEED.search(path.read_bytes()) is None


def test_an_unknown_key_is_refused_so_that_a_newer_event_is_put_aside_and_not_half_read() -> None:
    raw: dict[str, Any] = json.loads((HERE / "0.1.0" / "events" / "delivery.json").read_bytes())
    with pytest.raises(ValidationError, match="mood"):
        DeliveryEvent.from_value(raw | {"mood": "calm"})
