"""Tests on a real nats-server; ``--dist loadfile`` gives a module to one process, which makes its broker once."""

from __future__ import annotations

import pytest

from services.kernel.base import logs


@pytest.fixture(autouse=True)
def logged_plainly() -> None:
    """Log as the services do: structlog's own default draws each traceback with colours, which takes seconds."""
    logs.configure("lines", "info")
