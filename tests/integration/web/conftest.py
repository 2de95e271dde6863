"""A whole city with its pages, for the tests of one file, and a phone that is signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from schemas import flow
from services.kernel.base.city import City
from services.web.desk import DESK, WebDesk
from services.web.wiring import running
from tests.support.mission import Mission, copy_city
from tests.support.phone import Phone, phone, with_pages


@dataclass
class Pages:
    """A city that is up with its pages, and the MCPE's phone."""

    mission: Mission
    city: City
    phone: Phone
    desk: WebDesk


@pytest_asyncio.fixture
async def pages(made_city: City, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pages]:
    """The pages of a whole city, with the MCPE signed in."""
    city = with_pages(copy_city(made_city, tmp_path_factory.mktemp("pages") / "mission"))
    async with Mission(city) as mission:
        await mission.run(*(row.name for row in flow.SERVICES if row.name != "audit"))
        async with running(city, lambda: mission.url) as server, phone(city) as own:
            await own.enroll(mission, "mcpe")
            yield Pages(mission, city, own, server.runner.app[DESK])
