"""Composition of the board: its one desk subject, the feed for people who watch, the heartbeats."""

from __future__ import annotations

from schemas import streams, subjects
from services.board.handlers import Handlers
from services.kernel.service import Runtime


def wire(runtime: Runtime) -> None:
    """Register the handlers."""
    handlers = Handlers(runtime)
    runtime.serve(subjects.DESK_BOARD_QUERY, title="what stands where")(handlers.on_query)
    runtime.serve(subjects.DESK_DEAD_ORDER, title="dead letters, again or dropped")(handlers.dead.on_order)
    runtime.consume(streams.BOARD_FEED, title="the ledger, for people who watch")(handlers.on_entry)
    runtime.hear(subjects.HEALTH_ALL, title="heartbeats")(handlers.on_health)
