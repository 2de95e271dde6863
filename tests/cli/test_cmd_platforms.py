"""The whole path, from ``onevoice publish`` to the receipt, on each platform that has an emulator, in one city."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from services.kernel.base.city import load_city
from tests.cli.conftest import Shell, lower_city, port_of, raise_city
from tests.cli.messages import LINK, words
from tests.support.emulators import facebook, instagram, linkedin, meta, threads, x
from tests.support.emulators.base import Post
from tests.support.emulators.hosted import hosted
from tests.support.mission import PATIENCE
from tests.support.ports import free_port

STATEMENTS = ("--purpose", "News.", "--identification", "Of the City.", "--disclosure", "Write to us.")
PLATFORMS = ("x", "facebook", "linkedin", "threads", "instagram")
NUMBER = "1001"


@dataclass(frozen=True)
class Places:
    """A city that is up, and the emulators of its profiles ``fire-<platform>``."""

    city: Shell
    of: dict[str, Any]

    def publish(self, *given: str, to: tuple[str, ...] = PLATFORMS, status: int = 0) -> dict[str, Any]:
        targets = [word for name in to for word in ("--to", f"fire-{name}")]
        done = self.city.json("publish", *given, *targets, "--as", "mcpe", "--yes")
        ended = [(one["profile"], one["outcome"], one["reason"]) for one in done.body.get("deliveries", ())]
        assert done.status == status, ended or done
        return dict(done.body)

    def posts(self, platform: str) -> list[Post]:
        return list(self.of[platform].posts)


@pytest.fixture(scope="module")
def places(made_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    made: dict[str, Any] = {
        "x": x.XEmulator(),
        "facebook": facebook.FacebookEmulator(),
        "linkedin": linkedin.LinkedInEmulator(),
        "threads": threads.ThreadsEmulator(),
        "instagram": instagram.InstagramEmulator(),
    }
    tokens: dict[str, Callable[[str], str]] = {
        "x": lambda _: x.credential("fire"),
        "facebook": facebook.token_of,
        "linkedin": linkedin.token_of,
        "threads": meta.token_of,
        "instagram": meta.token_of,
    }
    folder = Path(shutil.copytree(made_folder, tmp_path_factory.mktemp("platforms") / "mission"))
    with hosted(*made.values()):
        text = (folder / "city.toml").read_text()
        port = free_port()
        site = port + load_city(folder).settings.site.port - port_of(folder)
        text = text.replace("[site]\n", f'[site]\npublic = "http://127.0.0.1:{site}"\n')
        text += "".join(f'\n[{name}]\nserver = "{place.url}"\n' for name, place in made.items())
        (folder / "city.toml").write_text(text)
        city = Shell(folder)
        process, _ = raise_city(city, port)
        for name in PLATFORMS:
            token = folder / "secrets" / "live" / f"fire-{name}.token"
            token.touch(mode=0o600)
            token.write_text(tokens[name](NUMBER))
            account = "fire" if name == "x" else NUMBER
            add = ("profiles", "add", f"fire-{name}", "--department", "fire", "--platform", name)
            done = city.json(*add, "--account", account, *STATEMENTS, "--as", "mcpe")
            assert done.status == 0, done
        yield Places(city, made)
        assert lower_city(process) == 0
    for place in made.values():
        place.only_documented()


def test_profiles_check_asks_each_platform(places: Places) -> None:
    done = places.city.json("profiles", "check")
    assert [one for one in done.body if not one["ok"]] == []
    assert done.status == 0


def test_one_message_stands_once_on_each_platform(places: Places) -> None:
    """The exact words, the address in the receipt, a card with the same words on Instagram; the record verifies."""
    text = words("Boil water (Cedar Valley) #Mission.")
    body = places.publish(text)
    for name in PLATFORMS:
        [post] = [post for post in places.posts(name) if post.text == text]
        [landed] = [one for one in body["deliveries"] if one["profile"] == f"fire-{name}"]
        assert landed["outcome"] == "delivered"
        assert landed["url"].startswith("https://")
        assert post.alts == ((text,) if name == "instagram" else ())
    assert places.city.json("audit", "verify").status == 0


def test_a_picture_goes_out_with_its_description(places: Places, tmp_path: Path) -> None:
    raw = io.BytesIO()
    Image.new("RGBA", (900, 300), (0, 0, 90, 128)).save(raw, "PNG")
    (tmp_path / "map.png").write_bytes(raw.getvalue())
    text = words("The map.")
    places.publish(text, "--image", str(tmp_path / "map.png"), "--alt", "A map of the dyke")
    for name in PLATFORMS:
        [post] = [post for post in places.posts(name) if post.text == text]
        assert post.alts == ("A map of the dyke",), name


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_lost_answer_is_one_post(places: Places, platform: str) -> None:
    """The platform posts and answers 500: it is found, and delivered."""
    places.of[platform].misbehave("error_after")
    text = words("Road open.")
    body = places.publish(text, to=(platform,))
    assert [one["outcome"] for one in body["deliveries"] if one["profile"] == f"fire-{platform}"] == ["delivered"]
    assert [post.text for post in places.posts(platform)].count(text) == 1


def test_a_suspended_account_leaves_the_others_alone(places: Places) -> None:
    places.of["instagram"].misbehave("error", code="suspended", calls=20)
    try:
        body = places.publish(words("Isolated."), status=5)
    finally:
        places.of["instagram"].faults.clear()
    ended = {one["profile"]: one["outcome"] for one in body["deliveries"]}
    assert ended.pop("fire-instagram") == "failed"
    assert {ended[f"fire-{name}"] for name in PLATFORMS if name != "instagram"} == {"delivered"}


def test_a_recall_takes_it_back_where_that_can_be_done(places: Places) -> None:
    """Elsewhere the withdrawal is told."""
    text = words("A mistake.")
    name = places.publish(text)["request_id"]
    done = places.city.json("recall", name, "--as", "mcpe", "--yes", "--acknowledge", "--link", LINK)
    assert done.status == 0, done
    deadline = time.monotonic() + PATIENCE
    while any(post.text == text for one in PLATFORMS if one != "instagram" for post in places.posts(one)):
        assert time.monotonic() < deadline
    assert any(post.text == text for post in places.posts("instagram"))
    assert any(post.text.startswith("Withdrawn") for post in places.posts("instagram"))


def test_what_does_not_fit_is_refused_naming_the_platform(places: Places) -> None:
    done = places.city.json(
        "publish", "水を沸かしてください " + LINK, "--to", "fire-instagram", "--as", "mcpe", "--yes"
    )
    assert (done.status, done.code) == (2, "picture.needed")
    assert "instagram" in done.body["error"]["message"]


def test_a_preview_says_that_a_card_is_made(places: Places) -> None:
    shown = places.city("publish", words(), "--to", "fire-instagram", "--as", "mcpe", "--dry-run")
    assert "a card with these words" in shown.out
