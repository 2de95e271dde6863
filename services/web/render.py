"""Fills in templates: texts from the catalogue, times in the city's zone, pinned files."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from schemas.events.control import Posture
from services.desk.views.hints import typed
from services.desk.views.timetext import in_city_time, local
from services.kernel.base.clock import Clock
from services.web.components import component
from services.web.domain.language import LANGUAGES
from services.web.domain.sentences import Sentence, typeset
from services.web.faults import Faults
from services.web.forms import FormParts

HERE = Path(__file__).parent
STATIC = HERE / "static"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Texts:
    """The catalogue of one language: ``texts/<language>.toml``, a sentence for each dotted key.

    A sentence that it lacks is said in English; only a catalogue that is being prepared lacks any.
    """

    def __init__(self, language: str = LANGUAGES[0]) -> None:
        self.language = language
        self._sentences = sentences_of(LANGUAGES[0]) | sentences_of(language)
        self._reasons = reasons_of(language)

    def __call__(self, key: str, **values: object) -> Sentence:
        """Return a sentence with its values; raises KeyError for a key that is not in the catalogue."""
        return Sentence(self._sentences[key].format_map(values))

    def raw(self, key: str) -> str:
        """Return a sentence as it stands, for a script that fills it in."""
        return self._sentences[key]

    def one_of(self, group: str, name: str) -> Sentence:
        """Return the text for a word of a contract (an outcome, an act), or the word itself where there is none."""
        return Sentence(self._sentences.get(f"{group}.{name}", name.replace("_", " ")))

    def reason(self, kind: str, code: str) -> Sentence:
        """Return what a reason of a service comes to, which it gives in English, or nothing.

        ``kind`` and ``code``: blocked or refused and the clause, or screening and what it found.
        """
        return Sentence(self._reasons.get(kind, {}).get(code, ""))

    def reach(self, count: int, scope: str) -> Sentence:
        """Return how far a message goes, as ``services.desk.views.message.advice`` says it in English."""
        if scope == "all-departments":
            return self("reach.all", count=count)
        return self("reach.one") if count == 1 else self("reach.several", count=count)

    def needs(self, posture: Posture, scope: str, crisis: bool) -> Sentence:
        """Return whose approval counts, as ``services.desk.views.message.advice`` says it in English."""
        routine = posture is Posture.ROUTINE
        if scope == "all-departments":
            return self("needs.all_routine" if routine else "needs.all")
        said = self(f"needs.{'routine' if routine else 'crisis' if posture is Posture.CRISIS else 'eoc'}")
        return Sentence(f"{said} {self('needs.designated')}") if routine and crisis else said


def sentences_of(language: str) -> dict[str, str]:
    """Return what is in the catalogue of a language itself."""
    return dict(_flat(tomllib.loads(typeset((HERE / "texts" / f"{language}.toml").read_text("utf-8"), language))))


def reasons_of(language: str) -> Mapping[str, Mapping[str, str]]:
    """Return what a language says of services' reasons: ``texts/reasons/<language>.toml``; English needs none."""
    path = HERE / "texts" / "reasons" / f"{language}.toml"
    return tomllib.loads(typeset(path.read_text("utf-8"), language)) if path.exists() else {}


def _flat(table: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in table.items():
        found += _flat(value, f"{before}{name}.") if isinstance(value, dict) else [(before + name, str(value))]
    return found


@cache
def digest_of_file(name: str) -> str:
    """Return the SHA-256 of a pinned file, in hexadecimal."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()


def address_of_file(name: str) -> str:
    """Return a pinned file's address: with its hash, so that a browser may keep it for ever."""
    return f"/static/{digest_of_file(name)[:16]}/{name}"


def environment(texts: Texts, faults: Faults, clock: Clock) -> Environment:
    """Return the templates: all that is filled in is escaped, and a name that is not there is an error."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def when(at: datetime) -> Markup:
        return Markup('<time datetime="{}">{}</time>').format(
            at.isoformat(timespec="seconds").replace("+00:00", "Z"), local(at, clock.now())
        )

    def at_clock(at: datetime) -> str:
        return local(at, at)

    def in_english(text: str) -> str:
        if isinstance(text, Sentence) or texts.language == "en":
            return in_city_time(text)
        return Markup('<span lang="en">{}</span>').format(in_city_time(text)) if text else ""

    def reach(message: Any) -> str:
        return texts.reach(len(message.targets), message.scope)

    made.globals |= {
        "t": texts,
        "word": texts.one_of,
        "file": address_of_file,
        "forms": FormParts(texts),
        "govuk": component,
    }
    made.filters |= {
        "when": when,
        "clock": at_clock,
        "told": in_english,
        "typed": typed,
        "reach": reach,
        "fault": faults.of,
    }
    return made


@dataclass(frozen=True)
class Catalogue:
    """The pages in one language: their texts, and the templates that are filled in with them."""

    texts: Texts
    faults: Faults
    templates: Environment


def catalogues(clock: Clock) -> dict[str, Catalogue]:
    """Return the pages in each of their languages."""
    return {one: catalogue(one, clock) for one in LANGUAGES}


def catalogue(language: str, clock: Clock) -> Catalogue:
    """Return the pages in one language."""
    texts, faults = Texts(language), Faults(language)
    return Catalogue(texts, faults, environment(texts, faults, clock))


async def static_file(request: web.Request) -> web.Response:
    """Answer a pinned file; an address with another hash is not found."""
    name = request.match_info["name"]
    known = {path.name for path in STATIC.iterdir()}
    if name not in known or not digest_of_file(name).startswith(request.match_info["hash"]):
        raise web.HTTPNotFound
    response = web.Response(
        body=(STATIC / name).read_bytes(),
        content_type=TYPES.get(Path(name).suffix, "application/octet-stream"),
        charset="utf-8",
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )
    response.enable_compression()  # pages are not compressed: they hold the session's token beside what others wrote
    return response
