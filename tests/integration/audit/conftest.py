"""A demonstration city on a real nats-server, with appends straight into its ledger and audit processes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from nats.aio.client import Client

from schemas import flow, subjects
from schemas.events.requests import digest_of
from services.audit.copy_plan import SealRule
from services.audit.copy_service import CopyService
from services.audit.proof import Report, verify_record
from services.audit.record.folder import LEDGER
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock
from services.kernel.base.line_files import count_lines
from services.kernel.ledger.client import Ledger
from services.kernel.runtime.compose import on_nats
from services.kernel.runtime.service import Runtime
from tests.integration.audit.audit_process import AuditProcess
from tests.support.broker import jetstream
from tests.support.ledger_builder import LedgerBuilder
from tests.support.mission import PATIENCE, Mission


def writer_of(subject: str) -> str:
    """Return the service that the flow map lets write a subject."""
    kind = subject.split(".")[1]
    return next(row.name for row in flow.SERVICES if any(w.split(".")[1] == kind for w in row.writes))


class AuditedCity:
    """A city whose ledger is written by the test, and its audit services; ``ledger`` reads as who connected last."""

    def __init__(self, mission: Mission) -> None:
        self.mission, self.city = mission, mission.city
        self.ledger = Ledger()
        self._clients: dict[str, Client] = {}
        self.builder = LedgerBuilder(self.city)
        self.builder.now = SystemClock().now()
        self.sent = 0
        self._audits: list[AuditProcess] = []

    async def flush(self) -> int:
        """Append what the builder has made and was not appended yet, in order; return the last sequence."""
        for line in self.builder.entries[self.sent :]:
            js = jetstream(await self.client(writer_of(line.subject)))
            ack = await js.publish(line.subject, line.data, stream="LEDGER", headers=dict(line.headers))
            assert ack.seq == line.seq, "the builder and the ledger are out of step"
        self.sent = len(self.builder.entries)
        return self.sent

    async def client(self, service: str) -> Client:
        """Return a connection as one of the services, with its own permissions."""
        if service not in self._clients:
            self._clients[service] = (await self.mission.writer(service)).client
            self.ledger.bind(self._clients[service])
        return self._clients[service]

    async def flood(self, count: int, prefix: str) -> None:
        """Append many requests at once, as intake, through the wall of its permissions."""
        model = self.builder.request(f"{prefix}-model")
        await self.flush()
        js = jetstream(await self.client("intake"))
        gate = asyncio.Semaphore(64)

        async def one(number: int) -> None:
            name = f"{prefix}-{number}"
            event = model.model_copy(update={"request_id": name, "digest": digest_of(name, 1, model.renderings)})
            async with gate:
                await js.publish(
                    subjects.request(name), event.to_bytes(), stream="LEDGER", headers={"Nats-Msg-Id": name}
                )

        await asyncio.gather(*(one(number) for number in range(count)))

    def audit(self, name: str = "audit") -> AuditProcess:
        """Start the audit service as a process of its own."""
        self._audits.append(AuditProcess(self.city.folder, self.mission.url, name))
        return self._audits[-1]

    @asynccontextmanager
    async def audit_here(self, rule: SealRule | None = None) -> AsyncIterator[Runtime]:
        """Run the audit service in this process."""

        def wire(runtime: Runtime) -> None:
            runtime.supervisor.supervise(CopyService(runtime, rule).run)

        runtime, app = on_nats(flow.service("audit"), self.city, wire, url=self.mission.url)
        await app.start()
        try:
            yield runtime
        finally:
            await app.stop()

    def copied(self) -> int:
        return count_lines(self.city.audit_folder / LEDGER)

    async def until_copied(self, count: int, seconds: float = PATIENCE) -> None:
        for _ in range(int(seconds / 0.05)):
            if self.copied() >= count:
                return
            await asyncio.sleep(0.05)
        logs = "\n".join(one.log.read_text(errors="replace")[-3000:] for one in self._audits)
        pytest.fail(f"{self.copied()} of {count} entries were copied\n{logs}")

    def verify(self) -> Report:
        return verify_record(self.city, SystemClock().now())

    async def end(self) -> None:
        for process in self._audits:
            await process.end(signal.SIGKILL)


@pytest_asyncio.fixture
async def audited(demo_city: City) -> AsyncIterator[AuditedCity]:
    async with Mission(demo_city) as mission:
        made = AuditedCity(mission)
        yield made
        await made.end()
