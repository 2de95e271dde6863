"""What keeps the code readable: one name for one thing, functions and files that fit on a screen or a few."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FUNCTION = 50
LONGEST_FILE = 300
MOST_FILES = 18

# What is above the rule, and how long it may be. An entry only shrinks, and goes when the rule is kept.
LONG_FUNCTIONS: dict[str, int] = {}
LONG_FILES: dict[str, int] = {}
# Rooms that are a list: a file for each kind of event, and for each clause of the policy.
LISTS = {"schemas/events", "services/gatekeeper/policy/clauses"}


def modules() -> Iterator[tuple[str, str]]:
    """Yield path and text of each module of the product."""
    for folder in ("services", "schemas"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


@cache
def trees() -> dict[str, ast.Module]:
    """Return what each module of the product is made of, by its path."""
    return {path: ast.parse(text) for path, text in modules()}


def grown(found: Mapping[str, int], allowed: Mapping[str, int]) -> dict[str, int]:
    """Return what is longer than the rule, or than its entry allows."""
    return {name: lines for name, lines in found.items() if lines > allowed.get(name, 0)}


def test_no_class_name_stands_for_two_things() -> None:
    """A class name is used once, so that a reader who meets it knows which one is meant."""
    places = defaultdict(list)
    for path, tree in trees().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(path)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_functions_are_short() -> None:
    """No function is longer than 50 lines but those listed, and these do not grow."""
    long: dict[str, int] = {}
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LONGEST_FUNCTION:
                    long[f"{path}:{node.name}"] = lines
    assert grown(long, LONG_FUNCTIONS) == {}
    assert LONG_FUNCTIONS.keys() <= long.keys(), "an entry of LONG_FUNCTIONS is not needed any more"


def test_files_are_short() -> None:
    """No file is longer than 300 lines but those listed, and these do not grow."""
    long = {path: lines for path, text in modules() if (lines := text.count("\n")) > LONGEST_FILE}
    assert grown(long, LONG_FILES) == {}
    assert LONG_FILES.keys() <= long.keys(), "an entry of LONG_FILES is not needed any more"


def test_times_in_words_are_written_in_one_place() -> None:
    """The desk shows the times in a service's words in the city's zone: it finds what ``utc_text`` writes."""
    by_hand = {path for path, text in modules() if re.search(r"%H:%M(:%S)?\}?\s+UTC", text)}
    apart = "services/kernel/authority/post_authorization/checks.py"  # the worker's own check shares no code
    assert by_hand == {"services/kernel/base/zones.py", apart}


def test_rooms_are_small() -> None:
    """What is looked for is found by its name: no folder holds more modules than a reader takes in at a look."""
    rooms = Counter(path.rpartition("/")[0] for path, _ in modules() if not path.endswith("__init__.py"))
    assert {room: files for room, files in rooms.items() if files > MOST_FILES and room not in LISTS} == {}


def test_modules_import_each_other_in_no_circle() -> None:
    """What is loaded with a module is below it; imports in functions, and for types alone, do not count."""
    found = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): one for path, one in trees().items()}
    graph: dict[str, set[str]] = {}
    for name, tree in found.items():
        imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
        named = {f"{node.module}.{one.name}" for node in imports for one in node.names}
        graph[name] = (({one if one in found else one.rpartition(".")[0] for one in named}) & found.keys()) - {name}
    TopologicalSorter(graph).prepare()
