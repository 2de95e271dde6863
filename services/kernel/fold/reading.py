"""How one entry of the ledger is read: its place, its event, and who signed what it holds. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

from schemas import canonical
from schemas.events.base import Contract
from schemas.events.deliveries import Receipt
from schemas.events.envelope import Envelope
from services.kernel.authority.signing import verified_by
from services.kernel.ledger.entry import EXPECTED, FENCE_SUBJECT, Entry

Event = TypeVar("Event", bound=Contract)
PARSED = 16_384
"""Parsed entries that are kept: several folds in one process read the same ones."""


def place_of(subject: str) -> tuple[str, str, str]:
    """Return a ledger subject's kind, request and profile (of an approval: its officer); empty where it has none."""
    tokens = subject.split(".")
    kind = tokens[1] if len(tokens) > 1 else ""
    if kind in ("request", "verdict") and len(tokens) == 3:
        return kind, tokens[2], ""
    if kind == "approval" and len(tokens) == 4:
        return kind, tokens[2], tokens[3]
    if kind in ("attempt", "receipt", "resolution", "delivery") and len(tokens) == 4:
        return kind, tokens[3], tokens[2]
    return kind if len(tokens) == 2 else "", "", ""


def order_hash(envelope: Envelope) -> str:
    """Return the hash by which a signed order is known again."""
    return canonical.sha256(envelope.to_bytes())


@lru_cache(maxsize=PARSED)
def parse(contract: type[Event], raw: bytes) -> Event:
    """Read an entry's bytes; raises StrictJsonError or pydantic.ValidationError. The same bytes are read once."""
    return contract.from_bytes(raw)


@lru_cache(maxsize=4_096)
def signed(envelope: Envelope, payload_type: str, contract: type[Event], public_key: str) -> Event | None:
    """Return what a key signed, and nobody else; None for anything else. The same bytes are checked once."""
    if verified_by(envelope, payload_type) != {public_key}:
        return None
    try:
        return contract.from_bytes(envelope.payload_bytes())
    except ValueError:
        return None


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
    """Return whether an entry stands on a subject of this kind."""
    return place_of(entry.subject)[0] == kind


def is_readable(entry: Entry) -> bool:
    """Return whether an entry's bytes are a receipt."""
    try:
        parse(Receipt, entry.data)
    except ValueError:
        return False
    return True
