"""For each test a small city and two platforms of its own: none depends on what another left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.kernel.base.city import City
from tests.integration.fanout.fanout_city import FanoutCity, a_copy, a_fanout_city
from tests.support.emulators.folder import FolderPlatform


@pytest.fixture(scope="session")
def made_town(tmp_path_factory: pytest.TempPathFactory) -> City:
    """A small city whose ledger has begun; never changed, only copied."""

    async def make() -> City:
        async with a_fanout_city(tmp_path_factory.mktemp("town")) as made:
            return made.city

    return asyncio.run(make())


@pytest_asyncio.fixture(loop_scope="module")
async def town(made_town: City, tmp_path: Path) -> AsyncIterator[FanoutCity]:
    async with a_copy(made_town, tmp_path / "city") as copied:
        yield copied


@pytest.fixture
def platforms(tmp_path: Path) -> dict[str, FolderPlatform]:
    return {name: FolderPlatform(tmp_path / "platforms", name) for name in ("mastodon", "website")}
