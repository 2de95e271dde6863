"""The same words to the same profile a moment ago, whoever asked for them: two systems that tell of one event. Pure.

A finding, never a refusal: a person may want to say it again. Source: HUM.11(A) section 1, Standards of Conduct.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import regex

from schemas.events.requests import Request, ScreeningFinding
from services.intake.domain.findings.screening import STANDARDS

WINDOW = timedelta(minutes=10)
"""How long words are remembered."""

_PUNCTUATION = regex.compile(r"(?:(?!-\d)\p{P})+")
"""But for a minus before a number."""

MOST = 20_000
"""Requests that are remembered at most; the oldest are forgotten first."""


@dataclass(frozen=True)
class _Asked:
    words: tuple[str, str]
    targets: frozenset[str]
    author: str
    at: datetime


class Twins:
    """What was asked for in the last minutes, in this process."""

    def __init__(self) -> None:
        self._asked: dict[str, _Asked] = {}
        self._by_words: dict[tuple[str, str], dict[str, _Asked]] = {}

    def note(self, request: Request) -> None:
        """Remember a request; once."""
        if request.request_id in self._asked:
            return
        for known in list(self._over(request.at)):
            self._forget(known)
        asked = _Asked(_words(request), frozenset(request.targets), request.author, request.at)
        self._asked[request.request_id] = asked
        self._by_words.setdefault(asked.words, {})[request.request_id] = asked

    def find(self, request: Request) -> tuple[ScreeningFinding, ...]:
        """Return a finding for the newest other request with the same words and a profile in common.

        A recall and an all-clear have usual words, and name what they are about; many people ask the same, and get the
        same answer: two of them are no twins.
        """
        if request.act in ("recall", "all_clear") or request.answers is not None:
            return ()
        targets = frozenset(request.targets)
        for request_id, known in reversed(self._by_words.get(_words(request), {}).items()):
            both = targets & known.targets
            if request_id == request.request_id or not both:
                continue
            seconds = max(0, round((request.at - known.at).total_seconds()))
            if timedelta(seconds=seconds) > WINDOW:
                return ()
            shown = ", ".join(sorted(both)[:3]) + (f" and {len(both) - 3} more" if len(both) > 3 else "")
            return (
                ScreeningFinding(
                    code="twin",
                    clause=STANDARDS,
                    reason=f"{known.author} asked for the same words there {_ago(seconds)} ago ({request_id})",
                    where=shown,
                ),
            )
        return ()

    def _forget(self, request_id: str) -> None:
        words = self._asked.pop(request_id).words
        same = self._by_words[words]
        del same[request_id]
        if not same:
            del self._by_words[words]

    def _over(self, now: datetime) -> Iterator[str]:
        """Yield what is to be forgotten: the oldest stand first."""
        surplus = len(self._asked) - MOST
        for number, (request_id, known) in enumerate(self._asked.items()):
            if number > surplus and now - known.at <= WINDOW:
                return
            yield request_id


def _words(request: Request) -> tuple[str, str]:
    """Return the text and link that count: capitals, punctuation, white space and the form of characters do not."""
    text = unicodedata.normalize("NFKC", request.text).casefold()
    return " ".join(_PUNCTUATION.sub(" ", text).split()) or text, request.link or ""


def _ago(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
