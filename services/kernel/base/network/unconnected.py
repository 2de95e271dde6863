"""A connection that could not be made leaves no socket behind."""

from __future__ import annotations

from typing import Any


def abort(client: Any) -> None:
    """Close what a client of nats-py has open.

    It closes nothing itself when its first connection fails or is given up: as long as a server that is stopped takes
    connections, each try would leave one more, until the process has no file left to open.
    """
    writer = getattr(client._transport, "_io_writer", None)
    if writer is not None:
        writer.transport.abort()
