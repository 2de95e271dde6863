"""A profile whose place city.toml does not name yet: its message waits for a person, and goes out once it is there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.events.control import ProfileAdd
from schemas.events.requests import digest_of
from services.fanout.connectors.registry import connectors
from services.fanout.domain.retry import USUAL_PACE
from tests.integration.fanout.fanout_city import FanoutCity, eventually, fanout
from tests.support.emulators.hooks import SECRET, ReceiverEmulator
from tests.support.messages import renderings_of

pytestmark = pytest.mark.asyncio(loop_scope="module")
SIGNS = "signs-webhook"
EVACUATE = "Leave Cedar Valley now."


async def test_an_order_to_a_new_endpoint_waits_until_city_toml_names_it(town: FanoutCity) -> None:
    """The first evacuation order there failed for good, and only a restart of fan-out had the next one posted."""
    fire = (await town.control()).state.profiles["fire-townsquare"]
    signs = fire.model_copy(update={"id": SIGNS, "platform": "webhook", "account": "signs"})
    token = town.city.token_path(SIGNS)
    token.parent.mkdir(parents=True, exist_ok=True)
    token.touch(mode=0o600)
    token.write_text(SECRET)
    receiver = ReceiverEmulator()
    await receiver.start()
    platforms = connectors(town.city, "https://mission.example")
    async with fanout(town, platforms, pace=replace(USUAL_PACE, credential_look=0.5)) as runtime:
        await town.order("mcpe", ProfileAdd(profile=signs))
        made = renderings_of(EVACUATE, ("webhook",), town.clock.now())
        digest = digest_of("revacuate", 1, made)
        order = await town.cleared(SIGNS, text=EVACUATE, request_id="revacuate", renderings=made, digest=digest)
        await eventually(lambda: "credentials" in runtime.health.troubles)
        told = "city.toml, [webhook.endpoints], has no address for 'signs'"
        assert told in runtime.health.troubles["credentials"]
        await eventually(lambda: any(told in wait.reason for wait in runtime.health.waits()))
        path = town.city.folder / "city.toml"
        places = "[webhook.endpoints]\n"
        path.write_text(path.read_text().replace(places, f'{places}signs = "{receiver.url}/in/signs"\n'))
        assert str((await town.final(order, SIGNS)).outcome) == "delivered"
        assert len(await town.attempts(order, SIGNS)) == 2, "what waits for a person costs no further attempts"
        await eventually(lambda: "credentials" not in runtime.health.troubles)
    assert [post.text for post in receiver.of("signs")] == [EVACUATE]
    await receiver.stop()
