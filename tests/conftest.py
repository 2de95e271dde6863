"""What tests of all tiers share: a demonstration city, made and provisioned once, and a broker on a copy of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import hypothesis
import pytest
import pytest_asyncio

from services.kernel.base.city import City
from services.provision import demo_plan, make_city
from tests.support.mission import Mission, copy_city, provisioned_city

# A busy machine is no reason to fail: how long an example may take is not what these tests are about.
hypothesis.settings.register_profile("onevoice", deadline=None)
hypothesis.settings.load_profile("onevoice")


@pytest.fixture(scope="session")
def made_city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """The demonstration city, provisioned; never changed, only copied."""
    city = make_city(tmp_path_factory.mktemp("made") / "mission", demo_plan())
    asyncio.run(provisioned_city(city))
    return city


@pytest.fixture
def demo_city(made_city: City, tmp_path: Path) -> City:
    """A city folder of the test's own."""
    return copy_city(made_city, tmp_path / "mission")


@pytest_asyncio.fixture
async def mission(demo_city: City) -> AsyncIterator[Mission]:
    """A city of the test's own, with its broker running."""
    async with Mission(demo_city) as running:
        yield running


LONGEST_FIRST = (
    "tests/faults",
    "tests/integration/fanout/test_fanout_crash",
    "tests/integration/fanout/test_fanout_resolving",
    "tests/cli",
    "tests/integration/fanout",
    "tests/simulation/test_simulation",
    "tests/integration/audit",
    "tests/integration",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes longest begin first, so that no worker is left with it alone at the end."""

    def rank(item: pytest.Item) -> int:
        place = item.nodeid
        return next((number for number, folder in enumerate(LONGEST_FIRST) if place.startswith(folder)), 9)

    items.sort(key=rank)
