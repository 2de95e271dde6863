"""Connections to platforms whose bytes never leave after their call has ended (docs/adr/0015-sockets.md).

A cancelled call leaves bytes in the transport and in the kernel, and TCP sends them for minutes after. Three things end
that: the transport is aborted when a call ends without its answer; a socket that is closed throws away what is unsent
(SO_LINGER with 0 seconds), also when the process is killed; and the kernel gives up by itself at the call's end
(TCP_USER_TIMEOUT), also when the process is stopped.

A server may say more than it was asked: an answer twice, or that a connection was idle for too long (HTTP 408). On a
connection that has said something between two calls no call is made: it would take that for its own answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import math
import socket
import struct
import termios
from collections.abc import Callable, Iterator
from contextvars import ContextVar, Token
from weakref import WeakKeyDictionary, WeakSet

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

_LINGER_ZERO = struct.pack("ii", 1, 0)


def user_timeout() -> int | None:
    """Return the socket option that ends unacknowledged sending after so many ms (RFC 5482), if there is one here."""
    return getattr(socket, "TCP_USER_TIMEOUT", None)


def open_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """Return a socket for an address that drops what is unsent when it is closed. Raises OSError."""
    family, kind, protocol = address[:3]
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    return made


def end_sending(transport: asyncio.Transport, seconds: float) -> None:
    """Have the kernel drop a connection that has waited so many seconds for an acknowledgement.

    Does nothing where the system has no such option. Raises OSError when the connection is gone.
    """
    option = user_timeout()
    if option is not None:
        line = transport.get_extra_info("socket")
        line.setsockopt(socket.IPPROTO_TCP, option, max(1, int(seconds * 1000)))


def unsent(transport: asyncio.Transport) -> bool:
    """True while part of what was written waits in the transport, or in the kernel for its acknowledgement."""
    if transport.get_write_buffer_size():
        return True
    line = transport.get_extra_info("socket")
    try:
        return fcntl.ioctl(line.fileno(), termios.TIOCOUTQ, bytes(4)) != bytes(4)
    except (OSError, ValueError):
        return False


def unasked(connection: Connection) -> bool:
    """True where something came that no request of ours has asked for, here or in the kernel."""
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None or protocol.should_close:
        return True
    line = transport.get_extra_info("socket")
    try:
        return fcntl.ioctl(line.fileno(), termios.FIONREAD, bytes(4)) != bytes(4)
    except (OSError, ValueError):
        return True


def remark() -> str:
    """Return what a person should know of connections on this system; empty where all is well."""
    return "" if user_timeout() is not None else "connections are closed after each call: no TCP_USER_TIMEOUT here"


class CallConnector(aiohttp.TCPConnector):
    """aiohttp's pool of connections, ``per_host`` to each host, for requests inside ``call``.

    Where the system has no TCP_USER_TIMEOUT, connections are closed after each call, and ``remark`` says so.
    """

    def __init__(self, per_host: int) -> None:
        force = user_timeout() is None
        super().__init__(limit=0, limit_per_host=per_host, force_close=force, socket_factory=open_socket)
        self._users: WeakKeyDictionary[asyncio.Transport, BoundCall] = WeakKeyDictionary()
        self._used: WeakSet[asyncio.Transport] = WeakSet()

    def call(self, deadline: float) -> BoundCall:
        """Return what binds a block's requests to a deadline (the loop's time, in seconds).

        Their connection is aborted when the block ends by an exception, or with part of a request still unsent.
        """
        return BoundCall(self, deadline)

    def end(self, call: BoundCall, *, failed: bool) -> None:
        """Let a call's connection go, aborted unless all of it was sent and answered."""
        if failed or (call.transport is not None and unsent(call.transport)):
            self._abort(call)
        if call.transport is not None and self._users.get(call.transport) is call:
            del self._users[call.transport]

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> Connection:
        """Return a connection, new or used before, whose sending ends with the call that asks; for aiohttp alone.

        Raises:
            TimeoutError: the call is over.
            OSError: the connection is gone.
        """
        connection = await super().connect(req, traces, timeout)
        # Each one that was used before is closed here at most once; a new one may have a session's tickets (TLS 1.3).
        while connection.transport in self._used and unasked(connection):
            connection.close()
            connection = await super().connect(req, traces, timeout)
        if connection.transport is not None:
            self._used.add(connection.transport)
        call = _current.get()
        try:
            if call is not None and connection.transport is not None:
                self._take(connection.transport, call)
        except BaseException:
            connection.close()
            raise
        return connection

    def abort_calls(self) -> None:
        """Abort the connections of all calls that are under way."""
        for transport in list(self._users):
            transport.abort()

    def _take(self, transport: asyncio.Transport, call: BoundCall) -> None:
        self._abort(call)
        end_sending(transport, call.left())
        self._users[transport] = call
        call.transport = transport

    def _abort(self, call: BoundCall) -> None:
        """Abort the call's connection, unless its answer was complete and the next call has it by now."""
        if call.transport is not None and self._users.get(call.transport) is call:
            call.transport.abort()


class BoundCall:
    """When a block's requests end (the loop's time), and the connection that they use."""

    def __init__(self, connector: CallConnector, deadline: float) -> None:
        self.deadline = deadline
        self.transport: asyncio.Transport | None = None
        self._connector = connector
        self._outer: Token[BoundCall | None] | None = None

    def __enter__(self) -> None:
        """Bind what is called from here on."""
        self._outer = _current.set(self)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Let the connection go."""
        self._connector.end(self, failed=kind is not None)
        if self._outer is not None:
            _current.reset(self._outer)

    @property
    def may_have_sent(self) -> bool:
        """False while there was no connection on which a byte of the request could have left."""
        return self.transport is not None

    def left(self) -> float:
        """Return the seconds that are left, also by ``within``; raises TimeoutError when there are none."""
        left = min(self.deadline - asyncio.get_running_loop().time(), left_within())
        if left <= 0:
            raise TimeoutError
        return left


@contextlib.contextmanager
def within(left: Callable[[], float]) -> Iterator[None]:
    """Begin no request of this block when ``left`` says that no seconds are left.

    The loop's time stands still while the machine is suspended; a lease goes on.
    """
    outer = _lease.set(left)
    try:
        yield
    finally:
        _lease.reset(outer)


def left_within() -> float:
    """Return the seconds that ``within`` leaves; infinite outside of it."""
    lease = _lease.get()
    return math.inf if lease is None else lease()


_current: ContextVar[BoundCall | None] = ContextVar("socket_call", default=None)
_lease: ContextVar[Callable[[], float] | None] = ContextVar("socket_lease", default=None)
