"""A city's plan from questions and answers.

``ask(question, default)`` returns an answer; ``report(text)`` shows what was wrong with the last one. Both may be
a terminal or a test: nothing here reads or prints.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TypeVar

from schemas import languages, subjects
from schemas.events.authority import Grant, Profile, Role
from schemas.forms import address_in_form
from services.kernel.base.errors import BadInput
from services.kernel.base.settings.addresses import is_host, web_address, website_address
from services.kernel.base.zones import is_country, zone_of
from services.provision.plan.city_plan import (
    DISCLOSURE,
    MASTODON_PLATFORM,
    TOWNSQUARE,
    WEBSITE_PLATFORM,
    CityPlan,
    Department,
    PlannedOfficer,
    profile,
)

Ask = Callable[[str, str], str]
Report = Callable[[str], None]
_T = TypeVar("_T")

TRIES = 3
BACK = "<"
_LEADS = (
    ("cao", Role.CAO, "Chief Administrative Officer"),
    ("mcpe", Role.MCPE, "Manager of Communications & Public Engagement"),
    ("pio", Role.PIO, "Public Information Officer"),
    ("eoc-director", Role.EOC_DIRECTOR, "Director of the EOC"),
)
_USER = re.compile(r"[A-Za-z0-9_]{1,30}")
_SERVER = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")


def interactive_plan(ask: Ask, report: Report | None = None) -> CityPlan:
    """Ask for all that a city needs and return its plan; ``<`` as an answer goes back to the question before.

    Raises:
        BadInput: ``init.answer`` when an answer is wrong three times.
    """
    dialogue = _Dialogue(ask, report)
    while True:
        try:
            return _plan(dialogue)
        except _Back:
            dialogue.again()


def _plan(dialogue: _Dialogue) -> CityPlan:
    name = dialogue.get("Name of the city", "", _text)
    website = dialogue.get("Official website (https://...)", "", _website)
    timezone = dialogue.get("Time zone (IANA)", "America/Vancouver", _zone)
    language = dialogue.get("Language of what is published (as en-CA)", "en-CA", _language)
    region = dialogue.get("Country of its telephone numbers (two letters)", "CA", _region)
    disclosure = dialogue.get(
        "Disclosure statement of each profile ({city} is its name; empty: the usual one)", "", _disclosure
    )
    departments = dialogue.get("Departments, separated by commas", "", _departments)
    office = Department("city", "the office of Communications and Public Engagement", "the city as a whole")
    instances: dict[str, str] = {}
    taken: set[str] = set()
    profiles: list[Profile] = []
    for department in (*departments, office):
        whose = "the city itself" if department is office else department.name
        read = partial(_account, taken=taken, instances=instances)
        account = dialogue.get(f"Mastodon account of {whose} (user@server, empty: none)", "", read)
        places = [(WEBSITE_PLATFORM, department.id)]
        if account is not None:
            user, server = account
            instance = _instance(server)
            if instance != TOWNSQUARE:
                instances[instance] = f"https://{server}"
            taken.add(f"{user}@{server}".lower())
            places.append((MASTODON_PLATFORM, f"{user}@{instance}"))
        own = department is not office
        profiles += [
            profile(name, website, department, platform, place, departmental=own, disclosure=disclosure or DISCLOSURE)
            for platform, place in places
        ]
    officers = _officers(dialogue, departments, profiles)
    url = dialogue.get("Address of the city's own broker (tls://host:4222; empty: onevoice up starts one)", "", _broker)
    authority = dialogue.get("Its certificate authority (a file)", "/etc/onevoice/tls/ca.pem", _text) if url else None
    port = 4222 if url else dialogue.get("Port of the broker (the next four are taken too)", "4222", _port)
    return CityPlan(
        name=name,
        website=website,
        officers=officers,
        profiles=tuple(profiles),
        port=port,
        townsquare_port=port + 1,
        site_port=port + 2,
        web_port=port + 3,
        instances=instances,
        timezone=timezone,
        language=language,
        region=region,
        broker=url,
        broker_authority=authority,
    )


class _Back(Exception):
    """The person wants to answer the question before once more."""


class _Dialogue:
    """Asks a question until the answer is right, three times at most; keeps the answers, so that one can go back.

    Going back starts again with all answers but the last, which is offered as the default.
    """

    def __init__(self, ask: Ask, report: Report | None) -> None:
        self._ask = ask
        self._report = report or (lambda _text: None)
        self._kept: list[tuple[str, str]] = []
        self._given: dict[str, str] = {}
        self._next = 0

    def again(self) -> None:
        """Start again, with the answers that are kept."""
        self._next = 0

    def get(self, question: str, default: str, read: Callable[[str], _T]) -> _T:
        if self._next < len(self._kept):
            _, answer = self._kept[self._next]
            self._next += 1
            return read(answer)
        last = ValueError("")
        tries = 0
        while tries < TRIES:
            answer = self._ask(question, self._given.get(question, default)).strip()
            if answer == BACK:
                self._go_back()
                continue
            try:
                value = read(answer)
            except ValueError as error:
                self._report(str(error))
                last, tries = error, tries + 1
                continue
            self._kept.append((question, answer))
            self._given[question] = answer
            self._next += 1
            return value
        raise BadInput("init.answer", f"{question}: {last}", "run onevoice init again; nothing was made")

    def _go_back(self) -> None:
        if self._kept:
            self._kept.pop()
            raise _Back
        self._report("this is the first question")


def _officers(
    dialogue: _Dialogue, departments: tuple[Department, ...], profiles: list[Profile]
) -> tuple[PlannedOfficer, ...]:
    made = [
        PlannedOfficer(id_, dialogue.get(f"Name of the {title}", "", _text), (Grant(role=role),))
        for id_, role, title in _LEADS
    ]
    other = dialogue.get("Name of another officer of the communications office (empty: none)", "", _optional)
    if other:
        made.append(PlannedOfficer("comms-officer", other, (Grant(role=Role.COMMS_OFFICE),)))
    for department in departments:
        person = dialogue.get(f"Name of the publisher of {department.name} (empty: none)", "", _optional)
        if person:
            own = tuple(p.id for p in profiles if p.department == department.id)
            grant = Grant(role=Role.PUBLISHER, profiles=own)
            made.append(PlannedOfficer(subjects.token(f"{department.id}-publisher"), person, (grant,)))
    return tuple(made)


def slug(text: str) -> str:
    """Return an id made from a name: ``Public Works`` becomes ``public-works``; raises ValueError."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    return subjects.token(re.sub(r"[^a-z0-9]+", "-", plain).strip("-"))


