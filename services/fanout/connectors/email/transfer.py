"""One e-mail over SMTP or LMTP, on a connection of its own whose bytes never leave after its deadline (``sockets``)."""

from __future__ import annotations

import asyncio
import base64
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from aiosmtplib import SMTP, SMTPException, SMTPHeloError, SMTPResponse, SMTPResponseException, SMTPStatus
from aiosmtplib.typing import Default

from services.fanout.connectors.calls.hiding import without
from services.fanout.connectors.calls.sockets import end_sending, left_within, open_socket
from services.fanout.connectors.contract import Cause, Permanent, Retryable, Unknown

Security = Literal["tls", "starttls", "none"]
Protocol = Literal["smtp", "lmtp"]


@dataclass(frozen=True)
class Server:
    """The mail server that takes the city's messages, or with ``lmtp`` the list manager itself."""

    host: str
    port: int
    protocol: Protocol
    security: Security
    username: str
    password: str = field(repr=False)
    context: ssl.SSLContext | None = None

    @property
    def hidden(self) -> tuple[str, ...]:
        """The password, and as a login spells it (RFC 4616): some servers repeat the commands that they refuse."""
        if not self.username:
            return ()
        plain = base64.b64encode(f"\0{self.username}\0{self.password}".encode()).decode()
        return self.password, plain, base64.b64encode(self.password.encode()).decode()


class _Lmtp(SMTP):
    """LMTP (RFC 2033): another greeting; for one recipient there is one answer after the text, as SMTP has it."""

    async def ehlo(self, *, hostname: str | None = None, timeout: Any = Default.token) -> SMTPResponse:  # noqa: ASYNC109
        """Greet with LHLO; raises SMTPHeloError where that is not understood."""
        name = hostname or self.local_hostname or "localhost"
        response = await self.execute_command(b"LHLO", name.encode("ascii"), timeout=timeout)
        if response.code != SMTPStatus.completed:
            raise SMTPHeloError(response.code, f"it does not speak LMTP: {response.message}")
        self.last_ehlo_response = response
        return response

    async def helo(self, *, hostname: str | None = None, timeout: Any = Default.token) -> SMTPResponse:  # noqa: ASYNC109
        """Greet as before: LMTP has no second greeting."""
        return await self.ehlo(hostname=hostname, timeout=timeout)


class _Step(Enum):
    """How far it came: connecting and logging in, naming sender and recipient, or its text."""

    ENTER = "enter"
    ADDRESS = "address"
    TEXT = "text"


_WHO_SENDS = re.compile(
    r"^5\.7\.(?:[89]|1[34]|2\d|5\d|60|[5-7]\d\d)\b|\brelay|block ?list|blacklist|spamhaus"
    r"|\bclient host\b|\bhelo\b|\breverse dns\b|\bptr\b|\bsend(?:ing)? as\b|\bsender (?:address )?(?:rejected|denied)"
    r"|authenticat|\bnot (?:owned|permitted|authori[sz]ed)\b|\bnot allowed to (?:send|post)"
    r"|\b(?:rate|sending|sender|daily|hourly|user)(?: \w+){0,2} (?:limit|quota)|(?<!size )\blimit exceeded",
    re.IGNORECASE,
)
"""Who sends, from where, and how much: RFC 3463 and what servers say; 5.7.5xx to 5.7.7xx are Exchange's."""
_NO_ROOM = re.compile(r"^5\.(?:3\.[0125]|2\.2)\b|\bblocked\b|\bquota\b|mailbox (?:is )?full", re.IGNORECASE)
_NOT_SPOKEN = frozenset({500, 502, 503, 504})
"""RFC 5321: a command that the server does not know, or not now."""
_ADDRESS_SECONDS = 3.0
"""How long one of several addresses is waited for."""
_ADDRESS = re.compile(r"<[^>]*>|\S+@\S+")
_NOT_LET_IN = frozenset({530, 534, 535, 538})
"""RFC 4954: authentication is needed, or has failed."""


@dataclass(frozen=True)
class Taken:
    """The server has it; ``words`` are its own, mostly with the id in its queue."""

    words: str


async def send(
    server: Server, sender: str, recipient: str, raw: bytes, deadline: float
) -> Taken | Retryable | Permanent | Unknown:
    """Hand a message over; ``deadline`` is the loop's time. Never raises for what the network or the server does.

    Until its text is begun, surely nothing was taken. After that only the server's own answer says what became of it.
    """
    step = _Step.ENTER
    try:
        async with _opened(server, sender, deadline) as client:
            step = _Step.ADDRESS
            _go_on()
            await client.mail(sender, encoding="ascii")
            await client.rcpt(recipient, encoding="ascii")
            _go_on()
            step = _Step.TEXT
            answer = await client.data(raw)
            return Taken(_line(answer.message))
    except (SMTPException, OSError, ValueError) as error:
        return _meaning(error, step, server)


