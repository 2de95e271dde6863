"""Messages to a city that is up, for the tests of the command."""

from __future__ import annotations

import uuid

from tests.cli.conftest import Done, Shell

LINK = "https://mission.example/fire"
FIRE = ["--to", "fire-townsquare"]


def words(text: str = "Open house on Saturday.") -> str:
    """Return a text of its own for each message."""
    return f"{text} {uuid.uuid4().hex[:8]} {LINK}"


def request(city: Shell, *more: str, who: str = "clerk", text: str | None = None) -> str:
    """Submit a request that waits; return its id."""
    done = city.json("request", text or words(), *(more or FIRE), "--as", who)
    assert done.status == 3, done
    assert done.body["verdict"]["outcome"] == "blocked"
    return str(done.body["request_id"])


def findings(done: Done, outcome: str) -> set[str]:
    """Return the clauses whose finding has an outcome."""
    return {one["clause"] for one in done.body["verdict"]["findings"] if one["outcome"] == outcome}
