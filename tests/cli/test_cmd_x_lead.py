"""Several accounts on X: the lead posts, the others show its post, in a city that is up."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Shell, lower_city, raise_city
from tests.cli.messages import words
from tests.support.emulators.hosted import hosted
from tests.support.emulators.x import XEmulator, credential
from tests.support.mission import PATIENCE
from tests.support.ports import free_port

STATEMENTS = ("--purpose", "News.", "--identification", "Of the City.", "--disclosure", "Write to us.")
NAMES = ("fire", "water", "parks")
TO = tuple(word for name in NAMES for word in ("--to", f"{name}-x"))
NOW = ("--crisis", "--as", "mcpe", "--yes", "--acknowledge")
"""Whatever is left of the month's credit: a routine message may have to leave it."""


@pytest.fixture(scope="module")
def place(made_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shell, XEmulator]]:
    """A city whose fire department leads on X."""
    folder = Path(shutil.copytree(made_folder, tmp_path_factory.mktemp("lead") / "mission"))
    emulator = XEmulator()
    with hosted(emulator):
        with (folder / "city.toml").open("a") as file:
            file.write(f'\n[x]\nserver = "{emulator.url}"\nlead = "fire-x"\ncredit_usd = 2.0\nreserve_usd = 1.0\n')
        city = Shell(folder)
        process, _ = raise_city(city, free_port())
        for name in NAMES:
            token = folder / "secrets" / "live" / f"{name}-x.token"
            token.touch(mode=0o600)
            token.write_text(credential(name))
            add = ("profiles", "add", f"{name}-x", "--department", name, "--platform", "x", "--account", name)
            done = city.json(*add, *STATEMENTS, "--as", "mcpe")
            assert done.status == 0, done
        yield city, emulator
        assert lower_city(process) == 0


def deliveries(done: Any) -> dict[str, str]:
    return {one["profile"]: one["url"] for one in done.body["deliveries"]}


def test_the_lead_posts_and_the_others_show_it_until_it_is_recalled(place: tuple[Shell, XEmulator]) -> None:
    city, emulator = place
    before = list(emulator.posts)
    done = city.json("publish", words(), *TO, *NOW)
    assert done.status == 0, done
    [post] = emulator.posts[len(before) :]
    assert post.account == "fire"
    assert sorted(emulator.reposts) == [("parks", post.id), ("water", post.id)]
    found = deliveries(done)
    assert found["water-x"].endswith(f"/i/status/{post.id}")
    back = city.json("recall", done.body["request_id"], *NOW)
    assert back.status == 0, back
    assert (emulator.posts, emulator.reposts) == (before, [])
    assert city.json("audit", "verify").status == 0


def test_a_lead_that_cannot_post_keeps_nobody_silent(place: tuple[Shell, XEmulator]) -> None:
    """It fails at once: the others post for themselves."""
    city, emulator = place
    before = len(emulator.posts)
    emulator.misbehave("error", code="invalid")
    done = city.json("publish", words(), *TO, *NOW)
    assert done.status == 5, done
    assert sorted(post.account for post in emulator.posts[before:]) == ["parks", "water"]
    assert emulator.reposts == []


def test_a_message_that_the_lead_does_not_get_is_posted(place: tuple[Shell, XEmulator]) -> None:
    city, emulator = place
    before = len(emulator.posts)
    done = city.json("publish", words(), "--to", "water-x", *NOW)
    assert done.status == 0, done
    assert [post.account for post in emulator.posts[before:]] == ["water"]


def test_routine_messages_leave_the_credit_that_a_crisis_needs(place: tuple[Shell, XEmulator]) -> None:
    """What would eat into the reserve waits, and says so; what cannot wait goes out."""
    city, emulator = place
    to = ("--to", "water-x", "--yes", "--acknowledge")
    for _ in range(8):
        text = words("Water is back: https://mission.example/water")
        done = city.json("publish", text, *to, "--as", "mcpe", "--wait", "1s")
        if done.status != 0:
            break
    assert done.status == 5, done
    deadline = time.monotonic() + PATIENCE
    while "reserve for a crisis" not in (
        shown := city.json("status", done.body["request_id"]).body["deliveries"][0]["reason"]
    ):
        assert time.monotonic() < deadline, shown
    assert not any(text == post.text for post in emulator.posts)
    line = next(one for one in city.json("doctor").body["checks"] if one["check"] == "service fanout")
    assert "USD, which is kept for a crisis" in line["detail"]
    urgent = words("Boil water: https://mission.example/water")
    sent = city.json("publish", urgent, *to, "--as", "mcpe", "--crisis")
    assert sent.status == 0, sent
    assert any(urgent == post.text for post in emulator.posts)
    check = city.json("profiles", "check")
    assert "USD of the month's credit are left" in "; ".join(
        word for one in check.body if one["id"] == "water-x" for word in one["remarks"]
    )