async def greet(server: Server, sender: str, deadline: float) -> Retryable | Permanent | Unknown | None:
    """Connect and log in, and send nothing; None: it went well."""
    try:
        async with _opened(server, sender, deadline):
            return None
    except (SMTPException, OSError, ValueError) as error:
        return _meaning(error, _Step.ENTER, server)


def _go_on() -> None:
    """Raise TimeoutError where the call is over though the loop's time stood still: the machine was suspended."""
    if left_within() <= 0:
        raise TimeoutError("the call's time is over")


def _meaning(error: Exception, step: _Step, server: Server) -> Retryable | Permanent | Unknown:
    """Say what it means that a step failed."""
    answered = isinstance(error, SMTPResponseException) and 400 <= error.code < 600
    why = _words(error) if isinstance(error, SMTPResponseException) else f"{type(error).__name__} {error}"[:200]
    why = without(why, server.hidden)
    if isinstance(error, SMTPResponseException) and error.code in _NOT_LET_IN:
        return Retryable(f"the mail server refuses the credential: {why}", cause=Cause.CREDENTIAL)
    if isinstance(error, SMTPResponseException) and _holds_back(error, step):
        return Retryable(f"the mail server takes nothing from us: {why}", cause=Cause.CREDENTIAL)
    if answered and step is not _Step.ENTER:
        # Greylisting, a full mailbox or disk (4xx) passes; what is refused for good (5xx) does not.
        return Retryable(why) if getattr(error, "code", 0) < 500 else Permanent(why)
    if step is _Step.TEXT:
        return Unknown(f"the mail server did not say whether it has taken the message: {why}", Cause.HOST)
    return Retryable(f"the mail server cannot be spoken to: {why}", cause=Cause.HOST)


def _holds_back(error: SMTPResponseException, step: _Step) -> bool:
    """Say whether a refusal is about us; behind the text, which may be what is blocked, it has to say so itself."""
    if step is _Step.TEXT:
        return error.code >= 500 and _WHO_SENDS.search(_ADDRESS.sub(" ", error.message)) is not None
    return step is _Step.ADDRESS and is_about_us(error.code, error.message)


@asynccontextmanager
async def _opened(server: Server, sender: str, deadline: float) -> AsyncIterator[SMTP]:
    """Yield a connection that is logged in; it is aborted at the end, whatever happened.

    Raises what aiosmtplib raises, TimeoutError and OSError.
    """
    client: SMTP | None = None
    async with asyncio.timeout_at(deadline):
        line = await _connected(server, deadline)
        try:
            left = deadline - asyncio.get_running_loop().time()
            speaking = _Lmtp if server.protocol == "lmtp" else SMTP
            client = speaking(
                hostname=server.host,
                sock=line,
                local_hostname=sender.rpartition("@")[2],
                use_tls=server.security == "tls",
                start_tls=server.security == "starttls",
                tls_context=server.context,
                timeout=max(left, 0.1),
            )
            await client.connect()
            if isinstance(client.transport, asyncio.Transport):
                end_sending(client.transport, max(left, 0.1))
            if server.username:
                await client.login(server.username, server.password)
            yield client
        finally:
            if client is not None and isinstance(client.transport, asyncio.Transport):
                client.transport.abort()
            line.close()


async def _connected(server: Server, deadline: float) -> socket.socket:
    """Return a socket to the first of the server's addresses that answers. Raises OSError.

    One that drops what comes, as IPv6 without a route does, leaves time for those behind it.
    """
    loop = asyncio.get_running_loop()
    last: OSError = OSError("it has no address")
    addresses = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    for behind, address in zip(range(len(addresses) - 1, -1, -1), addresses, strict=True):
        line = open_socket(address)
        line.setblocking(False)
        left = deadline - loop.time()
        try:
            async with asyncio.timeout(min(_ADDRESS_SECONDS, left / (behind + 2)) if behind else None):
                await loop.sock_connect(line, address[4])
        except OSError as error:
            line.close()
            last = error
        except BaseException:
            line.close()
            raise
        else:
            return line
    raise last


def is_about_us(code: int, message: str) -> bool:
    """Say whether a refusal for good (5xx) of sender or recipient is about who sends, and not about the message.

    Servers say in words that they do not relay, that our host is blocked, or that the sender is not the login's. RFC
    3463: 5.3.x is the server's own
    trouble (but 5.3.4 a message that is too big), and a full mailbox (5.2.2) has room again. What
    addresses are made of says nothing.
    """
    words = _ADDRESS.sub(" ", message).strip()
    says = _WHO_SENDS.search(words) is not None or _NO_ROOM.search(words) is not None
    return code in _NOT_SPOKEN or (code >= 500 and says)


def _line(words: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in words).split())


def _words(error: SMTPResponseException) -> str:
    return f"{_line(error.message)[:300]} (SMTP {error.code})"
