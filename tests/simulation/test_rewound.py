"""A ledger that lost its end under the services that had folded it: none of them posts by what is left of it."""

from __future__ import annotations

import pytest

from tests.simulation.network import Weather
from tests.simulation.once import shared
from tests.simulation.run import forget, town
from tests.simulation.themes import Theme
from tests.simulation.world import World, play

CHAOS = 45.0


class Loss:
    """The server goes away, comes back without its newest entries, and services die and start again."""

    def __init__(self, at: float, kills: bool) -> None:
        self.at, self.kills = at, kills
        self.end = 0
        self.before: set[tuple[str, str]] = set()
        self.knew: set[str] = set()

    async def script(self, world: World) -> None:
        """Messages as ever, and then the loss."""
        from tests.simulation.people import _message

        for number in range(8):
            world.loop.create_task(_message(world, number, world.rng.uniform(0.0, 30.0)))
        world.loop.outside(self.at, self.crash, world)

    def crash(self, world: World) -> None:
        """What is public now, and who has seen what is about to be lost."""
        world.server.crash()
        lost = world.rng.randint(1, 10)
        self.end = max(len(world.server.ledger.entries) - lost, 1)
        self.before = {(post.profile, post.request_id) for post in world.platforms.posts}
        for slot in world.slots:
            if slot.service == "fanout" and slot.runtime is not None and slot.runtime.fold.seq > self.end:
                self.knew.add(slot.name)
        world.server.ledger.rewind(len(world.server.ledger.entries) - self.end)
        for durable in world.server.durables.values():
            durable.cursor = min(durable.cursor, self.end)
            durable.pending = {seq: one for seq, one in durable.pending.items() if seq <= self.end}
            durable.again = {seq: one for seq, one in durable.again.items() if seq <= self.end}
        world.tell("server", f"LOST its entries after {self.end}")
        world.loop.outside(2.0, self.back, world)

    def back(self, world: World) -> None:
        """It comes back; perhaps all services were started anew meanwhile."""
        if self.kills:
            for slot in world.slots:
                world.kill(slot, 1.0)
        world.server.restart(world.loop.now)
        world.network.dispatch_all()
        world.network.reconnect()


@pytest.mark.parametrize("kills", [False, True], ids=["the services go on", "the services are started anew"])
@pytest.mark.parametrize("seed", range(1, 7))
def test_whoever_has_seen_what_is_lost_posts_nothing_any_more(seed: int, kills: bool) -> None:
    """By its fold, its snapshot or its high-water mark: nothing is posted twice because its receipt is gone."""
    loss = Loss(12.0 + 3.0 * seed, kills)
    theme = Theme(
        script=loss.script,
        quiet=True,
        alone=True,
        lasts=(3_600,),
        says=(1, 2),
        chaos=CHAOS,
        calm=0.0,
        pairs=frozenset({"fanout"}),
        weather=Weather(),
    )
    with shared():
        world = play(town(), seed, theme)
    after = loss.at + 1.0 + 2.5  # people begin a second after the services
    called = {who.rsplit(".", 1)[0] for when, who, _, _ in world.platforms.called if when > after}
    public = [(post.profile, post.request_id) for post in world.platforms.posts]
    held_back = {slot.name for slot in world.slots if slot.runtime and slot.runtime.ledger.fault is not None}
    del world
    forget()
    assert loss.knew, "nobody had seen what was lost: the seed shows nothing"
    assert not called & loss.knew
    assert len(public) == len(set(public)), "it is public twice"
    assert held_back >= loss.knew
