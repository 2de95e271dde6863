"""What screening finds, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.requests import ScreeningFinding
from schemas.platforms import LIMITS
from services.intake.domain import personal, profanity
from services.intake.domain.rendering import render
from services.intake.domain.screening import ScreeningRules, screen
from tests.unit.intake.world import SITE, city, draft

PLAIN = ScreeningRules(SITE)
RULES = ScreeningRules(
    SITE, topics={"fire": ("fire", "smoke"), "water-mastodon": ("water",)}, published_numbers=("604-820-3700",)
)


def found(rules: ScreeningRules = PLAIN, **data: Any) -> tuple[ScreeningFinding, ...]:
    made = draft(**data)
    state = city()
    departments = {target: state.profiles[target].department for target in made.targets}
    return screen(made, render(made, LIMITS), rules, departments)


def codes(rules: ScreeningRules = PLAIN, **data: Any) -> set[str]:
    return {finding.code for finding in found(rules, **data)}


def test_an_ordinary_update_has_no_findings() -> None:
    """What a city writes every day is left alone."""
    text = f"Boil water: fecal coliforms found in zone 3 since 2026-03-04 10:30. Dial 911 only in danger. {SITE}/w"
    assert codes(text=text) == set()


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("Leave now.", True),
        (f"Leave now. {SITE}/x", False),
        ("Leave now. https://www.mission.example/x", False),
        ("Leave now. https://fire.mission.example", False),
        ("Leave now. https://mission.example.evil.example/", True),
        ("Leave now. https://notmission.example/", True),
        ("Leave now. https://evil.example/?u=https://mission.example/", True),
    ],
)
def test_a_link_to_the_citys_website(text: str, missing: bool) -> None:
    """Section 1, Transparency (iii): on the city's own host."""
    assert ("link-missing" in codes(text=text)) is missing


def test_the_missing_link_names_the_platforms_that_lack_it() -> None:
    """A variant without the link is found; the website itself needs none."""
    [finding] = found(variants={"mastodon": "Short."})
    assert (finding.code, finding.where, finding.clause) == ("link-missing", "mastodon", "1 Transparency (iii)")
    assert codes(text="Leave now.", targets=["fire-website"]) == set()


@pytest.mark.parametrize(
    "text",
    ["SIN 046 454 286", "046-454-286", "046454286.", "０４６ ４５４ ２８６", "046\u2011454\u2011286", "130.692.544"],
)
def test_social_insurance_numbers_in_each_spelling(text: str) -> None:
    """With a right check digit, whatever stands between the digits."""
    [hit] = personal.find(text, "CA", "mission.example", ())
    assert hit.code == "sin"
    assert hit.masked.startswith("•••••••")


@pytest.mark.parametrize(
    "text", ["046 454 287", "123456789", "000 000 000", "2026-03-04 12:30", "1046454286", "046454286.5"]
)
def test_numbers_with_a_wrong_check_digit_are_left_alone(text: str) -> None:
    assert not [hit for hit in personal.find(text, "CA", "mission.example", ()) if hit.code in ("sin", "phn")]


@pytest.mark.parametrize("text", ["PHN 9698 658 215", "9698658215", "9698-658-215"])
def test_bc_personal_health_numbers(text: str) -> None:
    """Ten digits, mod 11, not taken for a telephone number as well."""
    assert [hit.code for hit in personal.find(text, "CA", "mission.example", ())] == ["phn"]


@pytest.mark.parametrize(
    "text", ["Call 604-820-3700", "(604) 820-3700", "604.820.3700", "+1 604 820 3700", "6048203700"]
)
def test_telephone_numbers(text: str) -> None:
    """Any spelling is found; a number that the city publishes is not personal."""
    assert [hit.code for hit in personal.find(text, "CA", "mission.example", ())] == ["phone"]
    assert not list(personal.find(text, "CA", "mission.example", ("604 820-3700",)))


def test_toll_free_and_short_numbers_are_nobodys() -> None:
    assert not list(personal.find("1-800-667-7000, 911, 8-1-1, *5555", "CA", "mission.example", ()))


