"""Views as the board gives them, for the desk's pure tests."""

from __future__ import annotations

from datetime import UTC, datetime

from schemas import canonical
from schemas.events.control import Posture
from schemas.events.desk import DeliveryView, EocView, RequestView
from schemas.events.requests import Rendering, Request, ScreeningFinding
from schemas.events.verdicts import Finding, FindingOutcome, Outcome, Verdict
from tests.support.messages import renderings_of, request_of, verdict_on

NOW = datetime(2026, 1, 31, 20, 0, tzinfo=UTC)
ID = "rabcdefghijkl"


def renderings(text: str = "Boil water.") -> tuple[Rendering, ...]:
    """Return a rendering for each of two platforms."""
    return renderings_of(text, ("mastodon", "website"), NOW)


def request(targets: tuple[str, ...] = ("fire-townsquare", "fire-website"), screening: int = 0) -> Request:
    """Return an accepted request."""
    return request_of(
        ID,
        "Boil water.",
        renderings(),
        NOW,
        source="urn:test",
        event_id="1",
        content_sha256=canonical.sha256(b"1"),
        targets=targets,
        expires_at=NOW.replace(day=31, hour=23),
        screening=tuple(
            ScreeningFinding(code=f"found-{n}", clause="definitions v", reason="a phone number")
            for n in range(screening)
        ),
    )


def verdict(
    outcome: Outcome, as_of: int = 7, targets: tuple[str, ...] = ("fire-townsquare", "fire-website")
) -> Verdict:
    """Return a verdict with one finding."""
    said = {"cleared": FindingOutcome.SATISFIED, "blocked": FindingOutcome.BLOCKED, "refused": FindingOutcome.REFUSED}
    return verdict_on(
        request(),
        NOW,
        outcome=outcome,
        valid_until=None,
        control_seq=3,
        as_of=as_of,
        targets=targets,
        findings=(Finding(clause="3(iv)(c)", outcome=said[outcome.value], reason="an approval is missing"),),
    )


def eoc() -> EocView:
    """Return the posture of a quiet city of which no service answers."""
    return EocView(
        realm="live", city="City of Mission", website="https://mission.example", posture=Posture.ROUTINE, control_seq=3,
        hold=False, in_flight=0, last_seq=7, services=(),
    )  # fmt: skip


def delivery(profile: str, outcome: str, final: bool | None = None) -> DeliveryView:
    """Return one profile's delivery."""
    done = outcome in ("delivered", "failed", "expired") if final is None else final
    url = f"http://127.0.0.1/{profile}" if outcome == "delivered" else None
    return DeliveryView(profile=profile, platform="mastodon", outcome=outcome, url=url, final=done)


def view(outcome: Outcome | None = None, *deliveries: DeliveryView, as_of: int = 7) -> RequestView:
    """Return a request with a verdict and deliveries."""
    return RequestView(
        request=request(),
        request_seq=5,
        verdict=verdict(outcome, as_of) if outcome else None,
        verdict_seq=8 if outcome else 0,
        deliveries=deliveries,
    )
