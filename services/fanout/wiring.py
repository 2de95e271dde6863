"""Composition of fanout: connectors, the worker, one subscription per profile."""

from __future__ import annotations

from collections.abc import Mapping

from schemas import streams, subjects
from services.fanout.connectors.contract import Connector
from services.fanout.connectors.registry import connectors
from services.fanout.connectors.website import SiteMirror, WebsiteConnector
from services.fanout.handlers import Handlers
from services.fanout.mirror import WEBSITE, Mirror, Website
from services.fanout.resolving import Resolving
from services.fanout.worker import PATIENCE_SECONDS, Worker
from services.kernel.service import Runtime


def wire(runtime: Runtime) -> None:
    """Register the handlers, with the city's own platforms."""
    platforms = connectors(runtime.city, runtime.control.state.website)
    website = platforms.get(WEBSITE)
    fetch_media = runtime.ledger.get_media
    mirror = SiteMirror(website, fetch_media) if isinstance(website, WebsiteConnector) else None
    compose(runtime, platforms, mirror, patience=runtime.city.settings.delivery.patience_seconds)


def compose(
    runtime: Runtime,
    platforms: Mapping[str, Connector],
    website: Website | None,
    *,
    lease: float = streams.LEASE_SECONDS,
    patience: float = PATIENCE_SECONDS,
) -> Handlers:
    """Register the handlers with given connectors; ``lease`` and ``patience`` in seconds.

    Each profile's durable is a subscription of its own, which the server serves one message at a time: a slow or
    failing profile delays no other.
    """
    profiles = frozenset(runtime.control.state.profiles)
    worker = Worker(runtime, platforms, lease=lease, patience=patience)
    handlers = Handlers(runtime, worker, Mirror(runtime, website), profiles)
    runtime.consume(streams.FANOUT_VERDICTS, title="verdicts to queue")(handlers.on_verdict)
    runtime.consume(streams.FANOUT_MIRROR, title="receipts to mirror")(handlers.on_receipt)
    resolving = Resolving(runtime)
    runtime.serve(subjects.DESK_DELIVERY_RESOLVE, title="decisions on unconfirmed posts")(resolving.on_resolve)
    runtime.consume(streams.FANOUT_RESOLUTIONS, title="decisions to carry out")(resolving.on_resolution)
    for profile in sorted(profiles):
        consumer = streams.delivery_consumer(profile)
        runtime.consume(consumer, title=f"deliveries to {profile}", again=handlers.queue_again)(handlers.on_delivery)
    runtime.background(handlers.tell_unserved)
    runtime.background(worker.read_back.run)
    runtime.background(worker.look_after_hosts)
    for connector in platforms.values():
        runtime.at_end(connector.close)
    return handlers
