"""What screening finds, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.requests import ScreeningFinding
from schemas.platforms import LIMITS
from services.intake.domain.findings import lookalikes, personal, profanity
from services.intake.domain.findings.screening import ScreeningRules, screen
from services.intake.domain.rendering import render
from tests.support.mission import PATIENCE
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
    [
        "SIN 046 454 286",
        "Social insurance number: 130692544",
        "NAS 130692544.",
        "130-692-544",
        "(130 692 544)",
        "１３０ ６９２ ５４４",
        "130\u2011692\u2011544",
        "130.692.544",
        "Jane Doe, 130 692 544, by 5 p.m.",
        "Employee no. 130 692 544",
        "Jane's number 130 692 544",
        "Event no. 12, SIN no. 130 692 544",
    ],
)
def test_social_insurance_numbers_in_each_spelling(text: str) -> None:
    """With a right check digit, whatever is between the digits."""
    [hit] = personal.find(text, "CA", "mission.example", ())
    assert hit.code == "sin"
    assert hit.masked.startswith("•••••••")


@pytest.mark.parametrize(
    "text",
    [
        "046 454 287",
        "123456789",
        "SIN 000 000 000",
        "2026-03-04 12:30",
        "1046454286",
        "130692544.5",
        "permit 046 454 286",
        "permit no. 130 692 544",
        "PID 005-029-988",
        "PID: 030-692-544",
        "folio 130.692.544",
        "Units 201 203 205 207",
        "Units 201, 203, 205 and 207",
        "130 692 544 207",
        "$130 692 544",
        "130692544",
        "Next update 2026-11-26 5 p.m.",
        "Mise à jour 2026-11-26 15 h.",
        "26/11/2026 17:00",
        "Nov. 26, 2026 9 a.m.",
        "le 26 novembre 2026, 15 h 30",
        "20261126T1700Z",
        "2026-11-26T05:30",
        "49.1329 -122.3265",
        "130-692 544",
        *(
            f"{what} 130 692 544"
            for what in (
                "Roll number",
                "Rôle",
                "GST No.",
                "BN",
                "Buses",
                "Routes",
                "Wells",
                "Bid",
                "Contract",
                "Contrat no",
                "Facture",
                "N° de compteur",
                "Meter:",
                "Frequency",
                "Claim no.",
                "Vehicle",
                "Suites",
                "Apartments",
                "Campsites",
                "Population",
                "Meeting ID:",
                "Soumission",
                "Hydrants",
                "Event no.",
                "DriveBC event",
                "Événement no",
                "Ticket #",
                "Service request number:",
                "Demande nº",
                "Notice",
                "Confirmation no.",
                "Warrant No.",
                "Bridge no.",
                "Reçu :",
            )
        ),
        "130 692 544 $",
        "CAD 130 692 544",
        "Flow 130 692 544 L/s",
        "130 692 544 dollars",
        "130 692 544 residents",
        "lundi 30 nov. 2026, 8 h 30 à 16 h 30",
        "Open 2026-11-26 - 2026-12-02, 9 a.m.-5 p.m.",
        "Mise à jour : 1er décembre 2026 9 h",
        "UTM 10U 546123 5443210",
        "via @drivebc.bsky.social",
        "Follow @city@mastodon.example, @fire@social.example:8443",
    ],
)
def test_numbers_that_are_no_persons_are_left_alone(text: str) -> None:
    """A wrong check digit, another shape, or another thing by name: permits, parcels, units, money, dates."""
    assert not list(personal.find(text, "CA", "mission.example", ()))


@pytest.mark.parametrize(
    "text",
    [
        "Road closures: Exits 92/95/99, Rte 701/703/704.",
        "The 701/703/704 are detoured",
        "Hwy 701 703 704",
        "Rm. 701/703/704",
        "Bldgs. 701 703 704",
        "No. 701 703 704",
        "#701/703/704",
        "Engines 701 703 704",
        "Doors 130/692/544",
        "ਯੂਨਿਟ 701 703 704",
        "單位 701-703-704",
        "Appart. 701 703 704",
    ],
)
def test_a_list_of_routes_or_rooms_is_no_persons_number(text: str) -> None:
    """Between strokes, or ascending within a hundred, whatever names it."""
    assert not list(personal.find(text, "CA", "mission.example", ()))


@pytest.mark.parametrize("text", ["SIN 701 703 704", "SIN 701/703/704", "Jane 130-692-544", "Jane 130 692 544"])
def test_a_persons_number_is_found_that_is_named_or_no_list(text: str) -> None:
    assert [hit.code for hit in personal.find(text, "CA", "mission.example", ())] == ["sin"]


def test_a_telephone_number_behind_what_may_have_one_is_found() -> None:
    """ "For bookings: 604 ..." is no number of a booking; behind "no." it is one."""
    assert list(personal.find("見https://mission.example/flood｜604-555-0199", "CA", "mission.example", ()))
    for text in ("For bookings: 604-555-0199", "Event: 604-555-0199", "Fire hall number 604-555-0199"):
        assert [hit.code for hit in personal.find(text, "CA", "mission.example", ())] == ["phone"]
    assert not list(personal.find("Event no. 604-555-0199", "CA", "mission.example", ()))
    for text in ("Jane: 604·555·0199", "Jane: 604•555•0199", "NAS 130·692·544"):
        assert len(list(personal.find(text, "CA", "mission.example", ()))) == 1, text


@pytest.mark.parametrize(
    "text", ["call 604-820-3700 by 2026-11-26 5 p.m.", "2026-11-26 604-820-3700", "5 p.m. 604 820 3700"]
)
def test_a_number_beside_a_date_is_still_found(text: str) -> None:
    assert [hit.code for hit in personal.find(text, "CA", "mission.example", ())] == ["phone"]


@pytest.mark.parametrize("text", ["046 454 286", "1046454286"])
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


@pytest.mark.parametrize(
    "text",
    [
        "Call Jane Doe at 604-864-2231\nResidents are asked to boil water.",
        "Call Jane Doe at 6048642231\nResidents are asked to boil water.",
        "(604) 864-2231\nHomes on Cedar St are without water.",
        "Call 604-864-2231 people are waiting",
        "+1 604 864 2231 customers",
        "604.864.2231 %",
        "Jane Doe, 12 Cedar Road\n604-864-2231",
        "Jane Doe, house 33835 604 864 2231",
        "Jane Doe at 1-7337 604 864 2231",
        "Jane Doe, 5A 604 864 2231",
        "call Jane's house 604-864-2231",
        "Jane's unit: 604 864 2231",
        "Call John's business 604-820-5556 to help",
        "John's business number: 604.820.5556",
        "For a ride on the school bus 604-820-5555 (Anna)",
        "Info line 604-820-5555",
        "Info line: (604) 820-5555",
        "Ligne 604.820.5555",
        "Registration: 604-820-5555",
        "For permits 604-820-5555",
        "Ticket #: 12. Anna 6048205555",
        "Elevation desk 604.820.5555 m-f",
        "Flow 604 820 5555 M-F",
    ],
)
def test_what_stands_beside_a_telephone_number_hides_it_not(text: str) -> None:
    """Neither a word at the end of the line before, nor one that begins the next, nor an amount's unit."""
    assert [hit.code for hit in personal.find(text, "CA", "mission.example", ())] == ["phone"]


