"""``onevoice profiles rehearse`` in an exercise that is up: townsquare, website, and emulators of other platforms."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from schemas import streams, subjects
from services.kernel.base.city import load_city
from services.provision.broker.connection import as_provisioner
from tests.cli.conftest import Done, Shell, lower_city, port_of, raise_city
from tests.support.broker import jetstream
from tests.support.emulators import facebook, instagram, linkedin, meta, nextdoor, telegram, threads, x
from tests.support.emulators.base import Emulator, Fault
from tests.support.emulators.hooks import SECRET, ReceiverEmulator, SlackEmulator, TeamsEmulator
from tests.support.emulators.hosted import hosted
from tests.support.emulators.mail import PASSWORD, USER, MailServer
from tests.support.mission import PATIENCE
from tests.support.ports import free_port

EXERCISE = ("--realm", "exercise")
STATEMENTS = ("--purpose", "News.", "--identification", "Of the City.", "--disclosure", "Write to us.")
PLATFORMS = ("x", "facebook", "linkedin", "threads", "instagram")
STAYS = "instagram"
SENT = {
    "email": "fire@lists.example",
    "nextdoor": "1001",
    "slack": "#fire",
    "teams": "fire",
    "telegram": "@MissionFire",
    "webhook": "sirens",
}
"""Places that show nothing of what they took, and the account on each."""
POST = "/api/v1/statuses/"
"""Where a post is read. The city's own services read the account and the instance as well."""
STEPS = ["credential", "post", "read-back", "delete"]


@dataclass(frozen=True)
class Practice:
    """A city whose exercise is up, its townsquare's and broker's addresses, the emulators of ``fire-<platform>``."""

    city: Shell
    townsquare: str
    broker: str
    of: dict[str, Any]

    def rehearse(self, *words: str) -> Done:
        return self.city.json("profiles", "rehearse", *words, "--as", "mcpe", "--yes", *EXERCISE)

    def misbehave(self, kind: str, on: str, calls: int = 1, account: str = "exercise-fire", **more: Any) -> None:
        fault = {"kind": kind, "on": on, "calls": calls, "account": account, **more}
        self._faults("POST", json.dumps(fault).encode())

    def behave(self) -> None:
        self._faults("DELETE")

    def _faults(self, method: str, body: bytes | None = None) -> None:
        assert self.city.folder is not None
        token = (self.city.folder / "var" / "townsquare" / "admin.token").read_text().strip()
        where, headers = f"{self.townsquare}/admin/faults", {"Authorization": f"Bearer {token}"}
        with urllib.request.urlopen(urllib.request.Request(where, body, headers, method=method)) as answer:
            assert answer.status in (200, 201, 204)


def results(one: dict[str, Any]) -> list[str]:
    assert [step["step"] for step in one["steps"]] == STEPS
    return [step["result"] for step in one["steps"]]


def detail(one: dict[str, Any], name: str) -> str:
    return str(next(step["detail"] for step in one["steps"] if step["step"] == name))


async def on_record(practice: Practice) -> dict[str, int]:
    """How many entries each subject of the ledger has; seals come by themselves, and are left out."""
    assert practice.city.folder is not None
    async with as_provisioner(load_city(practice.city.folder, "exercise"), practice.broker) as client:
        stream = await jetstream(client).stream_info(streams.LEDGER, subjects_filter="ledger.>")
    found = stream.state.subjects or {}
    assert found[subjects.CONTROL] >= 1
    return {subject: count for subject, count in found.items() if subject != subjects.SEAL}


def gone(url: str) -> bool:
    try:
        with urllib.request.urlopen(url):
            return False
    except urllib.error.HTTPError as error:
        return error.code in (404, 410)


