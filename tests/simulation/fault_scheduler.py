"""Who breaks things: wrong clocks, a bad network, crashes, pauses, a server that goes away, platforms that lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from services.fanout.domain.settling import SETTLING
from tests.simulation.network import Weather
from tests.simulation.simulated_city import START
from tests.simulation.themes import NO_THEME

if TYPE_CHECKING:
    from tests.simulation.world import World

SKEW = 2.0
"""Seconds that a machine's clock may be wrong."""

COPIES = {"registry": 1, "eoc_state": 2, "intake": 2, "gatekeeper": 2, "fanout": 2, "board": 1, "audit": 1}
"""How many copies of a service a seed may have."""


def settle_in(world: World) -> None:
    """Choose the machines: how many copies of each service, and how wrong their clocks are."""
    from tests.simulation.runtime import SimClock
    from tests.simulation.world import Slot

    rng = world.rng
    for service, most in COPIES.items():
        for number in range(most if service in world.theme.pairs else rng.randint(1, most)):
            skew = 0.0 if rng.random() < 0.3 else rng.uniform(-SKEW, SKEW)
            world.slots.append(Slot(f"{service}-{number + 1}", service, SimClock(world.loop, START, skew)))


def come(world: World) -> None:
    """Choose what will break in this run, and when. Some runs are quiet: not every bug needs a storm."""
    rng = world.rng
    rough = rng.choice((0.0, 0.3, 1.0, 1.0))
    world.network.weather = Weather(
        drop=rng.choice((0.0, 0.0, 0.01, 0.04)) * rough,
        double=rng.choice((0.0, 0.01, 0.05)) * rough,
        slow=rng.choice((0.0, 0.01, 0.05)) * rough,
        delay=rng.choice((0.004, 0.02, 0.1)),
        behind=rng.choice((0.0, 0.5, 3.0)) * rough,
        lag=rng.choice((0.0, 0.05, 0.3)) * rough,
        torn=rng.choice((0.0, 0.05, 0.3)) * rough,
        unacked=rng.choice((0.0, 0.05, 0.3)) * rough,
    )
    world.platforms.lies = rng.choice((0.0, 0.2, 0.6))
    world.platforms.blind = rng.choice((0.0, 0.0, 0.4))
    world.platforms.lag = rng.choice((0.0, 0.0, 2.0, 8.0))
    world.crash_rate = rng.choice((0.0, 0.0, 0.01, 0.04))
    if world.theme.alone:
        world.crash_rate = 0.0
    _themed(world)
    for service in world.theme.clocks:
        for _ in range(rng.choice((1, 1, 2, 3))):
            _later(world, rng.uniform(0, world.theme.chaos - 10), step_clock(service))
    if world.theme is not NO_THEME and (world.theme.alone or rng.random() < 0.7):
        return  # nothing else is to get into the theme's way
    for _ in range(rng.choice((0, 1, 3, 6))):
        _later(world, rng.uniform(0, 38), _kill)
    for _ in range(rng.choice((0, 1, 3, 5))):
        _later(world, rng.uniform(0, 38), _stop)
    for _ in range(rng.choice((0, 0, 1, 2))):
        _later(world, rng.uniform(0, 36), _cut)
    for _ in range(rng.choice((0, 0, 1, 2))):
        _later(world, rng.uniform(0, 36), _server_crash)
    if rng.random() < 0.15:
        _later(world, rng.uniform(0, 30), _suspend)
    if rng.random() < 0.3:
        _later(world, rng.uniform(5, 36), _damage)


def _themed(world: World) -> None:
    """Let a theme's platforms and network be as it wants."""
    theme, platforms = world.theme, world.platforms
    if theme.keyed is not None:
        platforms.keyed = theme.keyed
    if theme.weather is not None:
        world.network.weather = replace(theme.weather)
    platforms.vanish = theme.vanish
    if theme is NO_THEME:
        platforms.vanish = world.rng.choice((0.0, 0.0, 0.2))
    if theme.mischief or theme.quiet:
        platforms.mischief, platforms.lies = theme.mischief, theme.lies
        platforms.blind, platforms.lag = theme.blind, theme.lag * world.rng.random()
    # Beyond this nothing is promised (docs/platforms.md, "Servers without keys"; with keys a repeat makes it good).
    platforms.lag = min(platforms.lag, SETTLING["mastodon"].settle)