def test_a_label_names_the_number_on_the_line_below_it() -> None:
    assert not list(personal.find("Meeting ID:\n604 864 2231", "CA", "mission.example", ()))


@pytest.mark.parametrize(
    "text",
    [
        "Ticket# 6045550142",
        "Ticket #6045550142",
        "Bus 6048205555",
        "Line no. 604 820 5555",
        "Permit no. 604-820-5555",
        "Permit # 604-820-5555",
        "elevation 604.555.0142 m",
        "Distance: 604 555 0142 km",
        "Flow 604 555 0142 L/s",
        "CAD 604 555 0142",
    ],
)
def test_a_number_that_its_words_name_is_no_telephones(text: str) -> None:
    """A bare one behind what has numbers, and a size between its name and its unit."""
    assert not list(personal.find(text, "CA", "mission.example", ()))


@pytest.mark.parametrize("amount", ["604 820 3700 m3", "604 820 3700 hectares", "6048203700 m²", "6048203700 km2"])
def test_an_amount_is_no_telephone_number(amount: str) -> None:
    assert not list(personal.find(f"It holds {amount} by now.", "CA", "mission.example", ()))


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
        ("@DriveBC@mstdn.example", []),
        ("via @DriveBC@mstdn.example.", []),
        ("PreparedBC@gov.bc.ca", []),
        ("info@emergency.gc.ca, aide@gouv.qc.ca", []),
        ("gov.bc.ca@gmail.com", ["email"]),
        ("x@notgov.bc.ca", ["email"]),
        ("news@ontario.ca, info@alberta.ca, 511@gnb.ca, x@novascotia.ca", []),
        ("x@ontario.ca.evil.example", ["email"]),
        ("jane [at] gmail (dot) com", ["email"]),
        ("jane at gmail dot com", ["email"]),
        ("jean [arobase] gmail [point] com", ["email"]),
        ("jean arobase gmail point com", ["email"]),
        ("jean arobase mail.gmail.com, jane(a)gmail.com", ["email", "email"]),
        ("info [arobase] mission [point] example, info arobase mission point example", []),
        ("le signe arobase, au point de rencontre; section 5(a)bylaws.example", []),
        ("a@b|jane@gmail.com", ["email"]),
        ("jane @ gmail.com", ["email"]),
        ("the map is map@2x.png", []),
        ("city hall @missionbc.bsky.social", []),
    ],
)
def test_email_addresses(text: str, codes_found: list[str]) -> None:
    """Others' addresses are found, the city's own are contact information."""
    hits = list(personal.find(text, "CA", "mission.example", ()))
    assert [hit.code for hit in hits] == codes_found
    assert all("doe" not in hit.masked for hit in hits)


