"""What people ask in public, brought in by the command from emulators, in a city that is up."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas import flow, subjects
from schemas.events.inquiries import InquiriesQuery, InquiriesReply
from services.kernel.base.city import load_city
from tests.cli.conftest import Shell, lower_city, raise_city
from tests.cli.messages import words
from tests.support.broker import PATIENCE, connect
from tests.support.emulators.hosted import hosted
from tests.support.emulators.meta import token_of
from tests.support.emulators.threads import ThreadsEmulator
from tests.support.emulators.x import XEmulator, credential
from tests.support.ports import free_port

STATEMENTS = ("--purpose", "News.", "--identification", "Of the City.", "--disclosure", "Write to us.")
NASTY = "Is the water safe? \x1b[2J\u202e [bold]x[/bold] https://evil.example/a"


@dataclass(frozen=True)
class Asked:
    """A city with fire and water on X and fire on Threads, and a message of fire's there: its id and its two posts.

    ``nasty``: the id of what was asked under the one on Threads.
    """

    city: Shell
    x: XEmulator
    threads: ThreadsEmulator
    broker: str
    request_id: str
    on_x: str
    on_threads: str
    nasty: str


@pytest.fixture(scope="module")
def place(made_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    folder = Path(shutil.copytree(made_folder, tmp_path_factory.mktemp("asked") / "mission"))
    x, threads = XEmulator(), ThreadsEmulator()
    for _ in range(1_000):
        threads.next_id()  # else both count from the same number, and an id would not name one post
    with hosted(x, threads):
        with (folder / "city.toml").open("a") as file:
            file.write(f'\n[x]\nserver = "{x.url}"\n\n[threads]\nserver = "{threads.url}"\n')
        city = Shell(folder)
        process, addresses = raise_city(city, free_port())
        for name, platform, account, secret in (
            ("fire", "x", "fire", credential("fire")),
            ("water", "x", "water", credential("water")),
            ("fire", "threads", "1001", token_of("1001")),
        ):
            token = folder / "secrets" / "live" / f"{name}-{platform}.token"
            token.touch(mode=0o600)
            token.write_text(secret)
            add = ("profiles", "add", f"{name}-{platform}", "--department", name, "--platform", platform)
            assert city.json(*add, "--account", account, *STATEMENTS, "--as", "mcpe").status == 0
        done = city.json("publish", words(), "--to", "fire-x", "--to", "fire-threads", "--as", "mcpe", "--yes")
        assert done.status == 0, done
        on_x, on_threads = x.posts[-1].id, threads.posts[-1].id
        nasty = threads.ask("lee", NASTY, on_threads)
        yield Asked(city, x, threads, addresses["nats_url"], done.body["request_id"], on_x, on_threads, nasty)
        assert lower_city(process) == 0


def test_each_inquiry_is_shown_once_with_what_it_answers(place: Asked) -> None:
    """A mention of two accounts is one; an answer names its post; the city's own words are none."""
    both = place.x.ask("jo", "@fire @water may I go home?")
    answer = place.x.ask("kim", "And the school?", under=place.on_x)
    found = place.city.json("inquiries").body
    asked = [post.id for post in place.x.posts if post.account not in ("fire", "water")]
    assert sorted(one["id"] for one in found) == sorted([*asked, place.nasty])
    name = place.request_id
    of = {one["id"]: (one["author"], one["under"], one["request_id"]) for one in found}
    assert of[both] == ("jo", "", None)
    assert of[answer] == ("kim", place.on_x, name)
    assert of[place.nasty] == ("lee", place.on_threads, name)
    assert next(one for one in found if one["id"] == place.nasty)["text"] == NASTY
    assert f"answers {name}" in place.city("inquiries").out
    assert place.city.json("inquiries", "--new").body == []
    later = place.x.ask("kim", "@fire and now?")
    assert [one["id"] for one in place.city.json("inquiries", "--new").body] == [later]
    assert place.city.json("inquiries", "--new").body == []


