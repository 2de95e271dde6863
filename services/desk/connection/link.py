"""The desk's one connection to the broker, as an officer or a system.

A command lives for seconds. A broker that reloads its users cuts connections off: the desk connects again before it
sends the next thing, and asks again what changes nothing; what may have been done is never sent twice. Who watches
asks the board again for a minute while the city is away. Whatever else keeps an answer from coming (no broker, a wrong
key, no service, a broker that goes away in the middle) becomes one error that says which of them it was.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from schemas import canonical, flow, subjects
from schemas.events.base import Contract
from schemas.events.desk import BoardQuery, BoardReply, ErrorBody, ErrorReply
from services.desk import sent
from services.desk.connection.connection import Connection, let_go
from services.desk.connection.light_nats import Client, Msg, Subscription, errors
from services.desk.keys.opening import PersonKeys, open_keys
from services.desk.views.output import note
from services.desk.views.timetext import in_city_time
from services.kernel.base.city import City
from services.kernel.base.clock import monotonic
from services.kernel.base.errors import BadInput, OneVoiceError, Refused, Unreachable, from_reply
from services.kernel.base.network.reach import refuse_plain_broker
from services.kernel.base.run_file import running_city

ANSWER_SECONDS = 10.0
AGAIN_SECONDS, AGAIN_PAUSE = 60.0, 0.5
"""How long who watches asks the board again that does not answer, and the pause before each time."""

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


@dataclass
class _Listening:
    """What the desk listens to, on whichever connection is open."""

    pattern: str
    put: Callable[[Msg], Awaitable[None]]
    subscription: Subscription | None = None

    async def on(self, client: Client) -> None:
        """Subscribe on a connection."""
        self.subscription = await client.subscribe(self.pattern, cb=self.put)


class Link:
    """An open connection; made by ``connect``.

    ``patient_until``: until then, in monotonic seconds, the board is asked again when it does not answer, for
    AGAIN_SECONDS at most. ``opened_at`` is when it connected last.
    """

    def __init__(self, user: str, url: str) -> None:
        self.user = user
        self.url = url
        self._connection = Connection(user, url)
        self._opening, self._closed = asyncio.Lock(), False
        self._listening: list[_Listening] = []
        self._city: City | None = None
        self._keys: PersonKeys | None = None
        self.patient_until = self.opened_at = 0.0

    @property
    def keys(self) -> PersonKeys:
        """The user's keys, once it is open."""
        assert self._keys is not None
        return self._keys

    async def open(self, city: City, keys: PersonKeys | None = None) -> None:
        """Connect with the user's key, to the first server that answers; raises BadInput, Refused or Unreachable.

        ``keys``: those of a user who is no person, and has no key among people's.
        """
        self._city, self._keys = city, keys or open_keys(city, self.user)
        connection = Connection(self.user, self.url)
        try:
            await connection.open(city, self._keys.login)
        except BaseException:
            await connection.close()
            raise
        self._connection, self.opened_at = connection, monotonic()

    async def close(self) -> None:
        """Let go of the connection; a broker that is gone already is no news here."""
        self._closed = True
        async with self._opening:
            await self._connection.close()

    async def send(self, base: str, payload: bytes, reply: type[Reply], seconds: float = ANSWER_SECONDS) -> Reply:
        """Ask a service and return its answer.

        Raises:
            OneVoiceError: the service's own error, or Unreachable or Refused when no answer came.
        """
        subject = subjects.desk(base, self.user)
        if len(payload) > self._connection.client.max_payload:
            raise BadInput(
                "input.too_large",
                f"{len(payload)} bytes are more than the broker takes ({self._connection.client.max_payload})",
                "make the text or the picture smaller",
            )
        connection = await self._in_place_of(self._connection) if self._connection.is_gone else self._connection
        if base not in _READS:
            sent.note_sent()
            return _read(await self._answer(connection, base, subject, payload, seconds), base, reply)
        try:
            answer = await self._answer(connection, base, subject, payload, seconds)
        except Unreachable as error:
            if error.code != "broker.lost":
                raise
            connection = await self._in_place_of(connection)
            answer = await self._answer(connection, base, subject, payload, seconds)
        return _read(answer, base, reply)

    async def ask(self, base: str, message: Contract, reply: type[Reply]) -> Reply:
        """Ask a service with a message and return its answer; raises as ``send`` does."""
        return await self.send(base, message.to_bytes(), reply)

    async def board(self, query: BoardQuery) -> BoardReply:
        """Ask the board, again and again until ``patient_until``; raises as ``send`` does, what was wrong at first."""
        try:
            return await self._board(query)
        except Unreachable as error:
            left = min(AGAIN_SECONDS, self.patient_until - monotonic())
            if left <= 0:
                raise
            lost = error
        note(f"No answer from the city ({lost.code}): it is tried again for {math.ceil(left)} s.")
        try:
            async with asyncio.timeout(left):
                reply = await self._board_again(query)
        except TimeoutError:
            raise lost from None
        note("The city answers again.")
        return reply

    async def _board_again(self, query: BoardQuery) -> BoardReply:
        while True:
            await asyncio.sleep(AGAIN_PAUSE)
            with suppress(Unreachable):
                return await self._board(query)

    async def _board(self, query: BoardQuery) -> BoardReply:
        return await self.ask(subjects.DESK_BOARD_QUERY, query, BoardReply)

    @asynccontextmanager
    async def listening(self, *patterns: str) -> AsyncIterator[asyncio.Queue[Msg]]:
        """Subscribe while the block runs; broadcasts may be lost, so that a listener also asks now and then."""
        received: asyncio.Queue[Msg] = asyncio.Queue(maxsize=10_000)

        async def put(message: Msg) -> None:
            with suppress(asyncio.QueueFull):
                received.put_nowait(message)

        listening = [_Listening(pattern, put) for pattern in patterns]
        for one in listening:
            await one.on(self._connection.client)
        self._listening += listening
        try:
            yield received
        finally:
            for one in listening:
                self._listening.remove(one)
                with suppress(errors.Error, OSError):
                    if one.subscription is not None:
                        await one.subscription.unsubscribe()

    @property
    def is_gone(self) -> bool:
        """True while the connection is lost, for loops that only listen."""
        return self._connection.is_gone

    def _lost(self, more: str = "") -> Unreachable:
        return Unreachable("broker.lost", f"the broker at {self.url} went away{more}", _DOCTOR)

    async def _in_place_of(self, lost: Connection) -> Connection:
        """Connect again and listen to the same, once for all who lost a connection; raises Unreachable or Refused."""
        async with self._opening:
            if self._closed or self._city is None:
                raise self._lost()
            if self._connection is lost:
                await lost.close()
                try:
                    await self.open(self._city, self._keys)
                    for one in self._listening:
                        await one.on(self._connection.client)
                except (Unreachable, errors.Error, OSError) as error:
                    raise self._lost() from error
            return self._connection

    async def _answer(self, connection: Connection, base: str, subject: str, payload: bytes, seconds: float) -> bytes:
        """Race the answer against a denial and the end of the connection, which nats-py reports elsewhere."""
        while not connection.denied.empty():
            connection.denied.get_nowait()
        asked = asyncio.ensure_future(connection.client.request(subject, payload, timeout=seconds))
        denied = asyncio.ensure_future(connection.denied.get())
        gone = asyncio.ensure_future(connection.gone.wait())
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
            raise self._lost(f"; {_UNKNOWN}")
        finally:
            await let_go(asked, denied, gone)

    def _who_runs(self) -> str:
        """Return what to type where a service does not answer: another realm than this one may be up."""
        city = self._city
        assert city is not None
        realms = (running_city(city) or {}).get("realms") or [city.realm]
        if city.realm in realms:
            return _DOCTOR
        return f"the city is up in the realm {realms[0]} alone: onevoice up --with-exercise, or --realm {realms[0]}"

    def _data(self, asked: asyncio.Future[Msg], base: str) -> bytes:
        name = service_of(base)
        try:
            return asked.result().data
        except errors.NoRespondersError as error:
            raise Unreachable(
                "service.unreachable", f"the service {name} does not run; nothing was done", self._who_runs()
            ) from error
        except errors.TimeoutError as error:
            raise Unreachable(
                "service.unreachable", f"the service {name} did not answer in time; {_UNKNOWN}", _DOCTOR
            ) from error
        except (errors.Error, OSError) as error:
            raise self._lost(f"; {_UNKNOWN}") from error


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
    return from_reply(said.model_copy(update={"message": in_city_time(said.message), "hint": in_city_time(said.hint)}))