@pytest.mark.parametrize(
    ("text", "codes_found"),
    [
        ("jane.doe@gmail.com", ["email"]),
        ("jane (at) gmail.com", ["email"]),
        ("info@mission.example", []),
        ("fire@dept.mission.example", []),
        ("info@notmission.example", ["email"]),
        ("follow @missionfire and @fire@social.example today", []),
    ],
)
def test_email_addresses(text: str, codes_found: list[str]) -> None:
    """Others' addresses are found, the city's own are contact information."""
    hits = list(personal.find(text, "CA", "mission.example", ()))
    if "@fire@" not in text:
        assert [hit.code for hit in hits] == codes_found
    assert all("doe" not in hit.masked for hit in hits)


def test_no_number_stands_whole_in_a_finding() -> None:
    """What is personal is masked in the event."""
    findings = found(text=f"Jane 046 454 286, 9698 658 215, 604-555-0142 {SITE}", link=f"{SITE}/046454286")
    assert {"sin", "phn", "phone"} <= {finding.code for finding in findings}
    shown = "".join(char for finding in findings for char in finding.where if char.isdigit())
    for number in ("046454286", "9698658215", "6045550142"):
        assert number not in shown


@pytest.mark.parametrize(
    "text", ["fuck", "FUCK", "sh1t", "sh!t", "f*ck", "f.u.c.k", "bullshit", "asshole", "damn it", "merde"]
)
def test_profanity_also_disguised(text: str) -> None:
    assert profanity.find(f"the {text} flood")


@pytest.mark.parametrize(
    "text",
    [
        "Scunthorpe, Penistone, Cockermouth, Essex, Middlesex, Clitheroe",
        "assess the assets of the class; pass the grass; bass fishing; cocktail bar; titles; analysis; document",
        "fecal coliforms, pilot car escort, sex offender, rape crisis line, suicide prevention line",
        "Dickson Avenue, Hell's Gate, Grand Coulee Dam, damage to the dam, shiitake, Mission Rd s hit by a tree",
        "",
        "123 !!!",
    ],
)
def test_words_inside_words_and_plain_words_are_left_alone(text: str) -> None:
    """The Scunthorpe problem, and what a city must be able to say."""
    assert profanity.find(text) == ()


def test_profanity_is_found_in_variants_and_descriptions() -> None:
    picture = {"sha256": "a" * 64, "media_type": "image/png", "alt": "A shitty map of the river"}
    findings = found(variants={"mastodon": f"Damn flood {SITE}"}, pictures=[picture])
    where = [finding.where for finding in findings if finding.code == "profanity"]
    assert where[0].startswith("variant for mastodon")
    assert where[1].startswith("description of picture 1")


@pytest.mark.parametrize(
    ("alt", "bad"),
    [
        ("IMG_2041.JPG", True),
        ("image", True),
        ("screenshot 2026-03-04", True),
        ("my photo (2).png", True),
        ("12345", True),
        ("…", True),
        ("Image of the flooded bridge", False),
        ("A map of zone 3", False),
        ("地图", False),
    ],
)
def test_descriptions_that_do_not_describe(alt: str, bad: bool) -> None:
    picture = {"sha256": "a" * 64, "media_type": "image/png", "alt": alt}
    assert ("alt-missing" in codes(pictures=[picture])) is bad


def test_shouting() -> None:
    """Mostly capitals, beyond a word or an abbreviation."""
    assert "shouting" in codes(text=f"EVERYBODY MUST LEAVE THE LOWER TOWN NOW {SITE}")
    assert "shouting" not in codes(text=f"EVACUATION ORDER: leave the lower town now {SITE}")
    assert "shouting" not in codes(text=f"EOC OPEN {SITE}")


def test_topic_only_where_the_city_set_words() -> None:
    """By profile or department; crisis content concerns every profile."""
    text = f"Swimming lessons start on Monday {SITE}"
    assert codes(text=text) == set()
    assert codes(RULES, text=text) == {"topic"}
    assert codes(RULES, text=text, crisis=True) == set()
    assert codes(RULES, text=f"Smoke from the hills {SITE}") == set()
    where = [finding.where for finding in found(RULES, text=text, targets=["water-mastodon", "parks-mastodon"])]
    assert where == ["water-mastodon"]


def test_many_hits_stay_few_findings() -> None:
    """A text full of numbers does not make an event full of findings."""
    text = " ".join(f"604-555-{number:04}" for number in range(100, 200)) + f" {SITE}"
    assert len(found(text=text, targets=["fire-website"])) == 10


@given(st.text(max_size=120))
def test_any_text_can_be_screened(text: str) -> None:
    """Screening never raises, whatever the text."""
    list(personal.find(text, "CA", "mission.example", ()))
    profanity.find(text)
