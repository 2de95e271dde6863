"""The embedded broker: nats-server as a child process of ``onevoice up``.

It runs in its own session, so that Ctrl-C reaches the services first and they can still write what is in hand;
on Linux the kernel ends it when its parent dies, however that happened. A lock on the city folder, which the
child holds too, prevents a second server on the same store.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from services.kernel.base.city import City
from services.kernel.base.clock import monotonic
from services.kernel.base.errors import Unreachable
from services.kernel.base.files import ExclusiveLock
from services.kernel.base.settings.addresses import in_url
from services.provision.broker.preflight import (
    check_port,
    find_nats_server,
    prepare_store,
    refuse_other_broker,
    settle,
    take_lock,
)

READY_SECONDS = 20.0
STOP_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1


class EmbeddedBroker:
    """nats-server on a city folder. Start it once, stop it once; ``url`` is where it listens."""

    def __init__(self) -> None:
        self.url = ""
        self.log_path = Path()
        self._process: asyncio.subprocess.Process | None = None
        self._lock: ExclusiveLock | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the server while it runs."""
        return self._process.pid if self._process else None

    async def start(self, city: City, port: int | None = None) -> None:
        """Start the server and wait until it answers.

        Args:
            city: the city folder; the server serves both realms.
            port: where to listen, instead of city.toml's port.

        Raises:
            BadInput: ``broker.missing``, ``broker.two``, ``broker.no_conf``, ``port.in_use``, ``city.running``,
                ``disk.full``, ``disk.unwritable``.
            Unreachable: ``broker.died`` with the last line of its log, ``broker.not_ready``.
        """
        binary = find_nats_server()
        refuse_other_broker(city)
        host = city.settings.nats.host
        chosen = city.settings.nats.port if port is None else port
        store = prepare_store(city)
        check_port(host, chosen)
        self.log_path = store / "nats.log"
        self.url = f"nats://{in_url(host)}:{chosen}"
        self._lock = take_lock(city)
        offset = self.log_size()
        settle(city, f"{in_url(host)}:{city.settings.nats.port}")
        # The store is named in nats.conf: the server refuses to get it twice.
        arguments = ("-c", str(city.nats_conf_path), "-a", host, "-p", str(chosen), "-l", str(self.log_path))
        try:
            self._process = await asyncio.create_subprocess_exec(
                str(binary),
                *arguments,
                cwd=city.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
                pass_fds=(self._lock.handle,),
                preexec_fn=_die_with_parent(),
            )
            await self._ready(host, chosen, offset)
        except BaseException:
            await self.stop()
            raise

    async def reload(self) -> None:
        """Make the server read its accounts again; clients whose rights changed connect again.

        Raises:
            Unreachable: ``broker.reload`` when the server refuses the configuration; it keeps the old one.
        """
        process = self._process
        if process is None or process.returncode is not None:
            raise Unreachable("broker.reload", "the broker does not run", "start it: onevoice up")
        offset = self.log_size()
        process.send_signal(signal.SIGHUP)
        deadline = monotonic() + READY_SECONDS
        while monotonic() < deadline:
            output = _tail(self.log_path, offset)
            if b"Reloaded server configuration" in output:
                return
            if b"Failed to reload" in output:
                raise Unreachable(
                    "broker.reload",
                    f"the broker refuses its configuration: {_last(output)}",
                    f"nothing was changed; look into {self.log_path}",
                )
            await asyncio.sleep(0.02)
        raise Unreachable("broker.reload", "the broker did not reload", f"look into {self.log_path}")

    async def ended(self) -> str | None:
        """Return why the server ended by itself: a signal, or its last line. None while it runs, or was stopped."""
        process = self._process
        if process is None or process.returncode is None:
            return None
        killed = signal.Signals(-process.returncode).name if process.returncode < 0 else ""
        return killed or _reason(await _words(process), self.log_path, 0)

    def log_size(self) -> int:
        """Return how long its log is, in bytes."""
        try:
            return self.log_path.stat().st_size
        except OSError:
            return 0

    def said(self, offset: int) -> list[str]:
        """Return the lines that its log got after an offset, of its last 8 KiB at most."""
        try:
            return _lines(_tail(self.log_path, offset))
        except OSError:
            return []

    async def stop(self) -> None:
        """Stop the server: ask it, wait, and kill it only when it does not end. Harmless when it is stopped."""
        process, self._process = self._process, None
        try:
            if process is not None and process.returncode is None:
                await _end(process)
        finally:
            lock, self._lock = self._lock, None
            if lock is not None:
                lock.close()

    async def _ready(self, host: str, port: int, offset: int) -> None:
        process = self._process
        assert process is not None
        deadline = monotonic() + READY_SECONDS
        while monotonic() < deadline:
            if process.returncode is not None:
                raise self._died("the broker did not start", await _words(process), offset)
            if await _greets(host, port):
                return
            await asyncio.sleep(0.02)
        raise Unreachable(
            "broker.not_ready",
            f"the broker did not answer on {in_url(host)}:{port} within {READY_SECONDS:.0f} s",
            f"look into {self.log_path}",
        )

    def _died(self, what: str, words: str, offset: int) -> Unreachable:
        reason = _reason(words, self.log_path, offset)
        return Unreachable(
            "broker.died", f"{what}: {reason}", f"its configuration is nats/nats.conf, its log {self.log_path}"
        )


def _die_with_parent() -> Callable[[], None] | None:
    """Return what the child runs before it becomes nats-server, or None where the kernel has no such service."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def arm() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:  # it died before the signal was armed
            os._exit(1)

    return arm


async def _greets(host: str, port: int) -> bool:
    """Return True when a NATS server sends INFO there: it does so only after JetStream has recovered."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        return (await asyncio.wait_for(reader.read(5), 2.0)).startswith(b"INFO")
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _words(process: asyncio.subprocess.Process) -> str:
    """Return the last line that a dead server wrote to its standard error (before its log was open)."""
    raw = await process.stderr.read() if process.stderr else b""
    return _last(raw)


def _reason(words: str, log: Path, offset: int) -> str:
    return words or _last_line(log, offset) or "it wrote nothing"


def _last_line(path: Path, offset: int) -> str:
    try:
        return _last(_tail(path, offset))
    except OSError as error:
        return f"its log cannot be read ({error.strerror})"


def _tail(path: Path, offset: int) -> bytes:
    """Return what a log got after an offset, at most its last 8 KiB."""
    with path.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(min(offset, size), size - 8_192))
        return log.read()


def _last(raw: bytes) -> str:
    return next(reversed(_lines(raw)), "")


def _lines(raw: bytes) -> list[str]:
    lines = [line.strip()[:400] for line in raw.decode("utf-8", "replace").splitlines() if line.strip()]
    return ["".join(c if c.isprintable() else "?" for c in line) for line in lines]
