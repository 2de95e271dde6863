"""The first page of help, and what each command's own page has."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from services.desk.app import build
from services.desk.menu import MENU, root_help


def _commands() -> Iterator[tuple[str, Any]]:
    whole = build()
    context = typer.Context(whole)
    for name in whole.list_commands(context):
        command = whole.get_command(context, name)
        children = getattr(command, "commands", None)
        if children is None:
            yield name, command
        else:
            yield from ((f"{name} {sub}", child) for sub, child in children.items())


COMMANDS = dict(_commands())


def test_the_first_page_is_the_same_from_the_menu_and_from_typer() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.desk", "--verbose", "--help"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == root_help().strip()


def test_the_first_page_fits_80_columns_and_names_each_command() -> None:
    page = root_help()
    assert max(len(line) for line in page.splitlines()) <= 80
    for entry in MENU:
        assert f"  {entry.name} " in page


def test_the_first_page_imports_nothing_heavy() -> None:
    code = "import sys; from services.desk.main import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "services.desk.menu" in loaded
    assert not loaded & {"typer", "rich", "pydantic", "nats", "asyncio", "services.kernel", "schemas"}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_has_an_example_and_the_common_options(name: str) -> None:
    command = COMMANDS[name]
    assert f"onevoice {name}" in command.epilog
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--city", "--realm", "--json", "--verbose"} <= options
    assert command.help


@pytest.mark.parametrize("entry", MENU, ids=lambda entry: entry.name)
def test_the_menu_says_what_the_command_says(entry: Any) -> None:
    whole = build()
    command = whole.get_command(typer.Context(whole), entry.name)
    assert command.help.splitlines()[0].startswith(entry.summary.rstrip("."))


PROMISED = """
init, up, run, provision, eoc activate, eoc stand-down, eoc status, eoc watch, crisis declare, crisis end, publish,
request, pending, show, approve, reject, status, hold, withdraw, officers list, officers designate, officers revoke,
profiles list, profiles check, audit verify, audit show, doctor, resolve
"""


@pytest.mark.parametrize("words", [word.strip() for word in PROMISED.split(",")])
def test_what_is_promised_is_there(words: str) -> None:
    assert words in COMMANDS
