"""Tells an OpenTelemetry collector each request's way as one trace, from its acceptance to its last receipt.

Spans follow from the ledger's entries; services carry nothing along. What the collector does not take is dropped after
the exporter's own repeats: no message waits for it. It needs the extra ``onevoice[tracing]``.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from schemas import canonical
from services.board.domain.spans import LedgerSpan, SpanTracker
from services.kernel.base.errors import BadInput
from services.kernel.base.parts import install
from services.kernel.base.settings.city_file import TracingSection
from services.kernel.fold.ledger_fold import Applied
from services.kernel.ledger.client import Entry
from services.kernel.runtime.service import Runtime

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

FLUSH_MILLISECONDS = 3_000


class Tracing:
    """Follows the ledger and exports spans, in a thread of the exporter's own."""

    def __init__(self, runtime: Runtime, settings: TracingSection) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ModuleNotFoundError as error:
            raise BadInput(
                "tracing.extra",
                "[tracing] of city.toml needs OpenTelemetry, which is not installed",
                f"{install('city,tracing')}, or take [tracing] out of city.toml",
            ) from error
        endpoint = f"{settings.endpoint.rstrip('/')}/v1/traces"
        self._processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint))
        self._tracker = SpanTracker(runtime.city.realm)
        runtime.projection.listen(self._on_folded)

    async def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        await asyncio.to_thread(self._processor.force_flush, FLUSH_MILLISECONDS)
        await asyncio.to_thread(self._processor.shutdown)

    def _on_folded(self, entry: Entry, applied: Applied) -> None:
        if applied.void:
            return
        try:
            body = canonical.loads(entry.data)
        except canonical.StrictJsonError:
            return
        if isinstance(body, dict):
            for span in self._tracker.take(entry.seq, entry.subject, entry.at, body):
                self._processor.on_end(as_readable(span))


def as_readable(span: LedgerSpan) -> ReadableSpan:
    """Return a span as the SDK exports it."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

    def context(number: int) -> SpanContext:
        return SpanContext(span.trace, number, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))

    return ReadableSpan(
        name=span.name,
        context=context(span.id),
        parent=context(span.parent) if span.parent is not None else None,
        resource=Resource({"service.name": f"onevoice-{span.service}", "service.version": version("onevoice")}),
        attributes=span.attributes,
        kind=SpanKind.INTERNAL,
        status=Status(StatusCode.OK if span.ok else StatusCode.ERROR),
        start_time=_nanoseconds(span.start),
        end_time=_nanoseconds(span.end),
    )


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1_000
