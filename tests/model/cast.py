"""The cast of the model: real signed events for the few people and the one request that it plays with.

A ledger entry of the model is a short tuple; this module turns it into the contract that the pure cores take, and
remembers it: the same entry is always the same object. All keys come from names, so each run is like the last.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from services.fanout.plan import plan

from schemas.events import control as c
from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.authority import Manifest, Officer, Profile
from schemas.events.control import ControlEvent, Posture
from schemas.events.deliveries import Attempt, Delivery, Receipt, ReceiptOutcome
from schemas.events.envelope import APPROVAL_TYPE, MANIFEST_TYPE, ORDER_TYPE
from schemas.events.requests import PlatformContent, Rendering, Request, digest_of
from schemas.events.verdicts import Outcome, Verdict
from services.kernel.control import ControlState, fold
from services.kernel.signing import seal
from tests.pure.gate.town import OFFICERS, ROOT_KEYS, ROOTS, START, profile, signer

PROFILE = "fire-town"
PLATFORM = "townsquare"
REQUEST = "rmodelmodel"
LEASE = 15.0
URL = "https://townsquare.example/1"

ORDERS: dict[str, tuple[str, Any]] = {
    "activate": ("eoc-director", c.EocActivate(level=2, incident="flood")),
    "stand_down": ("eoc-director", c.EocStandDown()),
    "hold": ("pio", c.Hold(on=True)),
    "release": ("pio", c.Hold(on=False)),
    "withdraw": ("clerk", c.Withdraw(request_id=REQUEST)),
    "revoke": ("cao", c.Revoke(officer="office")),
}
"""Each control action of the model: who orders it, and what. ``revoke`` takes the approver's key back."""


def at(seconds: float) -> datetime:
    """Return the time so many seconds after the beginning."""
    return START + timedelta(seconds=seconds)


@cache
def profiles() -> dict[str, Profile]:
    """The one profile that is posted to."""
    return {PROFILE: profile(PROFILE, platform=PLATFORM)}


@cache
def request(posture: str) -> Request:
    """The request, as intake would append it in a posture."""
    renderings = tuple(
        Rendering.of(PlatformContent(platform=name, parts=("Road closed.",), created_at=START))
        for name in (PLATFORM, "website")
    )
    return Request(
        at=START,
        realm="live",
        request_id=REQUEST,
        author="clerk",
        author_kind="officer",
        source="model",
        event_id="1",
        content_sha256="0" * 64,
        text="Road closed.",
        scope="profiles",
        targets=(PROFILE,),
        crisis=False,
        expires_at=at(14_400),
        submitted_posture=posture,  # type: ignore[arg-type]
        renderings=renderings,
        digest=digest_of(REQUEST, 1, renderings),
    )


@cache
def approval(officer: str) -> Approval:
    """An officer's approval of the request's content."""
    of = request("routine")
    statement = ApprovalStatement(
        realm="live",
        request_id=REQUEST,
        revision=1,
        decision="approve",
        scope=of.scope,
        targets=of.targets,
        renderings={one.platform: one.sha256 for one in of.renderings},
        digest=of.digest,
        officer=officer,
        issued_at=START,
        expires_at=at(1_500),
        nonce=f"{sum(officer.encode()):032x}",
    )
    return Approval(
        at=START, request_id=REQUEST, officer=officer, envelope=signer(officer).sign(APPROVAL_TYPE, statement)
    )


@cache
def control(events: tuple[tuple[int, str], ...]) -> ControlState:
    """Fold control events, each its sequence and its name; raises ControlFault where one may not be."""
    if len(events) == 1:
        return _fold(ControlState(), _genesis(), events[0][0])
    before = control(events[:-1])
    seq, name = events[-1]
    return _fold(before, _event(before, name, seq), seq)


def _fold(state: ControlState, event: ControlEvent, seq: int) -> ControlState:
    return fold(state, event, seq, root_keys=ROOT_KEYS, threshold=2, realm="live")


@cache
def _genesis() -> c.Genesis:
    officers = tuple(
        Officer(id=name, name=name, public_key=signer(name).public_key, grants=OFFICERS[name])
        for name in ("cao", "mcpe", "pio", "eoc-director", "office", "clerk")
    )
    manifest = Manifest(
        realm="live",
        city="Model",
        website="https://model.example",
        issued_at=START,
        officers=officers,
        profiles=tuple(profiles().values()),
    )
    return c.Genesis(at=START, manifest=seal(MANIFEST_TYPE, manifest, ROOTS))


def _event(state: ControlState, name: str, seq: int) -> ControlEvent:
    if name == "eoc_active":
        return c.EocActive(at=START, activating_seq=state.activating_seq)
    officer, action = ORDERS[name]
    order = c.Order(
        realm="live", officer=officer, action=action, issued_at=START, expires_at=at(240), nonce=f"{seq:032x}"
    )
    return c.Ordered(at=START, order=signer(officer).sign(ORDER_TYPE, order))


@cache
def verdict(outcome: str, control_seq: int, posture: str, as_of: int, until: datetime | None) -> Verdict:
    """A verdict as the gate appends it; its findings play no part here."""
    return Verdict(
        at=START,
        request_id=REQUEST,
        revision=1,
        digest=request("routine").digest,
        outcome=Outcome(outcome),
        posture=Posture(posture),
        control_seq=control_seq,
        as_of=as_of,
        targets=(PROFILE,),
        findings=(),
        valid_until=until,
    )


@cache
def delivery(of: Request, on: Verdict, verdict_seq: int) -> Delivery:
    """The delivery that the plan makes of a cleared verdict."""
    (planned,) = plan(of, on, verdict_seq, profiles(), {}, START).deliveries
    return planned


@cache
def attempt(number: int, verdict_seq: int, control_seq: int, worker: int) -> Attempt:
    """An attempt as a worker appends it."""
    of = request("routine")
    return Attempt(
        at=START,
        request_id=REQUEST,
        revision=1,
        profile=PROFILE,
        platform=PLATFORM,
        number=number,
        worker=f"worker-{worker}",
        verdict_seq=verdict_seq,
        control_seq=control_seq,
        digest=of.digest,
        rendering_sha256=of.renderings[0].sha256,
        idempotency_key="model",
    )


@cache
def receipt(attempt_seq: int, outcome: str, final: bool, retry_at: float | None) -> Receipt:
    """A receipt as a worker appends it."""
    return Receipt(
        at=START,
        request_id=REQUEST,
        revision=1,
        profile=PROFILE,
        platform=PLATFORM,
        attempt_seq=attempt_seq,
        outcome=ReceiptOutcome(outcome),
        final=final,
        url=URL if outcome == "delivered" else None,
        retry_at=None if retry_at is None else at(retry_at),
    )
