"""Lets who calls a connector read the headers of the platform's answers, so that quotas follow what platforms say.

A connector knows nothing of it: ``http`` notes each answer with whoever observes in the context of the call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from services.fanout.domain.reported_quota import PlatformAnswer

MOST = 64
"""Answers of one call that are kept: a listing page by page needs no more."""

_observer: ContextVar[list[PlatformAnswer] | None] = ContextVar("observed answers", default=None)


@contextmanager
def observed_answers() -> Iterator[list[PlatformAnswer]]:
    """Observe all answers that come to calls made within the block."""
    found: list[PlatformAnswer] = []
    token = _observer.set(found)
    try:
        yield found
    finally:
        _observer.reset(token)


def note(method: str, path: str, headers: Mapping[str, str]) -> None:
    """Note an answer."""
    observer = _observer.get()
    if observer is not None and len(observer) < MOST:
        observer.append(PlatformAnswer(method, path, headers))