@pytest.mark.parametrize(
    "text",
    [
        "緊急情況：電郵{}或瀏覽https://mission.example",
        "メールは{}まで",
        "이메일 {}로 문의",
        "อีเมล{}ครับ",
        "ਈਮੇਲ {}ਤੇ",
        "راسلنا{}اليوم",
        "write to *{}*, '{}' or Info/{}",
    ],
)
def test_an_address_in_writing_without_spaces_is_whose_it_is(text: str) -> None:
    """The city's, a public body's and a published one are left alone there, and a person's is found."""
    for address in ("info@mission.example", "PreparedBC@gov.bc.ca", "info@fvrd.example"):
        said = text.replace("{}", address)
        assert not list(personal.find(said, "CA", "mission.example", (), ("info@fvrd.example",)))
    for person in ("jane@gmail.com", "jane@fvrd.example", "jane.info@fvrd.example"):
        hits = list(personal.find(text.replace("{}", person), "CA", "mission.example", (), ("info@fvrd.example",)))
        assert {hit.code for hit in hits} == {"email"}


@pytest.mark.parametrize("address", ["李@gmail.com", "joséinfo@fvrd.example", "o'info@fvrd.example", "jane@例え.jp"])
def test_an_address_with_other_letters_is_a_persons(address: str) -> None:
    assert [hit.code for hit in personal.find(address, "CA", "mission.example", (), ("info@fvrd.example",))] == [
        "email"
    ]


@pytest.mark.parametrize("published", ["info@fvrd.example", "fvrd.example", "@fvrd.example", "INFO@FVRD.example"])
def test_addresses_that_the_city_may_publish(published: str) -> None:
    """Whole addresses, or a host with all below it (``screening_addresses``)."""
    assert not list(personal.find("write to info@fvrd.example", "CA", "mission.example", (), (published,)))
    assert list(personal.find("write to info@notfvrd.example", "CA", "mission.example", (), (published,)))


def test_a_published_number_is_never_anything_else() -> None:
    """Its digits may pass for a health number; they are masked first, however they are written."""
    for text in ("Call 9698 658 215", "969-865-8215", "+1 (969) 865-8215"):
        assert not list(personal.find(text, "CA", "mission.example", ("969 865-8215",)))


