"""A connection that could not be made: it leaves no socket behind, and one that was cut off is tried again."""

from __future__ import annotations

from typing import Any

CUT_OFF_SECONDS = (0.2, 0.5, 1.0)
"""How long it is waited before a connection that was cut off while it was made is tried again.

A broker that reloads its users cuts people off; and one that refuses a key may close before nats-py has sent all that
it says first, so that it never hears why.
"""


def is_cut_off(error: BaseException | None) -> bool:
    """True of an error that says so; nobody listens where a connection is refused, which is something else."""
    return isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError)


def abort(client: Any) -> None:
    """Close what a client of nats-py has open.

    It closes nothing itself when its first connection fails or is given up: as long as a server that is stopped takes
    connections, each try would leave one more, until the process has no file left to open.
    """
    writer = getattr(client._transport, "_io_writer", None)
    if writer is not None:
        writer.transport.abort()
