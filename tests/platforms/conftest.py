"""What the tests on real servers stand on: one PDS for a process, and a harness on it for the contract suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.integration.connectors.bent import Bent
from tests.integration.connectors.harnesses import Harness
from tests.platforms.harness import BlueskyHarness
from tests.platforms.pds import BYPASS, Pds, installed


@pytest.fixture(scope="session")
def pds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pds]:
    if not installed():
        pytest.skip("the real server is not installed: make test-platforms")
    running = Pds.start(tmp_path_factory.mktemp("pds"))
    yield running
    running.stop()


@pytest.fixture
async def bluesky(pds: Pds, tmp_path: Path) -> AsyncIterator[BlueskyHarness]:
    made = await BlueskyHarness.open(pds, tmp_path)
    yield made
    await made.close()


@pytest.fixture
def harness(bluesky: BlueskyHarness) -> Harness:
    return bluesky


@pytest.fixture
def bent(bluesky: BlueskyHarness) -> Bent:
    """With no limit to how often it is logged in, as each connector remembers nothing."""
    bluesky.proxy.adds = {"x-ratelimit-bypass": BYPASS}
    return bluesky


@pytest.fixture
def remote(bluesky: BlueskyHarness) -> Harness:
    return bluesky