async def test_the_officers_pages_get_them_from_the_service_that_has_the_credentials(place: Asked) -> None:
    """They have none; a second question within a minute asks no platform again."""
    assert place.city.folder is not None
    place.x.ask("meg", "@water when is it back?")
    client = await connect(place.broker, load_city(place.city.folder).service_key_path(flow.WEB), flow.WEB)
    subject = subjects.desk(subjects.DESK_INQUIRIES, flow.WEB)
    answers = [(await client.request(subject, InquiriesQuery().to_bytes(), timeout=PATIENCE)).data for _ in range(2)]
    await client.close()
    first, again = (InquiriesReply.from_bytes(one) for one in answers)
    assert again == first
    (found,) = (one for one in first.inquiries if one.author == "meg")
    assert (found.profile, found.text, found.under) == ("water-x", "@water when is it back?", "")
    assert found.url.startswith("https://x.com/")
    assert NASTY in {one.text for one in first.inquiries}
    assert [one.at for one in first.inquiries] == sorted((one.at for one in first.inquiries), reverse=True)


def test_the_pio_answers_an_inquiry_by_its_id(place: Asked) -> None:
    """It is previewed, signed and posted once, by the profile that was asked, under the post that it answers."""
    question = place.x.ask("ann", "@fire may I drink it?")
    text = words("@ann Yes: boil it for a minute.")
    seen = place.city.json("reply", question, text, "--as", "mcpe", "--dry-run")
    assert seen.status == 0, seen
    assert (seen.body["targets"], seen.body["answers"]) == (["fire-x"], f"https://x.com/i/status/{question}")
    done = place.city.json("reply", question, text, "--as", "mcpe", "--yes", "--acknowledge")
    assert done.status == 0, done
    assert done.body["targets"] == ["fire-x"]
    assert [post.account for post in place.x.posts if post.under == question] == ["fire"]
    assert f"https://x.com/i/status/{question}" in place.city("show", done.body["request_id"]).out


def test_what_cannot_be_answered_is_refused_before_it_is_signed(place: Asked) -> None:
    mcpe = ("--as", "mcpe", "--yes", "--acknowledge")
    done = place.city.json("reply", "https://threads.example/@lee/post/a", words(), "--to", "fire-website", *mcpe)
    assert (done.status, done.code) == (2, "answers.platform"), done
    assert "mastodon" in done.body["error"]["hint"]
    for what, code in (
        ("987654321", "inquiry.unknown"),
        ("https://x.com/i/status/12", "answers.profile"),
        ("https://nowhere.example/@jo/12", "answers.profile"),
    ):
        done = place.city.json("reply", what, words(), *mcpe)
        assert (done.status, done.code) == (2, code), done


def test_nothing_of_it_reaches_the_terminal_raw(place: Asked) -> None:
    """No escape sequence, no reordering, no markup; and no address of it is fetched."""
    page = place.city("inquiries").out
    assert "\x1b[2J" not in page
    assert "\u202e" not in page
    assert "<U+001B>[2J<U+202E> [bold]x[/bold] https://evil.example/a" in page


def test_a_platform_that_does_not_answer_is_named_and_the_others_are_shown(place: Asked) -> None:
    name = place.x.ask("sam", "@water and here?")
    place.threads.misbehave("error", on="read", code="unauthorized", calls=9)
    try:
        done = place.city.json("inquiries")
    finally:
        place.threads.faults.clear()
    assert done.status == 5
    assert "fire-threads" in done.err
    assert {one["profile"] for one in done.body} <= {"fire-x", "water-x"}
    assert name in {one["id"] for one in done.body}


def test_watch_shows_what_comes_and_ends_at_ctrl_c(place: Asked) -> None:
    with place.city.start("inquiries", "--watch", "--every", "1s", "--since", "10m", "--json") as process:
        assert process.stdout is not None
        name = place.x.ask("max", "@fire is Lougheed open?")
        while (said := json.loads(process.stdout.readline()))["id"] != name:
            pass
        assert said["text"] == "@fire is Lougheed open?"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode in (0, 130)
    assert "Traceback" not in err


@pytest.mark.parametrize("given", [("--since", "8d"), ("--since", "0s"), ("--every", "0s"), ("--since", "x")])
def test_times_that_make_no_sense_are_refused(place: Asked, given: tuple[str, ...]) -> None:
    assert place.city.json("inquiries", *given).status == 2