def leave(world: World) -> None:
    """Calm: everything runs, nobody lies, what was broken is fixed."""
    world.tell("faults", "CALM")
    world.calm = True
    world.crash_rate = 0.0
    world.network.weather = Weather()
    world.network.reconnect(world.network.cut)
    world.network.cut.clear()
    world.network.lossy.clear()
    world.platforms.lies = world.platforms.blind = world.platforms.lag = world.platforms.vanish = 0.0
    world.platforms.trick = lambda _intent: None
    for clock in (world.server_clock, *(slot.clock for slot in world.slots)):
        clock.skew = max(-SKEW, min(SKEW, clock.skew))
    for slot in world.slots:
        if slot.process is not None and slot.process.stopped:
            slot.process.go_on()
    if not world.server.up:
        _server_back(world)


def _later(world: World, delay: float, what: object) -> None:
    world.loop.outside(delay, what, world)  # type: ignore[arg-type]


def _kill(world: World) -> None:
    if not world.calm:
        world.kill(world.rng.choice(_likely(world)), world.rng.uniform(0.2, 6.0))


def _likely(world: World) -> list:  # type: ignore[type-arg]
    """Those with more to lose are hit more often."""
    slots = world.slots
    return slots + 3 * [slot for slot in slots if slot.service in ("fanout", "gatekeeper", "eoc_state")]


def _stop(world: World) -> None:
    slot = world.rng.choice(_likely(world))
    process = slot.process
    if world.calm or process is None or not process.alive or process.stopped:
        return
    seconds = world.rng.choice((2.0, 7.0, 17.0, 22.0, 34.0)) * world.rng.uniform(0.8, 1.2)
    world.tell(process.name, f"STOPPED for {seconds:.1f} s")
    process.stop()

    def go_on() -> None:
        if process.stopped:
            world.tell(process.name, "GOES ON")
            process.go_on()

    world.loop.outside(seconds, go_on)


def _cut(world: World) -> None:
    process = world.rng.choice(world.slots).process
    if world.calm or process is None:
        return
    world.tell(process.name, "CUT OFF")
    world.network.cut.add(process.name)
    world.loop.outside(world.rng.uniform(1, 20), _joined, world, process.name)


def _joined(world: World, name: str) -> None:
    world.network.cut.discard(name)
    world.network.reconnect({name})


def _server_crash(world: World) -> None:
    crash_server(world, world.rng.uniform(0.5, 8.0))


def crash_server(world: World, seconds: float) -> None:
    """It goes away, unless it is away, and comes back."""
    if world.calm or not world.server.up:
        return
    world.tell("server", "CRASH")
    world.server.crash()
    world.loop.outside(seconds, _server_back, world)


def _server_back(world: World) -> None:
    if not world.server.up:
        world.tell("server", "BACK")
        world.server.restart(world.loop.now)
        world.network.dispatch_all()
        world.network.reconnect()


def _damage(world: World) -> None:
    """A machine's snapshot is cut off, changed, or gone."""
    slot = world.rng.choice(world.slots)
    raw = slot.disk.raw
    if raw is None or world.calm:
        return
    place = world.rng.randrange(len(raw))
    changed = raw[:place] + bytes([raw[place] ^ (1 << world.rng.randrange(8))]) + raw[place + 1 :]
    slot.disk.raw = world.rng.choice((None, raw[:place], changed))
    world.tell(slot.name, "its snapshot is damaged")


def step_clock(service: str) -> Callable[[World], None]:
    """The clock of a machine is put right, or wrong by seconds or by the offset of a time zone."""

    def step(world: World) -> None:
        of = [(slot.name, slot.clock) for slot in world.slots if slot.service == service]
        name, clock = world.rng.choice(of or [("server", world.server_clock)])
        ahead = world.rng.choice((0.0, 20.0, 100.0, 100.0, 7_200.0)) * world.rng.choice((-1.0, 1.0))
        if not world.calm:
            world.tell(name, f"its clock is {ahead:.0f} s ahead now")
            clock.skew = ahead

    return step


def _suspend(world: World) -> None:
    profile = world.rng.choice(world.town.profiles)
    if not profile.endswith("website"):
        world.tell("platform", f"SUSPENDED {profile}")
        world.platforms.suspended.add(profile)
