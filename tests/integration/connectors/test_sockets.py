"""How a call lets go of its connection: whole, or with a reset that nothing follows."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
import structlog
from aiohttp.connector import Connection

from schemas import canonical
from schemas.events.requests import Picture
from services.fanout.connectors.calls import sockets
from services.fanout.connectors.calls.http import Answer, Endpoint, Http, NoAnswer, NotSent, Outcome
from services.fanout.connectors.calls.sockets import CallConnector, within
from services.fanout.connectors.contract import FetchMedia, Intent, Posted, PublishResult, Retryable, Unknown
from services.fanout.connectors.mastodon.connector import MastodonConnector
from services.fanout.delivery.caller import AfterAnswer, Caller, Lease, NotAttempted
from services.kernel.base.clock import SystemClock
from tests.integration.connectors.harnesses import GROWING, a_profile, an_intent
from tests.integration.connectors.peer import Peer, peer
from tests.support.mission import PATIENCE
from tests.support.stopwatch import Stopwatch

LARGE = "x" * 2_000_000
PICTURE_BYTES = LARGE.encode()
PICTURE = Picture(sha256=canonical.sha256(PICTURE_BYTES), media_type="image/jpeg", alt="A map")

needs_user_timeout = pytest.mark.skipif(sockets.user_timeout() is None, reason="this system has no TCP_USER_TIMEOUT")


@pytest.fixture
async def there() -> AsyncIterator[Peer]:
    async with peer() as made:
        yield made


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    made = Http(8)
    yield made
    await made.close()


def until(there: Peer, seconds: float) -> Endpoint:
    return Endpoint(there.base, "token", asyncio.get_running_loop().time() + seconds)


async def timed_out(there: Peer, http: Http, text: str, *, before: bool = False) -> Outcome:
    """Return how a call to a server that hangs ended, of which something came there.

    Each call has a connection of its own; with ``before``, another request was answered on it.
    """
    there.hangs.add("/post")
    for times in GROWING:
        if before:
            assert isinstance(await http.call(until(there, PATIENCE), "GET", "/before"), Answer)
        outcome = await http.call(until(there, 0.3 * times), "POST", "/post", value={"status": text})
        if there.met.is_set():
            return outcome
        await http.close()
    pytest.fail(f"nothing came to the server: {outcome}")


async def picture(_sha256: str) -> bytes:
    return PICTURE_BYTES


def connector(there: Peer, folder: Path) -> MastodonConnector:
    token = folder / "token"
    token.write_text("token")
    token.chmod(0o600)
    return MastodonConnector(lambda _: there.base, lambda _: token)


# --- a call that ends without its answer --------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Boil water.", LARGE], ids=["small", "large"])
async def test_a_call_that_timed_out_resets_its_connection(there: Peer, http: Http, text: str) -> None:
    outcome = await timed_out(there, http, text)
    assert isinstance(outcome, NoAnswer)
    assert {how for _, how in await there.ended()} == {"reset"}
    assert there.requests == ([] if text is LARGE else ["/post"])


@pytest.mark.parametrize("text", ["Boil water.", LARGE], ids=["small", "large"])
async def test_a_cancelled_call_resets_its_connection(there: Peer, http: Http, text: str) -> None:
    there.hangs.add("/post")
    task = asyncio.create_task(http.call(until(there, PATIENCE), "POST", "/post", value={"status": text}))
    await there.met.wait()
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
    assert [how for _, how in await there.ended()] == ["reset"]
    assert there.requests == ([] if text is LARGE else ["/post"])


async def test_closing_resets_the_connections_of_calls_that_are_under_way(there: Peer, http: Http) -> None:
    there.hangs.add("/post")
    task = asyncio.create_task(http.call(until(there, PATIENCE), "POST", "/post", value={"status": LARGE}))
    await there.met.wait()
    await http.close()
    assert isinstance(await task, NoAnswer)
    assert await there.ended() == [("/post", "reset")]
    assert there.requests == []


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate of 127.0.0.1 that vouches for itself; return it and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=peer",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key


@pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made by openssl")
async def test_over_tls_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, key = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    trusting = ssl.create_default_context(cafile=str(cert))
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", trusting)
    async with peer(context) as there:
        http = Http(8)
        outcome = await timed_out(there, http, LARGE, before=True)
        assert isinstance(outcome, NoAnswer)
        assert [end for end in await there.ended() if end[0]] == [("/post", "reset")]
        assert there.requests == ["/before"] * there.connections
        await http.close()


async def test_what_was_answered_before_it_was_all_sent_is_sent_no_further(there: Peer, http: Http) -> None:
    there.early.add("/post")
    outcome = await http.call(until(there, PATIENCE), "POST", "/post", value={"status": LARGE})
    assert isinstance(outcome, Answer)
    assert outcome.status == 413
    assert await there.ended() == [("/post", "reset")]
    assert there.requests == []


# --- who gives a call its end -------------------------------------------------------------------------------------


class Endless:
    """Mastodon, with calls that know no end of their own: whatever ends them is the caller's time-out."""

    platform = "mastodon"

    def __init__(self, inner: MastodonConnector) -> None:
        self._inner = inner

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        return await self._inner.publish(replace(intent, call_timeout=60.0), fetch_media)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.mark.parametrize("kind", [lambda inner: inner, Endless], ids=["own", "caller"])
async def test_the_callers_time_out_resets_the_connection(
    there: Peer, tmp_path: Path, kind: Callable[[MastodonConnector], Any]
) -> None:
    """The connector's own end comes first, a little before the caller's; each of them alone is enough."""

    async def authorized() -> NotAttempted | None:
        return None

    there.hangs |= {"/api/v1/statuses"}
    inner = connector(there, tmp_path)
    caller = Caller(cast(Any, SimpleNamespace(log=structlog.get_logger(), clock=SystemClock())), picture)
    intent = an_intent(a_profile("water", "mastodon"))
    for lease in (1.5 * times for times in GROWING):
        async with Stopwatch() as watch:
            result = await caller.publish(
                kind(inner), intent, Lease(SystemClock(), lease), authorized, lambda _: AfterAnswer.MAY_REPEAT
            )
        if not isinstance(result, NotAttempted | Retryable):
            break
    assert isinstance(result, Unknown)
    assert watch.seconds < lease
    await inner.close()
    assert ("/api/v1/statuses", "reset") in await there.ended()


