"""Errors keep their family and exit status on the way to the desk; logs mask secrets; clocks are set by hand."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog
from pydantic import BaseModel, ValidationError

from schemas.events.desk import ErrorBody
from schemas.events.requests import SubmissionEvent
from services.kernel.authority.signing import Signer, new_seed
from services.kernel.base import errors, logs
from services.kernel.base.clock import ManualClock, SystemClock
from services.kernel.base.errors import Exit

FAMILIES = [errors.BadInput, errors.Refused, errors.Unreachable, errors.Unproven]


@pytest.mark.parametrize("family", FAMILIES)
def test_an_error_comes_back_from_its_reply_as_it_was(family: type[errors.OneVoiceError]) -> None:
    sent = family("some.code", "what is wrong", "how to fix it")
    back = errors.from_reply(sent.reply().error)
    assert type(back) is family
    assert (back.code, back.message, back.hint, back.exit_status) == (
        "some.code",
        "what is wrong",
        "how to fix it",
        sent.exit_status,
    )


@pytest.mark.parametrize(("status", "ends"), [(1, 1), (3, 3), (5, 5), (0, 1), (99, 1), (-1, 1)])
def test_a_bug_in_a_service_is_not_told_as_wrong_use(status: int, ends: int) -> None:
    back = errors.from_reply(ErrorBody(code="internal", message="it failed", exit_status=status))
    assert back.exit_status == Exit(ends)
    assert not isinstance(back, errors.BadInput)
    assert errors.BadInput.exit_status == Exit.USAGE


class Sample(BaseModel):
    """Something with a field inside a field."""

    parts: tuple[int, ...] = ()
    seed: str = "x"


def broken(**fields: Any) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate(fields)
    return caught.value


def test_the_first_fault_is_told_with_its_field() -> None:
    error = broken(parts=(1, "two", "three"))
    assert errors.first_fault(error).field == "parts.1"
    assert errors.describe(error).startswith("parts.1: it should be a whole number")
    assert errors.describe(error, skip=1).startswith("1: ")
    assert errors.describe(error, skip=2).startswith("it should be")
    assert errors.describe(OSError("no such file")) == "no such file"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"data": {"targets": "engineering-townsquare"}}, "data.targets: it should be a list"),
        ({"data": {"targets": ["a", 3]}}, "data.targets.1: it should be a text"),
        ({"data": {"targets": ["a"], "crisis": "perhaps"}}, "data.crisis: it should be true or false"),
        (
            {"data": {"targets": ["a"], "expires": "soon"}},
            "data.expires: it should be a time, such as 2026-01-31T18:00:00Z",
        ),
        ({"data": []}, "data: it should be an object, with names and values"),
        ([], "it should be an object, with names and values"),
        ({"data": {"targets": ["a"], "revision": 1.5}}, "data.revision: it should be a whole number"),
        ({"data": {"targets": ["a"], "revision": 1}}, "data.revision: it should be greater than or equal to 2"),
        ({"data": {"targets": ["a"], "text": 5}}, "data.text: it should be a text"),
        ({"data": {"targets": ["a"], "variants": []}}, "data.variants: it should be an object, with names and values"),
    ],
)
def test_another_systems_developer_reads_no_words_of_a_library(value: object, said: str) -> None:
    """The names of Python's types and of pydantic's checks are neither in the field nor in what is wrong."""
    if isinstance(value, dict) and isinstance(value["data"], dict):
        value["data"] = {"text": "Boil water.", "crisis": False} | value["data"]
    if isinstance(value, dict):
        value = {"id": "a", "source": "/a", "specversion": "1.0", "type": "ca.onevoice.request.submitted.v1"} | value
    with pytest.raises(ValidationError) as caught:
        SubmissionEvent.from_value(value)
    assert errors.describe(caught.value) == said


def test_a_fault_never_shows_the_value() -> None:
    assert "SUAMTOPSECRET" not in errors.describe(broken(seed=[b"SUAMTOPSECRET"]))


# --- logs ---------------------------------------------------------------------------------------------------


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged as JSON."""
    stream = io.StringIO()
    logs.configure("json", "debug", stream)
    yield stream
    structlog.reset_defaults()


def last(stream: io.StringIO) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stream.getvalue().splitlines()[-1])
    return found


def test_a_seed_is_masked_wherever_it_stands(lines: io.StringIO) -> None:
    seed = new_seed().decode()
    log = logs.logger(service="x")
    log.info(f"connecting with {seed}", path=f"a/{seed}.nk", raw=seed.encode(), many=[{"deep": (seed,)}])
    log.warning("failed", error=ValueError(f"cannot use {seed}"))
    try:
        raise RuntimeError(f"broke on {seed}")
    except RuntimeError:
        log.exception("failed")
    assert seed not in lines.getvalue()
    assert seed[3:40] not in lines.getvalue()
    assert lines.getvalue().count(logs.MASK) >= 6


@pytest.mark.parametrize("kind", ["SA", "SO", "SN", "SU"])
def test_seeds_of_all_kinds_are_masked(lines: io.StringIO, kind: str) -> None:
    logs.logger().info("x", value=kind + "A" * 56)
    assert last(lines)["value"] == logs.MASK


def test_what_is_called_a_secret_is_masked_and_the_rest_is_kept(lines: io.StringIO) -> None:
    public = Signer(new_seed()).public_key
    logs.logger().info(
        "x",
        access_token="abc",
        Authorization="Basic abc",
        headers={"authorization": "abc", "accept": "json"},
        said="Bearer abc.def and more",
        officer=public,
        seq=7,
        hold=False,
        detail=None,
    )
    said = last(lines)
    assert (said["access_token"], said["Authorization"]) == (logs.MASK, logs.MASK)
    assert said["headers"] == {"authorization": logs.MASK, "accept": "json"}
    assert said["said"] == f"{logs.MASK} and more"
    assert (said["officer"], said["seq"], said["hold"], said["detail"]) == (public, 7, False, None)


def test_lines_for_people_are_masked_too() -> None:
    stream, seed = io.StringIO(), new_seed().decode()
    logs.configure("lines", "info", stream)
    logs.logger().info("x", inner={"seeds": [seed]}, other=[seed])
    structlog.reset_defaults()
    assert seed not in stream.getvalue()
    assert "\x1b[" not in stream.getvalue()


def test_a_request_id_that_is_bound_stands_on_each_line(lines: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        logs.logger().info("x")
    assert last(lines)["request_id"] == "r1"
    logs.logger().info("y")
    assert "request_id" not in last(lines)


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    logs.configure("json", "warning", stream)
    logs.logger().info("quiet")
    logs.logger().warning("loud")
    structlog.reset_defaults()
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud"]


# --- clocks -------------------------------------------------------------------------------------------------


def test_a_manual_clock_stands_until_it_is_set() -> None:
    clock = ManualClock(datetime(2026, 1, 31, 14, tzinfo=UTC))
    assert clock.now() == clock.now()
    clock.time += timedelta(hours=1)
    assert clock.now().hour == 15


def test_the_machines_clock_has_its_offset() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_leases_are_measured_on_the_boot_time_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on while the machine is suspended; CLOCK_MONOTONIC does not, and a lease would outlive its call."""
    seconds = {time.CLOCK_BOOTTIME: 500.0, time.CLOCK_MONOTONIC: 100.0}
    monkeypatch.setattr(time, "clock_gettime", seconds.__getitem__)
    assert SystemClock().monotonic() == 500.0