@pytest.fixture(scope="module")
def practice(made_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    made: dict[str, Any] = {
        "x": x.XEmulator(),
        "facebook": facebook.FacebookEmulator(),
        "linkedin": linkedin.LinkedInEmulator(),
        "threads": threads.ThreadsEmulator(),
        "instagram": instagram.InstagramEmulator(),
        "nextdoor": nextdoor.NextdoorEmulator(),
        "telegram": telegram.TelegramEmulator(),
        "slack": SlackEmulator(),
        "teams": TeamsEmulator(),
        "webhook": ReceiverEmulator(),
        "email": MailServer(),
    }
    tokens: dict[str, Callable[[str], str]] = {
        "x": lambda _: x.credential("fire"),
        "facebook": facebook.token_of,
        "linkedin": linkedin.token_of,
        "threads": meta.token_of,
        "instagram": meta.token_of,
        "nextdoor": nextdoor.token_of,
        "telegram": lambda _: telegram.TOKEN,
        "slack": lambda _: f"{made['slack'].url}/services/T0/B0/fire",
        "teams": lambda _: f"{made['teams'].url}/workflows/fire/triggers/manual/paths/invoke?sig=a%2Bb%2Fc%3D",
        "webhook": lambda _: SECRET,
        "email": lambda _: PASSWORD,
    }
    folder = Path(shutil.copytree(made_folder, tmp_path_factory.mktemp("rehearse") / "mission"))
    with hosted(*made.values()):
        text, port = (folder / "city.toml").read_text().partition("\n[email]")[0] + "\n", free_port()
        site = port + load_city(folder).settings.site.port - port_of(folder)
        text = text.replace("[site]\n", f'[site]\npublic = "http://127.0.0.1:{site}"\n')
        served = [name for name in made if name not in ("slack", "teams", "webhook", "email")]
        text += "".join(f'\n[{name}]\nserver = "{made[name].url}"\n' for name in served)
        text += f'\n[webhook.endpoints]\nsirens = "{made["webhook"].url}/in/fire"\n'
        text += f'\n[email]\nhost = "127.0.0.1"\nport = {made["email"].port}\nsecurity = "none"\n'
        text += f'sender = "news@mission.example"\nusername = "{USER}"\n'
        (folder / "city.toml").write_text(text)
        city = Shell(folder)
        process, addresses = raise_city(city, port, *EXERCISE)
        for name in (*PLATFORMS, *SENT):
            token = folder / "secrets" / "exercise" / f"fire-{name}.token"
            token.touch(mode=0o600)
            token.write_text(tokens[name]("1001"))
            add = ("profiles", "add", f"fire-{name}", "--department", "fire", "--platform", name)
            account = SENT.get(name) or ("fire" if name == "x" else "1001")
            done = city.json(*add, "--account", account, *STATEMENTS, "--as", "mcpe", *EXERCISE)
            assert done.status == 0, done
        yield Practice(city, addresses["townsquare_url"], addresses["nats_url"], made)
        assert lower_city(process) == 0
    for place in made.values():
        if isinstance(place, Emulator):
            place.only_documented()


def test_a_rehearsal_is_posted_read_back_and_deleted(practice: Practice) -> None:
    """Nothing is left of it on the platform, nor in the record of the city's messages."""
    before = asyncio.run(on_record(practice))
    done = practice.rehearse("fire-townsquare")
    assert done.status == 0, done
    assert asyncio.run(on_record(practice)) == before
    [one] = done.body
    assert results(one) == ["worked"] * 4
    assert (one["id"], one["ok"], one["left"]) == ("fire-townsquare", True, False)
    assert one["url"].startswith(practice.townsquare)
    assert one["url"] in done.err, "a person finds it even if the command is stopped"
    assert gone(one["url"])


def test_every_account_is_rehearsed_as_its_connector_declares(practice: Practice) -> None:
    """Where nothing can be deleted the post stays, says what it is, and the command says where it is."""
    before = {name: len(place.posts) for name, place in practice.of.items()}
    done = practice.rehearse("--all")
    assert done.status == 0, [one for one in done.body if not one["ok"]]
    left = {name: place.posts[before[name] :] for name, place in practice.of.items()}
    found = {one["id"]: one for one in done.body}
    assert not any(name.endswith("-website") for name in found)
    for name in PLATFORMS:
        expected = ["worked", "worked", "worked", "not offered" if name == STAYS else "worked"]
        assert results(found[f"fire-{name}"]) == expected, name
        assert found[f"fire-{name}"]["left"] is (name == STAYS)
    assert [name for name in PLATFORMS if left[name]] == [STAYS]
    [post] = left[STAYS]
    assert re.match(r"EXERCISE\. This is a rehearsal: .* nothing to do\.", post.text)
    assert post.alts == (post.text,)
    for name in SENT:
        delete = "worked" if name == "telegram" else "not offered"
        assert results(found[f"fire-{name}"]) == ["worked", "worked", "not offered", delete], name
        assert found[f"fire-{name}"]["left"] is (name != "telegram")
        assert [post.text[:8] for post in left[name]] == ([] if name == "telegram" else ["EXERCISE"]), name
    page = practice.city("profiles", "rehearse", f"fire-{STAYS}", "--as", "mcpe", "--yes", *EXERCISE)
    assert page.status == 0
    assert f"fire-{STAYS}: the rehearsal is there, or may be there: look, and delete it: https://" in page.out


@pytest.mark.parametrize("name", SENT)
def test_a_lost_answer_is_not_sent_again_where_nothing_can_be_looked_for(practice: Practice, name: str) -> None:
    """Nobody knows whether it was posted: that is told, and nothing is sent twice."""
    place = practice.of[name]
    before = len(place.posts)
    # Slack's check is a call of the same kind, which posts nothing.
    place.faults.append(Fault("drop_after", on="post", skip=1 if name == "slack" else 0))
    done = practice.rehearse(f"fire-{name}")
    [one] = done.body
    assert (done.status, results(one)) == (5, ["worked", "failed", "not tried", "not tried"])
    assert "nobody knows whether it was posted" in detail(one, "post")
    assert one["left"] is True
    assert len(place.posts) == before + 1


def test_a_credential_that_is_refused_posts_nothing(practice: Practice) -> None:
    """Alone it is exit 2, for nothing was done; beside one that works it is 5."""
    assert practice.city.folder is not None
    token = practice.city.folder / "secrets" / "exercise" / "waste-townsquare.token"
    right = token.read_text()
    token.write_text("a-token-that-the-platform-does-not-know\n")
    try:
        alone, both = practice.rehearse("waste-townsquare"), practice.rehearse("waste-townsquare", "fire-townsquare")
        token.unlink()
        missing = practice.rehearse("waste-townsquare")
    finally:
        token.touch(mode=0o600)
        token.write_text(right)
    assert (alone.status, both.status, missing.status) == (2, 5, 2)
    [one] = alone.body
    assert results(one) == ["failed", "not tried", "not tried", "not tried"]
    assert "token" in detail(one, "credential")
    assert [each["ok"] for each in both.body] == [False, True]
    assert "no credential at" in detail(missing.body[0], "credential")


def test_a_lost_answer_is_found_and_deleted(practice: Practice) -> None:
    practice.misbehave("error_after", "post")
    done = practice.rehearse("fire-townsquare")
    [one] = done.body
    assert (done.status, results(one)) == (0, ["worked"] * 4)
    assert "found after its answer was lost" in detail(one, "post")
    assert gone(one["url"])


def test_a_post_that_is_refused_is_told_in_the_platforms_words(practice: Practice) -> None:
    practice.misbehave("suspended", "post")
    done = practice.rehearse("fire-townsquare")
    [one] = done.body
    assert (done.status, results(one)) == (2, ["worked", "failed", "not tried", "not tried"])
    assert detail(one, "post")
    assert one["left"] is False


def test_a_post_that_vanishes_fails_the_read_back(practice: Practice) -> None:
    """The platform takes it, drops it a moment later, and shows none."""
    practice.misbehave("vanish", "post", seconds=0)
    practice.misbehave("slow", "read", path=POST, seconds=2)
    done = practice.rehearse("fire-townsquare")
    [one] = done.body
    assert (done.status, results(one)) == (5, ["worked", "worked", "failed", "worked"])
    assert "does not show it" in detail(one, "read-back")


def test_a_post_that_cannot_be_deleted_is_named_with_its_address(practice: Practice) -> None:
    practice.misbehave("error_before", "delete", calls=3)
    done = practice.rehearse("fire-townsquare")
    [one] = done.body
    assert (done.status, results(one)) == (5, ["worked", "worked", "worked", "failed"])
    assert one["left"] is True
    assert not gone(one["url"])


def test_a_deletion_that_failed_once_is_tried_again(practice: Practice) -> None:
    practice.misbehave("error_before", "delete")
    done = practice.rehearse("fire-townsquare")
    assert (done.status, results(done.body[0])) == (0, ["worked"] * 4)


def test_a_platform_that_is_silent_is_unreachable(practice: Practice) -> None:
    """Nothing was posted, and it is nobody's mistake: exit 6."""
    practice.misbehave("drop_before", "any", calls=100)
    try:
        done = practice.rehearse("fire-townsquare")
    finally:
        practice.behave()
    assert (done.status, results(done.body[0])) == (6, ["failed", "not tried", "not tried", "not tried"])


def test_a_command_that_is_stopped_deletes_what_it_posted(practice: Practice) -> None:
    """Ctrl-C while the platform is slow to show the post."""
    practice.misbehave("slow", "read", path=POST, seconds=60)
    command = practice.city.start("profiles", "rehearse", "fire-townsquare", "--as", "mcpe", "--yes", *EXERCISE)
    assert command.stderr is not None
    said = command.stderr.readline()
    command.send_signal(signal.SIGINT)
    try:
        assert command.wait(PATIENCE) == 130
    finally:
        command.kill()
        command.communicate()
        practice.behave()
    [url] = re.findall(r"posted at (http\S+)", said)
    assert gone(url)


def test_nothing_is_rehearsed_in_the_live_realm(practice: Practice) -> None:
    done = practice.city.json("profiles", "rehearse", "fire-townsquare", "--as", "mcpe", "--yes")
    assert (done.status, done.code) == (4, "rehearsal.live")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), "rehearsal.profiles"),
        (("fire-townsquare", "--all"), "rehearsal.profiles"),
        (("nix-townsquare",), "profile.unknown"),
        (("fire-website",), "rehearsal.no_account"),
    ],
)
def test_what_cannot_be_rehearsed_is_named(practice: Practice, words: tuple[str, ...], code: str) -> None:
    done = practice.rehearse(*words)
    assert (done.status, done.code) == (2, code)


def test_no_account_of_the_live_realm_is_rehearsed_on(practice: Practice) -> None:
    """A credential that both realms have is refused, and nothing is posted."""
    assert practice.city.folder is not None
    secrets = practice.city.folder / "secrets"
    copied = secrets / "live" / "copied.token"
    copied.write_text((secrets / "exercise" / "fire-townsquare.token").read_text())
    try:
        done = practice.rehearse("fire-townsquare")
    finally:
        copied.unlink()
    assert (done.status, done.code) == (2, "realms.token")


def test_nothing_is_rehearsed_during_a_hold_or_an_exercise(practice: Practice) -> None:
    """What is posted then has to pass the gate."""
    order = practice.city.json
    assert order("hold", "on", "--as", "pio", *EXERCISE).status == 0
    held = practice.rehearse("fire-townsquare")
    assert order("hold", "off", "--as", "pio", *EXERCISE).status == 0
    assert order("crisis", "declare", "--incident", "Boil water", "--as", "pio", *EXERCISE).status == 0
    declared = practice.rehearse("fire-townsquare")
    assert order("crisis", "end", "--as", "pio", *EXERCISE).status == 0
    assert [(one.status, one.code) for one in (held, declared)] == [(4, "rehearsal.not_now")] * 2
