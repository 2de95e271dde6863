"""The whole path, from ``onevoice publish`` to the record on a real Bluesky server, in a city that is up."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from services.fanout.connectors.bluesky.record import cid_of
from tests.cli.messages import LINK
from tests.platforms.pds import Account, Pds
from tests.support.ports import free_port
from tests.support.shell import Shell, lower_city, raise_city

PROFILE = "fire-bluesky"
STATEMENTS = ("--purpose", "News.", "--identification", "Of the City.", "--disclosure", "Write to us.")


@dataclass(frozen=True)
class Place:
    """A city, and its account on the server."""

    city: Shell
    pds: Pds
    account: Account

    def records(self) -> list[dict[str, Any]]:
        return asyncio.run(self.pds.records(self.account.did))

    def publish(self, *words: str) -> Any:
        done = self.city.json("publish", *words, "--to", PROFILE, "--as", "mcpe", "--yes")
        assert done.status == 0, done
        (landed,) = [one for one in done.body["deliveries"] if one["profile"] == PROFILE]
        assert landed["outcome"] == "delivered"
        return landed


@pytest.fixture(scope="module")
def place(pds: Pds, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    account = asyncio.run(pds.account("fire"))
    folder = tmp_path_factory.mktemp("bluesky") / "mission"
    city = Shell(folder)
    assert Shell()("init", "--demo", str(folder)).status == 0
    text, port = (folder / "city.toml").read_text(), free_port()
    for number, usual in enumerate((4222, 4223, 4224)):
        text = text.replace(f"port = {usual}\n", f"port = {port + number}\n")
    (folder / "city.toml").write_text(text.replace('"https://bsky.social"', f'"{pds.url}"'))
    token = folder / "secrets" / "live" / f"{PROFILE}.token"
    token.touch(mode=0o600)
    token.write_text(account.password)
    process, _ = raise_city(city, port)
    added = city.json(
        *("profiles", "add", PROFILE, "--department", "fire", "--platform", "bluesky", "--account", account.did),
        *(*STATEMENTS, "--as", "mcpe"),
    )
    assert added.status == 0, added
    yield Place(city, pds, account)
    assert lower_city(process) == 0


def test_profiles_check_asks_the_server(place: Place) -> None:
    """And says so, when the app password is wrong."""
    assert place.city.json("profiles", "check").status == 0
    assert place.city.folder is not None
    token = place.city.folder / "secrets" / "live" / f"{PROFILE}.token"
    token.write_text("wrong")
    try:
        done = place.city.json("profiles", "check")
    finally:
        token.write_text(place.account.password)
    assert done.status == 2
    (found,) = [one for one in done.body if not one["ok"]]
    assert "app password" in found["problems"][0]


def test_what_is_published_is_the_record(place: Place, tmp_path: Path) -> None:
    """Text, link, picture with its description, and the content id of exactly these bytes."""
    raw = io.BytesIO()
    Image.new("RGB", (60, 40), "navy").save(raw, "PNG")
    (tmp_path / "map.png").write_bytes(raw.getvalue())
    landed = place.publish(
        "Open house. #Mission", "--link", LINK, "--image", str(tmp_path / "map.png"), "--alt", "A map"
    )
    record = next(one for one in place.records() if one["value"]["text"].startswith("Open house"))
    assert landed["url"] == f"https://bsky.app/profile/{place.account.did}/post/{record['uri'].rpartition('/')[2]}"
    value = record["value"]
    assert value["text"] == f"Open house. #Mission\n\n{LINK}"
    assert [facet["features"][0]["$type"].rpartition("#")[2] for facet in value["facets"]] == ["tag", "link"]
    (image,) = value["embed"]["images"]
    assert (image["alt"], image["aspectRatio"]) == ("A map", {"width": 60, "height": 40})
    assert record["cid"] == cid_of(value)


def test_a_long_text_is_a_thread_and_one_that_cannot_be_is_refused_at_once(place: Place) -> None:
    # Within a second keys are in no order: what is new is what was not there before.
    before = {record["uri"] for record in place.records()}
    place.publish("The crews work through the night to keep the water out of town. " * 8 + LINK)
    records = [record for record in place.records() if record["uri"] not in before]
    assert len(records) > 1
    assert all(len(record["value"]["text"]) <= 300 for record in records)
    assert records[0]["value"]["reply"]["root"]["uri"] == records[-1]["uri"]
    done = place.city.json("publish", "x" * 400, "--to", PROFILE, "--as", "mcpe", "--yes")
    assert (done.status, done.code) == (2, "text.too_long_for_platform")
    assert "bluesky takes 300 characters" in done.body["error"]["message"]


def test_the_record_of_the_city_verifies(place: Place) -> None:
    assert place.city.json("audit", "verify").status == 0


def test_an_app_password_is_connected_and_the_accounts_own_is_not(place: Place) -> None:
    """``profiles connect`` opens a session on the real server, ends it, and tells the two kinds of password apart."""
    connect = ("profiles", "connect", "bluesky", "water-bluesky", "--account", place.account.handle)
    done = place.city.json(*connect, stdin=f"{place.account.password}\n".encode())
    assert done.status == 0, done
    assert done.body["may"] == ["com.atproto.appPass"]
    assert place.city.folder is not None
    token = place.city.folder / "secrets" / "live" / "water-bluesky.token"
    assert token.read_text().strip() == place.account.password
    own = place.city.json(*connect, stdin=f"{place.account.own_password}\n".encode())
    assert (own.status, own.code) == (4, "connect.rights")
    wrong = place.city.json(*connect, stdin=b"aaaa-bbbb-cccc-dddd\n")
    assert (wrong.status, wrong.code) == (2, "connect.refused")
    assert token.read_text().strip() == place.account.password


def test_a_rehearsal_is_posted_read_back_and_deleted_on_the_real_server(
    pds: Pds, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In an exercise of its own; nothing is left on the account."""
    account = asyncio.run(pds.account("practice"))
    folder = tmp_path_factory.mktemp("rehearsing") / "mission"
    city = Shell(folder)
    assert Shell()("init", "--demo", str(folder)).status == 0
    text, port = (folder / "city.toml").read_text(), free_port()
    for number, usual in enumerate((4222, 4223, 4224)):
        text = text.replace(f"port = {usual}\n", f"port = {port + number}\n")
    (folder / "city.toml").write_text(text.replace('"https://bsky.social"', f'"{pds.url}"'))
    exercise = ("--realm", "exercise")
    connect = ("profiles", "connect", "bluesky", PROFILE, "--account", account.did, *exercise)
    assert city.json(*connect, stdin=f"{account.password}\n".encode()).status == 0
    process, _ = raise_city(city, port, *exercise)
    add = ("profiles", "add", PROFILE, "--department", "fire", "--platform", "bluesky", "--account", account.did)
    assert city.json(*add, *STATEMENTS, "--as", "mcpe", *exercise).status == 0
    done = city.json("profiles", "rehearse", PROFILE, "--as", "mcpe", "--yes", *exercise)
    assert lower_city(process) == 0
    assert done.status == 0, done
    [one] = done.body
    assert [step["result"] for step in one["steps"]] == ["worked"] * 4
    assert asyncio.run(pds.records(account.did)) == []
