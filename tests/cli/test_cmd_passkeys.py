"""Passkeys at the desk: a link, what waits, who confirms it, and what is taken back, while the city is up."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import nats.errors
import pytest

from schemas import canonical, flow, subjects
from schemas.events.passkeys import Passkey
from services.desk.connection.link import broker_url
from services.kernel.authority.passkeys import passkey_code
from services.kernel.base.city import load_city
from tests.cli.conftest import Shell
from tests.support.authenticator import Authenticator, enrolment_of
from tests.support.broker import connect
from tests.support.mission import PATIENCE


def origin_of(city: Shell) -> str:
    """Where the city's officers open the desk."""
    assert city.folder is not None
    return load_city(city.folder).settings.web.origin


def opened(city: Shell, device: Authenticator, officer: str, link: str) -> dict[str, Any]:
    """Open a link on a device, as the web service does for it; return the registry's answer."""
    assert city.folder is not None
    here = load_city(city.folder)
    origin, _, token = link.partition("/enroll#")
    assert origin == device.origin == origin_of(city)

    async def send() -> dict[str, Any]:
        key = here.service_key_path(flow.WEB)
        client = await connect(broker_url(here), key, flow.WEB, allow_reconnect=False)
        try:
            made = enrolment_of(device, officer, token, datetime.now(UTC))
            subject = subjects.desk(subjects.DESK_WEB_ENROLL, flow.WEB)
            said: dict[str, Any] = canonical.loads(
                (await client.request(subject, made.to_bytes(), timeout=PATIENCE)).data
            )
            return said
        finally:
            await client.close()

    return asyncio.run(send())


def phone(city: Shell, name: str) -> Authenticator:
    return Authenticator(name, origin=origin_of(city), rp_id="localhost")


@pytest.fixture(scope="module", autouse=True)
def at_first(city: Shell) -> str:
    """What is listed before any test."""
    return city("passkeys", "list").out


def test_a_passkey_comes_by_a_link_and_goes_at_once(city: Shell, at_first: str) -> None:
    assert "Nobody has a passkey" in at_first
    made = city.json("passkeys", "link", "pio", "--as", "mcpe")
    assert made.status == 0, made
    assert "pio by mcpe waits" in city("passkeys", "list").out
    assert "token" not in city("passkeys", "list", "--json").out, "no link can be used from what is listed"

    device = phone(city, "pio's phone")
    number = opened(city, device, "pio", made.body["link"])["proposal"]
    said = city("officers", "proposals").out
    code = passkey_code(device.passkey)
    assert (
        f'Give pio the passkey "pio\'s phone", code {code}, for {device.origin}, may be copied between devices' in said
    )
    assert city.json("officers", "confirm", str(number), "--as", "pio", "--yes").code == "proposal.own"
    assert city.json("officers", "confirm", str(number), "--as", "cao", "--yes").status == 0

    listed = city.json("passkeys", "list").body
    [mine] = [one for one in listed["passkeys"] if one["officer"] == "pio"]
    assert mine["code"] == code
    assert "pio" not in {one["officer"] for one in listed["links"]}
    assert Passkey.from_value({k: v for k, v in mine.items() if k not in ("officer", "code")})
    assert city.json("passkeys", "remove", "pio", "ZZZZ", "--as", "pio").code == "passkey.unknown"
    assert city.json("passkeys", "remove", "pio", code, "--as", "clerk").code == "order.role"
    assert city.json("passkeys", "remove", "pio", code[:4].lower(), "--as", "pio").status == 0
    assert code not in city("passkeys", "list").out


def test_a_person_without_a_key_of_the_desk(city: Shell) -> None:
    """Added without one, confirmed as someone with no key yet, and then by a link."""
    added = city.json("officers", "add", "robin", "--name", "Robin", "--role", "pio", "--as", "mcpe")
    assert added.status == 3
    assert "no key yet" in city("officers", "proposals").out
    assert city.json("passkeys", "link", "robin", "--as", "mcpe").code == "officer.unknown"
    assert city.json("officers", "confirm", str(added.body["proposal"]), "--as", "cao", "--yes").status == 0
    link = city.json("passkeys", "link", "robin", "--until", "2h", "--as", "mcpe").body["link"]
    number = opened(city, phone(city, "robin"), "robin", link)["proposal"]
    assert opened(city, phone(city, "robin"), "robin", link)["error"]["code"] == "enrolment.link"
    assert city.json("officers", "confirm", str(number), "--as", "cao", "--yes").status == 0


def test_a_link_that_may_not_be(city: Shell) -> None:
    for name in ("web", "doctor"):
        added = city.json("officers", "add", name, "--name", "X", "--role", "pio", "--as", "mcpe")
        assert added.code == "officer.reserved"
    for words, code in (
        (("link", "cao", "--as", "pio"), "order.role"),
        (("link", "nobody-there", "--as", "mcpe"), "officer.unknown"),
        (("link", "pio", "--until", "9d", "--as", "mcpe"), "passkey.until"),
        (("remove", "pio", "", "--as", "pio"), "passkey.unknown"),
    ):
        assert city.json("passkeys", *words).code == code, words


def test_the_web_services_key_is_replaced_while_the_city_is_up(city: Shell) -> None:
    """The old key is out at once, and the new one carries a link's answer."""
    assert city.folder is not None
    path = load_city(city.folder).service_key_path(flow.WEB)
    before = path.read_bytes()
    assert city.json("keys", "rotate", "--service", "web").status == 0
    assert path.read_bytes() != before
    link = city.json("passkeys", "link", "eoc-director", "--as", "mcpe").body["link"]
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            assert opened(city, phone(city, "director"), "eoc-director", link)["proposal"]
            break
        except nats.errors.Error:  # the broker follows a moment later
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_settings_may_ask_for_keys_that_stay(city: Shell) -> None:
    proposed = city.json("settings", "set", "--device-bound", "pio", "--as", "mcpe")
    assert city.json("officers", "confirm", str(proposed.body["proposal"]), "--as", "cao", "--yes").status == 0
    assert city.json("settings", "show").body["settings"]["device_bound_roles"] == ["pio"]
    assert "device-bound passkeys for" in city("settings", "show").out
    back = city.json("settings", "set", "--device-bound", "none", "--as", "mcpe")
    assert city.json("officers", "confirm", str(back.body["proposal"]), "--as", "cao", "--yes").status == 0
