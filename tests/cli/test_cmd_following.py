"""Correcting, adding to, recalling and ending a message that is out, and its history, on a city that is up."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.cli.conftest import Done, Shell
from tests.cli.messages import FIRE, words
from tests.cli.test_cmd_terminal import talk
from tests.support.mission import PATIENCE

AS = ("--as", "fire-publisher", "--yes", "--acknowledge")
MIRROR = "website-mirror"


def published(city: Shell, *more: str) -> tuple[str, str, str]:
    """Publish a message; return its id, its text and the address of its post."""
    text = words()
    done = city.json("publish", text, *FIRE, *more, *AS)
    assert done.status == 0, done
    return done.body["request_id"], text, url_of(done.body)


def url_of(body: Any) -> str:
    """Return the address of the post on the fire department's profile."""
    return str(next(one["url"] for one in body["deliveries"] if one["profile"] == "fire-townsquare"))


def page(url: str) -> str:
    """Return a page of the practice platform; empty when it is gone."""
    try:
        with urllib.request.urlopen(url) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError:
        return ""


def test_a_correction_stands_under_what_it_corrects(city: Shell) -> None:
    request_id, text, url = published(city)
    fixed = words("It is hall 2.")
    done = city.json("correct", request_id, fixed, *AS)
    assert done.status == 0, done
    assert done.body["targets"] == ["fire-townsquare"]
    assert f"Correction: {fixed.split('http')[0].strip()[:12]}" in page(url_of(done.body))
    assert text.split()[4] in page(url)
    assert done.body["replaces"] == request_id
    assert f"It corrects {request_id}" in city("show", done.body["request_id"]).out
    again = city.json("correct", request_id, words(), *AS)
    assert (again.status, again.code) == (2, "about.replaced")
    assert done.body["request_id"] in again.body["error"]["message"]


def test_a_correction_of_what_was_deleted_by_hand_stands_for_itself_and_status_says_so(city: Shell) -> None:
    """Whoever saw the wrong words has to see the right ones."""
    assert city.folder is not None
    request_id, _, url = published(city)
    root, _, number = url.rpartition("/")
    token = (city.folder / "secrets" / "live" / "fire-townsquare.token").read_text().strip()
    api, headers = f"{root.rpartition('/')[0]}/api/v1/statuses/{number}", {"Authorization": f"Bearer {token}"}
    urllib.request.urlopen(urllib.request.Request(api, headers=headers, method="DELETE")).close()
    assert page(url) == ""
    done = city.json("correct", request_id, words("It is hall 3."), *AS)
    assert done.status == 0, done
    assert "Correction: " in page(url_of(done.body))
    told = city("status", done.body["request_id"]).out
    assert "the earlier post is not there any more, so this one stands for itself" in " ".join(told.split())


@pytest.fixture(scope="module")
def recalled(city: Shell) -> tuple[str, str, Done]:
    """A message that was taken back: its id, the address of its post, and what the command said."""
    request_id, _, url = published(city)
    done = city.json("recall", request_id, *AS)
    assert done.status == 0, done
    return request_id, url, done


def test_a_recall_takes_the_post_back_and_the_website_says_so(city: Shell, recalled: tuple[str, str, Done]) -> None:
    request_id, url, done = recalled
    assert [one["outcome"] for one in done.body["deliveries"]] == ["recalled"]
    assert page(url) == ""
    told = city("recall", request_id, *AS)
    assert told.status == 2
    assert done.body["request_id"] in told.err


def test_an_update_and_an_all_clear_come_behind_the_message(city: Shell) -> None:
    request_id, _, url = published(city)
    update = city.json("update", request_id, words("Crews are there."), *AS)
    assert update.status == 0, update
    assert "Update: " in page(url_of(update.body))
    clear = city.json("all-clear", request_id, *AS)
    assert clear.status == 0, clear
    assert "All clear: " in page(url_of(clear.body))
    assert page(url) != ""