def _optional(answer: str) -> str:
    if len(answer) > 120 or not answer.isprintable():
        raise ValueError("at most 120 printable characters, please")
    return answer


def _text(answer: str) -> str:
    if not answer:
        raise ValueError("this may not be empty")
    return _optional(answer)


def _website(answer: str) -> str:
    url = str(address_in_form(answer))
    if not re.fullmatch(r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!-~]*)?", url):
        raise ValueError("an address like https://city.example, please")
    return website_address(url).rstrip("/")


def _zone(answer: str) -> str:
    try:
        zone_of(answer)
    except LookupError:
        raise ValueError("a time zone like America/Vancouver, please") from None
    return answer


def _language(answer: str) -> str:
    tag = languages.canonical(answer)
    if tag is None or not languages.is_known(tag):
        raise ValueError("a language like en-CA or fr, please")
    return tag


def _region(answer: str) -> str:
    code = answer.upper()
    if not is_country(code):
        raise ValueError("two letters like CA, please (ISO 3166; the United Kingdom is GB)")
    return code


def _disclosure(answer: str) -> str:
    if len(answer) > 2_000 or not answer.isprintable():
        raise ValueError("at most 2,000 printable characters, please")
    return answer


def _broker(answer: str) -> str | None:
    if not answer:
        return None
    if not re.fullmatch(r"tls://[A-Za-z0-9.-]+(:[0-9]{1,5})?(,tls://[A-Za-z0-9.-]+(:[0-9]{1,5})?)*", answer):
        raise ValueError("an address like tls://broker.city.example:4222, please (several with commas)")
    for server in answer.split(","):
        web_address(server.replace("tls", "https", 1))  # what can be a server's name and port is the same there
    return answer


def _port(answer: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", answer) or not 1 <= int(answer) <= 65_531:
        raise ValueError("a number from 1 to 65531, please")
    return int(answer)


def _departments(answer: str) -> tuple[Department, ...]:
    names = [name.strip() for name in answer.split(",") if name.strip()]
    if not names:
        raise ValueError("name at least one department")
    made = tuple(_department(_text(name)) for name in names)
    ids = [department.id for department in made]
    for id_ in ids:
        if ids.count(id_) > 1:
            raise ValueError(f"two departments would get the id {id_!r}; give each its own name")
    return made


def _department(name: str) -> Department:
    try:
        id_ = slug(name)
    except ValueError:
        raise ValueError(
            f"no id can be made from {name!r}; give it a name in Latin letters too, as Fire ({name})"
        ) from None
    if id_ == "city":
        raise ValueError("'city' stands for the city itself; give the department another name")
    if len(id_) > 40:
        raise ValueError(f"the name {name!r} is too long for an id; shorten it")
    return Department(id_, name, f"the work of {name}")


def _account(answer: str, taken: Collection[str], instances: Mapping[str, str]) -> tuple[str, str] | None:
    """Read an account; ``taken`` are those of others, ``instances`` the servers that are known, by their ids."""
    if not answer:
        return None
    user, at, server = answer.removeprefix("@").partition("@")
    server = server.lower()
    if not at or not _USER.fullmatch(user):
        raise ValueError("an account like user@social.example, please (letters, digits and _ before the @)")
    if not _SERVER.fullmatch(server) or not is_host(server):
        raise ValueError(f"{server!r} is no name of a server; an account is as user@social.example")
    if f"{user}@{server}".lower() in taken:
        raise ValueError(f"{user}@{server} is given already; each profile has an account of its own")
    other = instances.get(_instance(server), f"https://{server}")
    if other != f"https://{server}":
        raise ValueError(f"{server} gets the same id as {other}; leave it empty, and add it to city.toml by hand")
    return user, server


def _instance(server: str) -> str:
    return subjects.token(server.replace(".", "-"))
