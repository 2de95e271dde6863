"""Whether a command has sent anything yet, so that Ctrl-C can say what goes on without it. Light: imports nothing."""

from __future__ import annotations

_sent = False


def begin() -> None:
    """Start a command: nothing is sent."""
    global _sent
    _sent = False


def note_sent() -> None:
    """Note that something which changes the city is on its way to a service."""
    global _sent
    _sent = True


def when_stopped() -> str:
    """Return what a person reads after Ctrl-C."""
    if _sent:
        return "Stopped here. What was sent already goes on without you: onevoice pending shows what waits."
    return "Stopped. Nothing was sent."