async def test_pictures_go_through_the_same_sockets(there: Peer, tmp_path: Path) -> None:
    """An upload that hangs is reset, and the message goes out without the picture and says so."""
    there.hangs.add("/api/v2/media")
    mastodon = connector(there, tmp_path)
    intent = an_intent(a_profile("water", "mastodon"), pictures=(PICTURE,))
    for times in GROWING:
        done = await mastodon.publish(replace(intent, call_timeout=5.0 * times), picture)
        if not isinstance(done, Retryable):
            break
    assert isinstance(done, Posted)
    assert "picture 1 is missing" in done.note
    await mastodon.close()
    assert ("/api/v2/media", "reset") in await there.ended()
    assert "/api/v1/statuses" in there.requests
    assert "/api/v2/media" not in there.requests


# --- the pool -----------------------------------------------------------------------------------------------------


async def test_a_connection_is_kept_for_the_next_call(there: Peer, http: Http) -> None:
    for _ in range(3):
        assert isinstance(await http.call(until(there, PATIENCE), "POST", "/post", value={"status": "x"}), Answer)
    assert there.connections == 1


async def test_an_answer_that_nobody_asked_for_is_never_taken_for_the_next_calls(there: Peer, http: Http) -> None:
    """A server that answers twice, or says between two calls that it waited for too long: the post was lost so."""
    there.twice.add("/first")
    assert isinstance(await http.call(until(there, PATIENCE), "POST", "/first", value={"status": "x"}), Answer)
    there.read_on.set()
    await there.met.wait()
    outcome = await http.call(until(there, PATIENCE), "POST", "/second", value={"status": "y"})
    assert isinstance(outcome, Answer)
    assert outcome.status == 200
    assert there.requests == ["/first", "/second"]