def test_a_repost_goes_where_it_was_not(city: Shell) -> None:
    request_id, _, _ = published(city)
    done = city.json("repost", request_id, "--to", "fire-website", *AS)
    assert done.status == 0, done
    assert [one["profile"] for one in done.body["deliveries"]] == ["fire-website"]
    nowhere = city.json("repost", request_id, *AS)
    assert (nowhere.status, nowhere.code) == (2, "about.targets")
    recalled = city("recall", request_id, "--as", "fire-publisher", "--yes")
    assert recalled.status == 2
    assert f"onevoice recall {done.body['request_id']}" in " ".join((recalled.out + recalled.err).split())


def test_what_is_not_out_is_not_corrected(city: Shell) -> None:
    asked = city.json("request", words(), *FIRE, "--as", "clerk", "--wait", "0s")
    done = city.json("correct", asked.body["request_id"], words(), *AS)
    assert (done.status, done.code) == (2, "about.not_cleared")
    assert "withdraw" in done.body["error"]["hint"]


def test_withdraw_offers_the_recall(city: Shell) -> None:
    request_id, _, _ = published(city)
    done = city("withdraw", request_id, "--as", "fire-publisher")
    assert f"onevoice recall {request_id}" in done.out
    assert "is done everywhere already: nothing is left to stop." in done.out
    assert "WITHDRAWN" not in city("status", request_id).out
    recall = city.json("recall", request_id, *AS)
    assert recall.status == 0
    for told in (city("withdraw", request_id, "--as", "fire-publisher"), city("status", request_id)):
        assert f"onevoice show {recall.body['request_id']}" in told.out
        assert "onevoice recall" not in told.out
    assert "onevoice recall" not in city("withdraw", recall.body["request_id"], "--as", "fire-publisher").out


def test_withdraw_asks_on_a_terminal_whether_to_recall(city: Shell) -> None:
    request_id, _, url = published(city)
    order = ["withdraw", request_id, "--as", "fire-publisher"]
    status, said = talk(city, order, {"Take it back now? [y/N]": "n"})
    assert (status, page(url) != "") == (0, True), said
    assert f"{request_id} is done everywhere already" in said
    status, said = talk(city, order, {"Take it back now? [y/N]": "y", "Accept": "y", "Go on? [y/N]": "y"})
    assert (status, page(url)) == (0, ""), said
    assert "Taken back on 1 of 1 profile." in said


def test_what_a_request_changes_is_shown_to_who_approves_it(city: Shell) -> None:
    text = words("Open house in hall 1.")
    first = city.json("publish", text, *FIRE, *AS)
    assert first.status == 0, first
    request_id = first.body["request_id"]
    asked = city.json("correct", request_id, text.replace("hall 1", "hall 2"), "--as", "clerk", "--yes")
    assert asked.status == 3, asked
    correction = asked.body["request_id"]
    waiting = next(one for one in city.json("pending").body if one["request_id"] == correction)
    assert waiting["earlier"]["text"] == text
    for told in (
        city("show", correction),
        city("pending"),
        city("approve", correction, "--as", "fire-publisher", "--yes"),
    ):
        assert f"Beside {request_id}:" in told.out + told.err, told
        assert "hall [2.]" in told.out + told.err
    assert city.json("show", correction).body["earlier"]["text"] == text
    assert city.json("show", request_id).body["earlier"] is None


def test_history_tells_the_whole_chain_in_order(city: Shell) -> None:
    request_id, _, _ = published(city)
    correction = city.json("correct", request_id, words("Hall 2."), *AS).body["request_id"]
    recall = city.json("recall", correction, *AS).body["request_id"]
    done = city.json("history", correction)
    assert done.status == 0, done
    told = [(one["request_id"], one["who"], one["what"].split()[0]) for one in done.body]
    wanted = [
        (request_id, "fire-publisher", "wrote:"),
        (request_id, "fire-publisher", "approved"),
        (request_id, "fire-townsquare", "delivered"),
        (correction, "fire-publisher", "corrects"),
        (correction, "fire-townsquare", "delivered"),
        (recall, "fire-publisher", "takes"),
        (recall, "fire-townsquare", "recalled"),
    ]
    assert [one for one in told if one in wanted] == wanted
    assert [one["seq"] for one in done.body] == sorted(one["seq"] for one in done.body)
    shown = city("history", request_id)
    assert all(len(line) <= 80 for line in shown.out.splitlines())


