from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.connectors.bent import Bent
from tests.integration.connectors.emulated_harnesses import EmulatedHarness
from tests.integration.connectors.harnesses import FolderHarness, Harness, MastodonHarness, WebsiteHarness
from tests.integration.connectors.send_only_harnesses import SendOnlyHarness
from tests.integration.connectors.simulated import SimulatedHarness

EMULATED = ("x", "facebook", "linkedin", "threads", "instagram")


async def _harness(kind: str, folder: Path) -> Harness:
    if kind == "website":
        return WebsiteHarness(folder)
    if kind == "simulated":
        return SimulatedHarness()
    if kind in EMULATED:
        return await EmulatedHarness.open(kind, folder)
    return await MastodonHarness.open(folder) if kind == "mastodon" else FolderHarness(folder)


@pytest.fixture(params=["website", "mastodon", *EMULATED, "folder", "simulated"])
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    """Each platform of the contract suite in turn."""
    made = await _harness(request.param, tmp_path)
    yield made
    await made.close()


@pytest.fixture(params=["mastodon", *EMULATED, "nextdoor", "slack", "teams", "telegram", "webhook"])
async def bent(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bent]:
    """Each platform over HTTP, in turn, whose answers can be bent."""
    made: MastodonHarness | EmulatedHarness | SendOnlyHarness
    if request.param == "mastodon":
        made = await MastodonHarness.open(tmp_path)
    elif request.param in EMULATED:
        made = await EmulatedHarness.open(request.param, tmp_path)
    else:
        made = await SendOnlyHarness(request.param, tmp_path).open()
    yield made
    await made.close()


@pytest.fixture(params=["mastodon", *EMULATED, "folder"])
async def remote(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    """The platforms that lie behind a network and may misbehave."""
    made = await _harness(request.param, tmp_path)
    yield made
    await made.close()


def _emulated(name: str, *platforms: str) -> object:
    """A fixture: the harness of one emulated platform, or of each of several in turn."""

    @pytest.fixture(name=name, params=platforms or None)
    async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EmulatedHarness]:
        made = await EmulatedHarness.open(getattr(request, "param", name), tmp_path)
        yield made
        await made.close()

    return opened


@pytest.fixture
async def emulated(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EmulatedHarness]:
    """The harness of the platform that the test is given (``indirect``)."""
    made = await EmulatedHarness.open(request.param, tmp_path / request.param)
    yield made
    await made.close()


x, facebook, linkedin, threads, instagram = map(_emulated, EMULATED)
meta = _emulated("meta", "threads", "instagram")
harness_of_meta = _emulated("harness_of_meta", "facebook", "threads", "instagram")


@pytest.fixture
async def mastodon(tmp_path: Path) -> AsyncIterator[MastodonHarness]:
    made = await MastodonHarness.open(tmp_path)
    yield made
    await made.close()


@pytest.fixture
async def website(tmp_path: Path) -> AsyncIterator[WebsiteHarness]:
    made = WebsiteHarness(tmp_path)
    yield made
    await made.close()
