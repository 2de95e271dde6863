"""Finds what a machine can find against section 1 and the definitions; an approver judges it.

A finding stops nothing: the officer who approves must acknowledge it. Personal numbers are masked in what a
finding quotes. Pure but for loading word lists and number plans on first use, which takes about a second
(``warm_up``). Source: HUM.11(A) definitions ii (language), v (personal information), xi (topic); section 1
Transparency (iii) (links to the city's website), Transparency (ii) (what the website shows must be readable
for all).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from schemas import links
from schemas.events.requests import Rendering, ScreeningFinding
from schemas.languages import base
from services.intake.domain.findings import leftovers, lookalikes, personal, profanity
from services.intake.domain.language import guess
from services.intake.domain.submission import WEBSITE, Draft

LANGUAGE = "definitions (ii)"
PRIVACY = "definitions (v)"
TOPIC = "definitions (xi)"
WEBSITE_LINK = "1 Transparency (iii)"
OFFICIAL = "1 Transparency (i)"
STANDARDS = "1 Transparency and Standards of Conduct"

SHOUTED_SHARE = 0.7
SHOUTED_LETTERS = 20

MOST_HITS = 10
"""Personal numbers and addresses of one text that are shown at most."""

_FILE_NAME = re.compile(
    r"^\s*(?:[\w() -]+\.(?:jpe?g|png|webp|gif|heic|tiff?|bmp)"
    r"|(?:img|dsc[fn]?|dcim|pxl|image|photo|picture|screenshot|screen shot|untitled|scan)[\s_-]*[\d\s_.-]*)\s*$",
    re.IGNORECASE,
)
_PRACTICE = re.compile(
    r"\A\W*(?:exercise|drill|test|exercice)(?:\s*(?:[:.,;!?*#|/()\[\]{}<>\"»”\u2010-\u2015]|-(?!\w)|[\r\n]|\Z)"
    r"|\s+(?:exercise|drill|test|exercice|messages?|posts?|tweets?|alerts?|alertes?|notifications?|notices?|announcements?"
    r"|warnings?|orders?|evacuations?|d['’][eé]vacuation|only|seulement|in progress|en cours)\b)"
    r"|(?-i:\bEXERCI[SC]E\b(?! (?:(?:EXTREME|EXTRA|GREAT|GREATER|DUE|MORE|UTMOST) )?(?:CAUTION|CARE|PATIENCE|RESTRAINT"
    r"|VIGILANCE|DISCRETION|JUDGE?MENT|YOUR|THEIR|OUR|CLASS|CLASSES|PROGRAMS?|EQUIPMENT|ROOM|DAILY|REGULARLY)\b))"
    r"|\bthis is (?:only )?an? (?:exercise|drill|test)\b"
    r"|\b(?:exercise|drill|test) (?:message|post|alert|only)\b|\b(?:ceci |c['\u2019])est un (?:exercice|test)\b",
    re.IGNORECASE,
)
"""At the beginning the word is a label, and no verb: "Exercise caution" and "Test your alarm" are said every day."""
_REAL = re.compile(
    r"\bnot an? (?:exercise|drill|test)\b|\b(?:this is|it is|it['\u2019]s) real\b|\breal emergency\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")


@dataclass(frozen=True)
class ScreeningRules:
    """What the city sets: its website, the region of its telephone numbers (ISO 3166), words that a profile's
    topic needs (by profile or department), telephone numbers and addresses that it publishes itself, names of
    people and places that may stand in its texts, the language of a text that does not tell (ISO 639-1), the city's
    name, and the servers of its profiles, which are not taken for somebody else's.
    """

    website: str
    region: str = "CA"
    topics: dict[str, tuple[str, ...]] = field(default_factory=dict)
    published_numbers: tuple[str, ...] = ()
    published_addresses: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    language: str = "en"
    city: str = ""
    own_hosts: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        """The website's host name, in ASCII and without a leading www."""
        return links.host_of(self.website)


def screen(
    draft: Draft, renderings: tuple[Rendering, ...], rules: ScreeningRules, departments: dict[str, str]
) -> tuple[ScreeningFinding, ...]:
    """Return what was found, each only once, in the order of the checks.

    Args:
        draft: the checked submission.
        renderings: what the platforms get.
        rules: the city's settings.
        departments: the department of each target.
    """
    found: list[ScreeningFinding] = []
    found.extend(_missing_link(renderings, rules))
    for name, text in _passages(draft):
        found.extend(_personal(name, text, rules))
        found.extend(_profane(name, text, rules, draft.language))
        found.extend(_lookalikes(name, text, rules))
        found.extend(_shouted(name, text))
        found.extend(_left_over(name, text))
    found.extend(_other_realm(draft))
    found.extend(_file_names(draft))
    found.extend(_off_topic(draft, rules, departments))
    found.extend(_left_out(draft))
    found.extend(_unreachable(draft))
    found.extend(_shown_again(draft))
    return tuple(dict.fromkeys(found))


def warm_up() -> None:
    """Load the word lists and number plans, so that the first request does not wait for them."""
    profanity.find("ready")
    list(personal.find("ready 604 555 0100", "CA", "", ()))


def _passages(draft: Draft) -> Iterator[tuple[str, str]]:
    yield "text", draft.text
    if draft.link:
        yield "link", draft.link
    for platform, text in sorted(draft.variants.items()):
        yield f"variant for {platform}", text
    for code, text in sorted(draft.translations.items()):
        yield f"text in {code}", text
    for number, picture in enumerate(draft.pictures, 1):
        yield f"description of picture {number}", picture.alt


