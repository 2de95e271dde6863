"""One connection of the desk to the broker: made as an officer or a system, and what nats-py reports beside it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from services.desk.connection.light_nats import Client, SigningClient, errors
from services.kernel.authority.signing import Signer
from services.kernel.base.city import City, servers_of
from services.kernel.base.errors import OneVoiceError, Refused, Unreachable
from services.kernel.base.network import silence
from services.kernel.base.network.refusal import why_not_connected
from services.kernel.base.network.tls import client_context
from services.kernel.base.network.unconnected import CUT_OFF_SECONDS, abort, is_cut_off
from services.kernel.base.tasks import cancel_all

CONNECT_SECONDS = 5
CLOSE_SECONDS = 1.0


class Connection:
    """A connection to the broker, once it is open; it never reconnects by itself."""

    def __init__(self, user: str, url: str, pings: Mapping[str, Any] = silence.OF_CLIENT) -> None:
        self.user, self.url, self._pings = user, url, pings
        self.client: Client = Client()
        self.denied: asyncio.Queue[str] = asyncio.Queue()
        self.gone = asyncio.Event()
        self._tried = self._encrypted = self._embedded = False
        self._errors: asyncio.Queue[Exception] = asyncio.Queue()

    @property
    def is_gone(self) -> bool:
        """True when the broker went away."""
        return self.gone.is_set() or self.client.is_closed

    async def open(self, city: City, signer: Signer) -> None:
        """Connect with the user's key, to the first server that answers; raises BadInput, Refused or Unreachable."""
        tls = client_context(city)
        self._tried, self._encrypted, self._embedded = True, tls is not None, city.settings.nats.embedded
        *others, last = servers_of(self.url) or [self.url]
        for server in others:
            with suppress(Unreachable):
                await self._open(tls, signer, server)
                return
        await self._open(tls, signer, last)

    async def _open(self, tls: ssl.SSLContext | None, signer: Signer, server: str) -> None:
        """Connect; what is cut off in the middle is tried again, and what is denied once: by a broker that reloads."""
        denied = False
        for pause in CUT_OFF_SECONDS:
            try:
                return await self._connect(tls, signer, server)
            except Refused:
                if denied:
                    raise
                denied = True
            except Unreachable as error:
                if not (is_cut_off(error.__cause__) or isinstance(error.__cause__, errors.StaleConnectionError)):
                    raise
            await asyncio.sleep(pause)
        return await self._connect(tls, signer, server)

    async def _connect(self, tls: ssl.SSLContext | None, signer: Signer, server: str) -> None:
        self.client, self._errors, self.gone = SigningClient(signer), asyncio.Queue(), asyncio.Event()
        connecting = asyncio.ensure_future(
            self.client.connect(
                server,
                name=f"onevoice-desk {self.user}",
                nkeys_seed="held by the signer",
                inbox_prefix=f"_INBOX_{self.user}".encode(),
                tls=tls,
                allow_reconnect=False,
                connect_timeout=CONNECT_SECONDS,
                **self._pings,
                error_cb=self._on_error,
                closed_cb=self._on_closed,
            )
        )
        # nats-py tries a refusing server again and again, and reports it only here.
        refused = asyncio.ensure_future(self._errors.get())
        try:
            await asyncio.wait({connecting, refused}, timeout=CONNECT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if connecting.done():
                connecting.result()
            else:
                cause = refused.result() if refused.done() else TimeoutError("no answer")
                raise self._why(cause) from cause
        except (errors.Error, OSError, ValueError) as error:
            raise self._why(error) from error
        finally:
            await let_go(connecting, refused)
            if not self.client.is_connected:
                abort(self.client)

    async def close(self) -> None:
        """Let go of the connection; a broker that is gone already is no news here."""
        if not self._tried:
            return
        self.client._error_cb = _silence
        # It asserts that there was a server, and there is none where each address of one was wrong.
        with suppress(errors.Error, OSError, AssertionError):
            # After a TLS handshake that failed nats-py waits for ever for a transport that is gone.
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.client.close()

    async def _on_error(self, error: Exception) -> None:
        self._errors.put_nowait(error)
        if "permissions violation" in str(error).lower():
            self.denied.put_nowait(str(error))

    async def _on_closed(self) -> None:
        self.gone.set()

    def _why(self, error: Exception) -> OneVoiceError:
        # nats-py has no public word for what the server asked for.
        wants_tls = bool(getattr(self.client, "_server_info", {}).get("tls_required")) and not self._encrypted
        return why_not_connected(error, url=self.url, user=self.user, embedded=self._embedded, wants_tls=wants_tls)


async def _silence(_error: Exception) -> None:
    """Nothing that a closing connection says matters any more."""


async def let_go(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks and wait a moment: one of nats-py's may wait without end for a transport that is gone."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await cancel_all(*tasks)
