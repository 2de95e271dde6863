"""CloudEvents as their SDKs send them: extensions, media types, base64, and attributes in headers."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.canonical import StrictJsonError
from schemas.cloudevents import structured
from schemas.events.requests import SubmissionEvent

DATA = {"text": "Leave now.", "targets": ["fire-website"], "crisis": True}
EVENT: dict[str, Any] = {
    "specversion": "1.0", "id": "7", "source": "urn:x", "type": "ca.onevoice.request.submitted.v1", "data": DATA,
}  # fmt: skip


def read(event: dict[str, Any], headers: dict[str, str] | None = None) -> SubmissionEvent:
    return SubmissionEvent.from_bytes(structured(json.dumps(event).encode(), headers))


PLAIN = read(EVENT)


@pytest.mark.parametrize(
    "more",
    [
        {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        {"partitionkey": "a", "sequence": 4, "sampled": True, "dataref": None},
        {"datacontenttype": "application/json; charset=utf-8"},
        {"datacontenttype": 'Application/JSON;charset="UTF-8"'},
        {"datacontenttype": "application/vnd.city+json"},
        {"subject": None, "dataschema": None},
    ],
)
def test_what_the_standard_allows_is_read_like_the_plain_event(more: dict[str, Any]) -> None:
    assert read({**EVENT, **more}) == PLAIN


def test_data_may_come_as_base64() -> None:
    encoded = base64.b64encode(json.dumps(DATA).encode()).decode()
    event = {name: value for name, value in EVENT.items() if name != "data"}
    assert read({**event, "data_base64": encoded}) == PLAIN


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", None])
def test_binary_mode_has_its_attributes_in_headers(kind: str | None) -> None:
    """The NATS binding: ``ce-`` headers in any case, values percent-encoded, the data alone as body."""
    headers = {
        "ce-specversion": "1.0",
        "CE-ID": "7",
        "ce-source": "urn%3Ax",
        "Ce-Type": str(EVENT["type"]),
        "ce-traceparent": "00-1",
    }
    if kind:
        headers["Content-Type"] = kind
    assert SubmissionEvent.from_bytes(structured(json.dumps(DATA).encode(), headers)) == PLAIN


def test_a_mark_of_utf8_before_the_json_is_left_out() -> None:
    """As .NET and PowerShell write it."""
    mark = b"\xef\xbb\xbf"
    binary = {"ce-specversion": "1.0", "ce-id": EVENT["id"], "ce-source": EVENT["source"], "ce-type": EVENT["type"]}
    expected = read(EVENT)
    assert SubmissionEvent.from_bytes(mark + json.dumps(EVENT).encode()) == expected
    made = SubmissionEvent.from_bytes(structured(mark + json.dumps(DATA).encode(), binary))
    assert made.data == expected.data
    encoded = base64.b64encode(mark + json.dumps(DATA).encode()).decode()
    plain = {name: value for name, value in EVENT.items() if name != "data"}
    assert read({**plain, "data_base64": encoded}).data == expected.data


@pytest.mark.parametrize(
    "bad",
    [
        {"data_base64": "e30="},
        {"Trace-Parent": "x"},
        {"nested": {"a": 1}},
        {"datacontenttype": "text/xml"},
        {"datacontenttype": "application/json; charset=utf-16"},
        {f"extension{number}": 1 for number in range(40)},
    ],
)
def test_what_it_does_not_allow_is_refused_in_a_sentence(bad: dict[str, Any]) -> None:
    with pytest.raises(StrictJsonError, match=r"\w+ \w+"):
        read({**EVENT, **bad})


@pytest.mark.parametrize("encoded", ["%%%", "bm90IGpzb24=", 7, ["a"]])
def test_base64_that_holds_no_json_is_refused(encoded: Any) -> None:
    event = {name: value for name, value in EVENT.items() if name != "data"}
    with pytest.raises(StrictJsonError):
        read({**event, "data_base64": encoded})


def test_a_header_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(StrictJsonError):
        structured(b"{}", {"ce-specversion": "1.0", "ce-id": "%ff"})


@given(
    st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.text(max_size=8), max_size=6),
    st.binary(max_size=30),
)
def test_any_event_is_read_or_refused(event: dict[str, Any], body: bytes) -> None:
    for raw, headers in ((json.dumps(event).encode(), None), (body, {"ce-specversion": "1.0"})):
        try:
            SubmissionEvent.from_bytes(structured(raw, headers))
        except (StrictJsonError, ValidationError) as error:
            assert str(error)  # noqa: PT017 - either end is right
