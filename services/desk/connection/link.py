"""The desk's one connection to the broker, as an officer or a system.

A command lives for seconds: nothing reconnects. Whatever keeps an answer from coming (no broker, a wrong key, no
service, a broker that goes away in the middle) becomes one error that says which of them it was.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from pydantic import ValidationError

from schemas import canonical, flow, subjects
from schemas.events.base import Contract
from schemas.events.desk import BoardQuery, BoardReply, ErrorBody, ErrorReply
from services.desk import sent
from services.desk.connection.light_nats import Client, Msg, SigningClient, errors
from services.desk.connection.refusal import why_not_connected
from services.desk.keys.opening import PersonKeys, open_keys
from services.desk.views.timetext import told
from services.kernel.authority.signing import Signer
from services.kernel.base.city import City, servers_of
from services.kernel.base.errors import BadInput, OneVoiceError, Refused, Unreachable, from_reply
from services.kernel.base.reach import refuse_plain_broker
from services.kernel.base.run_file import running_city
from services.kernel.base.tasks import cancel_all
from services.kernel.base.tls import client_context

CONNECT_SECONDS = 5
ANSWER_SECONDS = 10.0
CLOSE_SECONDS = 1.0
CUT_OFF_SECONDS = (0.2, 0.5, 1.0)
"""How long it is waited before a connection that was cut off while it was made is tried again."""

_DOCTOR = "onevoice doctor says what is wrong"
_UNKNOWN = "whether it was done is not known"

_READS = frozenset(
    {subjects.DESK_BOARD_QUERY, subjects.DESK_REQUEST_PREVIEW, subjects.DESK_MEDIA_PUT, subjects.DESK_AUDIT_COMPARE}
)
"""What changes nothing that anybody would have to take back."""

Reply = TypeVar("Reply", bound=Contract)


def broker_url(city: City) -> str:
    """Return the broker's address: of the running ``onevoice up``, else of city.toml."""
    return (running_city(city) or {}).get("nats_url") or city.settings.nats.address


def service_of(base: str) -> str:
    """Return the service that answers a desk subject, as people know it."""
    return next((row.user for row in flow.SERVICES if base in row.serves), "the service")


