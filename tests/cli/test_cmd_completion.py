"""The shell completes officers and profiles from the city folder, also where nothing runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Shell


def offered(shell: Shell, typed: str) -> list[str]:
    """What the shell is offered for the last word."""
    count = str(len(typed.split()) - 1)
    done = shell.process(_ONEVOICE_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=count)
    assert done.err == ""
    return done.out.split()


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("onevoice eoc status --as eoc", ["eoc-director"]),
        ("onevoice publish x --as fire", ["fire-publisher"]),
        ("onevoice publish x --to fire", ["fire-townsquare", "fire-website"]),
        ("onevoice profiles suspend parks-t", ["parks-townsquare"]),
        ("onevoice publish x --to zzz", []),
    ],
)
def test_officers_and_profiles_are_completed(made_folder: Path, typed: str, names: list[str]) -> None:
    assert offered(Shell(made_folder), typed) == names


@pytest.mark.parametrize("typed", ["onevoice eoc status --as p", "onevoice publish x --to f"])
def test_without_a_city_nothing_is_offered_and_nothing_is_said(tmp_path: Path, typed: str) -> None:
    assert offered(Shell(tmp_path), typed) == []
