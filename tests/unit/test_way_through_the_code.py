"""The page of the architecture leads a newcomer through the code: each file and function that it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECTION = "### A message's way through the code"
FILE = re.compile(r"`(services/[a-z_/]+\.py)`(?: \(([^)]*)\)|: (`[a-z_]+`))")


def named() -> list[tuple[str, str]]:
    """Return each file that the section names, with each function."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition(SECTION)[2].partition("\n## ")[0]
    return [
        (path, name)
        for path, inside, behind in FILE.findall(section)
        for name in re.findall(r"`([a-z_]+)`", inside or behind)
    ]


def test_the_way_is_shown_from_the_request_to_the_receipt() -> None:
    assert [path.split("/")[1] for path, _ in named()].count("fanout") >= 8
    assert {"services/intake/handlers.py", "services/gatekeeper/handlers.py"} <= {path for path, _ in named()}


@pytest.mark.parametrize(("path", "name"), named())
def test_what_the_page_names_is_there(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in found