class Link:
    """An open connection; made by ``connect``."""

    def __init__(self, user: str, url: str) -> None:
        self.user = user
        self.url = url
        self._client: Client = Client()
        self._keys: PersonKeys | None = None
        self._tried = self._encrypted = self._embedded = False
        self._denied: asyncio.Queue[str] = asyncio.Queue()
        self._errors: asyncio.Queue[Exception] = asyncio.Queue()
        self._gone = asyncio.Event()

    @property
    def keys(self) -> PersonKeys:
        """The user's keys, once it is open."""
        assert self._keys is not None
        return self._keys

    async def open(self, city: City, keys: PersonKeys | None = None) -> None:
        """Connect with the user's key, to the first server that answers; raises BadInput, Refused or Unreachable.

        ``keys``: those of a user who is no person, and has no key among people's.
        """
        self._keys = keys or open_keys(city, self.user)
        signer = self._keys.login
        tls = client_context(city)
        self._tried, self._encrypted, self._embedded = True, tls is not None, city.settings.nats.embedded
        *others, last = servers_of(self.url) or [self.url]
        for server in others:
            with suppress(Unreachable):
                await self._open(tls, signer, server)
                return
        await self._open(tls, signer, last)

    async def _open(self, tls: ssl.SSLContext | None, signer: Signer, server: str) -> None:
        """Connect; what is cut off in the middle is tried again, and what is denied once.

        A broker that reloads its users cuts people off, and denies who is just signing in.
        """
        denied = False
        for pause in CUT_OFF_SECONDS:
            try:
                return await self._connect(tls, signer, server)
            except Refused:
                if denied:
                    raise
                denied = True
            except Unreachable as error:
                if not isinstance(error.__cause__, ConnectionError | errors.StaleConnectionError):
                    raise
                if isinstance(error.__cause__, ConnectionRefusedError):
                    raise
            await asyncio.sleep(pause)
        return await self._connect(tls, signer, server)

    async def _connect(self, tls: ssl.SSLContext | None, signer: Signer, server: str) -> None:
        self._client, self._errors, self._gone = SigningClient(signer), asyncio.Queue(), asyncio.Event()
        connecting = asyncio.ensure_future(
            self._client.connect(
                server,
                name=f"onevoice-desk {self.user}",
                nkeys_seed="held by the signer",
                inbox_prefix=f"_INBOX_{self.user}".encode(),
                tls=tls,
                allow_reconnect=False,
                connect_timeout=CONNECT_SECONDS,
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
            await _let_go(connecting, refused)

    async def close(self) -> None:
        """Let go of the connection; a broker that is gone already is no news here."""
        if not self._tried:
            return
        self._client._error_cb = _silence
        with suppress(errors.Error, OSError):
            # After a TLS handshake that failed nats-py waits for ever for a transport that is gone.
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._client.close()

    async def send(self, base: str, payload: bytes, reply: type[Reply], seconds: float = ANSWER_SECONDS) -> Reply:
        """Ask a service and return its answer.

        Raises:
            OneVoiceError: the service's own error, or Unreachable or Refused when no answer came.
        """
        subject = subjects.desk(base, self.user)
        if len(payload) > self._client.max_payload:
            raise BadInput(
                "input.too_large",
                f"{len(payload)} bytes are more than the broker takes ({self._client.max_payload})",
                "make the text or the picture smaller",
            )
        if base not in _READS:
            sent.note_sent()
        return _read(await self._answer(base, subject, payload, seconds), base, reply)

    async def ask(self, base: str, message: Contract, reply: type[Reply]) -> Reply:
        """Ask a service with a message and return its answer; raises as ``send`` does."""
        return await self.send(base, message.to_bytes(), reply)

    async def board(self, query: BoardQuery) -> BoardReply:
        """Ask the board."""
        return await self.ask(subjects.DESK_BOARD_QUERY, query, BoardReply)

    @asynccontextmanager
    async def listening(self, *patterns: str) -> AsyncIterator[asyncio.Queue[Msg]]:
        """Subscribe while the block runs; broadcasts may be lost, so that a listener also asks now and then."""
        received: asyncio.Queue[Msg] = asyncio.Queue(maxsize=10_000)

        async def put(message: Msg) -> None:
            with suppress(asyncio.QueueFull):
                received.put_nowait(message)

        opened = [await self._client.subscribe(pattern, cb=put) for pattern in patterns]
        try:
            yield received
        finally:
            for subscription in opened:
                with suppress(errors.Error, OSError):
                    await subscription.unsubscribe()

    def raise_if_gone(self) -> None:
        """Raise Unreachable when the broker went away, for loops that only listen."""
        if self._gone.is_set() or self._client.is_closed:
            raise Unreachable("broker.lost", f"the broker at {self.url} went away", _DOCTOR)

    async def _answer(self, base: str, subject: str, payload: bytes, seconds: float) -> bytes:
        """Race the answer against a denial and the end of the connection, which nats-py reports elsewhere."""
        self.raise_if_gone()
        while not self._denied.empty():
            self._denied.get_nowait()
        asked = asyncio.ensure_future(self._client.request(subject, payload, timeout=seconds))
        denied = asyncio.ensure_future(self._denied.get())
        gone = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait({asked, denied, gone}, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                return self._data(asked, base)
            if denied.done():
                raise Refused(
                    "desk.denied",
                    f"the broker does not let {self.user} send to {base}",
                    "officers may, systems only submit; a new key counts a moment after it was confirmed",
                )
            raise Unreachable("broker.lost", f"the broker at {self.url} went away; {_UNKNOWN}", _DOCTOR)
        finally:
            await _let_go(asked, denied, gone)

    def _data(self, asked: asyncio.Future[Msg], base: str) -> bytes:
        name = service_of(base)
        try:
            return asked.result().data
        except errors.NoRespondersError as error:
            raise Unreachable(
                "service.unreachable", f"the service {name} does not run; nothing was done", _DOCTOR
            ) from error
        except errors.TimeoutError as error:
            raise Unreachable(
                "service.unreachable", f"the service {name} did not answer in time; {_UNKNOWN}", _DOCTOR
            ) from error
        except (errors.Error, OSError) as error:
            raise Unreachable("broker.lost", f"the broker at {self.url} went away; {_UNKNOWN}", _DOCTOR) from error

    async def _on_error(self, error: Exception) -> None:
        self._errors.put_nowait(error)
        if "permissions violation" in str(error).lower():
            self._denied.put_nowait(str(error))

    async def _on_closed(self) -> None:
        self._gone.set()

    def _why(self, error: Exception) -> OneVoiceError:
        # nats-py has no public word for what the server asked for.
        wants_tls = bool(getattr(self._client, "_server_info", {}).get("tls_required")) and not self._encrypted
        return why_not_connected(error, url=self.url, user=self.user, embedded=self._embedded, wants_tls=wants_tls)


@asynccontextmanager
async def connect(city: City, user: str) -> AsyncIterator[Link]:
    """Open a connection as an officer or system of the city, and close it after the block."""
    refuse_plain_broker(city.settings)
    link = Link(user, broker_url(city))
    try:
        await link.open(city)
        yield link
    finally:
        await link.close()


def _read(raw: bytes, base: str, reply: type[Reply]) -> Reply:
    try:
        value = canonical.loads(raw)
        if isinstance(value, dict) and "error" in value:
            raise _refusal(ErrorReply.from_value(value).error)
        return reply.from_value(value)
    except (canonical.StrictJsonError, ValidationError) as error:
        raise Unreachable(
            "service.unreadable",
            f"the answer of {service_of(base)} cannot be read: is it of another version?",
            "run the same version of onevoice everywhere; onevoice doctor shows the services' versions",
        ) from error


def _refusal(said: ErrorBody) -> OneVoiceError:
    """Return a service's error with its times as people read them here."""
    return from_reply(said.model_copy(update={"message": told(said.message), "hint": told(said.hint)}))


async def _silence(_error: Exception) -> None:
    """Nothing that a closing connection says matters any more."""


async def _let_go(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks and wait a moment: one of nats-py's may wait without end for a transport that is gone."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await cancel_all(*tasks)
