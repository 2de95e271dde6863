"""Tests give our own code other values by argument, and leave its modules and classes as they are.

A constant that a test replaces is read at one place only by luck, and the replacement goes unnoticed when the code
moves on. The environment, the working directory, and what others wrote may be replaced.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OWN = ("services", "schemas")

# How often a file still patches our code. An entry only shrinks, and goes when the rule is kept.
PATCHES = {
    "tests/simulation/model/machine.py": 1,
    "tests/simulation/once.py": 3,
    "tests/simulation/test_simulation.py": 1,
}


def own_names(tree: ast.Module) -> set[str]:
    """Return the names under which a module has what it imports of our code."""
    found = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in OWN:
            found |= {one.asname or one.name for one in node.names}
        if isinstance(node, ast.Import):
            found |= {(one.asname or one.name).partition(".")[0] for one in node.names if one.name.startswith(OWN)}
    return found


def is_patch(call: ast.Call) -> bool:
    """Return whether a call replaces something for the time of a test."""
    name = ast.unparse(call.func)
    return name.endswith((".setattr", ".delattr", ".setitem", "patch.object", "patch.dict", "patch.multiple")) or (
        name in ("patch", "mock.patch")
    )


def is_ours(target: ast.expr, own: set[str]) -> bool:
    """Return whether what is replaced is a module or a class of ours, or something in one."""
    if isinstance(target, ast.Constant):
        return str(target.value).startswith(tuple(f"{one}." for one in OWN))
    while isinstance(target, ast.Attribute):
        target = target.value
    return isinstance(target, ast.Name) and target.id in own


def patches_in(text: str) -> int:
    """Return how often a test module patches our code."""
    if "patch" not in text:
        return 0
    tree = ast.parse(text)
    own = own_names(tree)
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args and is_patch(node))
    return sum(is_ours(call.args[0], own) for call in calls)


def test_our_own_code_is_not_patched() -> None:
    """But where it is listed, and there no more often."""
    found = Counter[str]()
    for path in sorted((ROOT / "tests").rglob("*.py")):
        found[path.relative_to(ROOT).as_posix()] = patches_in(path.read_text(encoding="utf-8"))
    assert {path: count for path, count in found.items() if count > PATCHES.get(path, 0)} == {}
    assert {path: most for path, most in PATCHES.items() if found[path] < most} == {}, "an entry can shrink or go"


def test_a_patch_of_our_code_is_seen_in_each_of_its_forms() -> None:
    """By module, class, table and name; what others wrote is none of it."""
    head = (
        "import os\nfrom unittest import mock\nfrom services.fanout import wiring as w\nfrom services.a import Made\n"
    )
    for line in (
        "monkeypatch.setattr(w, 'X', 1)",
        "monkeypatch.setattr(Made, 'put', put)",
        "monkeypatch.setitem(w.TABLE, 'a', 1)",
        "monkeypatch.setattr('services.fanout.wiring.X', 1)",
        "mock.patch.object(w, 'X', 1)",
        "mock.patch('services.fanout.wiring.X', 1)",
    ):
        assert patches_in(head + line) == 1, line
    others = ("monkeypatch.setattr(os, 'write', full)", "monkeypatch.setenv('X', '1')", "setattr(w, 'x', 1)")
    for line in others:
        assert patches_in(head + line) == 0, line
