"""The policy can be followed from its clauses to the code, the tests and docs/policy.md, and back."""

from __future__ import annotations

import ast
import functools
import importlib
import re
from pathlib import Path

import pytest

from services.gatekeeper.policy import clauses
from services.gatekeeper.policy.rules import AUTHORISING, RULES

ROOT = Path(__file__).parents[3]
POLICY = ROOT / "services" / "gatekeeper" / "policy"
PAGE = ROOT / "docs" / "policy.md"


def _labels_in_code() -> dict[str, str]:
    """Each ``CLAUSE = "..."`` of the policy, with the file that it is in."""
    labels: dict[str, str] = {}
    for path in sorted(POLICY.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "CLAUSE":
                label = ast.literal_eval(node.value)
                assert label not in labels, f"{label} is in {labels[label]} and in {path}"
                labels[label] = path.relative_to(ROOT).as_posix()
    return labels


@functools.cache
def _labels_in_tests() -> dict[str, str]:
    """Each label that a test file's docstring begins with (``Clause 2(iii): ...``), with the file."""
    labels: dict[str, str] = {}
    for path in sorted(Path(__file__).parent.glob("test_*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
        if docstring.startswith("Clause "):
            label = max((known for known in IN_CODE if docstring.startswith(f"Clause {known}: ")), key=len, default="")
            assert label, f"{path.name} names a clause that no code has: {docstring.splitlines()[0]}"
            assert label not in labels, f"{label} has two test files"
            labels[label] = path.relative_to(ROOT).as_posix()
    return labels


def _sections() -> dict[str, str]:
    """Each section of the page by its heading."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)[1:]
    headings = parts[::2]
    assert len(set(headings)) == len(headings)
    return dict(zip(headings, parts[1::2], strict=True))


IN_CODE = _labels_in_code()


def test_code_tests_and_page_know_the_same_clauses() -> None:
    """No clause without its test and its section, no section and no test without its clause."""
    assert set(_labels_in_tests()) == set(IN_CODE)
    assert set(_sections()) == set(IN_CODE)


@pytest.mark.parametrize("label", sorted(IN_CODE))
def test_a_section_names_the_clauses_file_and_test(label: str) -> None:
    """The page leads to the very files, and says what is asked, the rule, and what is left to people."""
    section = _sections()[label]
    assert re.findall(r"\*\*File:\*\* `(.+)`", section) == [IN_CODE[label]]
    assert re.findall(r"\*\*Test:\*\* `(.+)`", section) == [_labels_in_tests()[label]]
    for part in ("Asks", "Rule", "Left to people"):
        (words,) = re.findall(rf"\*\*{part}:\*\* (.+)", section)
        assert words


def test_every_clause_file_is_in_the_rule_table_once() -> None:
    """A clause that nobody asks would be a clause that nobody keeps."""
    files = sorted(path.stem for path in Path(clauses.__file__).parent.glob("*.py") if path.stem != "__init__")
    asked = sorted(getattr(rule, "__name__", "").rpartition(".")[2] for rule in RULES)
    assert asked == files
    for name in files:
        assert callable(importlib.import_module(f"services.gatekeeper.policy.clauses.{name}").judge)


def test_the_authorising_clauses_are_four() -> None:
    """Only these can give the authority to publish; a fifth is a change of the policy."""
    assert {"2(iii)", "2(i)", "1 Oversight (iii)", "3(iv)(c)"} == AUTHORISING
