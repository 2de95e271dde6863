from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.connectors.bent import Bent
from tests.integration.connectors.emulated_rigs import EmulatedRig
from tests.integration.connectors.rigs import FolderRig, MastodonRig, Rig, WebsiteRig
from tests.integration.connectors.send_only_rigs import SendOnlyRig
from tests.integration.connectors.simulated import SimulatedRig

EMULATED = ("x", "facebook", "linkedin", "threads", "instagram")


async def _rig(kind: str, folder: Path) -> Rig:
    if kind == "website":
        return WebsiteRig(folder)
    if kind == "simulated":
        return SimulatedRig()
    if kind in EMULATED:
        return await EmulatedRig.open(kind, folder)
    return await MastodonRig.open(folder) if kind == "mastodon" else FolderRig(folder)


@pytest.fixture(params=["website", "mastodon", *EMULATED, "folder", "simulated"])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    """Each platform of the contract suite in turn."""
    made = await _rig(request.param, tmp_path)
    yield made
    await made.close()


@pytest.fixture(params=["mastodon", *EMULATED, "nextdoor", "slack", "teams", "telegram", "webhook"])
async def bent(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bent]:
    """Each platform over HTTP, in turn, whose answers can be bent."""
    made: MastodonRig | EmulatedRig | SendOnlyRig
    if request.param == "mastodon":
        made = await MastodonRig.open(tmp_path)
    elif request.param in EMULATED:
        made = await EmulatedRig.open(request.param, tmp_path)
    else:
        made = await SendOnlyRig(request.param, tmp_path).open()
    yield made
    await made.close()


@pytest.fixture(params=["mastodon", *EMULATED, "folder"])
async def remote(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    """The platforms that lie behind a network and may misbehave."""
    made = await _rig(request.param, tmp_path)
    yield made
    await made.close()


def _emulated(name: str, *platforms: str) -> object:
    """A fixture: the rig of one emulated platform, or of each of several in turn."""

    @pytest.fixture(name=name, params=platforms or None)
    async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EmulatedRig]:
        made = await EmulatedRig.open(getattr(request, "param", name), tmp_path)
        yield made
        await made.close()

    return opened


@pytest.fixture
async def emulated(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EmulatedRig]:
    """The rig of the platform that the test is given (``indirect``)."""
    made = await EmulatedRig.open(request.param, tmp_path / request.param)
    yield made
    await made.close()


x, facebook, linkedin, threads, instagram = map(_emulated, EMULATED)
meta = _emulated("meta", "threads", "instagram")
rig_of_meta = _emulated("rig_of_meta", "facebook", "threads", "instagram")


@pytest.fixture
async def mastodon(tmp_path: Path) -> AsyncIterator[MastodonRig]:
    made = await MastodonRig.open(tmp_path)
    yield made
    await made.close()


@pytest.fixture
async def website(tmp_path: Path) -> AsyncIterator[WebsiteRig]:
    made = WebsiteRig(tmp_path)
    yield made
    await made.close()
