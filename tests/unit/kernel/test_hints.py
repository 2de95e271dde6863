"""Hints that name the realm which their commands are to be typed in."""

from __future__ import annotations

import io

import pytest

from services.desk.menu import MENU
from services.kernel.base import logs
from services.kernel.base.hints import COMMANDS, in_realm


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        ("onevoice doctor", "onevoice --realm exercise doctor"),
        ("look: onevoice show r1; onevoice approve r1 --as YOU", None),
        ("(onevoice dead again 3)", "(onevoice --realm exercise dead again 3)"),
        ("onevoice withdraw r1 or onevoice hold on", None),
        ("the broker of onevoice up", "the broker of onevoice up"),
        ("onevoice profiles remove x --realm exercise", "onevoice profiles remove x --realm exercise"),
        ("OneVoice says so", "OneVoice says so"),
        ("/srv/onevoice cannot be read", "/srv/onevoice cannot be read"),
        ("/srv/onevoice status", "/srv/onevoice status"),
        ("run the same version of onevoice everywhere", "run the same version of onevoice everywhere"),
        ("use the onevoice command", "use the onevoice command"),
    ],
)
def test_a_command_of_the_exercise_names_it_once(said: str, typed: str | None) -> None:
    """Typed as it stood, an approval of the exercise went to the live city, and was not known there."""
    if typed is None:
        typed = said.replace("onevoice ", "onevoice --realm exercise ")
    assert in_realm(said, "exercise") == typed
    assert in_realm(typed, "exercise") == typed
    assert in_realm(said, "live") == said


def test_each_command_is_known_to_hints() -> None:
    assert {*COMMANDS.split("|"), "init", "up", "deploy", "tls"} == {entry.name for entry in MENU}


@pytest.mark.parametrize("realm", ["live", "exercise"])
def test_a_hint_in_the_log_names_the_realm_of_its_line(realm: str) -> None:
    stream = io.StringIO()
    logs.configure("json", "info", stream)
    logs.logger(realm=realm).error("the record does not verify", hint="onevoice audit verify")
    assert ("onevoice --realm exercise audit verify" in stream.getvalue()) == (realm == "exercise")
