"""What is written into city.toml while fan-out runs: new places are served without a restart, and other addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from schemas.events.authority import Profile
from services.fanout.connectors.contract import Cause, Connector, Retryable
from services.fanout.connectors.registry import connectors
from services.kernel.base.city import City, load_city
from services.kernel.base.network.web import serve
from tests.integration.connectors.harnesses import KEY, a_profile, an_intent, published, store
from tests.support.emulators.base import Place
from tests.support.emulators.hooks import SECRET, ReceiverEmulator
from tests.support.emulators.mail import PASSWORD, USER, MailServer

TOML = f"""
[city]
name = "City of Mission"
website = "https://mission.example"

[authority.live]
root_keys = ["{KEY}"]
threshold = 1
audit_key = "{KEY}"

[authority.exercise]
root_keys = ["{KEY}"]
threshold = 1
audit_key = "{KEY}"
"""
EVACUATE, CLEAR = "Leave Cedar Valley now.", "You may go back."


def write_token(city: City, profile: Profile, token: str) -> None:
    path = city.token_path(profile.id)
    path.parent.mkdir(parents=True)
    path.touch(mode=0o600)
    path.write_text(token)


@dataclass(frozen=True)
class Running:
    """A connector that began before city.toml knew its place, and two places of its kind."""

    path: Path
    connector: Connector
    profile: Profile
    places: tuple[Place, Place]

    def write(self, place: Place) -> None:
        """Have city.toml name a place."""
        if isinstance(place, MailServer):
            section = f'[email]\nhost = "127.0.0.1"\nport = {place.port}\nsecurity = "none"\nusername = "{USER}"\n'
            section += f'sender = "news{place.port}@mission.example"\n'
        else:
            assert isinstance(place, ReceiverEmulator)
            section = f'[webhook.endpoints]\nsigns = "{place.url}/in/signs"\n'
        self.path.write_text(f"{TOML}\n{section}")

    def texts(self) -> list[list[str]]:
        """Return what each place has."""
        return [[post.text for post in place.of(self.profile.account)] for place in self.places]


@pytest.fixture(params=["email", "webhook"])
async def running(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Running]:
    (tmp_path / "city.toml").write_text(TOML)
    city = load_city(tmp_path)
    mail = request.param == "email"
    places = (MailServer(), MailServer()) if mail else (ReceiverEmulator(), ReceiverEmulator())
    for place in places:
        await place.start()
    account = "signs@lists.example" if mail else "signs"
    profile = a_profile("signs", request.param).model_copy(update={"account": account})
    write_token(city, profile, PASSWORD if mail else SECRET)
    made = connectors(city, "https://mission.example")
    yield Running(tmp_path / "city.toml", made[request.param], profile, places)
    for connector in made.values():
        await connector.close()
    for place in places:
        await place.stop()


async def test_a_message_is_held_back_until_city_toml_says_where_to(running: Running) -> None:
    """It failed for good, until fan-out was restarted, though `profiles check` said OK."""
    intent = an_intent(running.profile, EVACUATE)
    held = await running.connector.publish(intent, store)
    assert isinstance(held, Retryable), held
    assert held.cause is Cause.OWN
    assert f"city.toml, [{running.profile.platform}" in held.reason
    health = await running.connector.check(running.profile)
    assert (health.ok, health.cause, health.detail) == (False, Cause.OWN, held.reason)
    running.write(running.places[0])
    assert (await running.connector.check(running.profile)).ok
    await published(running.connector, intent)
    assert running.texts() == [[EVACUATE], []]


async def test_a_changed_address_counts_at_once(running: Running) -> None:
    before, after = running.places
    running.write(before)
    await published(running.connector, an_intent(running.profile, EVACUATE))
    running.write(after)
    posted = await published(running.connector, an_intent(running.profile, CLEAR, request_id="r2"))
    assert running.texts() == [[EVACUATE], [CLEAR]]
    if isinstance(after, MailServer):
        assert after.messages[0]["From"] == f"City of Mission <news{after.port}@mission.example>"
        assert after.messages[0]["Message-ID"] == posted.remote_id


@pytest.mark.parametrize(
    ("platform", "account", "section"),
    [
        ("mastodon", "fire@own", '[mastodon.instances]\nown = "{}"\n'),
        ("bluesky", "fire.mission.example@own", '[bluesky.servers]\nown = "{}"\n'),
    ],
)
async def test_a_server_that_has_moved_is_asked_at_its_new_address(
    tmp_path: Path, platform: str, account: str, section: str
) -> None:
    """Posts to it wait until a person has changed its address in city.toml, and waited for a restart as well."""
    asked: list[str] = []

    async def note(request: web.Request) -> web.Response:
        asked.append(f"http://{request.host}")
        return web.Response(status=503)

    places = []
    for _ in range(2):
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", note)
        places.append(await serve(app, "127.0.0.1", 0, "the server"))
    path = tmp_path / "city.toml"
    path.write_text(TOML + section.format(places[0].url))
    city = load_city(tmp_path)
    profile = a_profile("fire", platform).model_copy(update={"account": account})
    write_token(city, profile, "abcd-efgh-ijkl-mnop")
    made = connectors(city, "https://mission.example")
    for place in places:
        path.write_text(TOML + section.format(place.url))
        asked.clear()
        assert not (await made[platform].check(profile)).ok
        assert set(asked) == {place.url}
    path.write_text(TOML)
    asked.clear()
    assert not (await made[platform].check(profile)).ok
    assert set(asked) == {places[0].url}, "what was there at the start stays while the file is being written, say"
    for connector in made.values():
        await connector.close()
    for place in places:
        await place.stop()
