"""Tests on a real nats-server; one process at a time gets the tests of one module."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.kernel import logs

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a module in one process, so that it makes its city and broker once (--dist loadgroup)."""
    for item in items:
        if HERE in item.path.parents and not any(item.iter_markers("xdist_group")):
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(HERE))))


@pytest.fixture(autouse=True)
def logged_plainly() -> None:
    """Log as the services do: structlog's own default draws each traceback with colours, which takes seconds."""
    logs.configure("lines", "info")
