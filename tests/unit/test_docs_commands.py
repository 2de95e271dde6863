"""Each command that a document or a hint tells a person to type is one that `onevoice` knows."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from services.desk.app import build
from services.desk.views import failure
from tests.unit.test_docs import ROOT, documents

_BLOCK = re.compile(r"```\w*\n(.*?)```", re.DOTALL)
_SPAN = re.compile(r"`([^`\n]*\bonevoice [^`\n]*)`")
_COMMAND = re.compile(r"^(?:\S*/)?onevoice$")
_ENDS = {";", "&&", "||", "|"}
SHELL = build()


def lines_of(text: str) -> list[str]:
    """Return the lines of a document's blocks that name `onevoice`, continued lines joined, comments left out."""
    lines = "\n".join(_BLOCK.findall(text)).replace("\\\n", " ").splitlines()
    return [line for line in lines if "onevoice " in line and not line.lstrip().startswith("#")]


def spoken(line: str) -> Iterator[list[str]]:
    """Yield the words behind each `onevoice` of a command line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    words: list[str] | None = None
    before = ""
    for word in [*lexer, ";"]:
        if word in _ENDS:
            if words:
                yield words
            words = None
        elif words is not None:
            words.append(word)
        elif _COMMAND.match(word) and not re.fullmatch("-[a-z]", before):  # -o onevoice: a user
            words = []
        before = word


def unknown(words: list[str], *, whole: bool) -> str:
    """Say what is wrong with a command; the empty text: nothing. ``whole``: nothing may be missing either."""
    if words[:1] in (["--help"], ["--version"]):
        return ""
    at, context, rest = SHELL, typer.Context(SHELL, info_name="onevoice"), list(words)
    while getattr(at, "commands", None) is not None and rest and not rest[0].startswith("-"):
        found = at.get_command(context, rest[0])
        if found is None:
            return f"there is no command {rest[0]!r}"
        at = found
        rest.pop(0)
    options = {name for parameter in at.params for name in (*parameter.opts, *parameter.secondary_opts)}
    strange = [word for word in rest if word.startswith("--") and word.split("=")[0] not in options | {"--help"}]
    if strange:
        return f"there is no option {strange[0]}"
    return _misused(at, rest) if whole and "--help" not in rest else ""


def _misused(command: Any, rest: list[str]) -> str:
    try:
        command.make_context("onevoice", list(rest))
    except Exception as error:
        usage = failure.usage(error)
        if usage is None:
            raise
        return usage.message
    return ""


def told(path: Path) -> Iterator[tuple[list[str], bool]]:
    """Yield each command of a document, and whether it is one to be typed as it is (it is in a block)."""
    text = path.read_text(encoding="utf-8")
    for line in lines_of(text):
        yield from ((words, True) for words in spoken(line))
    for span in _SPAN.findall(_BLOCK.sub("", text)):
        yield from ((words, False) for words in spoken(span))


DOCUMENTS = [path for path in documents() if path.name != "CHANGELOG.md" and path.parent.name != "adr"]
"""What a reader follows today; a changelog and a decision speak of their own day."""


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_command_of_a_document_exists(path: Path) -> None:
    wrong = {" ".join(words): said for words, whole in told(path) if (said := unknown(words, whole=whole))}
    assert wrong == {}


def test_the_readme_shows_commands() -> None:
    """Were none found, the check above would say nothing."""
    shown = [words for words, whole in told(ROOT / "README.md") if whole]
    assert len(shown) >= 10
    assert ["eoc", "status"] in shown


HINT = re.compile(r"\bonevoice ((?:[a-z]+(?:-[a-z]+)* ?)+)")
PROSE = {"everywhere", "command"}
"""Words that follow the name of the product in a sentence."""


def hints() -> Iterator[tuple[str, list[str]]]:
    """Yield where a text of the services names a command, and its words."""
    for path in sorted((ROOT / "services").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for found in HINT.findall(node.value):
                    if found.split()[0] not in PROSE:
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", found.split()


def test_each_command_that_a_text_of_the_services_names_exists() -> None:
    """A hint at 3 a.m. that names no command is worse than none; words behind the command may be prose."""
    wrong = [(where, words) for where, words in hints() if unknown(words, whole=False)]
    assert wrong == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("onevoice publsh x", "there is no command 'publsh'"),
        ("onevoice eoc sleep", "there is no command 'sleep'"),
        ("onevoice eoc status --jsn", "there is no option --jsn"),
        ("sudo bin/onevoice eoc activate --as cao", "Missing option '--level'"),
    ],
)
def test_a_wrong_command_is_found(line: str, said: str) -> None:
    """The check can fail."""
    (words,) = spoken(line)
    assert said in unknown(words, whole=True)
