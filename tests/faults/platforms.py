"""Platforms that fault: a row for each fault, for a host that is away, for sick neighbours and for the crisis' reserve.

Each fault is told by the townsquare over real HTTP, to one profile on a host of its own, while others are told theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.events.requests import Request
from services.fanout.domain import limits
from services.fanout.domain.limits import HostLimit, Rate
from services.kernel.base.clock import monotonic
from tests.faults.rows import Row, Scale
from tests.faults.square import Square, a_square, profile_of
from tests.integration.fanout.fanout_city import later

SICK = 16
DELAY = 1.0
"""Seconds by which the trouble of some profiles may delay another, in the median."""
MEASURED = 3
"""How often it is measured at most. The least counts: a busy machine only adds, and a lock or a lane adds each time."""


@dataclass(frozen=True)
class PlatformFault:
    """What the platform does, and the right end: these outcomes in this order, and so many public posts a message.

    ``messages`` are sent one behind the other. ``known``: the profile has posted before it.
    """

    name: str
    steps: tuple[dict[str, Any], ...]
    ends: tuple[str, ...] = ("delivered",)
    posts: int = 1
    messages: int = 1
    words: str = ""
    known: bool = False


def _faults(lease: float) -> tuple[PlatformFault, ...]:
    gone = {"on": "read", "calls": 10_000}
    return (
        PlatformFault(
            "200, and the post vanishes", ({"kind": "vanish", "seconds": 0.3},), ("delivered", "unconfirmed"), posts=0
        ),
        PlatformFault("accepted, connection dropped", ({"kind": "drop_after"},)),
        PlatformFault("dropped, nothing accepted", ({"kind": "drop_before"},)),
        PlatformFault("500 after accepting", ({"kind": "error_after"},)),
        PlatformFault("503, nothing accepted", ({"kind": "error_before"},)),
        PlatformFault(
            "500 after accepting, listing lags",
            ({"kind": "error_after"}, {"kind": "lag", "seconds": lease / 2, **gone}),
        ),
        PlatformFault(
            "500 after accepting, listing lags for ever",
            ({"kind": "error_after"}, {"kind": "lag", "seconds": 600, **gone}),
        ),
        PlatformFault(
            "500 after accepting, never to be read",
            ({"kind": "error_after"}, {"kind": "suspended", **gone}),
            ("unconfirmed",),
            known=True,
        ),
        PlatformFault("no answer, nothing accepted", ({"kind": "never_before"},)),
        PlatformFault("no answer, accepted", ({"kind": "never_after"},)),
        PlatformFault("429 with Retry-After", ({"kind": "rate_limit", "seconds": 2, "calls": 2},)),
        PlatformFault("429 without Retry-After", ({"kind": "rate_limit", "calls": 2},)),
        PlatformFault("401 in mid-burst", ({"kind": "unauthorized", "skip": 1, "calls": 2},), messages=2),
        PlatformFault("slow drip", ({"kind": "drip", "seconds": 600},)),
        PlatformFault("HTML 200, nothing accepted", ({"kind": "html_before"},)),
        PlatformFault("HTML 200, accepted", ({"kind": "html_after"},)),
        PlatformFault("HTML 502, nothing accepted", ({"kind": "html_before", "status": 502},)),
        PlatformFault("10 MB of answer, accepted", ({"kind": "flood_after"},)),
        PlatformFault("login disabled, and let in again", ({"kind": "suspended", "on": "any", "calls": 2},)),
        PlatformFault(
            "the message refused",
            ({"kind": "refused", "calls": 10_000},),
            ("failed",),
            posts=0,
            words="Validation failed: Text character limit",
        ),
    )


async def platforms(folder: Path, scale: Scale) -> list[Row]:
    """Run all; ``short`` with a lease of 3 s, ``full`` with the real one of 15 s."""
    lease = 3.0 if scale is Scale.SHORT else 15.0
    faults = _faults(lease)
    names = [f"d{number:02}" for number in range(max(SICK, len(faults)) + 8)]
    away, elsewhere, urgent = names[-8:-5], names[-5:-2], names[-2:]
    hosts = {name: f"{name}.example" for name in names[: len(faults)]}
    hosts |= {**dict.fromkeys(away, "away.example"), **dict.fromkeys(elsewhere, "elsewhere.example")}
    hosts |= dict.fromkeys(urgent, "quota.example")
    own = {
        "one.example": HostLimit(at_once=SICK, slow=48),
        "quota.example": HostLimit(at_once=8, host=Rate(5.0, 0.05, reserve=3.0)),
    }
    with _limits(own):
        async with a_square(folder, names, lease=lease, patience=lease / 2) as square:
            await square.move(hosts)
            told = [_told(square, fault, name, lease) for fault, name in zip(faults, names, strict=False)]
            rows = list(
                await asyncio.gather(*told, _host_away(square, away, elsewhere, lease), _reserve(square, *urgent))
            )
            square.inside.faults.clear()
            rows += await _sick_neighbours(square, names)
    return rows


# --- one fault ----------------------------------------------------------------------------------------------


async def _told(square: Square, fault: PlatformFault, account: str, lease: float) -> Row:
    """Have one fault strike one profile, and hold its end against the right one."""
    if fault.known:
        await square.seconds_to_deliver([account], "Before the fault")
    for step in fault.steps:
        square.play(account, **step)
    texts = [f"{fault.name} ({number + 1})" for number in range(fault.messages)]
    began = monotonic()
    requests = [await square.town.cleared(profile_of(account), text=text) for text in texts]
    wrong, attempts, posted, doubles = [], 0, 0, 0
    for request, text in zip(requests, texts, strict=True):
        receipt = await square.end(request, account, 12 * lease + 30.0, fault.ends[-1:])
        outcomes = await square.town.outcomes(request, profile_of(account))
        if receipt is None or [one for one in outcomes if one != "withheld"] != list(fault.ends):
            wrong.append(f"{text}: ended as {outcomes}, not {list(fault.ends)}")
        elif fault.words not in receipt.reason:
            wrong.append(f"{text}: without the platform's words: {receipt.reason}")
        attempts = max(attempts, len(await square.town.attempts(request, profile_of(account))))
        stands = square.count(account, text)
        posted += stands
        doubles += max(0, stands - 1)
        if stands != fault.posts:
            wrong.append(f"{text}: stands {stands} times, not {fault.posts}")
    took = monotonic() - began
    if attempts > 4:
        wrong.append(f"{attempts} attempts")
    played = sum(one.calls for one in square.inside.faults.left if one.account == account)
    if played >= sum(step.get("calls", 1) for step in fault.steps):
        wrong.append("the fault never struck")
    remark = f"{' then '.join(fault.ends)}, {attempts} attempt{'s' if attempts > 1 else ''}"
    return Row(
        f"platform: {fault.name}",
        times=1,
        acked=len(requests),
        stored=len(requests),
        posted=posted,
        doubles=doubles,
        recovered=took,
        remark=remark,
        wrong=tuple(wrong),
    )


# --- a host that is away ----------------------------------------------------------------------------------


async def _host_away(square: Square, away: list[str], elsewhere: list[str], lease: float) -> Row:
    """Nobody answers at one host: its deliveries wait without attempts, another host is not delayed; it comes back."""
    usual = await square.rounds(elsewhere, "Before", 2)
    square.shut("away.example")
    request = await square.town.cleared(*map(profile_of, away), text="Away")
    wrong = []
    try:
        async with asyncio.timeout(30.0):
            while "away.example" not in str(square.runtime.health.troubles):  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.05)
    except TimeoutError:
        wrong.append("no trouble was told")
    meanwhile = await square.rounds(elsewhere, "Meanwhile", 2)
    await asyncio.sleep(lease)
    square.open("away.example")
    back = monotonic()
    ends = await asyncio.gather(*(square.end(request, name, 90.0) for name in away))
    took = monotonic() - back
    attempts = [len(await square.town.attempts(request, profile_of(name))) for name in away]
    counts = [square.count(name, "Away") for name in away]
    if max(attempts) > 3:
        wrong.append(f"{max(attempts)} attempts while the host was away")
    if meanwhile - usual >= DELAY:
        wrong.append(f"another host waited {meanwhile - usual:.2f} s longer")
    if "away.example" in str(square.runtime.health.troubles):
        wrong.append(f"still told: {square.runtime.health.troubles}")
    return Row(
        "platform: host away",
        times=1,
        acked=1,
        stored=1,
        posted=sum(counts),
        doubles=sum(max(0, count - 1) for count in counts),
        lost=sum(end is None or str(end.outcome) != "delivered" for end in ends),
        recovered=took,
        remark=f"{len(ends)} deliveries, at most {max(attempts)} attempts each",
        wrong=tuple(wrong),
    )


# --- sick neighbours --------------------------------------------------------------------------------------


async def _sick_neighbours(square: Square, names: list[str]) -> list[Row]:
    """Sixteen profiles of a host hang, drip and fail; how long do healthy ones take there, and elsewhere?

    The same messages are sent before, while all are well, so that only the sickness makes the difference.
    """
    sick, same, other = names[:SICK], names[SICK : SICK + 4], names[SICK + 4 : SICK + 8]
    await square.move({**dict.fromkeys((*sick, *same), "one.example"), **dict.fromkeys(other, "other.example")})
    groups = {"same host": same, "another host": other}
    longer, said, counts, ends = dict.fromkeys(groups, float("inf")), dict.fromkeys(groups, ""), [], []
    for number in range(MEASURED):
        well, alone = await _beside(square, sick, groups, f"Well {number}")
        await asyncio.gather(*(square.end(well, name, 60.0) for name in sick))
        for place, name in enumerate(sick):
            kind = ("never_before", "drip", "error_before", "never_after")[place % 4]
            square.play(name, kind=kind, calls=10_000, seconds=600)
        ill, beside = await _beside(square, sick, groups, f"Ill {number}")
        square.inside.faults.clear()
        ends += await asyncio.gather(*(square.end(ill, name, 180.0) for name in sick))
        counts += [square.count(name, f"Ill {number}") for name in sick]
        for where, usual in alone.items():
            if beside[where] - usual < longer[where]:
                longer[where] = beside[where] - usual
                said[where] = f"median {usual:.2f} s, {beside[where]:.2f} s beside the sick"
        if max(longer.values()) < DELAY:
            break
    rows = []
    for where, seconds in longer.items():
        wrong = (f"{seconds:.2f} s longer",) if seconds >= DELAY else ()
        rows.append(Row(f"platform: {SICK} sick, {where}", times=SICK, remark=said[where], wrong=wrong))
    lost = sum(end is None or str(end.outcome) != "delivered" for end in ends)
    doubles = sum(max(0, count - 1) for count in counts)
    sick_row = Row(
        f"platform: the {SICK} sick themselves",
        times=SICK,
        acked=len(ends) // SICK,
        stored=len(ends) // SICK,
        posted=sum(counts),
        doubles=doubles,
        lost=lost,
        remark="delivered once they were well",
    )
    return [*rows, sick_row]


async def _beside(
    square: Square, sick: list[str], healthy: dict[str, list[str]], text: str
) -> tuple[Request, dict[str, float]]:
    """Send one message to the sick and, while their calls hang, one to the healthy; return the medians of these.

    One only: later ones would find the sick between two calls, when they are in nobody's way.
    """
    request = await square.town.cleared(*map(profile_of, sick), text=text, expires_at=later(600))
    await asyncio.sleep(0.3)
    medians = await asyncio.gather(*(square.rounds(names, f"{text}, {where}", 1) for where, names in healthy.items()))
    return request, dict(zip(healthy, medians, strict=True))


# --- the reserve ------------------------------------------------------------------------------------------


async def _reserve(square: Square, first: str, second: str) -> Row:
    """Routine posts use up their part of the quota; a crisis goes out at once, also from behind a routine one."""
    routine = [await square.town.cleared(profile_of(first), text=f"Routine {number}") for number in range(3)]
    done = [await square.end(request, first, 30.0) for request in routine[:2]]
    wrong = [] if all(done) else ["routine posts below the reserve were kept waiting"]
    await asyncio.sleep(1.0)
    if await square.town.receipts(routine[2], profile_of(first)):
        wrong.append("a routine post used the reserve")
    began = monotonic()
    crisis = await square.town.cleared(*map(profile_of, (first, second)), text="Evacuate", crisis=True)
    ends = [await square.end(crisis, name, 15.0) for name in (second, first)]
    took = monotonic() - began
    if not all(ends):
        wrong.append("a crisis post waited for the quota")
    return Row(
        "platform: quota used up, then a crisis",
        times=1,
        acked=4,
        stored=4,
        posted=sum(square.count(name, "Evacuate") for name in (first, second)) + 3,
        doubles=sum(max(0, square.count(name, "Evacuate") - 1) for name in (first, second)),
        lost=sum(end is None for end in ends),
        recovered=took,
        remark="out of the reserve, also from behind a routine post that waits",
        wrong=tuple(wrong),
    )


@contextmanager
def _limits(added: dict[str, HostLimit]) -> Iterator[None]:
    """Give hosts limits of their own, as a city on a small machine would."""
    limits.LOCAL.update(added)
    try:
        yield
    finally:
        for name in added:
            limits.LOCAL.pop(name)
