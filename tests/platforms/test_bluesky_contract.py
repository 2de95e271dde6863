"""The connector contract suite over a real Bluesky server."""

from __future__ import annotations

from tests.integration.connectors.test_connector_contract import *  # noqa: F403 - each of its tests, on other harnesses
