"""What happens at the worst moment: a seed may have a theme, which strikes at the services' own crash points.

A storm at random times hits a window of milliseconds once in thousands of runs. A theme knows the windows: it puts a
worker to sleep between its attempt and its call, changes control right behind a verdict, restarts the server while a
call is under way. What it does there, and whether, is still left to the seed.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from services.fanout.domain.limits import HostLimit, Rate
from tests.simulation import following, later, people, rules
from tests.simulation.loop import Process
from tests.simulation.network import Weather

if TYPE_CHECKING:
    from tests.simulation.record import Record
    from tests.simulation.world import World

SHORT, TAKEN_OVER, SETTLED = (0.3, 6.0), (19.0, 27.0), (36.0, 50.0)
"""Seconds of sleep: within a lease; until another worker has the delivery; until that one has also settled it."""

Act = Callable[["World", Process], None]
Script = Callable[["World"], Coroutine[Any, Any, None]]
Rule = Callable[["World", "Record"], Iterator[str]]


@dataclass(frozen=True)
class Theme:
    """What strikes where: for each crash point chances and acts, tried in their order until one strikes.

    ``mischief``: what platforms do in it, ``lies`` how often; ``blind`` and ``lag`` as ``Platforms`` has them;
    ``lasts``: how many seconds requests last; ``targets``: how the name of their one profile ends; ``messages``: how
    many there are; ``says``: how many decisions on each; ``pairs``: of which services there are two copies;
    ``chaos``: how long it goes on, ``calm``: in how many seconds after it has to have come to rest;
    ``rules``: what must hold beside the invariants; ``script``: what people do instead of what comes to their minds;
    ``quiet``: they only submit and approve; ``alone``: nothing else breaks; ``afterwards``: they come back to what is
    over; ``everywhere``: how often they mean all departments; ``rejects``: how often they say no; ``keyed``: whether
    platforms honour keys; ``vanish``: how often a post vanishes; ``limit``: of each host; ``asked``: only who names it
    plays it.
    """

    acts: dict[str, tuple[tuple[float, Act], ...]] = field(default_factory=dict)
    pairs: frozenset[str] = frozenset()
    mischief: tuple[str, ...] = ()
    lies: float = 0.0
    blind: float = 0.0
    lag: float = 0.0
    lasts: tuple[int, ...] = ()
    targets: str = ""
    messages: int = 0
    says: tuple[int, ...] = (2, 3)
    plain: bool = False
    chaos: float = 40.0
    calm: float = 400.0
    script: Script | None = None
    quiet: bool = False
    alone: bool = False
    afterwards: bool = False
    everywhere: float = 0.0
    approvers: tuple[str, ...] = ()
    clocks: tuple[str, ...] = ()
    rejects: float = 0.08
    keyed: bool | None = None
    vanish: float = 0.0
    weather: Weather | None = None
    limit: HostLimit | None = None
    rules: tuple[Rule, ...] = ()
    asked: bool = False


def sleep(least: float, most: float) -> Act:
    """The process stands still where it is, unless another one does: somebody has to take its work over."""

    def act(world: World, process: Process) -> None:
        if not any(other.alive and other.stopped for other in world.processes):
            _stand_still(world, process, world.rng.uniform(least, most))

    return act


def _stand_still(world: World, process: Process, seconds: float) -> None:
    world.tell(process.name, f"STOPPED for {seconds:.1f} s")
    process.stop()
    world.loop.outside(seconds, wake, world, process)


def wake(world: World, process: Process) -> None:
    """It goes on, if it has not been woken before."""
    if process.alive and process.stopped:
        world.tell(process.name, "GOES ON")
        process.go_on()


def wake_others(world: World, process: Process) -> None:
    """Whoever sleeps wakes up a moment after this one did something."""
    for other in world.processes:
        if other is not process and other.alive and other.stopped:
            world.loop.outside(world.rng.uniform(0.05, 2.0), wake, world, other)


def order(world: World, process: Process) -> None:
    """Control changes now, while the process stands still for a moment."""
    world.change_control()
    _stand_still(world, process, world.rng.uniform(0.5, 3.0))


def order_and_go_on(*names: str) -> Act:
    """If somebody sleeps, control changes now, and the sleeper wakes up afterwards."""

    def act(world: World, process: Process) -> None:
        sleepers = [other for other in world.processes if other is not process and other.alive and other.stopped]
        if sleepers:
            world.change_control(*names)
        for other in sleepers:
            world.loop.outside(world.rng.uniform(0.5, 4.0), wake, world, other)

    return act


def reject(world: World, process: Process) -> None:
    """An officer rejects it now, while the process stands still for a moment."""
    people.reject_now(world)
    if world.rng.random() < 0.5:
        _stand_still(world, process, world.rng.uniform(0.2, 1.5))


def activate_soon(world: World, process: Process) -> None:
    """The EOC is activated while the call is under way."""
    world.loop.outside(world.rng.uniform(0.1, 26.0), world.change_control, "activate")


def restart_server(world: World, process: Process) -> None:
    """The server goes away and comes back: what was in hand is handed out again, to anybody."""
    from tests.simulation.fault_scheduler import crash_server

    world.loop.outside(world.rng.uniform(0.05, 0.4), crash_server, world, world.rng.uniform(0.1, 0.6))


def restart_server_and_doze(world: World, process: Process) -> None:
    """Another worker gets what was in hand, while this one stands still for a moment, within its lease."""
    if not any(other.alive and other.stopped for other in world.processes):
        restart_server(world, process)
        _stand_still(world, process, world.rng.uniform(1.0, 4.0))


def die_within(seconds: float) -> Act:
    """It dies a moment later, between any two of its steps."""

    def act(world: World, process: Process) -> None:
        slot = next(slot for slot in world.slots if slot.process is process)
        world.loop.outside(world.rng.uniform(0.0, seconds), world.kill, slot, world.rng.uniform(0.2, 6.0))

    return act


def lose_and_die(world: World, process: Process) -> None:
    """Half of what it sends and hears is lost from now on, and it dies soon."""
    world.network.lossy[process.name] = 0.5
    die_within(1.5)(world, process)


_UNCLEAR = ("accepted_500", "silent", "late", "dropped", "busy", "refused", "refused")

THEMES: dict[str, Theme] = {
    "asleep over a call": Theme(
        {
            "fanout.attempt.stored": ((0.3, sleep(*SETTLED)),),
            "fanout.call.ended": ((0.5, sleep(*SETTLED)),),
            "fanout.receipt.stored": ((0.8, wake_others),),
        },
        pairs=frozenset({"fanout"}),
        mischief=("busy", "refused", "refused", "accepted_500", "late"),
        lies=0.8,
        lag=4.0,
        chaos=75.0,
    ),
    "asleep over an answer": Theme(
        {"fanout.call.ended": ((0.9, sleep(*SETTLED)),), "fanout.receipt.stored": ((0.5, wake_others),)},
        pairs=frozenset({"fanout"}),
        mischief=("refused", "refused", "busy"),
        lies=0.6,
        lasts=(3_600,),
        targets="website",
        messages=1,
        chaos=75.0,
    ),
    "asleep between two questions": Theme(
        {"fanout.attempt.stored": ((0.8, order_and_go_on("hold")),)},
        pairs=frozenset({"fanout"}),
        mischief=("silent", "late", "dropped"),
        lies=0.9,
        lasts=(3_600,),
        targets="townsquare",
        messages=1,
        says=(1, 1, 2),
        chaos=60.0,
    ),
    "asleep before an attempt": Theme(
        {
            "fanout.attempt.authorized": ((0.5, sleep(*TAKEN_OVER)),),
            "fanout.attempt.stored": ((0.6, order_and_go_on()),),
        },
        pairs=frozenset({"fanout"}),
        mischief=("accepted_500", "silent", "late", "dropped"),
        lies=0.7,
        lag=30.0,
        lasts=(3_600,),
        chaos=60.0,
    ),
    "control changes behind a verdict": Theme(
        {
            "fanout.attempt.authorized": ((0.5, order),),
            "gatekeeper.verdict.decided": ((0.25, order), (0.2, sleep(*SHORT))),
        },
        pairs=frozenset({"gatekeeper", "fanout"}),
    ),
    "the server restarts over a call": Theme(
        {
            "fanout.attempt.stored": ((0.6, restart_server),),
            "fanout.attempt.authorized": ((0.3, restart_server_and_doze),),
        },
        pairs=frozenset({"fanout"}),
        mischief=("late", "late", "silent", "accepted_500"),
        lies=0.7,
    ),
    "death beside a receipt or a verdict": Theme(
        {
            "fanout.call.ended": ((0.6, lose_and_die), (0.2, die_within(0.1))),
            "fanout.attempt.stored": ((0.1, die_within(0.1)),),
            "gatekeeper.verdict.decided": ((0.3, die_within(0.01)),),
        },
        mischief=_UNCLEAR,
        lies=0.2,
    ),
    "lost answers close to the end": Theme(
        mischief=("accepted_500", "silent", "late"),
        lies=0.9,
        blind=0.9,
        lasts=(8, 11, 14, 17),
        targets="website",
        chaos=45.0,
    ),
    "a proxy holds a call": Theme(
        {"platform.sending": ((0.4, activate_soon),)},
        pairs=frozenset({"fanout", "eoc_state"}),
        mischief=("held", "held", "silent"),
        lies=0.8,
        lasts=(3_600,),
        targets="parks-townsquare",
        approvers=("comms-officer",),
        says=(1,),
        chaos=60.0,
    ),
    "stopped between look and call": Theme(
        {
            "platform.sending": ((0.6, sleep(*SETTLED)),),
            "fanout.receipt.stored": ((0.7, order_and_go_on("activate")),),
        },
        pairs=frozenset({"fanout", "eoc_state"}),
        mischief=("busy",),
        lasts=(3_600,),
        targets="townsquare",
        approvers=("comms-officer",),
        says=(1,),
        keyed=True,
        chaos=90.0,
    ),
    "dies as it goes on": Theme(
        {
            "platform.sending": ((0.6, sleep(*SETTLED)),),
            "fanout.receipt.stored": ((0.7, order_and_go_on("activate")),),
            "fanout.call.ended": ((0.6, die_within(1.0)),),
        },
        pairs=frozenset({"fanout", "eoc_state"}),
        lasts=(3_600,),
        targets="townsquare",
        approvers=("comms-officer",),
        says=(1,),
        keyed=True,
        chaos=90.0,
        asked=True,
    ),
    "folds are behind": Theme(
        {
            "fanout.attempt.authorized": ((0.4, reject), (0.2, order)),
            "gatekeeper.verdict.decided": ((0.15, reject), (0.15, order)),
            "fanout.attempt.stored": ((0.2, reject),),
        },
        pairs=frozenset({"fanout", "gatekeeper", "intake"}),
        mischief=("accepted_500", "busy"),
        lies=0.2,
        afterwards=True,
        weather=Weather(drop=0.02, behind=3.0, lag=0.4, delay=0.02),
        rejects=0.2,
    ),
    "answers to appends are lost": Theme(
        {"fanout.attempt.authorized": ((0.15, order),), "fanout.call.ended": ((0.1, restart_server),)},
        pairs=frozenset({"fanout", "gatekeeper"}),
        mischief=("accepted_500", "busy"),
        lies=0.1,
        everywhere=0.7,
        approvers=("mcpe", "pio"),
        weather=Weather(unacked=0.5, torn=0.3, delay=0.02),
    ),
    "what is over comes back": Theme(
        {"fanout.resolution.stored": ((0.2, die_within(0.1)), (0.2, restart_server))},
        mischief=("accepted_500", "silent"),
        lies=0.4,
        blind=0.6,
        afterwards=True,
        vanish=0.4,
        lasts=(3_600,),
        weather=Weather(drop=0.01, behind=1.0, lag=0.3, delay=0.02),
        chaos=130.0,
    ),
    "a long wait": Theme(
        script=people.wait_long,
        rules=(rules.urgent_passes,),
        weather=Weather(),
        mischief=("busy_long",),
        alone=True,
        lasts=(3_600,),
        chaos=330.0,
        calm=900.0,
    ),
    "a small quota": Theme(
        script=people.flood,
        rules=(rules.within_limits, rules.urgent_passes),
        weather=Weather(),
        quiet=True,
        alone=True,
        limit=HostLimit(at_once=2, slow=1, host=Rate(6.0, 0.5, reserve=4.0), account=Rate(4.0, 0.5, reserve=2.0)),
        chaos=60.0,
    ),
    "messages for later": Theme(
        {
            "gatekeeper.verdict.decided": ((0.1, order), (0.1, die_within(0.1))),
            "fanout.attempt.authorized": ((0.1, order), (0.1, sleep(1.0, 6.0))),
        },
        script=later.schedule,
        rules=(later.in_its_time,),
        pairs=frozenset({"fanout", "gatekeeper"}),
        mischief=("accepted_500", "busy"),
        lies=0.1,
        chaos=70.0,
    ),
    "revisions": Theme(
        {
            "gatekeeper.verdict.decided": ((0.3, sleep(0.2, 2.0)),),
            "fanout.attempt.authorized": ((0.3, sleep(0.2, 2.0)),),
            "intake.request.stored": ((0.2, die_within(0.1)),),
        },
        script=later.revise,
        rules=(later.newest_revision,),
        pairs=frozenset({"fanout", "gatekeeper", "intake"}),
        mischief=("accepted_500", "busy"),
        lies=0.1,
        weather=Weather(drop=0.01, behind=1.0, lag=0.3, delay=0.02),
    ),
    "what follows a message": Theme(
        {
            "fanout.attempt.authorized": ((0.3, sleep(*SHORT)), (0.1, sleep(*TAKEN_OVER))),
            "gatekeeper.verdict.decided": ((0.2, sleep(0.2, 2.0)),),
            "fanout.call.ended": ((0.1, die_within(0.1)), (0.1, sleep(*SHORT))),
        },
        script=following.follow,
        rules=(following.in_order, following.each_in_turn),
        pairs=frozenset({"fanout", "gatekeeper", "intake"}),
        mischief=("accepted_500", "silent", "late", "busy", "busy_after"),
        lies=0.4,
        vanish=0.1,
        weather=Weather(drop=0.01, behind=2.0, lag=0.3, delay=0.02),
        chaos=110.0,
    ),
    "the website's page is late": Theme(
        {
            "platform.sending": ((0.4, activate_soon), (0.1, sleep(*SETTLED))),
            "fanout.attempt.authorized": ((0.3, order),),
        },
        pairs=frozenset({"fanout", "eoc_state"}),
        mischief=("late", "silent"),
        lies=0.9,
        lasts=(3_600,),
        targets="parks-townsquare",
        approvers=("comms-officer",),
        says=(1,),
        keyed=True,
        chaos=70.0,
    ),
    "a profile is added": Theme(
        {
            "registry.order.stored": ((0.2, die_within(0.1)),),
            "gatekeeper.verdict.decided": ((0.1, die_within(0.1)), (0.1, sleep(0.2, 2.0))),
            "fanout.attempt.authorized": ((0.1, die_within(0.1)), (0.1, sleep(0.2, 2.0))),
        },
        script=following.add_profiles,
        rules=(following.served,),
        pairs=frozenset({"fanout", "gatekeeper", "intake"}),
        mischief=("busy",),
        lies=0.2,
        weather=Weather(drop=0.01, behind=1.0, lag=0.3, delay=0.02),
        quiet=True,
        alone=True,
        chaos=60.0,
    ),
    "a thread is cut": Theme(
        {
            "platform.sending": ((0.2, order), (0.1, sleep(*SHORT))),
            "fanout.receipt.stored": ((0.2, reject), (0.1, die_within(0.1))),
        },
        pairs=frozenset({"fanout", "gatekeeper"}),
        mischief=("cut", "cut", "busy", "silent"),
        lies=0.8,
        lasts=(20, 60, 300),
        targets="parks-townsquare",
        rejects=0.2,
        chaos=90.0,
    ),
    "clocks are wrong": Theme(
        {"fanout.call.ended": ((0.1, die_within(0.1)),)},
        pairs=frozenset({"fanout", "gatekeeper"}),
        clocks=("fanout", "fanout", "gatekeeper", "eoc_state", "intake", "registry"),
        rules=(rules.not_refused_as_untimely,),
        mischief=("busy", "busy", "refused", "accepted_500", "late"),
        lies=0.5,
        lasts=(20, 60, 3_600),
        chaos=90.0,
    ),
    "the server's clock is wrong": Theme(
        {"fanout.call.ended": ((0.1, die_within(0.1)),)},
        pairs=frozenset({"fanout", "gatekeeper"}),
        clocks=("server", "server", "fanout"),
        mischief=("busy", "busy", "refused", "accepted_500", "late"),
        lies=0.5,
        lasts=(20, 60, 3_600),
        chaos=90.0,
    ),
    "a clean day": Theme(
        rules=(rules.few_appends,), says=(1,), quiet=True, alone=True, lasts=(3_600,), weather=Weather()
    ),
}
"""Each window that a bug was met in, or planted in, by what happens in it."""

NO_THEME = Theme(plain=True, says=(1, 1, 2, 3))


def choose(world: World) -> Theme:
    """Some runs have no theme, and a storm at random times."""
    name = world.rng.choice(("", "", *(name for name, theme in THEMES.items() if not theme.asked)))
    if name:
        world.tell("faults", f"THEME {name}")
    return THEMES[name] if name else NO_THEME


def strike(world: World, process: Process, point: str) -> None:
    """Called at each crash point: what the theme has for it may happen."""
    for chance, act in world.theme.acts.get(point, ()):
        if world.rng.random() < chance:
            act(world, process)
            return
