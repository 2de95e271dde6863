"""An officer's decision is carried out by the keys of its own place in the ledger, as the fold counts it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.events.deliveries import ReceiptOutcome
from schemas.events.resolutions import Resolution
from services.fanout.resolving import Resolving
from services.kernel.base import logs
from services.kernel.ledger.entry import Entry
from tests.support.people import resolution_of
from tests.unit.fanout.test_post_authorization_former_keys import NEW, REKEYED_AT, rekeyed
from tests.unit.fanout.world import NOW, SIGNERS, receipt, request
from tests.unit.states import ended_target, state

FIRE = "fire-social"


@dataclass
class Carried:
    """Takes work on, and remembers what."""

    profiles: list[tuple[str, ...]] = field(default_factory=list)

    async def deliver(self, _request_id: str, _verdict_seq: int, profiles: tuple[str, ...]) -> None:
        self.profiles.append(profiles)


def resolving(seq: int, work: Carried) -> Resolving:
    """The mcpe got a new key, and the receipt of the decision at ``seq`` is there already."""
    of = request()
    done = receipt(request_id=of.request_id, outcome=ReceiptOutcome.WITHHELD, resolution_seq=seq)
    known = state(of, targets={FIRE: ended_target(done)})

    async def there(*_: object) -> Any:
        return known

    fold = SimpleNamespace(requests={of.request_id: known})
    runtime: Any = SimpleNamespace(
        projection=SimpleNamespace(at_least=there), fold=fold, control=rekeyed(), log=logs.logger(), state_on=there
    )
    of_fanout: Any = work
    return Resolving(runtime, of_fanout)


def decided(signer: Any) -> Resolution:
    return resolution_of((request().request_id, FIRE, 51), "post_again", "mcpe", signer, NOW)


@pytest.mark.parametrize(
    ("signer", "seq", "counts"),
    [
        (SIGNERS["mcpe"], REKEYED_AT - 1, True),
        (SIGNERS["mcpe"], REKEYED_AT + 1, False),
        (NEW, REKEYED_AT - 1, False),
        (NEW, REKEYED_AT + 1, True),
    ],
)
async def test_a_decision_counts_by_the_keys_of_its_own_place(signer: Any, seq: int, counts: bool) -> None:
    """Before, a new key between the decision and its handling left it to nobody, and nobody else might decide."""
    work = Carried()
    entry = Entry(seq, f"ledger.resolution.{FIRE}.{request().request_id}", NOW, b"", {})
    await resolving(seq, work).on_resolution(decided(signer), entry)
    assert work.profiles == ([(FIRE,)] if counts else [])
