"""Short forms of the fault scenarios: each a city of its own, so each may run beside the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.kernel.base import logs

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give them time: leases and re-deliveries are waited out for real."""
    for item in items:
        if HERE in item.path.parents and not any(item.iter_markers("timeout")):
            item.add_marker(pytest.mark.timeout(400))


@pytest.fixture(autouse=True)
def logged_plainly() -> None:
    """Log as the services do."""
    logs.configure("lines", "error")
