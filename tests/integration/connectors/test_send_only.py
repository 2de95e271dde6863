"""Platforms that take a message and show nothing of it afterwards: one suite over all of them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from schemas.events.requests import Picture
from schemas.platforms import LIMITS, counted_length
from services.fanout.connectors.calls.sockets import within
from services.fanout.connectors.contract import (
    CannotTell,
    Cause,
    Permanent,
    Posted,
    Retracted,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.connectors.nextdoor.connector import read_link
from services.fanout.connectors.send_only import REFUSED_SECONDS
from services.kernel.base.city import City
from services.kernel.base.clock import ManualClock
from tests.integration.connectors.harnesses import GROWING, PICTURE, PNG, Seen, an_intent, other, published, store
from tests.integration.connectors.send_only_harnesses import ENDS, PLATFORMS, SendOnlyHarness
from tests.support.emulators.mail import MailServer

TEXT = (
    "Boil water in Cedar Valley.\n\n"
    'Details: https://mission.example/water?a=1&b=2_c_ <now> *"please"* _at once_ [1](2) #x'
)


@pytest.fixture(params=PLATFORMS)
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SendOnlyHarness]:
    made = await SendOnlyHarness(request.param, tmp_path).open()
    yield made
    await made.close()


def errors(kind: str) -> list[tuple[str, str]]:
    return [(platform, code) for platform, ends in ENDS.items() for code in getattr(ends, kind)]


async def test_a_message_arrives_word_for_word(harness: SendOnlyHarness) -> None:
    """Nothing of it is taken for markup, and it goes to its own place only."""
    posted = await published(harness.connector, an_intent(harness.profile("fire"), TEXT))
    assert posted.remote_id
    assert [Seen(TEXT)] == harness.stands(harness.profile("fire"))
    assert harness.stands(harness.profile("water")) == []


@pytest.mark.parametrize(
    "text",
    [
        "*Leave* _now_, ~not~ `later`",
        "Water [here](https://mission.example/water) or (https://mission.example/b).",
        "2. Bring water\n3) Bring food\n+ pets\n> stay calm\n- go",
        "5*3*2 = 30, a_b_c, C:\\dir\\*",
    ],
)
async def test_marks_are_shown_as_themselves(harness: SendOnlyHarness, text: str) -> None:
    """A number of a list is counted anew, a link hides behind its words, and marks are gone where they are markup."""
    await published(harness.connector, an_intent(harness.profile("fire"), text))
    assert [shown.text.split() for shown in harness.stands(harness.profile("fire"))] == [text.split()]


async def test_a_repeat_in_the_same_process_is_the_same_message(harness: SendOnlyHarness) -> None:
    intent = an_intent(harness.profile("fire"), TEXT)
    first = await harness.connector.publish(intent, store)
    assert first == await harness.connector.publish(intent, store)
    assert first == await harness.connector.reconcile(intent)
    assert isinstance(await harness.connector.publish(other(intent, "Something else"), store), Permanent)
    assert [Seen(TEXT)] == harness.stands(intent.profile)


async def test_ten_at_the_same_time_are_one_message(harness: SendOnlyHarness) -> None:
    intent = an_intent(harness.profile("fire"), TEXT)
    results = await asyncio.gather(*(harness.connector.publish(intent, store) for _ in range(10)))
    assert {type(result) for result in results} == {Posted}
    assert [Seen(TEXT)] == harness.stands(intent.profile)


@pytest.mark.parametrize("fault", ["drop_after", "error_after"])
async def test_what_was_taken_without_an_answer_is_never_sent_twice(harness: SendOnlyHarness, fault: str) -> None:
    """A person decides, or the receiver knows the key: also for those who waited for the same call."""
    harness.emulator.misbehave(fault)
    intent = an_intent(harness.profile("fire"), TEXT)
    results = await asyncio.gather(*(harness.connector.publish(intent, store) for _ in range(10)))
    assert {type(result) for result in results} == {Unknown}
    for connector in (harness.connector, harness.restart()):
        assert isinstance(await connector.reconcile(intent), CannotTell)
    assert harness.repeats == (harness.connector.declaration.when_unknown is WhenUnknown.REPEAT)
    if harness.repeats:
        await published(harness.restart(), replace(intent, repeat=True))
    assert [Seen(TEXT)] == harness.stands(intent.profile)


async def test_a_call_that_is_ended_leaves_who_waits_with_unknown(harness: SendOnlyHarness) -> None:
    """As when the lease is over: nobody is told that it was not posted, and it ends in time."""
    for times in GROWING:
        harness.emulator.faults.clear()
        harness.emulator.misbehave("slow", seconds=1.5 * times)
        intent = an_intent(harness.profile("fire"), TEXT, timeout=1.0 * times)
        results = await asyncio.gather(*(harness.connector.publish(intent, store) for _ in range(3)))
        ends = {type(result) for result in results}
        if ends != {Retryable}:
            break
    assert ends == {Unknown}


async def test_a_rate_limit_is_waited_for_as_long_as_it_says(harness: SendOnlyHarness) -> None:
    harness.emulator.misbehave("rate_limit", seconds=17)
    intent = an_intent(harness.profile("fire"), TEXT)
    result = await harness.connector.publish(intent, store)
    assert isinstance(result, Retryable)
    assert (result.after, result.cause) == (None if harness.platform == "email" else 17, Cause.LIMIT)
    assert harness.stands(intent.profile) == []
    await published(harness.connector, intent)


async def test_a_failure_that_names_a_wait_is_not_asked_about_before(harness: SendOnlyHarness) -> None:
    if harness.platform == "email":
        return  # its protocol names none
    busy = {"Retry-After": "120"}
    harness.bends.begin((0, lambda _answer: web.Response(status=503, headers=busy)))
    intent = an_intent(harness.profile("fire"), TEXT)
    assert isinstance(await harness.connector.publish(intent, store), Unknown)
    looked = await harness.connector.reconcile(intent)
    assert isinstance(looked, CannotTell)
    assert looked.after == pytest.approx(120.0, abs=30.0)


async def test_a_page_is_no_answer(harness: SendOnlyHarness) -> None:
    harness.emulator.misbehave("html_before")
    assert isinstance(await harness.connector.publish(an_intent(harness.profile("fire"), TEXT), store), Unknown)


@pytest.mark.parametrize(("platform", "code"), errors("over"))
async def test_an_error_of_the_message_or_the_place_ends_it(platform: str, code: str, tmp_path: Path) -> None:
    """In the platform's words; the other profiles go on."""
    harness = await SendOnlyHarness(platform, tmp_path).open()
    harness.emulator.misbehave("error", code=code)
    result = await harness.connector.publish(an_intent(harness.profile("fire"), TEXT), store)
    assert isinstance(result, Permanent)
    assert "no reason given" not in result.reason
    await published(harness.connector, an_intent(harness.profile("water"), TEXT))
    await harness.close()


