"""What tests of all tiers share: a demonstration city, made and provisioned once, and a broker on a copy of it."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
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


MEMORY = Path("/dev/shm")
ROOM = 4 * 1024**3
"""Bytes that have to be free there."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Let the tests' folders be in memory, where the machine has some to spare: a hundred brokers fsync each append.

    What a disk does is tried on file systems that are made for it. PYTEST_DEBUG_TEMPROOT names another place.
    What a shell runs in its background ignores Ctrl-C, and a child inherits that: the commands under test must hear it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if "PYTEST_DEBUG_TEMPROOT" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)


LONGEST_FIRST = (
    "tests/faults",
    "tests/integration/fanout/test_fanout_crash",
    "tests/integration/fanout/test_fanout_resolving",
    "tests/integration/fanout/test_fanout_delivery",
    "tests/integration/fanout/test_fanout_townsquare",
    "tests/cli",
    "tests/integration/fanout",
    "tests/integration/attacks",
    "tests/integration/kernel/test_batches_broken",
    "tests/integration/kernel/test_service_life",
    "tests/integration/eoc_state",
    "tests/integration/gatekeeper",
    "tests/simulation",
    "tests/integration/audit",
    "tests/integration",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes longest begin first, so that no worker is left with it alone at the end.

    With TESTS_ORDER=NUMBER the files are played in another order instead, by that seed: none needs what another left.
    """
    seed = os.environ.get("TESTS_ORDER")

    def rank(item: pytest.Item) -> float:
        if seed:
            return random.Random(f"{seed} {item.nodeid.partition('::')[0]}").random()
        found = (number for number, place in enumerate(LONGEST_FIRST) if item.nodeid.startswith(place))
        return next(found, len(LONGEST_FIRST))

    items.sort(key=rank)
