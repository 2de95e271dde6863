"""What people see fits 80 columns and shows texts as they are."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from schemas.events.broadcasts import LatePost
from schemas.events.control import Posture, UnknownPost
from schemas.events.desk import EocView
from schemas.events.requests import PlatformContent, Rendering
from schemas.events.verdicts import Outcome
from services.desk.app import Invocation
from services.desk.commands.posture.changes import report
from services.desk.views.message import outcome
from services.desk.views.message import pending as pending_view
from services.desk.views.message import request as show
from services.desk.views.state import city
from services.desk.views.state.health import Level
from services.desk.views.state.late_posts import late_posts
from services.desk.views.timetext import utc
from tests.unit.desk.views import NOW, delivery, renderings, request, view


def _console() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=100, highlight=False, emoji=False), out


def _lines(out: io.StringIO) -> list[str]:
    return out.getvalue().splitlines()


def test_many_languages_are_counted_in_the_head_of_a_frame() -> None:
    """Each part names its own; four names would be cut off there."""
    console, out = _console()
    content = PlatformContent(
        platform="mastodon", parts=("a", "b", "c"), languages=("en", "pa", "fr"), language="en", created_at=NOW
    )
    console.print(show.rendering(Rendering.of(content)))
    assert "mastodon, 3 characters, 3 languages" in out.getvalue()


def test_a_frame_counts_as_its_platform_does() -> None:
    """Each of the two has its own count of the same text: of the link, and of what an emoji is made of."""
    text = "Go 👩‍👩‍👧‍👦 https://mission.ca/a-long-address-for-a-page"
    heads = []
    for platform in ("mastodon", "bluesky", "x", "telegram"):
        console, out = _console()
        content = PlatformContent(platform=platform, parts=(text,), language="en", created_at=NOW)
        console.print(show.rendering(Rendering.of(content)))
        heads.append(out.getvalue().split(",")[1].split()[0])
    assert heads == ["28", "49", "29", "59"]


def test_everything_fits_80_columns() -> None:
    console, out = _console()
    stands = request(tuple(f"department-{n:02}-townsquare" for n in range(26)), screening=2)
    show.request_head(console, stands, NOW)
    show.message(console, renderings("word " * 80), stands.targets, "all-departments", stands.screening)
    show.result(
        console, view(Outcome.CLEARED, delivery("fire-townsquare", "delivered"), delivery("fire-website", "failed"))
    )
    pending_view.pending_table(console, (view(Outcome.BLOCKED), view(None)), NOW)
    assert max(len(line) for line in _lines(out)) <= 80


def test_texts_are_not_markup() -> None:
    console, out = _console()
    show.message(console, renderings("[bold]Boil[/bold] water :fire: [link=x]y[/link]"), ("a-x",), "profiles", ())
    assert "[bold]Boil[/bold] water :fire: [link=x]y[/link]" in out.getvalue()


def test_a_thread_shows_each_part_and_its_length() -> None:
    console, out = _console()
    shown = Rendering.of(PlatformContent(platform="mastodon", parts=("1/2 Leave now.", "2/2 By road."), created_at=NOW))
    console.print(show.rendering(shown))
    text = out.getvalue()
    assert "mastodon, 26 characters" in text
    assert "part 1 of 2, 14 characters" in text
    assert "2/2 By road." in text


def test_a_blocked_request_says_how_to_go_on() -> None:
    steps = show.next_steps(view(Outcome.BLOCKED))
    assert steps[0] == "It waits: an approval is missing [3(iv)(c)]"
    assert steps[1].endswith("onevoice approve rabcdefghijkl --as OFFICER")


def test_a_partly_delivered_request_says_how_to_follow_it() -> None:
    steps = show.next_steps(view(Outcome.CLEARED, delivery("fire-townsquare", "delivered")))
    assert steps[0] == "Delivered to 1 of 2 profiles."
    assert "--watch" in steps[1]


def test_every_finding_and_its_reason_is_shown() -> None:
    console, out = _console()
    show.verdict(console, view(Outcome.BLOCKED).verdict)
    text = out.getvalue()
    assert "BLOCKED" in text
    assert "3(iv)(c)" in text
    assert "an approval is missing" in text


def test_a_wait_is_told_with_its_end_in_the_status_and_in_the_list() -> None:
    late = delivery("fire-townsquare", "failed").model_copy(
        update={"reason": "the platform asks to wait", "retry_at": NOW, "final": False, "url": None}
    )
    found = view(Outcome.CLEARED, late)
    draws: tuple[Callable[[Console], None], ...] = (
        lambda console: show.result(console, found),
        lambda console: pending_view.pending_table(console, (found,), NOW),
    )
    for draw in draws:
        console, out = _console()
        draw(console)
        assert "the platform asks to wait, until " in out.getvalue()
    assert outcome.request_json(found)["deliveries"][0]["retry_at"] == utc(NOW)


def test_posts_that_wait_alike_are_one_line_of_the_list() -> None:
    queued = {"outcome": "queued", "reason": "the quota is used up", "retry_at": NOW, "final": False, "url": None}
    waiting = [delivery(f"p{number:03}", "queued").model_copy(update=queued) for number in range(900)]
    other = delivery("zoo", "queued").model_copy(update={**queued, "reason": "it is not let in"})
    console, out = _console()
    pending_view.pending_table(console, (view(Outcome.CLEARED, *waiting, other),), NOW)
    _, _, told = out.getvalue().partition("waits:\n")
    first, second = told.splitlines()
    assert first.startswith("p000 and 899 more  queued  the quota is used up, until ")
    assert second.startswith("zoo")


LATE = LatePost(profile="fire-social", request_id="r2", attempt_seq=9, address="https://x.example/2", attempted_at=NOW)
SAID = EocView(
    realm="live",
    city="Mission",
    website="https://mission.example",
    posture=Posture.EOC_ACTIVE,
    level=2,
    incident="Flood",
    control_seq=9,
    hold=False,
    in_flight=0,
    last_seq=100,
    unknown=(UnknownPost(profile="fire-social", request_id="r1", attempt_seq=8),),
    late_posts=(LATE,),
)


def test_posts_that_nobody_can_account_for_are_named() -> None:
    console, out = _console()
    city.eoc(console, SAID, NOW)
    assert "UNKNOWN: r1 on fire-social may be out" in out.getvalue()
    assert "OUT: r2 is public on fire-social, and was not to be: https://x.example/2" in out.getvalue()
    line = late_posts(SAID)
    assert (line.level, line.detail) == (Level.WARN, "r2 on fire-social stands at https://x.example/2")
    assert line.hint == "onevoice show r2; onevoice recall r2"
    missed = SAID.model_copy(update={"late_posts": (LATE.model_copy(update={"replaced_by": "r3"}),)})
    assert late_posts(missed).hint == "onevoice show r2; delete it on fire-social"
    city.eoc(console, missed, NOW)
    assert "look, and delete it there: r3 came before it" in out.getvalue()
    assert late_posts(SAID.model_copy(update={"late_posts": ()})).level is Level.OK
    assert late_posts(SAID.model_copy(update={"late_posts": (LATE,) * 5})).detail.endswith("; and 2 more")
    assert outcome.eoc_json(SAID)["unknown"] == [{"profile": "fire-social", "request_id": "r1", "attempt_seq": 8}]


def test_who_watches_the_eoc_is_told_of_posts_that_nobody_can_account_for(capsys: pytest.CaptureFixture[str]) -> None:
    """The director who activated it may have left that window."""
    post = UnknownPost(profile="fire-social", request_id="r1", attempt_seq=8)
    report(Invocation(Path(), "live"), SAID, (), None)
    shown = " ".join(capsys.readouterr().out.split())
    assert "UNKNOWN: r1 on fire-social may be out" in shown
    assert "OUT: r2 is public on fire-social" in shown
    report(Invocation(Path(), "live", as_json=True), SAID, (), None)
    assert json.loads(capsys.readouterr().out)["unknown"] == [post.model_dump(mode="json")]


def test_the_list_shows_the_four_words_that_its_json_has() -> None:
    console, out = _console()
    found = view(Outcome.BLOCKED)
    pending_view.pending_table(console, (found,), NOW)
    assert outcome.request_json(found)["words"] in out.getvalue()