@pytest.mark.parametrize(("platform", "code"), errors("unknown"))
async def test_an_error_after_which_nothing_is_known(platform: str, code: str, tmp_path: Path) -> None:
    harness = await SendOnlyHarness(platform, tmp_path).open()
    harness.emulator.misbehave("error", code=code)
    assert isinstance(await harness.connector.publish(an_intent(harness.profile("fire"), TEXT), store), Unknown)
    await harness.close()


@pytest.mark.parametrize(("platform", "code"), errors("mend"))
async def test_a_credential_that_is_no_more_is_a_persons_to_mend(platform: str, code: str, tmp_path: Path) -> None:
    """The message is held back, not lost; the check says so until the credential is another, or some minutes later."""
    harness = await SendOnlyHarness(platform, tmp_path).open()
    harness.connector._clock = clock = ManualClock(datetime.now(UTC))  # type: ignore[attr-defined]
    harness.emulator.misbehave("error", code=code)
    intent = an_intent(harness.profile("fire"), TEXT)
    result = await harness.connector.publish(intent, store)
    assert isinstance(result, Retryable)
    assert result.cause is Cause.CREDENTIAL
    before = sum(harness.emulator.calls.values())
    health = await harness.connector.check(intent.profile)
    assert (health.ok, health.cause) == (False, Cause.CREDENTIAL)
    assert sum(harness.emulator.calls.values()) == before
    clock.time += timedelta(seconds=REFUSED_SECONDS)
    assert (await harness.connector.check(intent.profile)).ok
    await published(harness.connector, intent)
    await harness.close()


