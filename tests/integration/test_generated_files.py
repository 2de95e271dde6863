"""What is generated is committed as it would be generated now: schemas, AsyncAPI, the diagrams, the settings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from schemas import flow, streams, subjects
from services.kernel.base.settings.city_file import CityFile
from services.provision.generate.contracts import JSON_FOLDER, asyncapi, json_schemas
from services.provision.generate.diagrams import documents
from services.provision.generate.settings_page import PAGE, settings_page


@pytest.mark.parametrize(("path", "text"), list(json_schemas()), ids=lambda value: getattr(value, "stem", ""))
def test_each_json_schema_is_up_to_date(path: Path, text: str) -> None:
    """A contract that changed without `make schemas` is drift."""
    assert text == path.read_text(encoding="utf-8")


def test_no_schema_is_left_over() -> None:
    """A schema of a contract that is gone would mislead other systems."""
    expected = {path.name for path, _ in json_schemas()} | {"asyncapi.json"}
    assert expected == {path.name for path in JSON_FOLDER.iterdir()}


def test_asyncapi_is_up_to_date_and_names_what_is_served() -> None:
    """The AsyncAPI document follows the subscribers, and each served desk subject is in it."""
    path, text = asyncapi()
    assert text == path.read_text(encoding="utf-8")
    addresses = {channel["address"] for channel in json.loads(text)["channels"].values()}
    for row in flow.SERVICES:
        for base in row.serves:
            assert any(address.startswith(f"{base}.") for address in addresses), base
        for consumer in row.consumes:
            # The audit pulls its copy directly, without FastStream (docs/adr/0004-second-copy-of-the-record.md).
            assert consumer == streams.AUDIT_COPY or consumer.filter_subject in addresses, consumer.durable


@pytest.mark.parametrize(("path", "text"), list(documents()), ids=lambda value: getattr(value, "stem", ""))
def test_the_diagrams_are_up_to_date(path: Path, text: str) -> None:
    """docs/architecture.md shows the flow map as it is, docs/states.md the tables of states."""
    assert text == path.read_text(encoding="utf-8")


def test_the_page_of_settings_is_up_to_date() -> None:
    """docs/settings.md shows what city.toml takes as it is."""
    assert settings_page() == (PAGE, PAGE.read_text(encoding="utf-8"))


def test_each_setting_is_on_the_page() -> None:
    """Each field of each section of city.toml has a row of its section's table, or a section of its own."""
    sections = {part.partition("\n")[0]: part for part in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]}
    schema = CityFile.model_json_schema()
    missing = []
    for name, form in schema["properties"].items():
        found = [part for title, part in sections.items() if re.search(rf"\[{name}[.\]]", title)]
        if not found and f"| `{name}` |" in sections["Above all sections"]:
            continue
        missing += [name] if not found else []
        text = "".join(found)
        for field, inner in _fields(schema, form).items():
            rows = {field} if "$ref" not in json.dumps(inner) else _fields(schema, inner)
            missing += [f"{name}.{field}.{row}" for row in rows if f"| `{row}` |" not in text]
    assert missing == []


def _fields(schema: dict[str, Any], form: dict[str, Any]) -> dict[str, Any]:
    """The fields of the section that a form names."""
    (name,) = set(re.findall(r"#/\$defs/(\w+)", json.dumps(form)))
    fields: dict[str, Any] = schema["$defs"][name]["properties"]
    return fields


def test_each_ledger_subject_has_a_stream_and_a_reader() -> None:
    """Nothing is written that no stream keeps, and nothing on the ledger is read by nobody."""
    kept = [pattern for stream in streams.STREAMS for pattern in stream.subjects]
    consumed = {consumer.filter_subject for consumer in streams.CONSUMERS}
    for row in flow.SERVICES:
        for subject in row.writes:
            assert any(subject.split(".")[0] == pattern.split(".")[0] for pattern in kept), subject
            if subject.startswith("ledger."):
                assert subject in consumed or subjects.LEDGER_ALL in consumed, subject
