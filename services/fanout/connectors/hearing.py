"""Lets who calls a connector hear the headers of the platform's answers, so that quotas follow what platforms say.

A connector knows nothing of it: ``http`` notes each answer with whoever listens in the context of the call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from services.fanout.domain.told_quota import Heard

MOST = 64
"""Answers of one call that are heard: a listing page by page needs no more."""

_listener: ContextVar[list[Heard] | None] = ContextVar("hearing", default=None)


@contextmanager
def hearing() -> Iterator[list[Heard]]:
    """Hear all answers that come to calls made within the block."""
    found: list[Heard] = []
    token = _listener.set(found)
    try:
        yield found
    finally:
        _listener.reset(token)


def note(method: str, path: str, headers: Mapping[str, str]) -> None:
    """Note an answer."""
    listener = _listener.get()
    if listener is not None and len(listener) < MOST:
        listener.append(Heard(method, path, headers))
