"""The first page of help, and what each command's own page has."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer

from services.desk import options
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


DESK = Path(__file__).parents[3] / "services" / "desk"
FUNCTIONS = [
    (path.stem, node)
    for path in sorted((DESK / "commands").rglob("*.py"))
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    and any(isinstance(one, ast.Call) and ast.unparse(one.func) == "command" for one in node.decorator_list)
]
SETS = (options.MessageOptions, options.Manner, options.RequestManner, options.SigningManner, options.PublishManner)


def _read(tree: ast.AST, kind: type[ast.Name | ast.Attribute]) -> set[str]:
    named = (node for node in ast.walk(tree) if isinstance(node, kind) and isinstance(node.ctx, ast.Load))
    return {node.id if isinstance(node, ast.Name) else node.attr for node in named}


def test_each_option_of_a_command_is_read_by_it() -> None:
    """An option that does nothing is a promise that is not kept."""
    assert len(FUNCTIONS) > 60
    unread = {
        (stem, node.name, one.arg)
        for stem, node in FUNCTIONS
        for one in (*node.args.args, *node.args.kwonlyargs)
        if one.arg not in set().union(*(_read(part, ast.Name) for part in node.body))
    }
    assert unread == set()


def test_each_option_of_a_set_is_read() -> None:
    """They are read by what checks a message; here none may be left that nobody reads."""
    files = [path for path in DESK.rglob("*.py") if path.name != "options.py"]
    read = set().union(*(_read(ast.parse(path.read_text()), ast.Attribute) for path in files))
    assert {field.name for one in SETS for field in fields(one)} - read == set()


@pytest.mark.parametrize("name", ["reply", "correct", "update", "recall", "all-clear", "repost"])
def test_what_goes_to_the_profiles_of_something_offers_no_others(name: str) -> None:
    given = {one.name for one in COMMANDS[name].params}
    assert given.isdisjoint(options.MANY)
    assert "to" in given


def test_a_preview_has_no_id_of_its_own() -> None:
    assert "event_id" not in {one.name for one in COMMANDS["preview"].params}


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


@pytest.mark.parametrize("name", sorted(name for name in COMMANDS if " " in name))
def test_the_list_of_a_groups_commands_says_whole_sentences(name: str) -> None:
    """What is cut off with three dots tells a tired reader nothing."""
    command = COMMANDS[name]
    said = command.get_short_help_str()
    assert said.endswith(".")
    assert not said.endswith("...")
    assert " ".join(command.help.split()).startswith(said)


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