def test_no_number_stands_whole_in_a_finding() -> None:
    """What is personal is masked in the event."""
    findings = found(text=f"Jane 130 692 544, 9698 658 215, 604-555-0142 {SITE}", link=f"{SITE}/130692544")
    assert {"sin", "phn", "phone"} <= {finding.code for finding in findings}
    shown = "".join(char for finding in findings for char in finding.where if char.isdigit())
    for number in ("130692544", "9698658215", "6045550142"):
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


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Hooker Road is closed", "en", ()),
        ("Hooker Rd. at 7th", "en", ()),
        ("Cst. Hooker and Dick Smith speak at Dick's Creek", "en", ()),
        ("Dick's Lumber, Dick’s Sporting Goods and the Cock and Bull are open", "en", ()),
        ("Jackass Mountain, Cumming Road, Councillor Bonner and the Bonners", "en", ()),
        ("don't be a dick's friend, a cock and a bull", "en", ("cock", "dick")),
        ("a hooker was seen", "en", ("hooker",)),
        ("Fuck Road", "en", ("fuck",)),
        ("Retard dans la collecte des ordures", "fr", ()),
        ("Un retard de 2 h, dragage et dépôt de gerbes, rue en cul-de-sac", "fr", ()),
        ("don't be a retard", "en", ("retard",)),
        ("a dog bite", "en", ()),
        ("C'est la merde", "fr", ("merde",)),
        ("la merde est là, fuck", "fr", ("fuck", "merde")),
        ("A great tit, two blue tits and Bastard toadflax at the dyke", "en", ()),
        ("Pussy willows, wild asses, a stop cock, Chorlton-cum-Hardy, cum laude", "en", ()),
        ("nice tits, you bastard", "en", ("bastard", "tits")),
        ("Chili con carne et Comic-Con; une suce, un baiser, une tapette à souris", "fr", ()),
        ("Quel con! Bande de cons, jouer au con", "fr", ("con", "cons")),
        ("f\u200cuck the dam", "en", ("fuck",)),
        ("vaginal health clinic, tit for tat, a spic and span hall", "en", ()),
        ("Fuk Lam Street and Shag Creek are open", "en", ()),
        ("Dicke Luft, der Damm hält; hell und nackt", "de", ()),
        ("Das ist scheiße", "de", ("scheiße",)),
        ("Văn Phúc, cum, phúc lợi; di tản ngay", "vi", ()),
        ("El camino negro, la orina y la heroína", "es", ()),
        ("Evacúen, puta madre", "es", ("puta",)),
        ("请立即疏散。操你妈的", "zh", ("操你妈",)),
        ("性别、处女地与鸡蛋", "zh", ()),
        ("Уходите, блядь", "ru", ("блядь",)),
        ("the fucking dam", "pa", ("fucking",)),
    ],
)
def test_words_by_their_language_and_names_by_their_place(text: str, language: str, expected: tuple[str, ...]) -> None:
    assert expected == profanity.find(text, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("those fuckers", "en"),
        ("those motherfuckers", "en"),
        ("those assholes", "en"),
        ("those cunts", "en"),
        ("shits and bastards", "en"),
        ("a wanker", "en"),
        ("a whore", "en"),
        ("We are fucked", "en"),
        ("puta madre", "en"),
        ("Qué mierda de nieve", "en"),
        ("操你妈", "en"),
        ("So eine Scheiße", "en"),
        ("les connards", "fr"),
        ("les enculés", "fr"),
        ("les salopes", "fr"),
        ("他媽的", "zh"),
        ("操你媽", "zh"),
        ("我屌你", "zh"),
        ("肏你", "zh"),
        ("씨발놈", "ko"),
        ("개새끼들", "ko"),
        ("esos pendejos, qué mierdas", "es"),
        ("those fuckers", "pa"),
    ],
)
def test_profanity_in_its_plural_and_of_another_language(text: str, language: str) -> None:
    """A text in English may hold a word of any language, and the lists hold few plurals."""
    assert profanity.find(text, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Scunthorpe, Phuket, Shitake, Fukuoka Gardens, Cuntis, Whorlton, Niger, Nigeria, Wankdorf, Salop", "en"),
        (
            "assess assets, asset sales, finger prick, prickly pear, retards growth, dykes hold, chinks in the wall",
            "en",
        ),
        ("Faggot Creek, Joder Road, Joder & Sons Ltd., Fotzeria, Putatan, Cazzola Street, Merdalor, Kurwalanka", "en"),
        ("Computadora, reputación, Cañón, Cabrona Bay, Mierdalago", "es"),
        ("Les salopettes, Saint-Connan, un enculage", "fr"),
        ("其他妈妈, 其他媽媽的, 体操, 操場, 你妈妈, 吊你, 干净, 幹線, 妈的", "zh"),
        ("아저씨 발, 강아지, 새끼 고양이, 김씨발표", "ko"),
        ("Slut på larmet, alla klar", "sv"),
    ],
)
def test_what_only_holds_a_vulgar_words_letters_is_clean(text: str, language: str) -> None:
    assert profanity.find(text, language) == ()


def test_names_that_the_city_uses_are_no_words() -> None:
    """``screening_names``, as they are written; the same word otherwise is still one."""
    assert profanity.find("The Hooker family thanks you", names=("Hooker",)) == ()
    assert profanity.find("a hooker", names=("Hooker",)) == ("hooker",)


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


@pytest.mark.parametrize("unit", ["a|", "*a", "a=", "{at}", "a@", "請a@a.", " arobase a point"])
@pytest.mark.timeout(PATIENCE)
def test_no_text_takes_long_to_be_looked_through(unit: str) -> None:
    list(personal.find(unit * (65_536 // len(unit.encode())), "CA", "mission.example", (), ("info@fvrd.example",)))


@pytest.mark.parametrize("text", ["*" * 262_144 + "@fvrd.example", "ക്" * 50_000])
@pytest.mark.timeout(PATIENCE)
def test_no_run_of_signs_takes_the_square_of_its_length(text: str) -> None:
    """Several times as long as any text, so that a slow way through it takes minutes, and a quick one no second."""
    list(personal.find(text, "CA", "mission.example", (), ("info@fvrd.example",)))
    list(lookalikes.find(text, "mission.example", "Mission"))


def test_many_hits_stay_few_findings() -> None:
    """A text full of numbers does not make an event full of findings."""
    text = " ".join(f"604-555-{number:04}" for number in range(100, 200)) + f" {SITE}"
    assert len(found(text=text, targets=["fire-website"])) == 10


@given(st.text(max_size=120))
def test_any_text_can_be_screened(text: str) -> None:
    """Screening never raises, whatever the text."""
    list(personal.find(text, "CA", "mission.example", ()))
    profanity.find(text)
