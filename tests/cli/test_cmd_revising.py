"""Sending a request back, and putting a new revision in its place, on a city that is up."""

from __future__ import annotations

import os

import pytest

from tests.cli.conftest import Shell
from tests.cli.messages import FIRE, request, words
from tests.cli.terminal import ask, read
from tests.support.mission import PATIENCE

OFFICE = ("--as", "comms-officer")


def test_a_request_is_returned_revised_and_approved(city: Shell) -> None:
    text = words("The pool is closed.")
    request_id = request(city, text=text)
    back = city.json("return", request_id, "--reason", "say until when", *OFFICE)
    assert back.status == 0, back
    assert back.body["verdict"]["outcome"] == "blocked"
    told = city("show", request_id)
    assert "comms-officer returned it: say until when" in told.out
    assert "To approve it" not in told.out
    own = city.json("request", "--revise", request_id, words(), *OFFICE)
    assert (own.status, own.code) == (4, "revision.returned")
    fixed = text.replace("closed.", "closed until Friday.")
    done = city.json("request", "--revise", request_id, fixed, "--as", "clerk")
    assert done.status == 3, done
    assert (done.body["request_id"], done.body["revision"], done.body["text"]) == (request_id, 2, fixed)
    shown = city("show", request_id)
    assert "Beside revision 1, by clerk" in shown.out
    assert "until Friday.]" in shown.out
    assert city.json("show", request_id).body["previous"]["text"] == text
    approved = city.json("approve", request_id, *OFFICE, "--yes", "--acknowledge")
    assert approved.status == 0, approved
    history = city("history", request_id).out
    assert "returned it: say until when" in history
    assert "revised it (revision 2)" in history
    late = city.json("request", "--revise", request_id, words(), "--as", "clerk")
    assert (late.status, late.code) == (4, "request.already_cleared")


def test_what_is_not_given_stays_as_it_was(city: Shell) -> None:
    request_id = request(city, *FIRE, "--severity", "minor", "--link", "https://mission.example/pool")
    done = city.json("request", "--revise", request_id, words("Now open."), "--as", "clerk")
    assert done.status == 3, done
    assert (done.body["severity"], done.body["link"]) == ("minor", "https://mission.example/pool")
    assert done.body["targets"] == ["fire-townsquare"]


def test_a_request_of_somebody_else_is_not_revised(city: Shell) -> None:
    request_id = request(city)
    done = city.json("request", "--revise", request_id, words(), "--as", "eoc-director")
    assert (done.status, done.code) == (4, "revision.right")
    own = city.json("return", request_id, "--reason", "no", "--as", "clerk")
    assert own.status == 4


@pytest.mark.parametrize("verb", ["reject", "return"])
def test_who_read_the_revision_before_is_shown_the_new_one_and_asked(city: Shell, verb: str) -> None:
    """Its author put it right meanwhile; to reject it is final."""
    text = words("The pool is closed.")
    request_id = request(city, text=text)
    fixed = text.replace("closed.", "open.")
    assert city.json("request", "--revise", request_id, fixed, "--as", "clerk").status == 3
    leader, process, said = ask(city, [verb, request_id, "--reason", "it is open", *OFFICE], "[y/N]")
    assert "open.]" in said
    assert f"This {verb}s revision 2, by clerk. Go on?" in " ".join(said.split())
    os.write(leader, b"n\n")
    read(leader, PATIENCE, process)
    assert process.wait(PATIENCE) == 2
    os.close(leader)
    assert f"{verb}ed it" not in city("history", request_id).out
    done = city.json(verb, request_id, "--reason", "it is open", *OFFICE)
    assert done.status == 0, "a program is not asked"
    assert f"{verb}ed it" in city("history", request_id).out
