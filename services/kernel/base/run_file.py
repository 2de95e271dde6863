"""What a running ``onevoice up`` says of itself: addresses and process id, in ``var/run/up.json``."""

from __future__ import annotations

import json
import os
from typing import Any

from services.kernel.base.city import City


def running_city(city: City) -> dict[str, Any] | None:
    """Return what ``onevoice up`` wrote of itself while its process lives, else None.

    A process of another user counts as living. A file that cannot be read or makes no sense says nothing.
    """
    try:
        found = json.loads(city.run_path.read_bytes())
        pid = int(found["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(found) if _lives(pid) else None


def write_run_file(city: City, said: dict[str, Any]) -> None:
    """Write what the running city says of itself; readers see the old file or the whole new one."""
    city.run_path.parent.mkdir(parents=True, exist_ok=True)
    temporary = city.run_path.with_suffix(".new")
    temporary.write_text(json.dumps(said), encoding="utf-8")
    temporary.replace(city.run_path)


def _lives(pid: int) -> bool:
    if pid <= 0:  # these name groups of processes
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
