"""The simulated ledger passes the suite of the real one: what the simulation proves holds for what it stands for."""

from __future__ import annotations

from random import Random

import pytest

from schemas import subjects
from schemas.events.control import Genesis
from services.kernel.control_view import ControlView
from services.kernel.ledger import Ledger
from services.provision import read_envelope
from tests.ledger_contract import LedgerContract, Stage
from tests.mission import now
from tests.sim.network import Network, SimClient, SimLedger
from tests.sim.run import town
from tests.sim.server import Server


class _Alive:
    name, alive, stopped = "tester", True, False


@pytest.mark.parametrize("kind", [Ledger, SimLedger])
@pytest.mark.parametrize("dedupe_first", [True, False])
class TestSimulated(LedgerContract):
    """On either order of the server's checks; with the real ledger's reads, and with those that go without JSON."""

    @pytest.fixture
    async def stage(self, kind: type[Ledger], dedupe_first: bool) -> Stage:
        server = Server(now, Random(1))
        server.dedupe_first = dedupe_first
        ledger = kind()
        ledger.bind(SimClient(Network(_Loop(), server, Random(2)), _Alive()))  # type: ignore[arg-type]
        city = town().city
        await ledger.append(subjects.CONTROL, Genesis(at=now(), manifest=read_envelope(city)), expect_last=0)
        return Stage(ledger, await ControlView(city, ledger).refresh())


class _Loop:
    """The running loop, with what the network asks of the virtual one."""

    def __init__(self) -> None:
        import asyncio

        self._loop = asyncio.get_running_loop()

    def __getattr__(self, name: str) -> object:
        return getattr(self._loop, name)

    def outside(self, delay: float, callback: object, *args: object) -> None:
        """After a while, as the virtual loop does it."""
        self._loop.call_later(delay, callback, *args)  # type: ignore[arg-type]
