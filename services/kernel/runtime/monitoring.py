"""What a process lets a monitoring system read on loopback: ``/metrics`` (Prometheus's text) and ``/healthz``.

Nothing is counted on the way of a message but what FastStream's own middleware counts: measures are taken from the
fold when they are asked for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from importlib.metadata import version

from aiohttp import web
from faststream.nats.prometheus import NatsPrometheusMiddleware
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from services.kernel.base.city import City, servers_of
from services.kernel.base.clock import monotonic
from services.kernel.base.network.certificate import certificate_end
from services.kernel.base.network.tls import client_context
from services.kernel.base.network.web import Running, serve
from services.kernel.fold.ledger_fold import Applied
from services.kernel.ledger.entry import Entry
from services.kernel.measures.catalogue import COUNTERS, GAUGES, Measure
from services.kernel.measures.city_measures import days_left, of_control, of_requests, of_tokens
from services.kernel.runtime.service import Runtime

SILENT_SECONDS = 10.0
"""A projection that has not heard of the leader for so long is not healthy."""


CERTIFICATE_SECONDS = 3_600.0
"""How often the broker's certificate is looked at, at most."""


class Monitoring(Collector):
    """The measures of all services of one process, and whether each is well."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._certificates: dict[str, datetime] = {}
        self._certificates_at = -CERTIFICATE_SECONDS
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self._runtimes: list[Runtime] = []
        self._kinds: dict[str, Counter[str]] = {}

    def middleware(self, service: str) -> NatsPrometheusMiddleware:
        """Return FastStream's own middleware for a service's broker: messages in and out, by handler."""
        return NatsPrometheusMiddleware(registry=self.registry, app_name=service)

    def watch(self, runtime: Runtime) -> None:
        """Measure a service from now on."""
        self._runtimes.append(runtime)
        kinds = self._kinds[runtime.row.user] = Counter()

        def folded(_entry: Entry, applied: Applied) -> None:
            kinds[applied.kind or "unknown"] += 1

        if runtime.row.folds:
            runtime.projection.listen(folded)

    def collect(self) -> Iterator[Metric]:
        """Yield all measures as Prometheus's families; called by the registry."""
        found: defaultdict[str, list[Measure]] = defaultdict(list)
        for measure in self._measures():
            found[measure.name].append(measure)
        for name, (says, labels) in GAUGES.items():
            yield _filled(GaugeMetricFamily(name, says, labels=labels), labels, found[name])
        for name, (says, labels) in COUNTERS.items():
            yield _filled(CounterMetricFamily(name, says, labels=labels), labels, found[name])

    def faults(self) -> list[str]:
        """Return why this process is not well, in sentences; empty: it is."""
        found = []
        for runtime in self._runtimes:
            name = runtime.row.user
            if runtime.ledger.fault is not None:
                found.append(f"{name}: {runtime.ledger.fault.message}")
            elif runtime.row.folds and (silence := _silence(runtime)) > SILENT_SECONDS:
                found.append(f"{name}: nothing was heard of the ledger's leader for {silence:.0f} s")
        return found

    async def serve(self, host: str, port: int) -> Running:
        """Answer on an address until it is stopped; raises BadInput when it is taken."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        return await serve(app, host, port, "the metrics page")

    async def _metrics(self, _request: web.Request) -> web.Response:
        await self._look_at_certificates()
        return web.Response(body=generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def _healthz(self, _request: web.Request) -> web.Response:
        faults = self.faults()
        return web.Response(text="\n".join(faults or ["ok"]) + "\n", status=503 if faults else 200)

    async def _look_at_certificates(self) -> None:
        """Ask each server of the broker for its certificate, now and then; one that does not answer keeps its last."""
        if monotonic() - self._certificates_at < CERTIFICATE_SECONDS:
            return
        self._certificates_at = monotonic()
        context = client_context(self._city)
        if context is None:
            return
        for server in servers_of(self._city.settings.nats.address):
            with suppress(OSError, TimeoutError):
                self._certificates[server] = await certificate_end(server, context)

    def _measures(self) -> Iterator[Measure]:
        folding = next((runtime for runtime in self._runtimes if runtime.row.folds), None)
        if folding is not None:
            now, boot_now = folding.clock.now(), folding.clock.monotonic()
            yield from of_control(folding.control, now)
            yield from of_tokens(self._city.settings.token_ends, now)
            for server, end in self._certificates.items():
                yield Measure("onevoice_certificate_days_left", days_left(end, now), {"server": server})
            yield from of_requests(folding.fold, now, boot_now, folding.lease_seconds)
        faulty = any(runtime.ledger.fault is not None for runtime in self._runtimes)
        yield Measure("onevoice_ledger_fault", float(faulty))
        for runtime in self._runtimes:
            yield from self._of_service(runtime)
            for measured in runtime.health.measures:
                yield from measured()

    def _of_service(self, runtime: Runtime) -> Iterator[Measure]:
        service = {"service": runtime.row.user}
        yield Measure("onevoice_service", 1.0, {**service, "version": version("onevoice")})
        yield Measure("onevoice_service_trouble", float(bool(runtime.health.all_troubles())), service)
        yield Measure("onevoice_posts_waiting", runtime.health.waiting(), service)
        if not runtime.row.folds:
            return
        projection = runtime.projection
        yield Measure("onevoice_ledger_sequence", projection.seq, service)
        yield Measure("onevoice_projection_lag_entries", max(0, projection.leader_seq - projection.seq), service)
        yield Measure("onevoice_projection_silence_seconds", _silence(runtime), service)
        yield Measure("onevoice_void_entries", projection.void_count, service)
        for kind, count in self._kinds[runtime.row.user].items():
            yield Measure("onevoice_entries", count, {**service, "kind": kind})


def _silence(runtime: Runtime) -> float:
    return max(0.0, runtime.clock.monotonic() - runtime.projection.asked_at)


def _filled(
    family: GaugeMetricFamily | CounterMetricFamily, labels: tuple[str, ...], measures: Iterable[Measure]
) -> Metric:
    for measure in measures:
        family.add_metric([measure.labels[label] for label in labels], measure.value)
    return family
