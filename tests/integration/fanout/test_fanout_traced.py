"""A board with [tracing], beside a real gate and fan-out: a collector gets one trace, from request to receipt."""

from __future__ import annotations

import gzip
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from schemas.platforms import MIRROR
from services.board import tracing
from services.board.domain.spans import trace_of
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput
from services.kernel.base.settings.city_file import TracingSection
from tests.integration.fanout.fanout_city import FanoutCity, eventually, fanout, gatekeeper, service
from tests.support.emulators.folder import FolderPlatform

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRE = "fire-townsquare"
Spans = list[tuple[str, Any]]


@asynccontextmanager
async def collector(spans: Spans) -> AsyncIterator[str]:
    """Take OTLP over HTTP (opentelemetry.io/docs/specs/otlp): each span with its service's name; give the address."""

    async def take(request: web.Request) -> web.Response:
        raw = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
        for resource in ExportTraceServiceRequest.FromString(raw).resource_spans:
            named = {one.key: one.value.string_value for one in resource.resource.attributes}
            spans.extend((named["service.name"], span) for scope in resource.scope_spans for span in scope.spans)
        return web.Response(body=b"", content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def traced(town: FanoutCity, endpoint: str) -> None:
    """Have the town's city name a collector."""
    settings = town.city.settings.model_copy(update={"tracing": TracingSection(endpoint=endpoint)})
    town.city = City(town.city.folder, settings)


async def test_a_collector_gets_one_trace_from_request_to_receipt(
    town: FanoutCity, platforms: dict[str, FolderPlatform]
) -> None:
    """With the ids that follow from the request, the services' names, and the server's times."""
    spans: Spans = []
    async with collector(spans) as endpoint:
        traced(town, endpoint)
        async with service(town, "board"), gatekeeper(town), fanout(town, platforms):
            request = await town.approved(FIRE)
            assert (await town.final(request, FIRE)).outcome == "delivered"
            await town.final(request, MIRROR)
        await eventually(lambda: any(span.name == "message" for _, span in spans))
    assert {int.from_bytes(span.trace_id, "big") for _, span in spans} == {trace_of("live", request.request_id)}
    named = {(name, span.name) for name, span in spans}
    assert {
        ("onevoice-intake", "accepted"),
        ("onevoice-gatekeeper", "decide"),
        ("onevoice-fanout", f"post to {FIRE}"),
        ("onevoice-fanout", f"post to {MIRROR}"),
        ("onevoice-intake", "message"),
    } <= named
    (root,) = [span for _, span in spans if span.name == "message"]
    assert {span.parent_span_id for _, span in spans if span is not root} == {root.span_id}
    for _, span in spans:
        assert root.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= root.end_time_unix_nano


async def test_a_collector_that_is_away_holds_nobody_up(town: FanoutCity, platforms: dict[str, FolderPlatform]) -> None:
    """What is approved is delivered, and the board stops in time."""
    traced(town, "http://127.0.0.1:9")
    async with service(town, "board"), gatekeeper(town), fanout(town, platforms):
        request = await town.approved(FIRE)
        assert (await town.final(request, FIRE)).outcome == "delivered"


async def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """One clear error at the start, and not a silent nothing."""
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(BadInput) as refused:
        tracing.Tracing(object(), TracingSection())  # type: ignore[arg-type]
    assert refused.value.code == "tracing.extra"
