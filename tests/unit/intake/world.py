"""A small city for the tests of intake, and makers of submissions, drafts, requests and signed decisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.events.approvals import Approval
from schemas.events.authority import Grant, Officer, Profile, Role, System
from schemas.events.control import Posture
from schemas.events.requests import SUBMITTED_TYPE, Request, SubmissionEvent
from schemas.platforms import LIMITS
from services.intake.domain.findings.screening import ScreeningRules, screen
from services.intake.domain.identity import identify
from services.intake.domain.rendering import render
from services.intake.domain.submission import Draft, draft_of, request_of
from services.kernel.authority.signing import Signer, new_seed
from services.kernel.base.errors import OneVoiceError
from services.kernel.control.control_state import ControlState
from tests.support.people import approval_of

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SITE = "https://mission.example"
ROLES: dict[str, tuple[Role, ...]] = {
    "cao": (Role.CAO,),
    "mcpe": (Role.MCPE,),
    "pio": (Role.PIO,),
    "eoc-director": (Role.EOC_DIRECTOR,),
    "office": (Role.COMMS_OFFICE,),
    "designee": (Role.DESIGNATED,),
    "clerk": (Role.EMPLOYEE,),
    "fire-publisher": (Role.PUBLISHER,),
}
SIGNERS = {name: Signer(new_seed()) for name in (*ROLES, "drivebc", "stranger")}


def officer(name: str) -> Officer:
    grants = tuple(
        Grant(role=role, profiles=("fire-mastodon",) if role is Role.PUBLISHER else ()) for role in ROLES[name]
    )
    return Officer(id=name, name=name.title(), public_key=SIGNERS[name].public_key, grants=grants)


def profile(name: str, **changes: Any) -> Profile:
    department, _, platform = name.partition("-")
    values: dict[str, Any] = {
        "id": name,
        "department": department,
        "platform": platform,
        "account": f"{name}@townsquare",
    }
    return Profile(**(values | changes))


def city(posture: Posture = Posture.ROUTINE, **changes: Any) -> ControlState:
    profiles = [
        profile("fire-mastodon"),
        profile("fire-website"),
        profile("parks-mastodon"),
        profile("water-mastodon"),
        profile("arena-mastodon", official=False),
        profile("city-mastodon", departmental=False),
    ]
    state = ControlState(
        seq=7,
        realm="live",
        city="Mission",
        website=SITE,
        posture=posture,
        officers={name: officer(name) for name in ROLES},
        systems={"drivebc": System(id="drivebc", name="DriveBC", public_key=SIGNERS["drivebc"].public_key)},
        profiles={one.id: one for one in profiles},
    )
    return replace(state, **changes)


def event(**data: Any) -> SubmissionEvent:
    """A CloudEvent; ``id``, ``source`` and ``time`` belong to the envelope, all else to its data."""
    envelope = {key: data.pop(key) for key in ("id", "source", "time") if key in data}
    submission = {"text": f"Crews are on the way. {SITE}/fire", "targets": ["fire-mastodon"], "crisis": False} | data
    whole = {"specversion": "1.0", "id": "1", "source": "desk", "type": SUBMITTED_TYPE, "data": submission}
    return SubmissionEvent.from_value(whole | envelope)


def draft(sender: str = "clerk", state: ControlState | None = None, now: datetime = NOW, **data: Any) -> Draft:
    state = state or city()
    submitted = event(**data)
    return draft_of(identify(submitted, sender, "live"), submitted, sender, state, now)


def request(sender: str = "clerk", state: ControlState | None = None, now: datetime = NOW, **data: Any) -> Request:
    state = state or city()
    made = draft(sender, state, now, **data)
    renderings = render(made, LIMITS)
    departments = {target: state.profiles[target].department for target in made.targets}
    return request_of(made, state, now, renderings, screen(made, renderings, ScreeningRules(SITE), departments))


def approval(of: Request, name: str = "mcpe", signer: str | None = None, **changes: Any) -> Approval:
    """A genuine approval of a request, but for what is changed in its statement."""
    return approval_of(of, name, SIGNERS[signer or name], NOW, **changes)


def code_of(call: Any, *args: Any, **kwargs: Any) -> str:
    """The code of the error that a call ends with; each error has a message and a hint."""
    with pytest.raises(OneVoiceError) as caught:
        call(*args, **kwargs)
    assert caught.value.message
    assert caught.value.hint
    return caught.value.code
