"""What is in front of the pages: settings, rates, sessions, drafts, own paths, and what is signed to sign in."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from pydantic import ValidationError

from schemas.events.authority import Officer
from schemas.events.control import Posture
from schemas.events.desk import OfficerView
from schemas.events.envelope import ORDER_TYPE
from schemas.events.passkeys import WebPlace
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Refused
from services.kernel.base.settings.city_web import WebSection
from services.web.desk import SESSION
from services.web.domain import composing
from services.web.domain.sign_in import SIGN_IN_TYPE, SignIn, who_signed
from services.web.drafts import DraftFolder
from services.web.limits import SIGN_IN, FormRate, RateLimiter, place_of
from services.web.pages.sign_in import end_session, own_path
from services.web.security import Origin
from services.web.sessions import IDLE, LONGEST, WebSession, WebSessions
from services.web.signing import Prepared, keep, part, take
from services.web.wiring import application, build
from tests.support.authenticator import Authenticator

AT = datetime(2026, 11, 26, 11, 14, 7, tzinfo=UTC)
ORIGIN = "https://desk.city.example"


@pytest.mark.parametrize(
    ("fields", "port"),
    [({}, 4225), ({"origin": "http://localhost:5000"}, 5000), ({"origin": ORIGIN, "host": "0.0.0.0", "port": 80}, 80)],
)
def test_pages_stay_on_this_machine_or_behind_tls(fields: dict[str, object], port: int) -> None:
    assert WebSection.model_validate(fields).listens_on == port


@pytest.mark.parametrize(
    "fields",
    [
        {"host": "0.0.0.0"},
        {"host": "0.0.0.0", "origin": "http://localhost:4225"},
        {"origin": "http://desk.city.example"},
        {"origin": "https://desk.city.example/path"},
    ],
)
def test_pages_off_this_machine_without_tls_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WebSection.model_validate(fields)


@pytest.mark.parametrize(
    ("origin", "bare"),
    [
        ("https://desk.city.example:443", "https://desk.city.example"),
        ("https://desk.city.example:0443", "https://desk.city.example"),
        ("http://localhost:80", "http://localhost"),
    ],
)
def test_an_origin_that_no_browser_sends_is_refused_with_the_one_that_they_send(origin: str, bare: str) -> None:
    """Each request would be one to another host, and no passkey could be made."""
    for name in ("origin", "exercise_origin"):
        with pytest.raises(ValidationError, match=f"the origin is {bare}, without"):
            WebSection.model_validate({name: origin})
    assert WebSection.model_validate({"origin": bare}).origin == bare


def test_a_rate_lets_through_what_it_says_and_tells_how_long_to_wait() -> None:
    limiter, rate = RateLimiter(), FormRate(3, 0.5)
    for _ in range(3):
        limiter.take(rate, "a", 10.0)
    with pytest.raises(Refused, match="too often") as found:
        limiter.take(rate, "a", 10.0)
    assert found.value.hint == "Wait 2 s, then try again."
    limiter.take(rate, "b", 10.0)
    limiter.take(rate, "a", 12.0)


def test_a_whole_eoc_signs_in_at_once_behind_one_address() -> None:
    """A shift begins: twenty officers enrol and sign in within a moment, five forms each."""
    limiter = RateLimiter()
    for _ in range(20 * 5):
        limiter.take(SIGN_IN, "203.0.113.7", 0.0)
    with pytest.raises(Refused, match="too often"):
        limiter.take(SIGN_IN, "203.0.113.7", 0.0)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::7", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unknown", "unknown"),
    ],
)
def test_who_has_many_addresses_of_one_network_is_counted_once(address: str, place: str) -> None:
    assert place_of(address) == place


def test_a_session_is_renewed_by_use_and_ends_all_the_same() -> None:
    sessions = WebSessions()
    one = WebSession("pio", "c", "my phone", AT, AT)
    secret = sessions.begin(one)
    assert sessions.find(secret, AT + IDLE - timedelta(seconds=1)) is one
    assert sessions.find(secret, AT + IDLE) is None
    one.used = AT + LONGEST - timedelta(seconds=1)
    assert sessions.find(secret, AT + LONGEST) is None
    assert sessions.find("", AT) is None
    assert sessions.find(secrets.token_urlsafe(32), AT) is None


def test_a_session_says_when_it_ends_and_whether_that_can_be_put_off() -> None:
    one = WebSession("pio", "c", "my phone", AT, AT)
    assert (one.ends(), one.can_stay()) == (AT + IDLE, True)
    one.used = AT + LONGEST - IDLE
    assert (one.ends(), one.can_stay()) == (AT + LONGEST, False)


def test_only_an_officer_ends_their_own_session() -> None:
    sessions = WebSessions()
    one = WebSession("pio", "c", "my phone", AT, AT)
    secret = sessions.begin(one)
    sessions.end("mcpe", one.number)
    assert sessions.find(secret, AT) is one
    sessions.end("pio", one.number)
    assert sessions.find(secret, AT) is None


@pytest.mark.parametrize("secure", [True, False])
async def test_signing_out_deletes_the_cookie_in_the_form_that_browsers_take(made_city: City, secure: bool) -> None:
    """They take nothing for a name that begins with __Host- unless it is said to be secure."""
    desk = build(made_city, lambda: "nats://127.0.0.1:1")
    desk = replace(desk, origin=Origin(WebPlace(origin=ORIGIN, rp_id="desk.city.example"))) if secure else desk
    who = WebSession("pio", "c", "my phone", AT, AT)
    asked = make_mocked_request("POST", "/", app=application(desk), match_info={"number": who.number})
    asked[SESSION] = who
    with pytest.raises(web.HTTPSeeOther) as found:
        await end_session(asked)
    (gone,) = found.value.cookies.values()
    assert (gone.key.startswith("__Host-"), bool(gone["secure"]), gone["max-age"]) == (secure, secure, "0")


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\nb", "", "x"])
def test_after_signing_in_nobody_is_sent_elsewhere(path: str) -> None:
    assert own_path(path) == "/"


def test_own_paths_are_kept() -> None:
    assert own_path("/messages/r1?at=3") == "/messages/r1?at=3"


def test_what_waits_for_a_signature_is_taken_once_and_not_late() -> None:
    waiting: dict[str, Prepared] = {}

    async def finish(_: object) -> str:
        return "/"

    one = Prepared(ORDER_TYPE, a_sign_in(), finish, 120.0)
    key = keep(waiting, one, 0.0)
    assert take(waiting, key, 119.0) is one
    for late in (key, keep(waiting, one, 0.0)):
        with pytest.raises(BadInput, match="too old"):
            take(waiting, late, 120.0)
    for _ in range(20):
        keep(waiting, one, 0.0)
    assert len(waiting) == 8


@pytest.mark.parametrize("given", [{}, {"a": ""}, {"a": "???"}, {"a": "A" * 9_000}, {"a": "A"}])
def test_a_browsers_answer_that_makes_no_sense_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        part(given, "a")


def a_sign_in() -> SignIn:
    return SignIn(realm="live", origin=ORIGIN, issued_at=AT, nonce="0" * 32)


def officer(device: Authenticator, revoked: bool = False) -> OfficerView:
    """An officer with one passkey."""
    person = Officer(id="pio", name="Daniel Okafor", passkeys=(device.passkey,))
    return OfficerView(officer=person, grants_now=(), revoked=revoked)


def test_who_signed_in_is_known_by_the_passkey() -> None:
    device = Authenticator()
    found, passkey = who_signed(device.sign(SIGN_IN_TYPE, a_sign_in()), [officer(device)])
    assert (found.id, passkey) == ("pio", device.passkey)


def test_a_signature_over_anything_else_signs_nobody_in() -> None:
    device = Authenticator()
    with pytest.raises(Refused) as found:
        who_signed(device.sign(ORDER_TYPE, a_sign_in()), [officer(device)])
    assert found.value.code == "sign_in.signature"
    for lie in ({"flags": 1}, {"origin": "https://evil.example"}, {"crossOrigin": True}):
        with pytest.raises(Refused) as found:
            who_signed(device.sign(SIGN_IN_TYPE, a_sign_in(), **lie), [officer(device)])
        assert found.value.code == "sign_in.signature"


@pytest.mark.parametrize("views", [[], [officer(Authenticator(), revoked=True)], [officer(Authenticator("other"))]])
def test_a_passkey_of_nobody_signs_nobody_in(views: list[OfficerView]) -> None:
    with pytest.raises(Refused) as found:
        who_signed(Authenticator().sign(SIGN_IN_TYPE, a_sign_in()), views)
    assert found.value.code == "sign_in.unknown"


def test_a_draft_is_on_disk_with_each_pause_and_of_its_officer_alone(tmp_path: Path) -> None:
    folder = DraftFolder(tmp_path / "drafts")
    draft = folder.new("pio", AT, text="First")
    folder.save(draft.model_copy(update={"text": "Second"}))
    assert DraftFolder(tmp_path / "drafts").load(draft.id, "pio").text == "Second"
    assert os.stat(tmp_path / "drafts" / f"{draft.id}.json").st_mode & 0o077 == 0
    for name, who in ((draft.id, "mcpe"), ("x" * 22, "pio"), ("../../city", "pio")):
        with pytest.raises(BadInput, match="no such draft"):
            folder.load(name, who)
    assert folder.of("pio", AT + timedelta(days=31)) == []
    assert not list((tmp_path / "drafts").glob("*.json"))


def test_what_was_typed_is_kept_even_where_it_is_wrong(tmp_path: Path) -> None:
    draft = DraftFolder(tmp_path).new("pio", AT)
    form = {"text": "Go\r\nnow", "link": " nonsense ", "reach": "all", "crisis": "maybe", "variant.x": "Short"}
    found = composing.typed(draft, form, ["a", "a"], AT)
    assert (found.text, found.link, found.to, found.all_departments) == ("Go\nnow", "nonsense", ("a",), True)
    assert (found.crisis, found.variants) == ("", {"x": "Short"})
    with pytest.raises(BadInput) as fault:
        composing.event_of(found, Posture.ROUTINE, AT, None)
    assert fault.value.code == "link.invalid"


def test_a_draft_says_when_it_goes_out_what_it_promises_and_other_languages(tmp_path: Path) -> None:
    draft = DraftFolder(tmp_path).new("pio", AT)
    form = {"text": "Go now", "at": " 2h ", "next_update": "6h", "code.0": "fr", "translation.0": "Partez"}
    half = composing.typed(draft, form | {"code.2": "pa"}, ["fire-website"], AT)
    assert half.translations == (("fr", "Partez"), ("pa", ""))
    whole = composing.typed(half, form, ["fire-website"], AT)
    made = composing.event_of(whole, Posture.ROUTINE, AT, None).data
    assert (made.not_before, made.next_update) == (AT + timedelta(hours=2), AT + timedelta(hours=6))
    assert made.translations == {"fr": "Partez"}
    for fields in ({"at": "3h"}, {"next_update": "7h"}, {"translations": ()}):
        assert composing.fingerprint(whole.model_copy(update=fields)) != composing.fingerprint(whole)


def test_the_same_words_are_the_same_request_and_others_another(tmp_path: Path) -> None:
    draft = DraftFolder(tmp_path).new("pio", AT, text="Go now", to=("fire-website",), expires="4h")
    first = composing.event_of(draft, Posture.CRISIS, AT, None)
    assert first.data.crisis
    sent = composing.sent(draft, first)
    later = AT + timedelta(minutes=5)
    assert composing.event_of(sent, Posture.CRISIS, later, None) == first
    other = composing.event_of(sent.model_copy(update={"text": "Stay"}), Posture.CRISIS, later, None)
    assert other.id != first.id


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"text": ""}, "text.missing"),
        ({"to": ()}, "targets.missing"),
        ({"expires": "soon"}, "expires.malformed"),
        ({"severity": "huge"}, "severity.invalid"),
        ({"variants": {"a.b": "x"}}, "platform.id"),
        ({"at": "soon"}, "at.malformed"),
        ({"at": "2020-01-31 18:00"}, "at.past"),
        ({"next_update": "later"}, "next-update.malformed"),
        ({"translations": (("french", "Partez"),)}, "lang.malformed"),
        ({"translations": (("fr", " "),)}, "lang.malformed"),
        ({"translations": (("fr", "Partez"), ("FR", "Sortez"))}, "lang.twice"),
    ],
)
def test_each_fault_names_its_field(tmp_path: Path, fields: dict[str, object], code: str) -> None:
    draft = DraftFolder(tmp_path).new("pio", AT, text="Go", to=("fire-website",))
    with pytest.raises(BadInput) as found:
        composing.event_of(draft.model_copy(update=fields), Posture.ROUTINE, AT, UTC)
    assert found.value.code == code


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ([], 0),
        ([("fr", "Bouillez l'eau.")], 0),
        ([("fr", "Bouillez l'eau."), ("zz", "?")], 1),
        ([("fr", "Bouillez l'eau."), ("pa", " ")], 1),
        ([("fr", "Bouillez l'eau."), ("pa", "?"), ("FR", "?")], 2),
        ([("fr", "Bouillez l'eau."), ("french please", "?")], 1),
    ],
)
def test_the_language_that_is_at_fault_is_found(rows: list[tuple[str, str]], place: int) -> None:
    assert composing.row_at_fault(rows) == place
