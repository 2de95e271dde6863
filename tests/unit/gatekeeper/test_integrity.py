"""Clause request integrity: the request is of this realm and is what its digest says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.events.control import ProfileAdd
from schemas.events.requests import PlatformContent, Rendering, Request, digest_of
from services.gatekeeper.policy.clauses import integrity
from tests.unit.gatekeeper.policy_city import START, PolicyCity, one, profile, said

CLAUSE = integrity.CLAUSE


def _body(platform: str, text: str = "hello") -> Rendering:
    return Rendering.of(PlatformContent(platform=platform, parts=(text,), created_at=START))


def _refused(city: PolicyCity, request: Request) -> str:
    city.approve(request, "mcpe", realm=request.realm)
    decision = city.decide(request)
    assert decision.outcome == "refused"
    return one(decision, CLAUSE, "refused")


def test_a_sound_request_is_not_spoken_of() -> None:
    """Nothing to say of what is in order."""
    city = PolicyCity()
    assert said(city.decide(city.request()), CLAUSE) == []


def test_nothing_crosses_realms() -> None:
    """A request of the exercise is refused in the live city, approval and all."""
    city = PolicyCity()
    assert "exercise" in _refused(city, city.request(realm="exercise"))
    city = PolicyCity()
    city.control = replace(city.control, realm="exercise")
    assert city.outcome(city.request(), "mcpe") == "refused"


def test_a_digest_that_does_not_cover_the_renderings() -> None:
    """Another digest, even one that everybody approved, refuses."""
    city = PolicyCity()
    assert "another hash" in _refused(city, city.request(digest="a" * 64))


def test_a_body_that_was_changed() -> None:
    """The bytes that would be posted must have the hash that was approved."""
    city = PolicyCity()
    swapped = _body("townsquare").model_copy(update={"body": _body("townsquare", "bye").body})
    _refused(city, city.request(renderings=(swapped, _body("website"))))


def test_a_body_for_another_platform() -> None:
    """A rendering holds its own platform's content."""
    city = PolicyCity()
    _refused(city, city.request(renderings=(_body("website").model_copy(update={"platform": "townsquare"}),)))


@pytest.mark.parametrize("body", ["", "not json", "{}", '{"platform":"townsquare"}'])
def test_a_body_that_cannot_be_read(body: str) -> None:
    """Nonsense under the right hash is nonsense."""
    from schemas import canonical

    city = PolicyCity()
    rendering = Rendering(platform="townsquare", body=body, sha256=canonical.sha256(body.encode()))
    _refused(city, city.request(renderings=(rendering,)))


def test_two_renderings_of_one_platform() -> None:
    """Which one would be posted? Neither."""
    city = PolicyCity()
    twice = (_body("townsquare"), _body("townsquare", "bye"))
    request = city.request(renderings=twice)
    assert request.digest == digest_of(request.request_id, 1, twice)
    _refused(city, request)


def test_a_target_named_twice() -> None:
    """One profile, one post."""
    city = PolicyCity()
    assert "twice" in _refused(city, city.request(targets=("fire-town", "fire-town")))


def test_a_profile_that_moved_to_a_platform_nobody_saw() -> None:
    """Changed in the register after the submission, it has no rendering that anybody approved."""
    city = PolicyCity()
    request = city.request(targets=("fire-town", "police-town"))
    assert city.outcome(request, "mcpe") == "cleared"
    city.order("office", ProfileAdd(profile=profile("fire-town", platform="elsewhere")))
    decision = city.decide(request)
    assert decision.outcome == "blocked"
    assert "fire-town" in one(decision, CLAUSE, "blocked")
    assert city.decide(request, delivered=("fire-town",)).outcome == "cleared"


def test_what_no_approver_can_see_is_refused() -> None:
    """A genuine approval of half of what is posted is none."""
    city = PolicyCity()
    renderings = (_body("townsquare", "The bridge is open\x1b[8m, says nobody\x1b[0m."), _body("website"))
    assert "U+001B" in _refused(city, city.request(renderings=renderings))
