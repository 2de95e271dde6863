"""One message in several languages, from the command line to the posts and the page."""

from __future__ import annotations

from tests.cli.conftest import Shell
from tests.cli.messages import FIRE, words
from tests.cli.test_cmd_following import AS, page, url_of

PUNJABI = "ਅੱਗ ਬੁਝਾਊ ਸਟੇਸ਼ਨ ਖੁੱਲ੍ਹਾ ਹੈ। https://mission.example/fire"


def test_each_language_is_signed_and_posted_with_its_language(city: Shell) -> None:
    text = words()
    dry = city("publish", text, *FIRE, "--lang", f"pa={PUNJABI}", "--dry-run", *AS)
    assert "English (en) and Punjabi (pa)" in dry.out
    done = city.json("publish", text, *FIRE, "--lang", f"pa={PUNJABI}", *AS)
    assert done.status == 0, done
    thread = page(url_of(done.body))
    assert 'lang="pa"' in thread
    assert "ਅੱਗ ਬੁਝਾਊ" in thread
    mirror = done.body["mirror"]
    assert mirror is not None
    shown = {one["platform"]: one for one in city.json("show", done.body["request_id"]).body["renderings"]}
    assert shown["mastodon"]["languages"] == ["en", "pa"]
    assert city.json("audit", "verify").status == 0


def test_the_languages_stay_in_a_revision(city: Shell) -> None:
    asked = city.json("request", words(), *FIRE, "--lang", f"pa={PUNJABI}", "--as", "clerk")
    done = city.json("request", "--revise", asked.body["request_id"], words("Closed."), "--as", "clerk")
    assert done.status == 3, done
    shown = city.json("show", asked.body["request_id"]).body["renderings"]
    assert {one["platform"]: one["languages"] for one in shown}["mastodon"] == ["en", "pa"]


def test_a_language_is_named_by_its_code(city: Shell) -> None:
    done = city.json("publish", words(), *FIRE, "--lang", PUNJABI, *AS)
    assert (done.status, done.code) == (2, "lang.malformed")
