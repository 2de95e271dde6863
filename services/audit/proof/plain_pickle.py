"""Facts of the replay as bytes: classes of the replay and of contracts only, whatever the bytes say."""

from __future__ import annotations

import io
import pickle
from enum import Enum
from typing import Any, BinaryIO, Protocol

_ROOMS = ("services.audit.", "services.kernel.control.", "schemas.events.")
_PLAIN = frozenset({("builtins", "set"), ("builtins", "frozenset"), ("datetime", "datetime"), ("datetime", "timezone")})
_PLAIN_MORE = frozenset({("datetime", "timedelta"), ("pydantic_core._pydantic_core", "TzInfo")})


class Writes(Protocol):
    """Takes bytes."""

    def write(self, content: bytes, /) -> object:
        """Take bytes."""
        ...


def pickled(facts: object) -> bytes:
    """Return facts as bytes that any Python from 3.11 on reads."""
    out = io.BytesIO()
    pickle_to(out, facts)
    return out.getvalue()


def pickle_to(out: Writes, facts: object) -> None:
    """Write facts as the bytes of ``pickled``."""
    _Plainly(out, protocol=5).dump(facts)


def unpickled(body: bytes) -> Any:
    """Return the facts in bytes of ``pickled``; raises UnpicklingError for any class that has no place in them."""
    return unpickled_from(io.BytesIO(body))


def unpickled_from(file: BinaryIO) -> Any:
    """Return the facts in a file of such bytes; raises UnpicklingError as ``unpickled``, and what the file raises."""
    return _OurClasses(file).load()


class _Plainly(pickle.Pickler):
    """Writes the members of enumerations by class and value: some Pythons (3.11.2) would write a call of getattr."""

    def reducer_override(self, obj: Any) -> Any:
        """Return how a member is made again; of anything else what is usual."""
        return (type(obj), (obj.value,)) if isinstance(obj, Enum) else NotImplemented


class _OurClasses(pickle.Unpickler):
    """Makes classes of the replay and of contracts only: no function is called, whatever the bytes say."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of those classes; raises UnpicklingError for anything else."""
        if (module, name) in _PLAIN | _PLAIN_MORE or module.startswith(_ROOMS):
            found = super().find_class(module, name)
            if isinstance(found, type):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a verified state")
