"""What the doctor says of the clocks, and of what runs and is kept on the city's machine. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape

from schemas.events.audit import Checkpoint
from schemas.events.desk import ServiceHealth
from services.desk.views.state.health import Level, Line
from services.desk.views.timetext import ago, in_city_time

CLOCK_WARN, CLOCK_FAIL = timedelta(seconds=5), timedelta(seconds=60)
"""Heartbeats are a second or two old; 60 s is what signatures allow (schemas.events.envelope.CLOCK_SKEW)."""

HEARTBEAT_SHOWN = timedelta(seconds=10)
"""The board shows who was heard within so long."""

SET_CLOCK = "set the clock by the network (timedatectl set-ntp true)"

WITNESS_WARN = timedelta(hours=26)
"""The whole record is verified each hour, and its newest checkpoint given away then."""


@dataclass(frozen=True)
class PageAnswer:
    """What an address of this machine answered: ``status`` None, nothing; ``ours``, it is a page of OneVoice."""

    status: int | None
    ours: bool = False
    text: str = ""


@dataclass(frozen=True)
class PageMark:
    """By what a page of the officers is known to be this city's: the name at its head, and the realm."""

    city: str
    realm: str

    def on(self, page: str) -> bool:
        """True when a page bears it."""
        body = re.search(r'<body class="([^"]*)"', page)
        return body is not None and f"realm-{self.realm}" in body[1].split() and self.city in unescape(page)


def officers_pages(answer: PageAnswer, url: str, origin: str, mark: PageMark) -> Line:
    """Judge the service that has no heartbeat: what browsers sign at."""
    name = "service web"
    hint = "onevoice run web, or restart onevoice up; its log says why. None wanted: [web] serve = false"
    if answer.status is None:
        return Line(name, Level.WARN, f"{url} does not answer: nobody can look or sign in a browser", hint)
    if not answer.ours:
        return Line(name, Level.WARN, f"another program answers at {url}, not the officers' pages", hint)
    if answer.status == 421:
        said = f"serves another address than {origin}, which city.toml names"
        return Line(name, Level.WARN, said, "restart it: it reads [web] when it starts")
    if answer.status >= 400:
        said = f"runs, and says {answer.status}: it has no word from the city"
        return Line(name, Level.WARN, said, "look at the line of the broker, then at its log")
    if not mark.on(answer.text):
        said = f"the officers' pages at {url} are those of another city or realm"
        return Line(name, Level.WARN, said, "give each its own port ([web] origin), before the first passkey")
    return Line(name, Level.OK, f"the officers' pages answer, for {origin}")


def measures(answers: Mapping[str, PageAnswer]) -> Line:
    """Judge the pages of ``[metrics]``, by their address: each says whether its process is well."""
    silent = sorted(url for url, answer in answers.items() if answer.status is None)
    ill = sorted(url for url, answer in answers.items() if answer.status not in (None, 200))
    if silent:
        more = f" (and {len(silent) - 1} more)" if len(silent) > 1 else ""
        hint = "is its port taken? the service's log says so; [metrics] in city.toml names another"
        return Line("measures", Level.WARN, f"{silent[0]}{more} does not answer: nothing watches it", hint)
    if ill:
        first = ill[0]
        return Line(
            "measures", Level.WARN, f"{first} says: {in_city_time(answers[first].text.strip())}", "its log says more"
        )
    return Line("measures", Level.OK, f"{len(answers)} pages answer, and are well")


def witnesses(kept: Mapping[str, Checkpoint | None], newest: Checkpoint | None, now: datetime) -> Line:
    """Judge whether each witness that can be read here has a recent checkpoint of the record.

    Args:
        kept: the last checkpoint that each witness has, by its file; None: it has none.
        newest: the newest checkpoint of the record itself.
        now: the time.
    """
    name, give = "witnesses", "onevoice audit verify --witness; its timer does it each hour"
    if not kept:
        return Line(name, Level.OK, "no witness is named; [witness] in city.toml does")
    if newest is None:
        return Line(name, Level.OK, "there is no checkpoint yet that a witness could keep")
    behind = {path: one for path, one in kept.items() if one is None or one.size < newest.size}
    late = sorted(path for path, one in behind.items() if now - (one or newest).at > WITNESS_WARN)
    if late:
        last = kept[late[0]]
        since = f"nothing since {ago((now - last.at).total_seconds())}" if last else "no checkpoint at all"
        return Line(name, Level.WARN, f"{late[0]} has {since}", give)
    return Line(name, Level.OK, f"{len(kept)} can be read here, none is a day behind")


def clock(beats: tuple[ServiceHealth, ...], now: datetime) -> Line:
    """Compare the clocks of this machine and of each service's: signatures and verdicts carry times."""
    if not beats:
        return Line("clock", Level.WARN, "no service answers to compare with", "start the services")
    apart = min((now - beat.at for beat in beats), key=abs)
    if abs(apart) >= CLOCK_FAIL:
        detail = f"{ago(apart.total_seconds())} apart from the services': what is signed here is refused"
        return Line("clock", Level.FAIL, detail, SET_CLOCK)
    wrong = [beat for beat in beats if _is_wrong(now - beat.at)]
    if wrong:
        said = ", ".join(f"{beat.service} ({ago((now - beat.at).total_seconds())})" for beat in wrong)
        return Line("clock", Level.FAIL, f"this machine's and these services' are apart: {said}", f"there, {SET_CLOCK}")
    if abs(apart) >= CLOCK_WARN:
        return Line("clock", Level.WARN, f"{ago(apart.total_seconds())} apart from the services'", SET_CLOCK)
    return Line("clock", Level.OK, "agrees with the services'")


def _is_wrong(apart: timedelta) -> bool:
    """True where a clock is wrong by as much as is refused; a heartbeat that is shown may be some seconds old."""
    return apart <= -CLOCK_FAIL or apart >= CLOCK_FAIL + HEARTBEAT_SHOWN
