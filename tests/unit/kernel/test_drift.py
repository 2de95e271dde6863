"""A broker that answers late at the start of a service: it is asked again, as everywhere else."""

from __future__ import annotations

from collections import Counter
from typing import Any

import nats.errors
import pytest
from nats.js.errors import NotFoundError

from schemas import flow
from services.kernel.base.errors import Unreachable
from services.kernel.ledger.drift import drift, needed_consumers, needed_streams


class LateJetStream:
    """Does not answer the first time it is asked something, and has nothing the second time."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, ...]] = Counter()

    async def stream_info(self, *name: str) -> None:
        """Answer late."""
        self.asked[name] += 1
        raise nats.errors.TimeoutError if self.asked[name] == 1 else NotFoundError()

    consumer_info = stream_info


async def test_a_service_that_starts_asks_again_and_the_doctor_asks_once() -> None:
    row, broker = flow.service("fanout"), LateJetStream()
    js: Any = broker
    missing = await drift(js, row, again=True)
    assert len(missing) == len(needed_streams(row)) + len(needed_consumers(row))
    assert set(broker.asked.values()) == {2}
    js = LateJetStream()
    with pytest.raises(Unreachable, match="did not say"):
        await drift(js, row)
