"""How one entry of the ledger is read: its place, its event, and who signed what it holds. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

from pydantic import TypeAdapter

from schemas import canonical
from schemas.events.base import Contract
from schemas.events.control import ControlEvent
from schemas.events.deliveries import Receipt
from schemas.events.requests import Request
from schemas.subjects import place_of
from services.kernel.base.errors import BadInput
from services.kernel.ledger.entry import EXPECTED, FENCE_SUBJECT, Entry

_CONTROL: TypeAdapter[ControlEvent] = TypeAdapter(ControlEvent)

Event = TypeVar("Event", bound=Contract)
PARSED = 16_384
"""Parsed entries that are kept: several folds in one process read the same ones."""


WRITTEN = 2_048
"""Events that this process has written and that have not come back yet, which are kept."""

_written: dict[bytes, Contract] = {}


def note_written(event: Contract, raw: bytes) -> None:
    """Note an event whose bytes are ``raw`` and that its contract has checked: these bytes need not be read anew.

    Not for what ``model_copy`` has changed, which nobody has checked.
    """
    _written[raw] = event
    if len(_written) > WRITTEN:
        _written.pop(next(iter(_written)), None)


@lru_cache(maxsize=PARSED)
def parse(contract: type[Event], raw: bytes) -> Event:
    """Read an entry's bytes; raises StrictJsonError or pydantic.ValidationError. The same bytes are read once.

    They are what the ledger holds, each of them compared, also where this process wrote them and knows what they say.
    """
    mine = _written.pop(raw, None)
    return mine if type(mine) is contract else contract.from_bytes(raw)


def parse_each(contract: type[Event], entries: Iterable[Entry]) -> list[tuple[int, Event]]:
    """Return what each entry holds, with its sequence; junk is passed over, as the fold does."""
    found = []
    for entry in entries:
        try:
            found.append((entry.seq, parse(contract, entry.data)))
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001, S112 - void, whatever is wrong with it
            continue
    return found


def read_request(entry: Entry) -> Request:
    """Read the request on a subject that somebody asked for.

    Raises:
        BadInput: ``request.unreadable``: what is there is none, and counts for no reader.
    """
    try:
        request: Request = parse(Request, entry.data)
    except ValueError as error:
        name = place_of(entry.subject).request_id
        hint = "it counts for nothing, and onevoice audit verify says whose key wrote it; write the message anew"
        raise BadInput("request.unreadable", f"what stands on {name} at {entry.seq} is no request", hint) from error
    return request


def parse_control_event(raw: bytes) -> ControlEvent:
    """Read a control event strictly; raises StrictJsonError or pydantic.ValidationError."""
    return _CONTROL.validate_python(canonical.loads(raw))


def keys_of(kind: str, request_id: str, profile: str) -> tuple[str, ...]:
    """Return what an entry wakes: who waits for control, for a request as a whole, for it on one profile, or for any
    receipt of it (``<request>@``).
    """
    if kind == "control":
        return (kind,)
    if kind == "receipt":
        return (f"{request_id}@{profile}", f"@{profile}", f"{request_id}@")
    if kind in ("attempt", "resolution"):
        return (f"{request_id}@{profile}", f"@{profile}")
    return (request_id,) if request_id else ()


def is_first(entry: Entry) -> bool:
    """Return whether the server was told to store it only as the first on its subject, and did."""
    return entry.headers.get(EXPECTED) == "0" and FENCE_SUBJECT not in entry.headers


def is_kind(entry: Entry, kind: str) -> bool:
    """Return whether an entry is on a subject of this kind."""
    return place_of(entry.subject)[0] == kind


def is_readable(entry: Entry) -> bool:
    """Return whether an entry's bytes are a receipt."""
    return bool(parse_each(Receipt, (entry,)))
