"""No connection goes on in plain where an encrypted one is wanted: nats-py would, if the server asks for no TLS.

So somebody between the two could take the encryption away by a word that is itself in plain (the server's INFO).
"""

from __future__ import annotations

from typing import Any


class PlainServer(OSError):
    """A server offered no encryption, and city.toml wants it."""


class OnlyEncrypted:
    """For a client of nats-py: says nothing to a server that offers no TLS, if TLS was set or is in the address."""

    options: dict[str, Any]
    _server_info: dict[str, Any]
    _current_server: Any

    def _connect_command(self) -> bytes:
        """Make the first word that is sent, or raise PlainServer: nats-py has no public way."""
        wanted = self.options.get("tls") is not None or self._current_server.uri.scheme == "tls"
        if wanted and not self._server_info.get("tls_required"):
            raise PlainServer(f"{self._current_server.uri.netloc} offers no encryption (TLS), which city.toml wants")
        return bytes(super()._connect_command())  # type: ignore[misc]
