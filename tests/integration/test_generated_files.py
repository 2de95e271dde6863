"""What is generated is committed as it would be generated now: schemas, AsyncAPI, the diagrams."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas import flow, streams, subjects
from services.provision.generate.contracts import JSON_FOLDER, asyncapi, json_schemas
from services.provision.generate.diagrams import documents


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


def test_each_ledger_subject_has_a_stream_and_a_reader() -> None:
    """Nothing is written that no stream keeps, and nothing on the ledger is read by nobody."""
    kept = [pattern for stream in streams.STREAMS for pattern in stream.subjects]
    consumed = {consumer.filter_subject for consumer in streams.CONSUMERS}
    for row in flow.SERVICES:
        for subject in row.writes:
            assert any(subject.split(".")[0] == pattern.split(".")[0] for pattern in kept), subject
            if subject.startswith("ledger."):
                assert subject in consumed or subjects.LEDGER_ALL in consumed, subject
