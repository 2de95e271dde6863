"""Writes what is generated, or with ``--check`` compares it: see the package."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import services.provision.generate as package
from services.provision.generate.contracts import asyncapi, json_schemas
from services.provision.generate.diagrams import documents
from services.provision.generate.settings_page import settings_page

ROOT = Path(__file__).resolve().parents[3]


def generated(what: str | None) -> Iterator[tuple[Path, str]]:
    """Yield each generated file with its text: ``schemas``, ``docs`` or, with None, both."""
    if what in (None, "schemas"):
        yield from json_schemas()
        yield asyncapi()
    if what in (None, "docs"):
        yield from documents()
        yield settings_page()


def main() -> int:
    """Write, or compare; return the exit status."""
    parser = argparse.ArgumentParser(prog="generate", description=package.__doc__)
    parser.add_argument("what", nargs="?", choices=["schemas", "docs"])
    parser.add_argument("--check", action="store_true")
    chosen = parser.parse_args()
    stale = []
    for path, text in generated(chosen.what):
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(path)
        if not chosen.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in stale:
        verb = "is out of date; write it again: make schemas docs" if chosen.check else "written"
        sys.stdout.write(f"{path.relative_to(ROOT)} {verb}\n")
    return 1 if chosen.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