def test_the_website_says_by_itself_that_a_message_is_over(city: Shell) -> None:
    assert city.folder is not None
    text = words("Hydrants are flushed today.")
    told = city("publish", text, *FIRE, "--as", "fire-publisher", "--dry-run", "--expires", "4s")
    assert "The website says then that it is no longer in force." in " ".join(told.out.split())
    for lasts in ("4s", "16s", "64s"):
        done = city.json("publish", words("Hydrants are flushed."), *FIRE, "--expires", lasts, *AS)
        if done.status == 0:
            break  # else the machine was so slow that it was over before it stood
    request_id = done.body["request_id"]
    kept, _, _ = published(city)
    message = city.folder / "site" / "messages" / request_id / "index.html"
    end = time.monotonic() + PATIENCE
    while "It is over." not in message.read_text() and time.monotonic() < end:
        time.sleep(0.5)
    assert "This message was in force until" in message.read_text()
    now = (city.folder / "site" / "now" / "index.html").read_text()
    assert f"messages/{request_id}/" not in now
    assert f"messages/{kept}/" in now


def test_the_usual_text_of_an_all_clear_leads_to_the_city(city: Shell) -> None:
    first = city.json("publish", "The pool is open without a link.", *FIRE, *AS)
    done = city.json("all-clear", first.body["request_id"], "--as", "fire-publisher", "--yes")
    assert done.status == 0, done
    assert "link-missing" not in {one["code"] for one in done.body["screening"]}


def test_an_answer_stands_under_the_post_whose_address_was_signed(city: Shell) -> None:
    """The one profile has to be named where several are there; who approves it sees what it answers."""
    asked = city.json("publish", words("Who has water?"), "--to", "parks-townsquare", "--as", "mcpe", *AS[2:])
    assert asked.status == 0, asked
    question = str(next(one["url"] for one in asked.body["deliveries"] if one["profile"] == "parks-townsquare"))
    several = city.json("reply", question, words("The hall."), *AS)
    assert (several.status, several.code) == (2, "answers.profile")
    many = city.json("reply", question, words("The hall."), "--all-departments", *AS)
    assert (many.status, many.code) == (2, "usage")
    done = city.json("reply", question, words("The hall."), *FIRE, *AS)
    assert done.status == 0, done
    assert (done.body["targets"], done.body["answers"]) == (["fire-townsquare"], question)
    root, _, number = question.rpartition("/")
    api = f"{root.rpartition('/')[0]}/api/v1/statuses/{url_of(done.body).rpartition('/')[2]}"
    assert json.loads(page(api))["in_reply_to_id"] == number
    assert f"answers: {question}" in city("show", done.body["request_id"]).out
    gone = city.json("reply", f"{root}/987654321", words("The hall."), *FIRE, *AS)
    assert gone.status not in (0, 3), gone
    assert "not there" in json.dumps(gone.body)
    assert city("audit", "verify").status == 0


def test_messages_are_listed_by_time_and_words(city: Shell, recalled: tuple[str, str, Done]) -> None:
    """Older than a page of the board's, and by a word of the text or the author."""
    found = city.json("history", "--since", "1h").body
    assert [one["at"] for one in found] == sorted((one["at"] for one in found), reverse=True)
    ended = next(one for one in found if one["request_id"] == recalled[0])
    assert ended["ended_by"]
    assert ended["posts"]
    only = city.json("history", "--search", f"{ended['request_id'][:6]} {ended['author']}").body
    assert [one["request_id"] for one in only] == [ended["request_id"]]
    assert city.json("history", "--search", "no-such-word-anywhere").body == []
    assert ended["request_id"] in city("history").out
    assert "No message from 2020-01-01" in city("history", "--since", "2020-01-01", "--until", "2020-01-02").out
    assert city.json("history", "--since", "2026-01-31", "--until", "2026-01-01").code == "history.time"
