"""A city that this process says it runs, as ``onevoice up`` does."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from services.kernel.base.city import City
from services.kernel.base.run_file import take_city, write_run_file


@contextlib.contextmanager
def said_up(city: City, **said: object) -> Iterator[None]:
    """Hold the city's lock, and say in its run file what is given."""
    lock = take_city(city)
    try:
        write_run_file(city, {"pid": os.getpid(), **said})
        yield
    finally:
        city.run_path.unlink(missing_ok=True)
        lock.close()
