"""What the desk prints to be typed names the realm in use."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.desk.main import run
from services.desk.views.hints import typed

DESK = Path(__file__).parents[3] / "services" / "desk"


def untold(node: ast.AST) -> Iterator[ast.Constant]:
    """Yield the texts with a command beneath a node that are not given to ``typed``."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "typed":
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "onevoice " in node.value:
        yield node
    for child in ast.iter_child_nodes(node):
        yield from untold(child)


def test_each_command_that_is_drawn_goes_through_typed() -> None:
    """What an error or a check says to type does so in one place; what is drawn says it itself."""
    found = [
        f"{path.relative_to(DESK)}:{text.lineno}"
        for path in sorted(DESK.rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Text"
        for text in untold(call)
    ]
    assert found == []


@pytest.mark.parametrize("before", [True, False])
def test_an_errors_hint_names_the_exercise(tmp_path: Path, capsys: pytest.CaptureFixture[str], before: bool) -> None:
    realm, command = ["--realm", "exercise"], ["status", "r.1", "--city", str(tmp_path), "--json"]
    assert run([*realm, *command] if before else [*command, *realm]) != 0
    hint = json.loads(capsys.readouterr().out)["error"]["hint"]
    run([*command, "--realm", "live"])
    live = json.loads(capsys.readouterr().out)["error"]["hint"]
    assert "onevoice " in live
    assert hint == live.replace("onevoice ", "onevoice --realm exercise ")


def test_the_next_command_line_knows_nothing_of_the_realm_before_it(tmp_path: Path) -> None:
    """A process may run several: each names the realm of its own."""
    run(["--realm", "exercise", "status", "r.1", "--city", str(tmp_path)])
    assert typed("onevoice top") == "onevoice top"
