"""Working sets beside the ledger: what is open. Rebuilt from the ledger, never a record."""

from __future__ import annotations

from schemas.events.base import Contract, Id, Utc


class OpenRequest(Contract):
    """``open.<request_id>``: undecided, or not yet delivered everywhere; ``due`` is when time alone changes it."""

    request_id: Id
    due: Utc
