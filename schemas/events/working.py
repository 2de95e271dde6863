"""Working sets beside the ledger: how often a message was begun and not ended. Never a record."""

from __future__ import annotations

from schemas.events.base import Contract, Utc


class Tries(Contract):
    """``tries.<durable>.<seq>``: how often the handling of a message failed, the newest mark of each message.

    ``failures``: the handler raised. ``deaths``: it began and never ended, so its process died; a beginning is counted
    before the handler runs and taken back when it ends in any way.
    """

    failures: int = 0
    deaths: int = 0
    first_at: Utc
    last_at: Utc
    reason: str = ""
