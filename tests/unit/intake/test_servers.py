"""A message is made to fit the least that the servers take to which it goes."""

from __future__ import annotations

import pytest

from schemas.platforms import LIMITS, counted_length
from services.intake.domain.servers import limits_for
from services.kernel.base.settings.city_platforms import ServerLimits

SMALL, PLAIN = ServerLimits(characters=300), ServerLimits(characters=1_000, code_points=True)
KNOWN = {"small.example": SMALL, "plain.example": PLAIN}


@pytest.mark.parametrize(
    ("accounts", "characters", "code_points"),
    [
        (["@fire@usual.example"], 500, False),
        (["@fire@usual.example", "@water@small.example"], 300, False),
        (["fire@plain.example"], 1_000, True),
        (["@fire@usual.example", "@water@plain.example"], 500, True),
        (["@fire@small.example", "@water@plain.example"], 300, True),
        ([], 500, False),
    ],
)
def test_the_smallest_limit_and_the_strictest_count(accounts: list[str], characters: int, code_points: bool) -> None:
    found = limits_for(accounts, KNOWN)
    assert (found["mastodon"].characters, found["mastodon"].code_points) == (characters, code_points)
    assert {name: one for name, one in found.items() if name != "mastodon"} == {
        name: one for name, one in LIMITS.items() if name != "mastodon"
    }


def test_code_points_count_links_in_full() -> None:
    limits = limits_for(["@fire@plain.example"], KNOWN)["mastodon"]
    text = "See https://mission.example/" + "a" * 100 + " e\u0301"
    assert counted_length(text, limits) == len(text)
