"""Lets who calls a connector read the headers of the platform's answers, so that quotas follow what platforms say.

A connector knows nothing of it: ``http`` notes each answer with whoever observes in the context of the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar

from services.fanout.domain.reported_quota import PlatformAnswer

MOST = 64
"""Answers of one call that are kept: a listing page by page needs no more."""

_observer: ContextVar[list[PlatformAnswer] | None] = ContextVar("observed answers", default=None)


class ObservedAnswers:
    """Observes all answers that come to calls made within the block."""

    def __enter__(self) -> list[PlatformAnswer]:
        """Return the list that they are noted in."""
        found: list[PlatformAnswer] = []
        self._outer = _observer.set(found)
        return found

    def __exit__(self, *_: object) -> None:
        """Let whoever observed before go on."""
        _observer.reset(self._outer)


def note(method: str, path: str, headers: Mapping[str, str]) -> None:
    """Note an answer."""
    observer = _observer.get()
    if observer is not None and len(observer) < MOST:
        observer.append(PlatformAnswer(method, path, headers))
