"""What a profile's own page has to say by HUM.11(A) section 1, Transparency (i), as far as a program can tell."""

from __future__ import annotations

import pytest

from services.fanout.domain.profile_text import shortcomings
from tests.unit.fanout.world import profile

CITY, WEBSITE = "City of Mission", "https://www.mission.example/news"
DISCLOSURE = "Comments may be removed.\nWrite to us."


@pytest.mark.parametrize(
    ("shown", "count", "says"),
    [
        (None, 0, ""),
        ("Fire! Official. https://mission.example/fire", 0, ""),
        ("Fire of the CITY of\nMission. Comments may be removed. Write to us.", 0, ""),
        ("Fire of the City of Mission.", 1, "nor the address mission.example"),
        ("Fire. Comments may be removed. Write to us.", 1, "does not say that it is the City of Mission's"),
        ("", 2, "nor the address mission.example"),
    ],
)
def test_it_names_the_city_and_leads_to_the_disclosure(shown: str | None, count: int, says: str) -> None:
    """The address of the city's website does for both: there the statements stand. What is not known is no fault."""
    found = shortcomings(profile("fire-x", disclosure=DISCLOSURE), shown, CITY, WEBSITE)
    assert len(found) == count
    assert says in "; ".join(found)


def test_a_profile_without_a_statement_has_none_on_its_page() -> None:
    found = shortcomings(profile("fire-x", disclosure=" "), "City of Mission", CITY, WEBSITE)
    assert len(found) == 1