async def test_a_call_that_is_over_sends_nothing(there: Peer, http: Http) -> None:
    assert isinstance(await http.call(until(there, PATIENCE), "GET", "/before"), Answer)
    assert isinstance(await http.call(until(there, -1), "POST", "/post"), NotSent)
    assert there.requests == ["/before"]


class Watched(CallConnector):
    """Remembers of each connection that it gives out the seconds of its time-out, and how it lingers.

    And how many seconds of the call were left before and after.
    """

    def __init__(self, per_host: int) -> None:
        super().__init__(per_host)
        self.ends = 0.0
        self.seen: list[tuple[float, float, float]] = []
        self.lingers: set[bytes] = set()

    async def connect(self, *asked: Any, **more: Any) -> Connection:
        before = self._left()
        connection = await super().connect(*asked, **more)
        assert connection.transport is not None
        line = connection.transport.get_extra_info("socket")
        seconds = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) / 1000
        self.seen.append((before, seconds, self._left()))
        self.lingers.add(line.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))
        return connection

    def _left(self) -> float:
        return self.ends - asyncio.get_running_loop().time()


@needs_user_timeout
async def test_each_call_sets_the_kernels_time_out_from_what_is_left_of_it(there: Peer) -> None:
    """Also on a connection that an earlier call has used; and nothing lingers on it."""
    pool = Watched(8)
    async with aiohttp.ClientSession(connector=pool) as session:
        for seconds in (90.0, 20.0, 50.0):
            pool.ends = asyncio.get_running_loop().time() + seconds
            with pool.call(pool.ends):
                await (await session.get(there.base + "/post")).read()
    assert len(pool.seen) == 3
    assert all(before >= seconds >= after - 0.001 for before, seconds, after in pool.seen)
    assert pool.lingers == {struct.pack("ii", 1, 0)}
    assert there.connections == 1


async def test_no_request_begins_after_its_lease_though_the_loops_time_stood_still(there: Peer) -> None:
    """As it does while the machine is suspended."""
    pool, left = CallConnector(1), [5.0, -0.1]
    async with aiohttp.ClientSession(connector=pool) as session:
        with within(lambda: left.pop(0)):
            with pool.call(asyncio.get_running_loop().time() + PATIENCE):
                await (await session.get(there.base + "/first")).read()
            with pytest.raises(TimeoutError), pool.call(asyncio.get_running_loop().time() + PATIENCE):
                await session.get(there.base + "/second")
    assert there.requests == ["/first"]


async def test_a_call_that_ends_late_does_not_reset_the_next_ones_connection(there: Peer) -> None:
    """Its answer was complete, so that the next call may have its connection before it comes to its own end."""
    pool = CallConnector(1)
    answered, over = asyncio.Event(), asyncio.Event()

    async def late(session: aiohttp.ClientSession) -> None:
        with pool.call(asyncio.get_running_loop().time() + PATIENCE):
            await (await session.get(there.base + "/first")).read()
            answered.set()
            await over.wait()
            raise LookupError

    async with aiohttp.ClientSession(connector=pool) as session:
        task = asyncio.create_task(late(session))
        await answered.wait()
        there.hangs.add("/second")
        with pool.call(asyncio.get_running_loop().time() + PATIENCE):
            asking = asyncio.create_task(session.get(there.base + "/second"))
            await there.met.wait()
            over.set()
            await asyncio.wait({task})
            there.read_on.set()
            assert (await asking).status == 200
    assert isinstance(task.exception(), LookupError)
    assert there.connections == 1


async def test_where_the_system_has_no_such_option_connections_are_closed_and_it_says_so(
    there: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "TCP_USER_TIMEOUT")
    mastodon = connector(there, tmp_path)
    health = await mastodon.check(a_profile("water", "mastodon"))
    assert health.ok
    assert "no TCP_USER_TIMEOUT" in health.detail
    assert there.connections == len(there.requests) == 3
    await mastodon.close()
