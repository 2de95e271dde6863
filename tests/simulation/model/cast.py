"""The cast of the model: real signed events for the few people and the two requests that it plays with.

A ledger entry of the model is a short tuple; this module turns it into the bytes that services fold, and remembers
them: the same entry is always the same object. All keys come from names, so each run is like the last.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from schemas import subjects
from schemas.events import control as c
from schemas.events.approvals import Approval
from schemas.events.authority import Manifest, Officer, Profile
from schemas.events.control import ControlEvent
from schemas.events.deliveries import Attempt, Receipt, ReceiptOutcome
from schemas.events.envelope import MANIFEST_TYPE, ORDER_TYPE
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from services.kernel.authority.signing import seal
from services.kernel.control.control_fold import fold
from services.kernel.control.control_state import ControlState
from services.kernel.ledger.entry import EXPECTED, FENCE_SUBJECT, Entry
from tests.support.messages import attempt_on, renderings_of, request_of, verdict_on
from tests.support.people import approval_of, order_of
from tests.unit.gatekeeper.policy_city import OFFICERS, ROOT_KEYS, ROOTS, START, profile, signer

PROFILE = "fire-town"
PLATFORM = "townsquare"
REQUESTS = {"a": "rmodel-a", "b": "rmodel-b"}
LEASE = 15.0
URL = "https://townsquare.example/1"

ORDERS: dict[str, tuple[str, Any]] = {
    "activate": ("eoc-director", c.EocActivate(level=2, incident="flood")),
    "stand_down": ("eoc-director", c.EocStandDown()),
    "hold": ("pio", c.Hold(on=True)),
    "release": ("pio", c.Hold(on=False)),
    "withdraw": ("clerk", c.Withdraw(request_id=REQUESTS["a"])),
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
def request(name: str, posture: str) -> Request:
    """A request, as intake would append it in a posture."""
    request_id, text = REQUESTS[name], f"Road closed, notice {name}."
    more = {"source": "model", "event_id": name, "content_sha256": "0" * 64, "targets": (PROFILE,)}
    renderings = renderings_of(text, (PLATFORM,), START)
    return request_of(request_id, text, renderings, START, submitted_posture=posture, **more)


@cache
def statement(name: str, officer: str, decision: str = "approve") -> Approval:
    """An officer's decision on a request's content."""
    of = request(name, "routine")
    return approval_of(
        of,
        officer,
        signer(officer),
        START,
        decision=decision,
        expires_at=at(1_500),
        nonce=f"{sum(f'{name}{officer}{decision}'.encode()):032x}",
        reason="not true" if decision == "reject" else "",
    )


@cache
def control(events: tuple[tuple[int, tuple[Any, ...]], ...]) -> ControlState:
    """Fold control events, each its sequence and its entry; raises ControlFault where one may not be."""
    if len(events) == 1:
        return _fold(ControlState(), _genesis(), events[0][0])
    before = control(events[:-1])
    seq, entry = events[-1]
    return _fold(before, _event(before, entry, seq), seq)


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


def _event(state: ControlState, entry: tuple[Any, ...], seq: int) -> ControlEvent:
    name = entry[1]
    if name == "eoc_active":
        named = tuple(
            c.UnknownPost(profile=PROFILE, request_id=REQUESTS[of], attempt_seq=attempt) for of, attempt in entry[2]
        )
        return c.EocActive(at=START, activating_seq=state.activating_seq, unknown=named or None)
    officer, action = ORDERS[name]
    order = order_of(officer, action, START, expires_at=at(240), nonce=f"{seq:032x}")
    return c.Ordered(at=START, order=signer(officer).sign(ORDER_TYPE, order))


@cache
def verdict(name: str, outcome: str, control_seq: int, posture: str, as_of: int, until: datetime | None) -> Verdict:
    """A verdict as the gate appends it; its findings play no part here."""
    more = {"control_seq": control_seq, "as_of": as_of, "valid_until": until}
    return verdict_on(request(name, "routine"), START, outcome=Outcome(outcome), posture=posture, **more)


@cache
def attempt(name: str, number: int, verdict_seq: int, control_seq: int, worker: str, _at: float = 0.0) -> Attempt:
    """An attempt as a worker appends it."""
    of = request(name, "routine")
    key = f"model {name}"
    more = {"verdict_seq": verdict_seq, "control_seq": control_seq, "worker": worker, "idempotency_key": key}
    return attempt_on(of, PROFILE, START, number=number, rule=2, **more)


@cache
def receipt(
    name: str, attempt_seq: int, outcome: str, final: bool, retry_at: float | None, worker: str = ""
) -> Receipt:
    """A receipt as a worker appends it."""
    return Receipt(
        at=START,
        request_id=REQUESTS[name],
        revision=1,
        profile=PROFILE,
        platform=PLATFORM,
        attempt_seq=attempt_seq,
        outcome=ReceiptOutcome(outcome),
        final=final,
        url=URL if outcome == "delivered" else None,
        remote_id="1" if outcome == "delivered" else None,
        retry_at=None if retry_at is None else at(retry_at),
        worker=worker or None,
    )


# --- entries as they stand in the ledger ------------------------------------------------------------------


def _of_request(entry: tuple[Any, ...]) -> tuple[str, bytes]:
    return subjects.request(REQUESTS[entry[1]]), request(*entry[1:]).to_bytes()


def _of_approval(entry: tuple[Any, ...]) -> tuple[str, bytes]:
    return subjects.approval(REQUESTS[entry[1]], entry[2]), statement(*entry[1:]).to_bytes()


def _of_verdict(entry: tuple[Any, ...]) -> tuple[str, bytes]:
    return subjects.verdict(REQUESTS[entry[1]]), verdict(*entry[1:]).to_bytes()


def _of_attempt(entry: tuple[Any, ...]) -> tuple[str, bytes]:
    return subjects.attempt(PROFILE, REQUESTS[entry[1]]), attempt(*entry[1:]).to_bytes()


def _of_receipt(entry: tuple[Any, ...]) -> tuple[str, bytes]:
    return subjects.receipt(PROFILE, REQUESTS[entry[1]]), receipt(*entry[1:]).to_bytes()


_BYTES: dict[str, Callable[[tuple[Any, ...]], tuple[str, bytes]]] = {
    "control": lambda _entry: (subjects.CONTROL, b"{}"),
    "request": _of_request,
    "approval": _of_approval,
    "verdict": _of_verdict,
    "attempt": _of_attempt,
    "receipt": _of_receipt,
}


@cache
def stored(seq: int, entry: tuple[Any, ...]) -> Entry:
    """Return an entry of the model as the ledger holds it; control is folded apart, by ``control``."""
    subject, raw = _BYTES[entry[0]](entry)
    fenced = entry[0] == "attempt"
    headers = {FENCE_SUBJECT: subjects.CONTROL, EXPECTED: str(entry[4])} if fenced else {}
    return Entry(seq, subject, at(entry[6] if fenced else 0.0), raw, headers)
