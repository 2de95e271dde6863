"""Keeps fan-out from renewing a credential while a command replaces it: what was renewed in between would be lost."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from services.fanout.connectors.credentials.keeping import renewal_lock
from services.kernel.base.city import City
from services.kernel.base.errors import Unreachable
from services.kernel.base.files import ExclusiveLock

WAIT_SECONDS = 30.0
"""A renewal takes 20 s at most."""

_LOOK_SECONDS = 0.1


@contextlib.contextmanager
def nothing_renewed(city: City, wait: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock that fan-out renews under; where fan-out has never run there is none, and nobody renews.

    ``wait``: so many seconds at most for another who holds it.

    Raises:
        OSError: the lock cannot be had here.
        Unreachable: ``credentials.busy``: another holds it, and does not let go.
    """
    path = renewal_lock(city)
    if not path.parent.is_dir():
        yield
        return
    lock = ExclusiveLock(path)
    try:
        if os.geteuid() == 0:  # fan-out has a user of its own, who has to open it too
            owner = path.parent.stat()
            os.fchown(lock.handle, owner.st_uid, owner.st_gid)
        for _ in range(int(wait / _LOOK_SECONDS)):
            if lock.take():
                break
            time.sleep(_LOOK_SECONDS)
        else:
            hint = "try again in a minute; if it stays so, restart the fan-out"
            raise Unreachable("credentials.busy", f"another has held {path.name} for {wait:.0f} s", hint)
        yield
    finally:
        lock.close()
