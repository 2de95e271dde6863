"""Each piece of city.toml that a document shows is one that city.toml takes."""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from services.kernel.base.city_file import CityFile
from tests.unit.test_docs import ROOT, documents

_BLOCK = re.compile(r"^ *```toml\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_OWN = ("city", "authority")
"""Sections that each city has and a piece leaves out."""


def pieces() -> Iterator[tuple[str, str]]:
    """Yield each TOML block of the documents with the document's name."""
    for path in documents():
        for block in _BLOCK.findall(path.read_text(encoding="utf-8")):
            yield str(path.relative_to(ROOT)), textwrap.dedent(block)


def faults(piece: str) -> list[str]:
    """Return what city.toml would not take of a piece of it."""
    given: dict[str, Any] = tomllib.loads(piece)
    try:
        CityFile.model_validate(given)
    except ValidationError as error:
        return [
            f"{one['loc']}: {one['msg']}"
            for one in error.errors()
            if not (one["type"] == "missing" and one["loc"][0] in _OWN)
        ]
    return []


@pytest.mark.parametrize(("name", "piece"), list(pieces()))
def test_a_piece_of_settings_in_a_document_can_be_typed(name: str, piece: str) -> None:
    """A setting that was renamed is one that a reader's city refuses to start with."""
    assert faults(piece) == [], name


def test_a_setting_that_there_is_not_is_found() -> None:
    """The check can fail."""
    assert len(faults('[web]\norigins = "https://desk.mission.example"\n')) == 1