def _missing_link(renderings: tuple[Rendering, ...], rules: ScreeningRules) -> Iterator[ScreeningFinding]:
    without = [
        rendering.platform
        for rendering in renderings
        if rendering.platform != WEBSITE and not links.leads_to(rules.host, "\n".join(rendering.content().parts))
    ]
    if without:
        yield ScreeningFinding(
            code="link-missing",
            clause=WEBSITE_LINK,
            reason=f"no link leads back to {rules.host}",
            where=", ".join(without),
        )


def _personal(name: str, text: str, rules: ScreeningRules) -> Iterator[ScreeningFinding]:
    hits = personal.find(text, rules.region, rules.host, rules.published_numbers, rules.published_addresses)
    for hit in islice(hits, MOST_HITS):
        yield ScreeningFinding(
            code=hit.code,
            clause=PRIVACY,
            reason=f"it looks like {hit.what}: personal information is not published",
            where=f"{name}: {hit.masked}",
        )


def _profane(name: str, text: str, rules: ScreeningRules, language: str | None) -> Iterator[ScreeningFinding]:
    words = profanity.find(links.without(text), base(language or guess(text, rules.language)), rules.names)
    if words:
        yield ScreeningFinding(
            code="profanity",
            clause=LANGUAGE,
            reason="vulgar or profane language",
            where=f"{name}: {', '.join(words)}"[:300],
        )


def _lookalikes(name: str, text: str, rules: ScreeningRules) -> Iterator[ScreeningFinding]:
    allowed = (*rules.own_hosts, *(one.rpartition("@")[2].casefold() for one in rules.published_addresses))
    for one in islice(lookalikes.find(text, rules.host, rules.city, allowed), MOST_HITS):
        yield ScreeningFinding(
            code="look-alike",
            clause=OFFICIAL,
            reason=f"the host is not what it seems: {one.why}",
            where=f"{name}: {one.seen}"[:300],
        )


def _shouted(name: str, text: str) -> Iterator[ScreeningFinding]:
    letters = [letter for letter in links.without(text) if letter.isalpha()]
    cased = [letter for letter in letters if letter.lower() != letter.upper()]
    upper = sum(letter.isupper() for letter in cased)
    if len(cased) >= SHOUTED_LETTERS and upper / len(cased) >= SHOUTED_SHARE:
        yield ScreeningFinding(
            code="shouting",
            clause=STANDARDS,
            reason="mostly capital letters: hard to read, and screen readers may spell it out",
            where=name,
        )


def _left_over(name: str, text: str) -> Iterator[ScreeningFinding]:
    for one in islice(dict.fromkeys(leftovers.find(text)), MOST_HITS):
        yield ScreeningFinding(
            code="leftover",
            clause=STANDARDS,
            reason=f"it looks like {one.what}",
            where=f"{name}: {one.passage}"[:300],
        )


def _other_realm(draft: Draft) -> Iterator[ScreeningFinding]:
    """A live message that says that it is an exercise, or an exercise that says that it is none: the wrong realm."""
    words, why = (_REAL, "it says that it is real") if draft.exercise else (_PRACTICE, "it says that it is a practice")
    for name, text in _passages(draft):
        if match := words.search(text):
            where = f"{name}: {' '.join(match.group().split())}"[:300]
            yield ScreeningFinding(
                code="realm", clause=STANDARDS, reason=f"{why}, and this realm is the other one", where=where
            )


def _file_names(draft: Draft) -> Iterator[ScreeningFinding]:
    for number, picture in enumerate(draft.pictures, 1):
        if _FILE_NAME.match(picture.alt) or not _WORD.search(picture.alt):
            yield ScreeningFinding(
                code="alt-missing",
                clause=STANDARDS,
                reason="the description of a picture does not say what it shows",
                where=f"picture {number}: {picture.alt}"[:300],
            )


def _left_out(draft: Draft) -> Iterator[ScreeningFinding]:
    for profile in draft.left_out:
        yield ScreeningFinding(
            code="left-out",
            clause=OFFICIAL,
            reason="what it is about is there too, on a profile that is not official any more: it stays as it is",
            where=profile,
        )


def _unreachable(draft: Draft) -> Iterator[ScreeningFinding]:
    for profile in draft.unreachable:
        yield ScreeningFinding(
            code="account",
            clause=OFFICIAL,
            reason="its account is none on its platform, and gets nothing until it is put right: onevoice profiles add",
            where=profile,
        )


def _shown_again(draft: Draft) -> Iterator[ScreeningFinding]:
    command = (draft.act or "").replace("_", "-")
    for request_id, profiles in draft.shown_again:
        yield ScreeningFinding(
            code="shown-again",
            clause=OFFICIAL,
            reason=f"{request_id} shows it there too, and stays as it is: onevoice {command} {request_id}",
            where=", ".join(profiles)[:300],
        )
    for request_id, profiles in draft.updated_by:
        yield ScreeningFinding(
            code="update-left",
            clause=OFFICIAL,
            reason=f"{request_id} says more of it there, and stays as it is: onevoice recall {request_id}",
            where=", ".join(profiles)[:300],
        )


def _off_topic(draft: Draft, rules: ScreeningRules, departments: dict[str, str]) -> Iterator[ScreeningFinding]:
    text = " ".join([draft.text, *draft.variants.values()]).casefold()
    for target in draft.targets:
        words = rules.topics.get(target) or rules.topics.get(departments.get(target, ""), ())
        if draft.crisis or not words:
            continue
        if not any(re.search(rf"\b{re.escape(word.casefold())}", text) for word in words):
            yield ScreeningFinding(
                code="topic",
                clause=TOPIC,
                reason="none of the words that this profile's topic is known by",
                where=target,
            )
