"""What the tests on real servers stand on: one PDS for all tests of a process, and the contract suite's rig on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.integration.connectors.bent import Bent
from tests.integration.connectors.rigs import Rig
from tests.platforms.pds import BYPASS, Pds, installed
from tests.platforms.rig import BlueskyRig


@pytest.fixture(scope="session")
def pds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pds]:
    if not installed():
        pytest.skip("the real server is not installed: make test-platforms")
    running = Pds.start(tmp_path_factory.mktemp("pds"))
    yield running
    running.stop()


@pytest.fixture
async def bluesky(pds: Pds, tmp_path: Path) -> AsyncIterator[BlueskyRig]:
    made = await BlueskyRig.open(pds, tmp_path)
    yield made
    await made.close()


@pytest.fixture
def rig(bluesky: BlueskyRig) -> Rig:
    return bluesky


@pytest.fixture
def bent(bluesky: BlueskyRig) -> Bent:
    """With no limit to how often it is logged in, as each connector remembers nothing."""
    bluesky.proxy.adds = {"x-ratelimit-bypass": BYPASS}
    return bluesky


@pytest.fixture
def remote(bluesky: BlueskyRig) -> Rig:
    return bluesky
