"""Composition of fanout: connectors, hosts, records, the work on verdicts, and what runs beside it."""

from __future__ import annotations

from collections.abc import Mapping

from schemas import streams, subjects
from schemas.events.resolutions import Resolution
from schemas.events.verdicts import Verdict
from schemas.platforms import MIRROR, WEBSITE
from services.fanout.connectors.contract import Connector
from services.fanout.connectors.registry import connectors
from services.fanout.connectors.website.connector import WebsiteConnector, WebsiteMirror
from services.fanout.delivery.admission import Admission
from services.fanout.delivery.caller import Caller
from services.fanout.delivery.posting import PATIENCE_SECONDS, Posting, Settings
from services.fanout.delivery.readback import ReadBack
from services.fanout.delivery.records import Records
from services.fanout.delivery.waits import Waits
from services.fanout.delivery.work import Work
from services.fanout.handlers import Handlers
from services.fanout.hosts.host import HostRegistry
from services.fanout.resolving import Resolving
from services.kernel.runtime.service import Runtime

VERDICTS_IN_HAND = 10_000
"""Verdicts that one copy works on at a time: what waits for a platform holds up nobody else's."""


def wire(runtime: Runtime) -> None:
    """Register the handlers, with the city's own platforms."""
    platforms = connectors(runtime.city, runtime.control.website)
    website = platforms.get(WEBSITE)
    if isinstance(website, WebsiteConnector):
        platforms[MIRROR] = WebsiteMirror(website)
    compose(runtime, platforms, patience=runtime.city.settings.delivery.patience_seconds)


def compose(
    runtime: Runtime,
    platforms: Mapping[str, Connector],
    *,
    lease: float = streams.LEASE_SECONDS,
    patience: float = PATIENCE_SECONDS,
) -> Work:
    """Register the handlers with given connectors; ``lease`` and ``patience`` in seconds."""
    settings = Settings(lease, patience)
    hosts, records, waits = HostRegistry(runtime), Records(runtime), Waits(runtime.clock)
    caller = Caller(runtime, runtime.ledger.get_media)
    admission = Admission(runtime, caller)
    read_back = ReadBack(runtime, platforms, hosts, records, caller, lease)
    posting = Posting(runtime, platforms, hosts, records, caller, admission, read_back, settings)
    work = Work(runtime, posting, hosts, waits, settings)
    handlers, resolving = Handlers(runtime, work), Resolving(runtime, work)
    runtime.health.waits = waits.shown
    bus, supervisor = runtime.bus, runtime.supervisor
    title = "verdicts to bring to their profiles"
    bus.consume(streams.FANOUT_VERDICTS, Verdict.from_bytes, handlers.on_verdict, workers=VERDICTS_IN_HAND, title=title)
    title = "decisions on unconfirmed posts"
    bus.serve(subjects.DESK_DELIVERY_RESOLVE, Resolution.from_bytes, resolving.on_resolve, title=title)
    title = "decisions to carry out"
    bus.consume(streams.FANOUT_RESOLUTIONS, Resolution.from_bytes, resolving.on_resolution, workers=64, title=title)
    supervisor.supervise(read_back.run)

    async def look_after_hosts() -> None:
        await admission.look_after_idle_hosts(hosts, platforms)

    supervisor.supervise(look_after_hosts)
    supervisor.at_stop(work.release)
    for connector in platforms.values():
        supervisor.at_end(connector.close)
    return work