@pytest.mark.parametrize("credential", ["", "http://elsewhere.example/hook", "nonsense", "whsec_c2hvcnQ="])
async def test_a_credential_of_another_form_is_never_sent_anywhere(harness: SendOnlyHarness, credential: str) -> None:
    profile = harness.profile("fire")
    harness.write_token(profile, credential)
    result = await harness.connector.publish(an_intent(profile, TEXT), store)
    assert isinstance(result, Retryable)
    if credential and (harness.platform == "email" or (harness.platform == "nextdoor" and "://" not in credential)):
        return  # any word may be a password, or a token
    assert result.cause is Cause.OWN
    assert not credential or credential not in result.reason
    assert not (await harness.connector.check(profile)).ok
    assert not harness.emulator.calls


async def test_a_platform_that_is_away_was_sent_nothing(harness: SendOnlyHarness) -> None:
    await harness.emulator.stop()
    result = await harness.connector.publish(an_intent(harness.profile("fire"), TEXT), store)
    assert isinstance(result, Retryable)
    assert result.cause is Cause.HOST
    await harness.emulator.start()


async def test_check_says_what_it_can_and_posts_nothing(harness: SendOnlyHarness) -> None:
    assert (await harness.connector.check(harness.profile("fire"))).ok
    assert harness.stands(harness.profile("fire")) == []


