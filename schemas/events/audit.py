"""Seals: the audit service's signed checkpoints over the record."""

from __future__ import annotations

from typing import Literal

from schemas.events.authority import Realm
from schemas.events.base import Contract, Sha256, Utc
from schemas.events.envelope import Envelope


class Checkpoint(Contract):
    """The payload that is signed: the RFC 6962 tree over the first ``size`` entries has this root."""

    realm: Realm
    size: int
    last_seq: int
    root: Sha256
    at: Utc


class Seal(Contract):
    """``ledger.seal``: a checkpoint (DSSE over ``Checkpoint``), so that the ledger vouches for the copy."""

    type: Literal["seal"] = "seal"
    at: Utc
    checkpoint: Envelope
