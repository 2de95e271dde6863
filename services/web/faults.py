"""What the pages say of a fault: what happened and what to do there, in the page's language, and at which field."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.kernel.base.errors import OneVoiceError
from services.web.domain.language import LANGUAGES
from services.web.domain.sentences import Sentence, as_sentence, typeset

FOLDER = Path(__file__).parent / "texts" / "faults"

FIELDS = {
    "confirm.needed": "sure",
    "screening.unacknowledged": "acknowledge",
    "approval.not_acknowledged": "acknowledge",
    "reason.length": "reason",
    "resolve.choice": "decision",
    "url.invalid": "url",
    "level.missing": "level",
    "incident.name": "incident",
    "consult.until": "until",
    "enrolment.label": "label",
    "enrolment.link": "token",
}
"""The field of a form to be signed that a fault is about, by its code; others are about none."""


@dataclass(frozen=True)
class SaidFault:
    """A fault as a page says it. A part that is no ``Sentence`` is in English.

    ``detail``: what the service itself said, where that is in another language. ``field``: the name of a form's field,
    or empty.
    """

    code: str
    said: str
    hint: str
    detail: str
    field: str


class Faults:
    """What a language says of faults: ``texts/faults/<language>.toml``; what it lacks is said in English."""

    def __init__(self, language: str) -> None:
        self._own = {} if language == LANGUAGES[0] else _read(language)
        self._english = _read(LANGUAGES[0])

    def of(self, error: OneVoiceError) -> SaidFault:
        """Return a fault as a page says it."""
        said, detail = error.message, ""
        own = _for(self._own.get("said", {}), error.code)
        if own and not isinstance(said, Sentence):
            said, detail = Sentence(own), as_sentence(error.message)
        return SaidFault(error.code, as_sentence(said), self._hint(error), detail, FIELDS.get(error.code, ""))

    def _hint(self, error: OneVoiceError) -> str:
        if isinstance(error.hint, Sentence):
            return error.hint
        if own := _for(self._own.get("hint", {}), error.code):
            return Sentence(own)
        hint = _for(self._english["hint"], error.code) or error.hint
        return hint if hint.startswith("onevoice") else as_sentence(hint)


def _for(table: Mapping[str, str], code: str) -> str | None:
    """Return the text for a code; what is wrong with a signature is called the same of each signed statement."""
    return table.get(code) or table.get("signed." + code.partition(".")[2])


def _read(language: str) -> Mapping[str, Mapping[str, str]]:
    path = FOLDER / f"{language}.toml"
    return tomllib.loads(typeset(path.read_text("utf-8"), language)) if path.exists() else {}
