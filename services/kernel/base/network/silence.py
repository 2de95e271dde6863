"""How a connection to the broker notices that the other end went silent: a machine without power closes nothing.

Without this nats-py asks every two minutes, and takes up to six to let go. A service that is stopped for long is cut
off by the server in its turn, and connects again by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

OF_CLIENT: Final[Mapping[str, Any]] = {"ping_interval": 5, "max_outstanding_pings": 2}
"""Options of nats-py. Each 5 s; after two without an answer, within 10 to 15 s, the connection is made anew."""

SERVER_SECONDS, SERVER_MOST = 10, 2
"""The server lets go of a client after 20 to 30 s: until then it hands a dead copy its share of what people ask. Later
than the client, so that who is stopped for a lease, or starved on a busy machine, is not cut off."""
