"""A small city for each module, and for each test two platforms in a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.services.fanout.platform import FolderPlatform
from tests.services.fanout.town import Town, a_town


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with a_town(tmp_path_factory.mktemp("town")) as made:
        yield made


@pytest.fixture
def platforms(tmp_path: Path) -> dict[str, FolderPlatform]:
    return {name: FolderPlatform(tmp_path / "platforms", name) for name in ("mastodon", "website")}
