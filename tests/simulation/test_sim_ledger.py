"""The simulated ledger passes the suite of the real one: what the simulation proves holds for what it stands for."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from schemas import subjects
from schemas.events.control import Genesis
from services.kernel.control.control_view import ControlView
from services.kernel.ledger.client import Ledger
from services.provision import read_envelope
from tests.simulation.network import Network, SimClient, SimLedger, SimSource
from tests.simulation.realtime import LivingProcess, RealTimeLoop
from tests.simulation.run import town
from tests.simulation.server import Server
from tests.support.ledger_contract import LedgerContract, Stage
from tests.support.mission import now


@pytest.mark.parametrize("kind", [Ledger, SimLedger])
@pytest.mark.parametrize("dedupe_first", [True, False])
class TestSimulated(LedgerContract):
    """On either order of the server's checks; with the real ledger's reads, and with those that go without JSON."""

    @pytest.fixture
    async def stage(self, kind: type[Ledger], dedupe_first: bool) -> Stage:
        server = Server(now, Random(1))
        server.dedupe_first = dedupe_first
        ledger = kind()
        network: Any = Network(RealTimeLoop(), server, Random(2))  # type: ignore[arg-type]
        ledger.bind(SimClient(network, LivingProcess()))  # type: ignore[arg-type]
        city = town().city
        await ledger.append(subjects.CONTROL, Genesis(at=now(), manifest=read_envelope(city)), expect_last=0)
        source = SimSource(network, LivingProcess(), ledger)  # type: ignore[arg-type]
        return Stage(ledger, await ControlView(city, ledger).refresh(), source)
