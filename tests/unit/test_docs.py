"""What the documents promise a reader: links lead somewhere, and names of tests and files are those that exist."""

from __future__ import annotations

import re
import subprocess
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```", re.DOTALL)
_PATH = re.compile(r"`((?:services|schemas|tests|docs|deploy|bench)/[\w./-]+?\.(?:py|md|conf|toml|yaml))`")

BENCH_PICTURES = ROOT / "docs" / "performance"
"""Drawn by `make bench WRITE=`; docs/performance.md names them before the first of them is there."""


def documents() -> list[Path]:
    """Return the Markdown files of the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = [name for name in listed.stdout.split("\0") if name]
    found = [ROOT / name for name in names] or [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("deploy/*.md"),
    ]
    return sorted(path for path in found if path.is_file())


@lru_cache
def anchors(path: Path) -> frozenset[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    text = _CODE.sub("", path.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles)


def broken(path: Path) -> list[str]:
    """Return the relative links of a document that lead nowhere."""
    found = []
    for link in _LINK.findall(_CODE.sub("", path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if target.parent == BENCH_PICTURES:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_relative_link_leads_somewhere(path: Path) -> None:
    """Files and headings that a document links to are there."""
    assert broken(path) == []


@pytest.mark.parametrize(
    "path",
    [path for path in documents() if path.name != "CHANGELOG.md"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_each_file_that_a_document_names_is_there(path: Path) -> None:
    """A document that names a file that was moved sends its reader nowhere."""
    named = set(_PATH.findall(path.read_text(encoding="utf-8")))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_each_decision_stands_in_a_file_of_its_number() -> None:
    """Each ADR has a number of its own, is in the list, and says what became of it."""
    folder = ROOT / "docs" / "adr"
    adrs = sorted(path for path in folder.glob("0*.md") if path.name != "0000-template.md")
    listed = (folder / "README.md").read_text(encoding="utf-8")
    assert len({path.name[:4] for path in adrs}) == len(adrs)
    for path in adrs:
        number, lines = int(path.name[:4]), path.read_text(encoding="utf-8").splitlines()
        assert f"| [{number}]({path.name}) | " in listed
        assert lines[0].startswith(f"# {number}. ")
        assert lines[2].startswith("Status: ")


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    """The check can fail."""
    page = tmp_path / "page.md"
    page.write_text("# A title, here\n[a](page.md#a-title-here) [b](gone.md) [c](#gone) [d](https://x.example)\n")
    assert broken(page) == ["gone.md", "#gone"]


def test_documents_named_in_code_exist() -> None:
    """A docstring that names a document as its source names one that a reader of this repository can open."""
    gone = {
        f"{path.relative_to(ROOT)}: {name}"
        for folder in ("services", "schemas", "deploy", "bench", "tests/simulation")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name in re.findall(r"[\w./-]*\w\.md\b", path.read_text(encoding="utf-8"))
        if not any((ROOT / place / name).exists() for place in (".", "docs"))
    }
    assert gone == set()


def test_each_decision_is_in_the_index() -> None:
    """docs/adr/README.md lists each decision, so that a reader finds it without opening them all."""
    folder = ROOT / "docs" / "adr"
    index = (folder / "README.md").read_text(encoding="utf-8")
    decisions = {path.name for path in folder.glob("0*.md")} - {"0000-template.md"}
    assert {name for name in decisions if f"({name})" not in index} == set()