@pytest.mark.parametrize("letter", ["a", "é", "汉", "😀", "*"])
@pytest.mark.parametrize("more", [0, 1])
async def test_the_limit_is_kept_to_the_last_character(harness: SendOnlyHarness, letter: str, more: int) -> None:
    """What is said to fit arrives whole; one more is refused before anything is sent."""
    limits = LIMITS[harness.platform]
    most = limits.characters // counted_length(letter, limits)
    if limits.bytes is not None:
        most = min(most, limits.bytes // len(letter.encode()))
    text = letter * (most + more)
    pictures = tuple(PICTURE.model_copy(update={"alt": letter * (limits.alt_characters // 2)}) for _ in range(4))
    result = await harness.connector.publish(
        an_intent(harness.profile("fire"), text, pictures=() if more else pictures), store
    )
    assert isinstance(result, Permanent if more else Posted)
    seen = harness.stands(harness.profile("fire"))
    assert len(seen) == 1 - more
    assert more or seen[0].text.startswith(text)


async def test_a_picture_comes_with_its_description_or_as_it(harness: SendOnlyHarness) -> None:
    """Where the platform takes no pictures from here, the words stand in the text, and the receipt says so."""
    fire = harness.profile("fire")
    posted = await published(harness.connector, an_intent(fire, TEXT, pictures=(PICTURE,)))
    if harness.platform in ("slack", "teams", "email", "nextdoor"):
        assert ("in words" in posted.note) == (harness.platform not in ("email", "nextdoor"))
        assert [Seen(f"{TEXT}\n\nPicture: {PICTURE.alt}")] == harness.stands(fire)
    else:
        assert [Seen(TEXT, (PICTURE.alt,))] == harness.stands(fire)


# --- Nextdoor ---------------------------------------------------------------------------------------------


@pytest.fixture
async def nextdoor(tmp_path: Path) -> AsyncIterator[SendOnlyHarness]:
    made = await SendOnlyHarness("nextdoor", tmp_path).open()
    yield made
    await made.close()


async def test_nextdoor_fetches_the_pictures_and_names_the_post(nextdoor: SendOnlyHarness) -> None:
    """A picture that cannot be had blocks nothing; the receipt has the post's own address and name."""
    gone = Picture(sha256="0" * 64, media_type="image/png", alt="A picture that is nowhere")
    fire = nextdoor.profile("fire")
    posted = await published(nextdoor.connector, an_intent(fire, TEXT, pictures=(PICTURE, gone)))
    [post] = nextdoor.emulator.posts
    assert post.extra == {"pictures": 1}
    assert posted.note == "picture 2 is missing: its bytes could not be had"
    assert (posted.remote_id, posted.url) == (post.id, f"{nextdoor.emulator.url}/p/{post.id}")  # type: ignore[attr-defined]


@pytest.mark.parametrize(("calls", "pictures"), [(2, 1), (4, 0)])
async def test_a_picture_that_nextdoor_cannot_fetch_keeps_no_word_back(
    nextdoor: SendOnlyHarness, calls: int, pictures: int
) -> None:
    """It is tried again a little later, then the post goes without; a refusal of the text ends it all the same."""
    nextdoor.emulator.misbehave("error", code="media", calls=calls)
    fire = nextdoor.profile("fire")
    posted = await published(nextdoor.connector, an_intent(fire, TEXT, pictures=(PICTURE,), timeout=6.0))
    assert ("the pictures are missing: The media could not be fetched." in posted.note) == (not pictures)
    assert [post.extra for post in nextdoor.emulator.posts] == [{"pictures": pictures}]
    assert nextdoor.stands(fire)[0].text == f"{TEXT}\n\nPicture: {PICTURE.alt}"
    nextdoor.emulator.misbehave("error", code="invalid_input", calls=5)
    refused = an_intent(fire, "No.", request_id="r2", pictures=(PICTURE,), timeout=6.0)
    assert isinstance(await nextdoor.connector.publish(refused, store), Permanent)


async def test_what_nextdoor_has_already_is_not_sent_again_in_other_form(nextdoor: SendOnlyHarness) -> None:
    """It may be this very post: without its pictures it would stand there twice."""
    nextdoor.emulator.misbehave("error", code="twice")
    intent = an_intent(nextdoor.profile("fire"), TEXT, pictures=(PICTURE,), timeout=6.0)
    assert isinstance(await nextdoor.connector.publish(intent, store), Unknown)
    assert nextdoor.emulator.posts == []


async def test_nextdoor_posts_for_agencies_only(nextdoor: SendOnlyHarness) -> None:
    """A neighbour's token, or another agency's, is found out beforehand."""
    nextdoor.write_token(nextdoor.profile("fire"), nextdoor.token("water"))
    health = await nextdoor.connector.check(nextdoor.profile("fire"))
    assert (health.ok, health.cause) == (False, Cause.OWN)
    assert "agency 1002" in health.detail
    nextdoor.emulator.agency = False  # type: ignore[attr-defined]
    assert "no public agency" in (await nextdoor.connector.check(nextdoor.profile("water"))).detail


@pytest.mark.parametrize(
    ("link", "id"),
    [
        ("https://nextdoor.com/p/Ab_9-x", "Ab_9-x"),
        ("https://ca.nextdoor.com/p/Ab9/", "Ab9"),
        ("https://nextdoor.com.evil.example/p/a", ""),
        ("javascript:alert(1)", ""),
        ("", ""),
    ],
)
def test_only_nextdoors_own_addresses_are_kept(link: str, id: str) -> None:  # noqa: A002
    assert read_link(link, "https://ca.nextdoor.com") == (link if id else "", id)


# --- Slack ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "name"), [(410, "no_service"), (400, "team_disabled"), (400, "channel_not_found")])
async def test_a_webhook_of_slack_that_is_no_more_is_told_with_any_status(
    status: int, name: str, tmp_path: Path
) -> None:
    """Of a post, which is held back, and of a check, which took a 400 for the refusal of its empty message."""
    harness = await SendOnlyHarness("slack", tmp_path).open()

    def gone(_answer: web.Response) -> web.Response:
        return web.Response(status=status, text=name)

    harness.bends.begin((0, gone))
    assert (await harness.connector.check(harness.profile("fire"))).cause is Cause.CREDENTIAL
    harness.bends.begin((0, gone))
    result = await harness.connector.publish(an_intent(harness.profile("fire"), TEXT), store)
    assert isinstance(result, Retryable)
    assert result.cause is Cause.CREDENTIAL
    await harness.close()


# --- Teams ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "text", "kind", "taken"),
    [
        (200, "Webhook message delivery failed with error: ... HTTP error 429 with ContextId", "text/plain", False),
        (200, '{"error": {"code": "X", "message": "delivery failed"}}', "application/json", False),
        (202, "delivery failed\n" * 40, "text/plain", False),
        (200, "1", "text/plain", True),
        (200, "ok", "text/html", True),
        (202, "", "text/html", True),
        (202, '{"name": "08584"}', "application/json", True),
    ],
)
async def test_a_success_of_teams_with_an_error_in_it_is_none(
    status: int, text: str, kind: str, taken: bool, tmp_path: Path
) -> None:
    """It was delivered by its receipt, and lost without a word."""
    harness = await SendOnlyHarness("teams", tmp_path).open()
    harness.bends.begin((0, lambda _answer: web.Response(status=status, text=text, content_type=kind)))
    result = await harness.connector.publish(an_intent(harness.profile("fire"), TEXT), store)
    assert isinstance(result, Posted if taken else Unknown)
    assert isinstance(result, Posted) or "delivery failed" in result.reason or "no reason given" in result.reason
    await harness.close()


# --- Telegram ---------------------------------------------------------------------------------------------


@pytest.fixture
async def telegram(tmp_path: Path) -> AsyncIterator[SendOnlyHarness]:
    made = await SendOnlyHarness("telegram", tmp_path).open()
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [("error", "photo", "is missing"), ("drop_after", "", "may be missing"), ("rate_limit", "", "is missing")],
)
async def test_a_picture_that_fails_keeps_no_word_back(
    telegram: SendOnlyHarness, fault: str, code: str, said: str
) -> None:
    gone = Picture(sha256="0" * 64, media_type="image/png", alt="A picture that is nowhere")
    telegram.emulator.misbehave(fault, on="media", code=code)
    fire = telegram.profile("fire")
    posted = await published(telegram.connector, an_intent(fire, TEXT, pictures=(PICTURE, gone)))
    assert f"picture 1 {said}" in posted.note
    assert "picture 2 is missing: its bytes are not in the store" in posted.note
    assert telegram.stands(fire)[0].text == TEXT


async def test_recall_takes_the_text_and_its_pictures_and_may_be_repeated(telegram: SendOnlyHarness) -> None:
    intent = an_intent(telegram.profile("fire"), TEXT, pictures=(PICTURE,))
    posted = await published(telegram.connector, intent)
    assert len(posted.remote_id.split(",")) == 2
    for connector in (telegram.connector, telegram.restart()):
        assert await connector.retract(intent, posted.remote_id) == Retracted()
    assert telegram.stands(intent.profile) == []
    assert isinstance(await telegram.connector.reconcile(intent), CannotTell)
    assert isinstance(await telegram.connector.retract(intent, ""), Unknown)
    assert isinstance(await telegram.connector.retract(intent, "x"), Permanent)


async def test_what_is_too_old_to_be_deleted_is_said_to_be(telegram: SendOnlyHarness) -> None:
    intent = an_intent(telegram.profile("fire"), TEXT)
    posted = await published(telegram.connector, intent)
    telegram.emulator.misbehave("error", on="delete", code="too_old")
    result = await telegram.connector.retract(intent, posted.remote_id)
    assert isinstance(result, Permanent)
    assert "can't be deleted" in result.reason


async def test_an_answer_stands_under_what_it_follows(telegram: SendOnlyHarness) -> None:
    fire = telegram.profile("fire")
    first = await published(telegram.connector, an_intent(fire, TEXT))
    answer = replace(an_intent(fire, "At 5 pm.", request_id="r2"), follows=first.remote_id)
    await published(telegram.connector, answer)
    assert telegram.emulator.of("@fire")[0].under == first.remote_id
    for follows in ("999999", "x"):
        lost = replace(an_intent(fire, "At 6 pm.", request_id=f"r{follows}"), follows=follows)
        assert isinstance(await telegram.connector.publish(lost, store), Permanent)


async def test_a_text_that_is_shown_otherwise_is_told(telegram: SendOnlyHarness) -> None:
    """Telegram's answer holds the message as it shows it."""
    telegram.emulator.alters = lambda text: text[:5]
    posted = await published(telegram.connector, an_intent(telegram.profile("fire"), TEXT))
    assert "shows the text otherwise" in posted.note


async def test_a_post_of_a_channel_is_answered_by_its_address(telegram: SendOnlyHarness) -> None:
    """Its own, and another public channel's; what is no such post, or a comment in a discussion, is refused."""
    fire, water = telegram.profile("fire"), telegram.profile("water")
    own = await telegram.connector.publish(an_intent(fire, TEXT), store)
    other = await telegram.connector.publish(an_intent(water, TEXT), store)
    assert isinstance(own, Posted)
    assert isinstance(other, Posted)
    addresses = (own.url, other.url, f"https://telegram.me/s/Water/{other.remote_id}?single")
    for number, address in enumerate(addresses):
        answer = an_intent(fire, f"Answer {number}.", request_id=f"r{number}", answers=address)
        await published(telegram.connector, answer)
        assert telegram.emulator.of("@fire")[0].under == (other if number else own).remote_id
    stands = len(telegram.emulator.posts)
    for number, address in enumerate(
        (
            f"{own.url}?comment=7",
            "https://t.me/fire/999999",
            "https://t.me/c/1234/5",
            "https://elsewhere.example/fire/1001",
        )
    ):
        answer = an_intent(fire, "Yes.", request_id=f"s{number}", answers=address)
        assert isinstance(await telegram.connector.publish(answer, store), Permanent), address
    assert len(telegram.emulator.posts) == stands


async def test_a_bot_that_may_not_post_is_found_out_beforehand(telegram: SendOnlyHarness) -> None:
    elsewhere = telegram.profile("fire").model_copy(update={"account": "@elsewhere"})
    health = await telegram.connector.check(elsewhere)
    assert not health.ok
    assert "make it an administrator" in health.detail


# --- e-mail -----------------------------------------------------------------------------------------------


@pytest.fixture
async def mail(tmp_path: Path) -> AsyncIterator[SendOnlyHarness]:
    made = await SendOnlyHarness("email", tmp_path).open()
    yield made
    await made.close()


def mail_server(harness: SendOnlyHarness) -> MailServer:
    assert isinstance(harness.emulator, MailServer)
    return harness.emulator


async def test_an_email_is_whole(mail: SendOnlyHarness) -> None:
    """Its sender, its subject, its time, its pictures; a long line and every script arrive as they were."""
    text = "Évacuation: Cedar Valley.\n\n" + "long " * 300 + "\n汉字 😀\n.\n.."
    posted = await published(mail.connector, an_intent(mail.profile("fire"), text, pictures=(PICTURE,)))
    assert "queued as" in posted.note
    (message,) = mail_server(mail).messages
    assert message["From"] == "City of Mission <news@mission.example>"
    assert message["To"] == "fire@lists.example"
    assert message["Subject"] == "Évacuation: Cedar Valley."
    assert message["Message-ID"] == posted.remote_id
    assert message["Date"].datetime == datetime(2026, 1, 31, 14, tzinfo=UTC)
    (picture,) = message.iter_attachments()
    assert picture.get_content() == PNG
    assert mail.stands(mail.profile("fire"))[0].text == f"{text}\n\nPicture: {PICTURE.alt}"


@pytest.mark.parametrize("left", [[-0.1], [5.0, -0.1]], ids=["before its recipient", "before its text"])
async def test_an_email_is_not_handed_over_after_its_lease_though_the_loops_time_stood_still(
    mail: SendOnlyHarness, left: list[float]
) -> None:
    """As it does while the machine is suspended, between the login and the text."""
    intent = an_intent(mail.profile("fire"), "Boil water.")
    with within(lambda: left.pop(0)):
        result = await mail.connector.publish(intent, store)
    assert isinstance(result, Retryable)
    assert left == []
    assert mail.stands(mail.profile("fire")) == []


async def test_an_email_answers_the_one_that_it_follows(mail: SendOnlyHarness) -> None:
    fire = mail.profile("fire")
    first = await published(mail.connector, an_intent(fire, TEXT))
    answer = replace(an_intent(fire, "At 5 pm.", request_id="r2"), follows=first.remote_id)
    await published(mail.connector, answer)
    assert mail_server(mail).messages[1]["References"] == first.remote_id
    other_place = replace(an_intent(fire, "At 6 pm.", request_id="r3"), follows="not\r\nBcc: x@y.z")
    assert isinstance(await mail.connector.publish(other_place, store), Permanent)


async def test_a_mail_server_without_tls_gets_no_password_and_no_text(mail: SendOnlyHarness) -> None:
    """STARTTLS is asked for, and this server does not offer it."""
    section = mail.city.settings.email.model_copy(update={"security": "starttls"})
    mail.city = City(mail.folder, mail.city.settings.model_copy(update={"email": section}))
    connector = mail.restart()
    result = await connector.publish(an_intent(mail.profile("fire"), TEXT), store)
    assert isinstance(result, Retryable)
    assert result.cause is Cause.HOST
    assert not (await connector.check(mail.profile("fire"))).ok
    assert mail_server(mail).messages == []


async def test_an_address_of_the_mail_server_that_drops_all_leaves_time_for_the_next(
    mail: SendOnlyHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As IPv6 does where its route is missing: what is sent there is never answered."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", place)
            for place in (full.getsockname(), ("127.0.0.1", mail_server(mail).port))
        ]

        async def addresses(*_args: object, **_kind: object) -> list[Any]:
            return found

        monkeypatch.setattr(loop, "getaddrinfo", addresses)
        await published(mail.connector, an_intent(mail.profile("fire"), TEXT, timeout=6.0))
        assert (await mail.connector.check(mail.profile("fire"))).ok
    assert [Seen(TEXT)] == mail.stands(mail.profile("fire"))


@pytest.mark.parametrize("account", ["fire", "a@b@c", "x@y.z\r\nBcc: q@y.z", "Fire <fire@lists.example>"])
async def test_what_is_no_address_is_refused(mail: SendOnlyHarness, account: str) -> None:
    profile = mail.profile("fire").model_copy(update={"account": account})
    assert isinstance(await mail.connector.publish(an_intent(profile, TEXT), store), Permanent)
    assert not (await mail.connector.check(profile)).ok


@pytest.fixture(params=["smtp", "lmtp"])
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SendOnlyHarness]:
    """A mail server, and a list manager that speaks LMTP (RFC 2033)."""
    made = await SendOnlyHarness("email", tmp_path, lmtp=request.param == "lmtp").open()
    yield made
    await made.close()


async def test_an_email_arrives_by_either_protocol(either: SendOnlyHarness) -> None:
    assert (await either.connector.check(either.profile("fire"))).ok
    await published(either.connector, an_intent(either.profile("fire"), TEXT))
    assert [Seen(TEXT)] == either.stands(either.profile("fire"))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("550 5.7.1 Rejected by the list's rules", Permanent),
        ("552 5.2.2 The mailbox is full", Permanent),
        ("452 4.2.2 The list is busy", Retryable),
        ("451 4.3.0 Try again", Retryable),
    ],
)
async def test_a_recipient_that_is_refused_after_the_text_stops_no_other(
    either: SendOnlyHarness, code: str, expected: type
) -> None:
    """LMTP answers for each recipient after the text, and SMTP servers before one hand that on: surely not taken."""
    either.emulator.misbehave("refused_after", code=code)
    fire, water = an_intent(either.profile("fire"), TEXT), an_intent(either.profile("water"), TEXT)
    refused = await either.connector.publish(fire, store)
    assert isinstance(refused, Permanent | Retryable)
    assert type(refused) is expected
    assert code[4:] in refused.reason
    await published(either.connector, water)
    assert either.stands(fire.profile) == []
    if expected is Retryable:
        await published(either.connector, fire)
        assert [Seen(TEXT)] == either.stands(fire.profile)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("554 5.7.1 Service unavailable; Client host [192.0.2.4] blocked using zen.spamhaus.org", Retryable),
        ("550 5.7.1 Hourly sending quota exceeded", Retryable),
        ("550 5.7.60 Client does not have permissions to send as this sender", Retryable),
        ("554 5.7.1 Blocked for its content", Permanent),
    ],
)
async def test_a_text_that_is_refused_for_who_sends_it_is_held_back(
    either: SendOnlyHarness, code: str, expected: type
) -> None:
    """What is said after the text may be of the text; where it is said of the sender, a person mends that."""
    either.emulator.misbehave("refused_after", code=code)
    intent = an_intent(either.profile("fire"), TEXT)
    refused = await either.connector.publish(intent, store)
    assert isinstance(refused, expected)
    assert either.stands(intent.profile) == []
    if isinstance(refused, Retryable):
        assert refused.cause is Cause.CREDENTIAL
        await published(either.connector, intent)
        assert [Seen(TEXT)] == either.stands(intent.profile)


@pytest.mark.parametrize("fault", ["drop_after", "drop_before", "html_before"])
async def test_a_lost_answer_after_the_text_is_unknown(either: SendOnlyHarness, fault: str) -> None:
    either.emulator.misbehave(fault)
    intent = an_intent(either.profile("fire"), TEXT)
    assert isinstance(await either.connector.publish(intent, store), Unknown)
    assert isinstance(await either.connector.reconcile(intent), CannotTell)


async def test_a_server_that_speaks_the_other_protocol_was_sent_nothing(either: SendOnlyHarness) -> None:
    """The error names LMTP, and the message is held back: a person mends city.toml."""
    server = mail_server(either)
    server.lmtp = not server.lmtp
    intent = an_intent(either.profile("fire"), TEXT)
    result = await either.connector.publish(intent, store)
    assert isinstance(result, Retryable)
    assert "HELO" in result.reason or "LMTP" in result.reason
    assert either.stands(intent.profile) == []
