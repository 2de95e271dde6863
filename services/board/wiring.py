"""Composition of the board: its desk subjects, the broadcast of changes to people who watch, the heartbeats."""

from __future__ import annotations

from schemas import subjects
from services.board.handlers import BoardHandlers
from services.kernel.runtime.service import Runtime


def wire(runtime: Runtime) -> None:
    """Register the handlers."""
    handlers = BoardHandlers(runtime)
    runtime.serve(subjects.DESK_BOARD_QUERY, title="what stands where")(handlers.on_query)
    runtime.serve(subjects.DESK_DEAD_ORDER, title="dead letters, again or dropped")(handlers.dead.on_order)
    runtime.hear(subjects.HEALTH_ALL, title="heartbeats")(handlers.on_health)
    runtime.background(handlers.changes.broadcast)
    runtime.background(handlers.changes.beat)
    runtime.background(handlers.dead.follow)
