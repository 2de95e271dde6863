"""The website's pages as bytes: one message, a profile, the front page, the archive by month. Pure.

Links within the site are relative, so that the folder can be looked at wherever it lies; the canonical address of each
page is absolute.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, tzinfo
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from schemas.events.authority import Profile
from services.fanout.connectors.website.views import MessageView, name_of, severity_rank, to_html

_CARDS = 2_000
_PACKAGE = "services.fanout.connectors.website"
STYLE = files(_PACKAGE).joinpath("static", "site.css").read_bytes()
STYLE_PATH = f"assets/site-{hashlib.sha256(STYLE).hexdigest()[:12]}.css"


@dataclass(frozen=True)
class Site:
    """The site itself: ``base`` is its address without a slash at the end, ``zone`` that of the times on its pages."""

    city: str
    base: str
    language: str
    exercise: bool = False
    zone: tzinfo = UTC


@dataclass(frozen=True)
class Part:
    """A part of an archive: ``here`` its own path, ``older`` and ``newer`` the paths beside it, if any."""

    here: str
    older: str | None
    newer: str | None


class Pages:
    """Makes pages; each path ends with a slash and is served as its ``index.html``."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._templates = Environment(
            loader=PackageLoader(_PACKAGE),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        # The site's own words are English; what the city says of itself is in the city's language.
        own = site.language if site.language.partition("-")[0] == "en" else "en"
        in_its_language = Markup("") if own == site.language else Markup(' lang="{}"').format(site.language)
        self._templates.globals.update(site=site, style=STYLE_PATH, card=lru_cache(_CARDS)(self._card))
        self._templates.globals.update(own_language=own, in_its_language=in_its_language)
        self._templates.filters["paragraphs"] = to_html

    def front(self, messages: Sequence[MessageView], profiles: Sequence[Profile], months: Sequence[str]) -> bytes:
        """The front page: the newest messages of all."""
        shown = sorted(
            (name_of(profile, self.site.city), f"profiles/{profile.id}/")
            for profile in profiles
            if profile.departmental
        )
        return self._page("front.html", "", messages=messages, profiles=shown, months=_months("", months))

    def now(self, recent: Sequence[MessageView], over: Collection[str], *, all_of_them: bool) -> bytes:
        """The page of what holds now of recent messages, as people look it up in a flood: the most severe first.

        ``over``: the ids of those that hold by themselves, and show again what does not. ``all_of_them``: there are
        no older ones.
        """
        holding = sorted(
            (one for one in recent if one.holds and one.id not in over), key=lambda one: severity_rank(one.severity)
        )
        changed = max((one.changed for one in recent), key=lambda one: one.exact, default=None)
        among = None if all_of_them else len(recent)
        return self._page("now.html", "now/", messages=holding, changed=changed, among=among)

    def profile(self, profile: Profile, messages: Sequence[MessageView], months: Sequence[str]) -> bytes:
        """A profile's page: who it is, its newest messages, the disclosure statement (Transparency (i))."""
        path = f"profiles/{profile.id}/"
        name = name_of(profile, self.site.city)
        return self._page(
            "profile.html", path, profile=profile, name=name, messages=messages, months=_months(path, months)
        )

    def message(self, message: MessageView) -> bytes:
        """A message's own page, with where it is."""
        return self._page("message.html", message.path, message=message)

    def month(self, owner: Profile | None, month: str, messages: Sequence[MessageView], part: Part) -> bytes:
        """A part of a month's archive, newest first."""
        home = f"profiles/{owner.id}/" if owner else ""
        name = name_of(owner, self.site.city) if owner else self.site.city
        title = _month_name(month)
        return self._page("month.html", part.here, messages=messages, part=part, home=home, name=name, title=title)

    def archive(self, owner: Profile | None, months: Sequence[str]) -> bytes:
        """The list of all months."""
        home = f"profiles/{owner.id}/" if owner else ""
        name = name_of(owner, self.site.city) if owner else self.site.city
        return self._page("archive.html", f"{home}archive/", home=home, name=name, months=_months(home, months))

    def _card(self, message: MessageView, root: str) -> Markup:
        """A message in a list; the same for all pages of one depth, so it is made once."""
        # the template escapes what it puts in; this keeps the page from escaping it again
        return Markup(self._templates.get_template("card.html").render(message=message, root=root))  # noqa: S704

    def _page(self, template: str, path: str, **values: Any) -> bytes:
        root = "../" * path.count("/") or "./"
        text = self._templates.get_template(template).render(path=path, root=root, **values)
        return text.encode("utf-8", "replace")


def _months(home: str, months: Sequence[str]) -> list[tuple[str, str]]:
    """Return (name, path) of months, newest first."""
    return [(_month_name(month), f"{home}archive/{month}/") for month in reversed(months)]


def _month_name(month: str) -> str:
    return f"{date.fromisoformat(f'{month}-01'):%B %Y}"
