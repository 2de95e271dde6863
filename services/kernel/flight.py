"""An attempt that is in flight: on record, perhaps being posted at this moment, and without a receipt."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Flight:
    """Its ledger sequence, when it was appended, and where it goes."""

    seq: int
    at: datetime
    profile: str
    request_id: str
