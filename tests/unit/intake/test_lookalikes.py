"""Hosts that are not what they seem to be, and the many that are."""

from __future__ import annotations

import pytest

from services.intake.domain.findings.lookalikes import find
from services.intake.domain.findings.screening import ScreeningRules
from tests.unit.intake.test_screening import codes
from tests.unit.intake.world import SITE


def seen(text: str, home: str = "mission.ca", city: str = "City of Mission") -> list[str]:
    return [one.seen for one in find(text, home, city, ("mastodon.mission.net",))]


@pytest.mark.parametrize(
    "text",
    [
        "See https://mission.ca@evil.example/flood",
        "See https://mission.ca:443@evil.example",
        "See https://mission.ca.evil.example/flood",
        "See https://mission-ca.info",
        "See https://www.mission-alerts.info/pay",
        "See https://cityofmission.org",
        "See https://mission2026.example",
        "See mission.evil.example/flood, without a scheme",
        "Register at missi\u043en.ca today",  # a Cyrillic o
        "See https://\u043c\u0456\u0455\u0455\u0456\u043e\u043f.com",
        "See https://xn--missin-5of.ca/",  # the first one in punycode
        "See https://rnission.ca",
        "See https://misssion.ca",
        "See https://misison.ca",
        "See https://m1ssion.ca",
        "See https://payp\u0430l.com/help",
        "See mission\u3002evil\uff0eexample",
        "請看mission.evil.example查詢",
        "請看mission.ca查詢.evil.example",
        "rnission.caで確認",
        "See mis\u05e1ion.ca",  # a Hebrew letter in it
        "See \ua4dfission.ca",  # a Lisu letter that looks like M
    ],
)
def test_a_host_that_seems_to_be_another_is_found(text: str) -> None:
    assert len(seen(text)) >= 1, text


@pytest.mark.parametrize(
    "text",
    [
        "See https://mission.ca/flood and https://alerts.mission.ca, or www.mission.ca.",
        "See https://mastodon.mission.net/@fire",
        "See https://www2.gov.bc.ca/gov/content/safety and https://drivebc.ca",
        "See https://ec.europa.eu/commission and https://commission.europa.eu, https://permission.example.",
        "See https://emissions.example and https://intermission.example",
        "Call 604.820.3700. Mission's mission: e.g. St.John ambulance, p.m. at 7.30.Bring water.",
        "Voir https://montr\u00e9al.ca/inondations",
        "\u6d2a\u6c34\u60c5\u5831 https://\u65e5\u672c\u8a9e\u306eIDN.example/",
        "https://\u043c\u043e\u0441\u043a\u0432\u0430.\u0440\u0444/",
        "Write to clerk@mission.ca or fire@hatzic.example",
        "請看mission.ca查詢，或www.mission.ca。",
        "メールではなくmission.caで確認、mission.ca에서, mission.caਤੇ",
    ],
)
def test_what_people_write_every_day_is_left_alone(text: str) -> None:
    assert seen(text) == [], text


def test_a_city_whose_name_has_rn_in_it_is_compared_by_its_looks() -> None:
    """Burnaby looks like Bumaby, and its own host is still its own."""
    assert seen("https://burnaby.ca and https://x.burnaby.ca", "burnaby.ca", "City of Burnaby") == []
    assert seen("https://bumaby.ca", "burnaby.ca", "City of Burnaby") == ["bumaby.ca"]


def test_a_name_below_the_province_is_the_citys() -> None:
    assert seen("https://hope-alerts.ca", "hope.bc.ca", "District of Hope") == ["hope-alerts.ca"]
    assert seen("https://bc.ca https://news.gov.bc.ca", "hope.bc.ca", "District of Hope") == []


def test_screening_shows_it_to_the_approver() -> None:
    """In the text, the link and the description of a picture alike."""
    rules = ScreeningRules(SITE, city="City of Mission")
    assert "look-alike" in codes(rules, text=f"Leave now. {SITE} https://mission.evil.example")
    assert "look-alike" not in codes(rules, text=f"Leave now. {SITE}/flood")
