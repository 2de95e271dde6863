"""What a monitoring system reads: each measure that the dashboard and the alerts name is there, and says what is so."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from schemas import flow, subjects
from services.audit.store_watch import WARN_AT, StoreWatch
from services.kernel.base.city import City
from services.kernel.base.settings.city_file import MetricsSection
from services.kernel.ledger.integrity.checks import IntegrityFault
from services.kernel.measures.catalogue import COUNTERS, GAUGES
from services.kernel.runtime.run import running
from services.kernel.runtime.service import Runtime
from services.provision import provision
from tests.support.mission import ACTIVATE, Mission, eventually
from tests.support.ports import free_port

MONITORING = Path(__file__).resolve().parents[3] / "deploy" / "monitoring"
NAMES = frozenset(GAUGES) | frozenset(f"{name}_total" for name in COUNTERS)

Samples = dict[str, list[tuple[dict[str, str], float]]]


class Watched:
    """A city that runs with a metrics page."""

    def __init__(self, mission: Mission, runtimes: list[Runtime], url: str) -> None:
        self.mission, self.runtimes, self.url = mission, runtimes, url

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(self.url + path) as answer:
            return answer.status, await answer.text()

    async def samples(self) -> Samples:
        status, text = await self.get("/metrics")
        assert status == 200
        found: Samples = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
        return found

    async def value(self, name: str, **labels: str) -> float | None:
        for found, value in (await self.samples()).get(name, []):
            if labels.items() <= found.items():
                return value
        return None


@pytest_asyncio.fixture
async def watched(mission: Mission) -> AsyncIterator[Watched]:
    await provision(mission.city, mission.broker.url)
    section = MetricsSection(port=free_port())
    settings = mission.city.settings.model_copy(update={"metrics": section})
    city = City(mission.city.folder, settings)
    names = [row.name for row in flow.SERVICES]
    async with running(names, city, mission.broker.url) as runtimes:
        yield Watched(mission, runtimes, f"http://127.0.0.1:{section.port}")


async def test_the_measures_say_what_is_so(watched: Watched) -> None:
    assert await watched.value("onevoice_posture", posture="routine") == 1.0
    for row in flow.SERVICES:
        assert await watched.value("onevoice_service", service=row.user) == 1.0
    desk = await watched.mission.desk("eoc-director")
    assert "error" not in await desk.order(ACTIVATE)

    async def active() -> bool:
        return await watched.value("onevoice_posture", posture="eoc_active") == 1.0

    await eventually(active)
    assert await watched.value("onevoice_posture", posture="routine") == 0.0
    assert await watched.value("onevoice_projection_lag_entries", service="gatekeeper") == 0.0
    assert (await watched.value("onevoice_entries_total", kind="control") or 0) >= 2
    handled = (await watched.samples())["faststream_received_messages_total"]
    assert {labels["app_name"] for labels, _ in handled} & {"eoc-state"}
    assert any(subjects.DESK_EOC_ORDER in labels["handler"] for labels, _ in handled)


async def test_all_posts_that_wait_are_counted(watched: Watched) -> None:
    """Also those that the heartbeat has no room for."""
    [fanout] = [one for one in watched.runtimes if one.row.name == "fanout"]
    fanout.health.waiting = lambda: 951
    assert await watched.value("onevoice_posts_waiting", service="fanout") == 951.0


async def test_a_service_that_is_not_well_says_so(watched: Watched) -> None:
    assert await watched.get("/healthz") == (200, "ok\n")
    watched.runtimes[0].ledger.fault = IntegrityFault("ledger.rewound", "the ledger lost entries", "restore it")
    status, text = await watched.get("/healthz")
    assert status == 503
    assert "the ledger lost entries" in text
    assert await watched.value("onevoice_ledger_fault") == 1.0


async def test_a_disk_that_fills_is_told_by_the_heartbeat(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watch measures real files; only the disk is smaller, so that they are much."""
    (audit,) = [one for one in watched.runtimes if one.row.name == "audit"]
    share = await watched.value("onevoice_store_used_ratio")
    assert share is not None
    assert 0.0 < share < WARN_AT
    assert (await watched.value("onevoice_store_free_bytes") or 0) > 0
    watch = StoreWatch(audit)
    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(1 << 30, 1 << 30, 0))
    await watch.look_once()
    assert "the store nears its limit" in "; ".join(audit.health.all_troubles())
    monkeypatch.undo()
    await watch.look_once()
    assert audit.health.all_troubles() == []


async def test_a_port_that_is_taken_stops_no_city(mission: Mission) -> None:
    await provision(mission.city, mission.broker.url)
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    section = MetricsSection(port=server.sockets[0].getsockname()[1])
    city = City(mission.city.folder, mission.city.settings.model_copy(update={"metrics": section}))
    async with server, running(["registry", "board"], city, mission.broker.url) as runtimes:
        assert len(runtimes) == 2


def expressions() -> list[str]:
    panels = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel["targets"]]
    return found + re.findall(r"^\s+expr: (.+)$", (MONITORING / "alerts.yaml").read_text(), re.MULTILINE)


async def test_each_measure_of_the_dashboard_and_of_the_alerts_is_there(watched: Watched) -> None:
    """Ours by their catalogue, FastStream's on the page itself."""
    _, text = await watched.get("/metrics")
    page = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    named = {name for expression in expressions() for name in re.findall(r"\b(?:onevoice|faststream)_\w+", expression)}
    assert len(named) > 15
    assert not {name for name in named if name.startswith("onevoice_")} - NAMES
    assert not NAMES - page
    others = {name.removesuffix("_bucket") for name in named if name.startswith("faststream_")}
    assert not others - page


def test_each_measure_is_shown_on_the_dashboard() -> None:
    named = {name for expression in expressions() for name in re.findall(r"\bonevoice_\w+", expression)}
    assert not NAMES - named


def test_the_alerts_fire_when_they_should() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here; on Debian and Ubuntu: apt-get install prometheus")
    done = subprocess.run(
        [promtool, "test", "rules", "alerts.test.yaml"], cwd=MONITORING, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
