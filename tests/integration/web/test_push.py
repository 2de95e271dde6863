"""A device is woken when something waits: the notice is sealed, says four words, and ends with device or passkey."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from schemas import flow
from schemas.events.control import Revoke
from services.kernel.base.city import City, load_city
from services.web.desk import DESK
from services.web.wiring import running
from tests.integration.web.conftest import Pages
from tests.support.mission import Mission, copy_city, eventually
from tests.support.phone import confirm_all, phone, with_pages
from tests.support.ports import free_port
from tests.support.push_service import push_service


@pytest.fixture
def port() -> int:
    """Where the push service of this machine listens."""
    return free_port()


@pytest_asyncio.fixture
async def pages(port: int, made_city: City, tmp_path_factory: object) -> AsyncIterator[Pages]:
    """As in the other files, with a push service of this machine."""
    folder = tmp_path_factory.mktemp("push") / "mission"  # type: ignore[attr-defined]
    city = with_pages(copy_city(made_city, folder))
    path = city.folder / "city.toml"
    own = f'push_services = ["http://127.0.0.1:{port}"]'
    path.write_text(re.sub(r'(\norigin = "http://localhost:\d+"\n)', rf"\1{own}\n", path.read_text()))
    city = load_city(city.folder, city.realm)
    async with Mission(city) as mission:
        await mission.run(*(row.name for row in flow.SERVICES if row.name != "audit"))
        async with running(city, lambda: mission.url) as server, phone(city) as own_phone:
            await own_phone.enroll(mission, "mcpe")
            yield Pages(mission, city, own_phone, server.runner.app[DESK])


TEXT = "Leave Hatzic now."


async def message_waits(pages: Pages) -> str:
    """Submit a message; return its four words."""
    own = pages.phone
    path = (await own.post("/write")).path
    fields = {"text": TEXT, "to": "fire-website", "reach": "some", "link": "https://mission.example/flood"}
    await own.post(path, fields)
    said = await own.submit(path)
    words = re.search(r'class="words">([a-z-]+)<', (await own.get(said["to"])).text)
    assert words is not None
    return words[1]


async def test_a_device_is_woken_with_four_words_until_it_is_ended(pages: Pages, port: int) -> None:
    own = pages.phone
    async with push_service(port) as service:
        foreign = await own.ask("/push", service.subscription | {"endpoint": "https://evil.example/p"})
        assert foreign["error"]["code"] == "push.service"
        service.status = 500
        assert (await own.ask("/push", service.subscription))["error"]["code"] == "push.unreachable"
        assert "/push/" not in (await own.get("/sessions")).text, "a device that cannot be woken is not kept"
        service.status = 201
        assert (await own.ask("/push", service.subscription))["to"] == "/sessions"
        assert "can be woken" in service.notices.pop()["title"]
        words = await message_waits(pages)

        async def told() -> bool:
            return bool(service.notices)

        await eventually(told)
        (notice,) = service.notices
        assert notice == {"title": "City of Mission: a message waits", "body": words, "to": "/"}
        assert TEXT.split()[1] not in json.dumps(notice)
        end = re.search(r'action="(/push/[^/]+)/end"', (await own.get("/sessions")).text)
        assert end is not None
        async with phone(pages.city, "pio's") as other:
            await other.enroll(pages.mission, "pio")
            assert (await other.post(f"{end[1]}/end")).status == 404, "a device is its officer's own"
        await own.post(f"{end[1]}/try")
        assert len(service.notices) == 2
        service.status = 410
        await own.post(f"{end[1]}/try")
        assert "/push/" not in (await own.get("/sessions")).text, "the browser has ended it"


async def test_who_is_no_officer_any_more_is_not_woken(pages: Pages, port: int) -> None:
    own = pages.phone
    async with push_service(port) as service:
        await own.ask("/push", service.subscription)
        folder = pages.city.var / "web" / "live" / "push"
        assert len(list(folder.glob("*.json"))) == 1
        assert "error" not in await (await pages.mission.desk("cao")).register(Revoke(officer="mcpe"))
        await confirm_all(await pages.mission.desk("pio"))

        async def gone() -> bool:
            return not list(folder.glob("*.json"))

        await eventually(gone, 30.0)  # not a minute later, when it is looked at in any case
        assert len(service.notices) == 1
