"""Clause 1 Transparency (ii)(iii): the website has it too, and it leads back there; notes only."""

from __future__ import annotations

import pytest

from schemas.events.requests import PlatformContent, Rendering
from services.gatekeeper.policy.clauses import c1_transparency_ii_iii
from tests.unit.gatekeeper.policy_city import START, PolicyCity, one

CLAUSE = c1_transparency_ii_iii.CLAUSE


@pytest.mark.parametrize(
    ("changes", "back"),
    [
        ({}, False),
        ({"link": "https://city.example/flood"}, True),
        ({"link": "https://www.city.example/flood"}, True),
        ({"link": "https://news.city.example"}, True),
        ({"link": "https://elsewhere.example/city.example"}, False),
        ({"link": "https://nottown.example"}, False),
        ({"text": "More at https://city.example/flood."}, True),
        ({"text": "Broken https://[city.example"}, False),
    ],
)
def test_the_link_back_is_noted(changes: dict[str, str], back: bool) -> None:
    """A link to the city's site or a part of it leads back; anything else does not, and neither decides."""
    city = PolicyCity()
    request = city.request(author="mcpe", **changes)
    assert city.outcome(request, "mcpe") == "cleared"
    assert ("leads back to city.example" in one(city.decide(request), CLAUSE, "noted")) is back


def test_the_mirror_is_noted() -> None:
    """Without a rendering for the website the note says so; it still decides nothing."""
    city = PolicyCity()
    request = city.request(author="mcpe")
    city.approve(request, "mcpe")
    assert "website gets it too" in one(city.decide(request), CLAUSE, "noted")
    only = (Rendering.of(PlatformContent(platform="townsquare", parts=("x",), created_at=START)),)
    request = city.request(author="mcpe", renderings=only)
    assert city.outcome(request, "mcpe") == "cleared"
    assert "does not get it" in one(city.decide(request), CLAUSE, "noted")
