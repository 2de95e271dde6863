"""A small city for the tests: keys, officers, profiles, a request, its verdict and approvals, all genuine."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.authority import Grant, Officer, Profile, Role
from schemas.events.control import Posture
from schemas.events.deliveries import Attempt, Receipt, ReceiptOutcome
from schemas.events.envelope import APPROVAL_TYPE
from schemas.events.requests import PlatformContent, Rendering, Request
from schemas.events.verdicts import Verdict
from services.kernel.authority.post_authorization import PostFacts, post_violations
from services.kernel.authority.signing import Signer, new_seed
from services.kernel.control.control_state import ControlState
from tests.support.messages import attempt_on, receipt_on, request_of, verdict_on
from tests.support.people import statement_on

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
CONTROL_SEQ = 7
VERDICT_SEQ = 40

ROLES: dict[str, tuple[Role, ...]] = {
    "cao": (Role.CAO,),
    "mcpe": (Role.MCPE,),
    "pio": (Role.PIO,),
    "director": (Role.EOC_DIRECTOR,),
    "office": (Role.COMMS_OFFICE,),
    "designee": (Role.DESIGNATED,),
    "clerk": (Role.EMPLOYEE,),
    "fire-publisher": (Role.PUBLISHER,),
    "fire-designee": (Role.PUBLISHER, Role.DESIGNATED),
    "parks-publisher": (Role.PUBLISHER,),
}
SIGNERS = {name: Signer(new_seed()) for name in ROLES}
STRANGER = Signer(new_seed())
DELEGATED = {
    "fire-publisher": ("fire-social",),
    "fire-designee": ("fire-social",),
    "parks-publisher": ("parks-social",),
}


def officer(name: str) -> Officer:
    """One officer with the grants of ROLES."""
    grants = tuple(Grant(role=role, profiles=DELEGATED[name] if role is Role.PUBLISHER else ()) for role in ROLES[name])
    return Officer(id=name, name=name.title(), public_key=SIGNERS[name].public_key, grants=grants)


def profile(name: str, **changes: Any) -> Profile:
    """A departmental profile that carries its statements."""
    values: dict[str, Any] = {
        "id": name,
        "department": name.split("-")[0],
        "platform": "mastodon",
        "account": f"@{name}@townsquare",
        "purpose": "What happens in the city.",
        "identification": "Maintained by the city.",
        "disclosure": "Not a formal channel.",
    }
    return Profile(**(values | changes))


PROFILES = ("fire-social", "parks-social", "water-social")


def control(posture: Posture = Posture.ROUTINE, **changes: Any) -> ControlState:
    """Control at CONTROL_SEQ with the officers and profiles of this world."""
    state = ControlState(
        seq=CONTROL_SEQ,
        realm="live",
        city="Mission",
        website="https://mission.example",
        posture=posture,
        officers={name: officer(name) for name in ROLES},
        profiles={name: profile(name) for name in PROFILES},
    )
    return replace(state, **changes)


def rendering(platform: str = "mastodon", text: str = "Boil water in zone 3.") -> Rendering:
    """A rendering with one part."""
    return Rendering.of(PlatformContent(platform=platform, parts=(text,), created_at=NOW))


def request(**changes: Any) -> Request:
    """A routine request by an employee to the fire profile; the digest fits unless it is given."""
    renderings = changes.pop("renderings", (rendering(), rendering("website")))
    fields = {"targets": ("fire-social",), "source": "desk", "event_id": "1", "content_sha256": "0" * 64}
    name = changes.pop("request_id", "rabcdefghijkl")
    return request_of(name, "Boil water in zone 3.", renderings, NOW, **(fields | changes))


def verdict(of: Request, **changes: Any) -> Verdict:
    """A cleared verdict on a request at CONTROL_SEQ."""
    fields = {"control_seq": CONTROL_SEQ, "as_of": VERDICT_SEQ - 1, "valid_until": NOW + timedelta(minutes=20)}
    return verdict_on(of, NOW, **(fields | changes))


def attempt(of: Request | None = None, **changes: Any) -> Attempt:
    """The first attempt of a request on the fire profile, behind the verdict at VERDICT_SEQ."""
    subject = of or request()
    fields = {"verdict_seq": VERDICT_SEQ, "control_seq": CONTROL_SEQ, "idempotency_key": "k", "rule": 2}
    return attempt_on(subject, "fire-social", NOW, **(fields | changes))


def receipt(of: Request | None = None, **changes: Any) -> Receipt:
    """A receipt that says that the attempt at 50 surely did not post."""
    subject = of or request()
    fields = {"revision": subject.revision, "outcome": ReceiptOutcome.WITHHELD, "final": False}
    return receipt_on(subject.request_id, "fire-social", 50, NOW, **(fields | changes))


def statement(of: Request, by: str, **changes: Any) -> ApprovalStatement:
    """An approving statement over exactly this request."""
    fields = {
        "realm": "live",
        "issued_at": NOW - timedelta(minutes=5),
        "expires_at": NOW + timedelta(minutes=20),
        "nonce": "ab" * 16,
    }
    return statement_on(of, by, NOW, **(fields | changes))


def approval(of: Request, by: str, *, key: Signer | None = None, **changes: Any) -> Approval:
    """A statement signed by the officer's key (or another one) as the ledger keeps it."""
    envelope = (key or SIGNERS[by]).sign(APPROVAL_TYPE, statement(of, by, **changes))
    return Approval(at=NOW, request_id=of.request_id, officer=by, envelope=envelope)


def facts(of: Request | None = None, signed_by: tuple[str, ...] = ("mcpe",), **changes: Any) -> PostFacts:
    """Facts on which nothing is to object, but for the changes."""
    subject = of or request()
    values: dict[str, Any] = {
        "request": subject,
        "verdict": verdict(subject),
        "verdict_seq": VERDICT_SEQ,
        "approvals": tuple(approval(subject, name) for name in signed_by),
        "control": control(),
        "profile_id": "fire-social",
        "rendering_sha256": subject.renderings[0].sha256,
        "control_seq": CONTROL_SEQ,
        "now": NOW,
        "realm": "live",
    }
    return PostFacts(**(values | changes))


def codes(given: PostFacts) -> set[str]:
    """The codes of the violations, without their family's name."""
    return {item.code.removeprefix("warrant.") for item in post_violations(given)}
