"""Composition of the board: its desk subjects, the broadcast of changes to people who watch, the heartbeats."""

from __future__ import annotations

from schemas import subjects
from schemas.events.dead import DeadLetterOrder
from schemas.events.desk import BoardQuery, ServiceHealth
from services.board.changes import Changes
from services.board.dead import DeadLetters
from services.board.finding import RequestFinder
from services.board.handlers import BoardHandlers
from services.board.notify import Notifier
from services.board.outside import OutsidePosts
from services.board.promises import PromiseWatch
from services.board.tracing import Tracing
from services.board.turns import WORKERS
from services.kernel.runtime.flights import Flights
from services.kernel.runtime.service import Runtime


def wire(runtime: Runtime) -> None:
    """Register the handlers."""
    dead, changes, outside, promises = (
        DeadLetters(runtime),
        Changes(runtime),
        OutsidePosts(runtime),
        PromiseWatch(runtime),
    )
    finder = RequestFinder(runtime)
    handlers = BoardHandlers(
        runtime,
        finder,
        dead=dead,
        changes=changes,
        outside=outside,
        promises=promises,
        flights=Flights(runtime),
    )
    bus, supervise = runtime.bus, runtime.supervisor.supervise
    query, title = subjects.DESK_BOARD_QUERY, "what is where"
    bus.serve(query, BoardQuery.from_bytes, handlers.on_query, workers=WORKERS, title=title)
    title = "dead letters, again or dropped"
    bus.serve(subjects.DESK_DEAD_ORDER, DeadLetterOrder.from_bytes, dead.on_order, title=title)
    bus.subscribe(subjects.HEALTH_ALL, ServiceHealth.from_bytes, handlers.on_health, title="heartbeats")
    supervise(changes.broadcast)
    supervise(changes.beat)
    supervise(dead.follow)
    supervise(outside.take_up)
    supervise(promises.take_up)
    runtime.health.measures.append(outside.measures)
    if runtime.city.settings.tracing is not None:
        runtime.supervisor.at_end(Tracing(runtime, runtime.city.settings.tracing).close)
    if runtime.city.settings.notify is not None:
        supervise(Notifier(runtime, runtime.city.settings.notify, handlers.no_requests).run)
