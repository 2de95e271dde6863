"""Dead letters at the command: shown by pending and the doctor, looked at, sent again, dropped."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas import streams
from schemas.events.dead import DeadLetter, DeadLetterCause
from services.desk.connection.link import broker_url
from services.kernel.base.city import load_city
from tests.cli.conftest import Shell
from tests.support.broker import connect, jetstream


def put_aside(shell: Shell, **changes: Any) -> int:
    """Write a letter as the gatekeeper does; return its number."""
    assert shell.folder is not None
    city, now = load_city(shell.folder, "live"), datetime.now(UTC)
    fields = {"at": now, "service": "gatekeeper", "subject": "ledger.control", "seq": 1, "error": "KeyError: 'x'"}
    fields |= {
        "data_base64": "eyJhIjoiXHUwMDFiWzMxbSJ9",
        "durable": "gatekeeper-control",
        "cause": DeadLetterCause.FAILED,
    }
    letter = DeadLetter(**(fields | {"tries": 8, "first_at": now, "last_at": now} | changes))

    async def write() -> int:
        client = await connect(broker_url(city), city.service_key_path("gatekeeper"), "gatekeeper")
        ack = await jetstream(client).publish("dead.gatekeeper", letter.to_bytes(), stream=streams.DEAD)
        await client.close()
        return int(ack.seq)

    return asyncio.run(write())


def test_a_letter_is_shown_sent_again_by_who_may_and_closed(city: Shell) -> None:
    number = str(put_aside(city))
    shown = city("pending")
    assert f"onevoice dead again {number}" in shown.out
    assert "KeyError: 'x'" in shown.out
    done = city.json("pending")
    assert isinstance(done.body, list)
    assert "dead letters: 1" in done.err
    doctor = {line["check"]: line for line in city.json("doctor").body["checks"]}
    assert doctor["dead letters"]["level"] == "warn"
    (listed,) = city.json("dead", "list").body
    assert {"letter", "service", "cause", "subject", "seq", "reason", "tries", "state"} <= set(listed)
    whole = city("dead", "show", number)
    assert "gatekeeper-control" in whole.out
    assert '{"a":"\\u001b[31m"}' in whole.out
    refused = city.json("dead", "again", number, "--as", "clerk")
    assert (refused.status, refused.code) == (4, "dead.denied")
    again = city.json("dead", "again", number, "--as", "mcpe")
    assert (again.status, again.body["state"], again.body["officer"]) == (0, "handled", "mcpe")
    closed = city.json("dead", "again", number, "--as", "mcpe")
    assert (closed.status, closed.code) == (2, "dead.closed")
    assert city.json("dead", "list").body == []
    assert "No dead letters." in city("dead", "list").out
    assert "handled" in city("dead", "list", "--all").out


def test_a_letter_that_fails_again_says_so_and_is_dropped_for_a_reason(city: Shell) -> None:
    put_aside(city, seq=99_999_999)
    again = city.json("dead", "again", "--all", "--as", "pio")
    assert (again.status, [one["state"] for one in again.body]) == (5, ["failed_again"])
    (view,) = city.json("dead", "list").body
    assert "no entry 99999999" in view["reason"]
    number = str(view["letter"])
    assert city.json("dead", "drop", number, "--as", "pio", "--reason", " ").code == "reason.length"
    done = city("dead", "drop", number, "--as", "pio", "--reason", "a drill")
    assert (done.status, f"dead letter {number}: dropped; a drill" in done.out) == (0, True)
    assert city.json("dead", "list").body == []


@pytest.mark.parametrize(
    ("words", "code"),
    [(("again", "--as", "mcpe"), "dead.which"), (("again", "3", "--all", "--as", "mcpe"), "dead.which"),
     (("show", "99999"), "dead.unknown"), (("again", "3"), "officer.missing")],
)  # fmt: skip
def test_wrong_use_is_one_clear_error(city: Shell, words: tuple[str, ...], code: str) -> None:
    done = city.json("dead", *words)
    assert (done.status, done.code) == (2, code)
