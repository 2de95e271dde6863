"""What a running ``onevoice up`` says of itself: addresses and process id, in ``var/run/up.json``.

It holds ``var/run/up.lock`` as long as it lives: a process id that is somebody else's by now (after a restart of the
machine, in a container, where it is always the same) says nothing.
"""

from __future__ import annotations

import errno
import json
import time
from typing import Any

from services.kernel.base.city import City
from services.kernel.base.errors import BadInput
from services.kernel.base.files import ExclusiveLock, is_locked

_TRIES, _PAUSE_SECONDS = 5, 0.02
"""Whoever looks holds the lock for an instant."""


def running_city(city: City) -> dict[str, Any] | None:
    """Return what ``onevoice up`` wrote of itself while it lives, else None; it is empty until all has started.

    None too where it runs the other realm alone, on a broker that it did not start: this realm's services may be units.
    """
    found = _found(city)
    if found is None:
        return None
    has_own_broker = found.get("nats_url") != city.settings.nats.url
    return found if has_own_broker or city.realm in (found.get("realms") or [city.realm]) else None


def _found(city: City) -> dict[str, Any] | None:
    if not is_locked(city.run_lock_path):
        return None
    try:
        return dict(json.loads(city.run_path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return {}


def take_city(city: City) -> ExclusiveLock:
    """Be the one ``onevoice up`` of a city until the lock is closed; what a dead one said of itself is removed.

    Raises:
        BadInput: ``city.running``, ``disk.full``, ``disk.unwritable``.
    """
    try:
        city.run_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = ExclusiveLock(city.run_lock_path)
        for _ in range(_TRIES):
            if lock.take():
                city.run_path.unlink(missing_ok=True)
                return lock
            time.sleep(_PAUSE_SECONDS)
    except OSError as error:
        code = "disk.full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "disk.unwritable"
        said = f"{city.run_path.parent} cannot be written: {error.strerror}"
        raise BadInput(code, said, "check the folder's owner and mode, and the space on the disk") from error
    lock.close()
    found = _found(city) or {}
    raise BadInput(
        "city.running",
        f"this city is up already (process {found['pid']}, {found.get('nats_url')})"
        if "pid" in found
        else "this city is being started by another process",
        "use it, or stop it with Ctrl-C in its terminal",
    )


def write_run_file(city: City, said: dict[str, Any]) -> None:
    """Write what the running city says of itself; readers see the old file or the whole new one."""
    city.run_path.parent.mkdir(parents=True, exist_ok=True)
    temporary = city.run_path.with_suffix(".new")
    temporary.write_text(json.dumps(said), encoding="utf-8")
    temporary.replace(city.run_path)
