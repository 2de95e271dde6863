"""Where an order's entry stands is known by its ack: a leader that was deposed may answer with less for a while."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from schemas import flow, subjects
from schemas.events.control import Hold
from schemas.events.envelope import ORDER_TYPE
from services.kernel.authority.orders import carry_out
from services.kernel.base.errors import Unreachable
from services.kernel.control.control_state import ControlState
from services.kernel.control.control_view import ControlView
from services.kernel.fold.ledger_fold import EVERYTHING, LedgerFold
from services.kernel.ledger.entry import Entry
from services.kernel.runtime.facts import LedgerFacts
from tests.support.people import order_of
from tests.support.virtual_time import in_virtual_time
from tests.unit.fanout.world import SIGNERS
from tests.unit.projection.story import AUTHORITY, Story, begun

CITY: Any = SimpleNamespace(
    realm=AUTHORITY.realm, authority=SimpleNamespace(root_keys=AUTHORITY.root_keys, threshold=AUTHORITY.threshold)
)


class Deposed:
    """A service whose leader is deposed: it answers, but with nothing that is newer than what it had."""

    row, city, clock = flow.service("eoc_state"), CITY, SimpleNamespace()

    def __init__(self, story: Story) -> None:
        self.story, self.ledger = story, self
        self.clock = SimpleNamespace(now=lambda: story.now)
        self.fold = LedgerFold(AUTHORITY, EVERYTHING)
        self._fold_up_to(len(story.entries))

    @property
    def orders(self) -> dict[str, int]:
        """Those that are folded."""
        return self.fold.orders

    def alarm(self, said: str, **about: Any) -> None:
        raise AssertionError(said)

    def _fold_up_to(self, seq: int) -> None:
        for entry in self.story.entries[self.fold.seq : seq]:
            self.fold.apply(entry, 0.0)

    async def append(self, subject: str, event: Any, **_: Any) -> Any:
        """Store it at the new leader."""
        return SimpleNamespace(seq=self.story.put(subject, event))

    async def server_time(self) -> datetime:
        """Tell the broker's time."""
        return self.story.now

    async def catch_up(self) -> ControlState:
        """Hear of nothing."""
        return self.fold.control

    async def at_least(self, seq: int) -> ControlState:
        """Wait for what the ack said."""
        self._fold_up_to(seq)
        return self.fold.control


async def test_an_order_that_was_acked_is_not_called_refused_by_what_a_deposed_leader_has() -> None:
    story = begun()
    runtime: Any = Deposed(story)
    signed = SIGNERS["pio"].sign(ORDER_TYPE, order_of("pio", Hold(on=True), story.now))
    done = await carry_out(runtime, signed, "pio", frozenset({"hold"}))
    assert (done.changed, done.state.hold, done.state.seq) == (True, True, len(story.entries))


class Lagging:
    """A ledger whose leader answers with what it had, so many times."""

    def __init__(self, story: Story, held: int, answers: int) -> None:
        self.story, self.held, self.answers = story, held, answers

    async def next(self, subject: str, after: int) -> Entry | None:
        """Answer with what is there."""
        self.answers -= 1
        up_to = self.held if self.answers >= 0 else len(self.story.entries)
        return next((one for one in self.story.entries[after:up_to] if one.subject == subject), None)


def facts_on(ledger: Any) -> LedgerFacts:
    """What a service knows that does not fold."""
    nothing: Any = None
    return LedgerFacts(nothing, ControlView(CITY, ledger), folds=False)


@in_virtual_time
async def test_who_reads_control_alone_asks_until_it_is_there() -> None:
    story = begun()
    before = len(story.entries)
    hold = story.order("pio", Hold(on=True))
    facts = facts_on(Lagging(story, before, 8))
    await facts.catch_up()
    assert not facts.control.hold
    assert (await facts.at_least(hold)).hold
    assert story.entries[hold - 1].subject == subjects.CONTROL


@in_virtual_time
async def test_who_reads_control_alone_says_that_the_ledger_is_behind() -> None:
    story = begun()
    facts = facts_on(Lagging(story, len(story.entries), 1_000_000))
    with pytest.raises(Unreachable) as caught:
        await facts.at_least(len(story.entries) + 1)
    assert caught.value.code == "ledger.behind"
