"""Push notices: sealed as RFC 8291 shows it, to known services alone, once and once more, and never after the end."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from services.kernel.base.errors import BadInput, Refused
from services.kernel.base.settings.city_web import PUSH_SERVICES
from services.web.domain.waking import due, key_of_wait, noted
from services.web.push.devices import MOST_DEVICES, WokenDevices, refuse_service
from services.web.push.sealing import point, sealed, vapid, word
from services.web.sessions import WebSession
from tests.support.phone import raw
from tests.support.push_service import PushService, opened, token_of

AT = datetime(2026, 11, 26, 11, 14, 7, tzinfo=UTC)
FCM = "https://fcm.googleapis.com/fcm/send/abc"


def private(word: str) -> ec.EllipticCurvePrivateKey:
    """The private key of a number in base64url."""
    return ec.derive_private_key(int.from_bytes(raw(word), "big"), ec.SECP256R1())


def test_a_notice_is_sealed_as_the_standard_shows_it() -> None:
    """RFC 8291, appendix A, byte by byte."""
    browser = private("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")
    public = raw("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4")
    assert point(browser.public_key()) == public
    own = private("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
    secret, salt = raw("BTBZMqHH6r4Tts7J_aSIgg"), raw("DGv6ra1nlYgDCS1FRnbzlw")
    text = b"When I grow up, I want to be a watermelon"
    assert word(sealed(text, public, secret, salt, own)) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6P"
        "Bru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    assert opened(sealed(text, public, secret, os.urandom(16), own), browser, secret) == text


def test_the_token_is_for_the_push_services_origin_and_short() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    claims = token_of(vapid(key, FCM, "https://desk.mission.example", AT))
    assert claims["aud"] == "https://fcm.googleapis.com"
    assert AT.timestamp() < claims["exp"] <= AT.timestamp() + 86_400
    assert (claims["sub"], claims["key"]) == ("https://desk.mission.example", word(point(key.public_key())))


def test_a_token_is_read_as_the_standard_shows_it() -> None:
    """RFC 8292, section 2.4: what reads our tokens reads the standard's own."""
    token = (
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1"
        "YiI6Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjj"
        "vW2L9OkSSHzvoD1oA"
    )
    key = "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"
    claims = token_of(f"vapid t={token}, k={key}")
    assert claims["aud"] == "https://push.example.net"
    assert (claims["exp"], claims["sub"]) == (1453523768, "mailto:push@example.com")


@pytest.mark.parametrize("changes", [{"text": b"x" * 3_001}, {"secret": b"short"}, {"salt": b""}, {"browser": b"x"}])
def test_what_has_not_its_length_is_not_sealed(changes: dict[str, Any]) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    fields: dict[str, Any] = {"text": b"x", "secret": b"s" * 16, "salt": b"s" * 16, "own": key}
    fields["browser"] = point(key.public_key())
    with pytest.raises(ValueError, match="bytes"):
        sealed(**(fields | changes))


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/x",
        "https://evil.example/x",
        "https://evil-fcm.googleapis.com.evil.example/x",
        "https://xfcm.googleapis.com/x",
        "https://pio@fcm.googleapis.com/x",
        "https://fcm.googleapis.com:4222/x",
        "https://127.0.0.1/x",
        "http://127.0.0.1:4222/x",
        "http://[::1/x",
        "nonsense",
        "",
    ],
)
def test_no_other_machine_is_called(endpoint: str) -> None:
    with pytest.raises(BadInput) as found:
        refuse_service(endpoint, PUSH_SERVICES)
    assert found.value.code == "push.service"


@pytest.mark.parametrize(
    "endpoint", [FCM, "https://web.push.apple.com/x", "https://wns2-by3p.notify.windows.com/w/?t=1"]
)
def test_the_usual_push_services_are_known(endpoint: str) -> None:
    refuse_service(endpoint, PUSH_SERVICES)


def session(officer: str = "pio") -> WebSession:
    """A session with a passkey."""
    return WebSession(officer, "c" * 22, "my phone", AT, AT)


def test_a_device_is_kept_for_its_officer_until_it_ends(tmp_path: Path) -> None:
    devices = WokenDevices(tmp_path, PUSH_SERVICES)
    said = PushService().subscription | {"endpoint": FCM}
    made = devices.add(session(), said, AT)
    assert devices.add(session(), said, AT).id == made.id, "the same browser again"
    assert WokenDevices(tmp_path, PUSH_SERVICES).of("pio") == [made]
    assert devices.of("mcpe") == []
    for number in range(MOST_DEVICES - 1):
        devices.add(session(), said | {"endpoint": f"{FCM}{number}"}, AT)
    with pytest.raises(Refused, match="10 devices"):
        devices.add(session(), said | {"endpoint": f"{FCM}-more"}, AT)
    devices.end(made.id)
    devices.end("../../city")
    assert made.id not in {one.id for one in devices.every()}
    for changes in ({"p256dh": "AAAA"}, {"auth": "AAAA"}, {"auth": ""}, {"endpoint": "x" * 2_000}):
        with pytest.raises(BadInput, match="cannot be read"):
            devices.add(session("mcpe"), said | changes, AT)


def test_the_key_is_made_once_and_for_nobody_else_to_read(tmp_path: Path) -> None:
    first = WokenDevices(tmp_path, ()).key()
    assert WokenDevices(tmp_path, ()).key().private_numbers() == first.private_numbers()
    assert os.stat(tmp_path / "vapid.pem").st_mode & 0o077 == 0
    (tmp_path / "vapid.pem").write_text("nonsense")
    with pytest.raises(BadInput) as found:
        WokenDevices(tmp_path, ()).key()
    assert found.value.code == "push.key"


def waits(name: str, seq: int) -> Any:
    """A message that waits since an entry."""
    return SimpleNamespace(request=SimpleNamespace(request_id=name), verdict_seq=seq, deliveries=())


def test_a_device_is_told_at_once_once_more_and_then_no_more() -> None:
    waiting = [waits("ra", 3)]
    told: dict[str, datetime] = {}
    now = AT
    sent = []
    for minute in range(40):
        now = AT + timedelta(minutes=minute)
        found = due(waiting, told, now)
        sent += [minute for _ in found]
        told = noted(waiting, found, told, now)
    assert sent == [0, 10]
    assert due([waits("ra", 9)], told, now), "it waits again, by a newer verdict"
    assert noted([], [], told, now) == {}
    assert key_of_wait(waits("ra", 3)) == "ra.3"
