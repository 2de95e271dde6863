"""What a command has done by now: so that it can say, when it ends early, what goes on without it. Imports nothing."""

from __future__ import annotations

from services.desk.views.hints import typed

_acts = False
_sent = False
_instead: str | None = None


def begin() -> None:
    """Start a command: it has done nothing, and is not known to do anything."""
    global _acts, _sent, _instead
    _acts, _sent, _instead = False, False, None


def note_acting() -> None:
    """Note that the command is there to change something."""
    global _acts
    _acts = True


def only_looks() -> None:
    """Note that it changes nothing after all: a dry run, or what is so already."""
    global _acts
    _acts = False


def note_sent() -> None:
    """Note that something which changes the city is on its way to a service."""
    global _sent
    _sent = True


def means_stopped(said: str) -> None:
    """Say what it means to stop a command that works on this machine or on the broker, not by a service's answer."""
    global _instead
    _instead = said


def when_stopped() -> str:
    """Return what a person reads after Ctrl-C."""
    if _instead is not None:
        return _instead
    if _sent:
        return typed("Stopped here. What was sent already goes on without you: onevoice pending shows what waits.")
    return "Stopped. Nothing was sent."


def left_undone() -> bool:
    """Whether a command that was there to change something ended before it sent anything."""
    return _acts and not _sent
