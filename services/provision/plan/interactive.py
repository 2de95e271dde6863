"""A city's plan from questions and answers.

``ask(question, default)`` returns an answer; ``report(text)`` shows what was wrong with the last one. Both may be
a terminal or a test: nothing here reads or prints.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from schemas import subjects
from schemas.events.authority import Grant, Profile, Role
from services.kernel.base.errors import BadInput
from services.provision.plan import answers
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
    name = dialogue.get("Name of the city", "", answers.text)
    website = dialogue.get("Official website (https://...)", "", answers.website)
    timezone = dialogue.get("Time zone (IANA)", "America/Vancouver", answers.zone)
    language = dialogue.get("Language of what is published (as en-CA)", "en-CA", answers.language)
    region = dialogue.get("Country of its telephone numbers (two letters)", "CA", answers.region)
    disclosure = dialogue.get(
        "Disclosure statement of each profile ({city} is its name; empty: the usual one)", "", answers.disclosure
    )
    departments = dialogue.get("Departments, separated by commas", "", answers.departments)
    profiles, instances = _profiles(dialogue, name, website, disclosure or DISCLOSURE, departments)
    officers = _officers(dialogue, departments, profiles)
    where = "Address of the city's own broker (tls://host:4222; empty: onevoice up starts one)"
    url = dialogue.get(where, "", answers.broker)
    usual = "/etc/onevoice/tls/ca.pem"
    authority = dialogue.get("Its certificate authority (a file)", usual, answers.text) if url else None
    port = 4222 if url else dialogue.get("Port of the broker (the next four are taken too)", "4222", answers.port)
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
        PlannedOfficer(id_, dialogue.get(f"Name of the {title}", "", answers.text), (Grant(role=role),))
        for id_, role, title in _LEADS
    ]
    other = dialogue.get("Name of another officer of the communications office (empty: none)", "", answers.optional)
    if other:
        made.append(PlannedOfficer("comms-officer", other, (Grant(role=Role.COMMS_OFFICE),)))
    for department in departments:
        person = dialogue.get(f"Name of the publisher of {department.name} (empty: none)", "", answers.optional)
        if person:
            own = tuple(p.id for p in profiles if p.department == department.id)
            grant = Grant(role=Role.PUBLISHER, profiles=own)
            made.append(PlannedOfficer(subjects.token(f"{department.id}-publisher"), person, (grant,)))
    return tuple(made)


def _profiles(
    dialogue: _Dialogue, name: str, website: str, disclosure: str, departments: tuple[Department, ...]
) -> tuple[list[Profile], dict[str, str]]:
    """Return the profiles of the departments and of the city itself, and the servers of their accounts."""
    office = Department("city", "the office of Communications and Public Engagement", "the city as a whole")
    instances: dict[str, str] = {}
    taken: set[str] = set()
    profiles: list[Profile] = []
    for department in (*departments, office):
        whose = "the city itself" if department is office else department.name
        read = partial(answers.account, taken=taken, instances=instances)
        account = dialogue.get(f"Mastodon account of {whose} (user@server, empty: none)", "", read)
        places = [(WEBSITE_PLATFORM, department.id)]
        if account is not None:
            user, server = account
            instance = answers.instance(server)
            if instance != TOWNSQUARE:
                instances[instance] = f"https://{server}"
            taken.add(f"{user}@{server}".lower())
            places.append((MASTODON_PLATFORM, f"{user}@{instance}"))
        own = department is not office
        profiles += [
            profile(name, website, department, platform, place, departmental=own, disclosure=disclosure)
            for platform, place in places
        ]
    return profiles, instances
