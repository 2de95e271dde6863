"""What must hold beside the invariants in a run with a theme: how many appends, who goes first, how much at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from schemas.events.verdicts import Outcome

if TYPE_CHECKING:
    from tests.simulation.record import Record
    from tests.simulation.world import World

PROMPT_SECONDS = 3.0
"""So soon a crisis message is attempted where its own platform lets it: a call of another may end meanwhile."""


def few_appends(world: World, record: Record) -> Iterator[str]:
    """At most 2 appends per delivery, and 4 per request with one approval."""
    counts: dict[tuple[str, str], int] = {}
    for entry in record.entries:
        _, kind, *names = entry.subject.split(".")
        if kind in ("attempt", "receipt"):
            counts[names[1], names[0]] = counts.get((names[1], names[0]), 0) + 1
        elif kind in ("request", "approval", "verdict"):
            counts[names[0], ""] = counts.get((names[0], ""), 0) + 1
    for (request_id, profile), count in counts.items():
        approvals = len(record.fold.requests[request_id].statements)
        most = 2 if profile else 2 + 2 * approvals
        if count > most:
            yield f"{count} appends for {request_id}" + (f" on {profile}" if profile else f", {approvals} approvals")


def urgent_passes(world: World, record: Record) -> Iterator[str]:
    """A crisis message waits for nothing but its own platform (invariant 12)."""
    for request_id, state in record.fold.requests.items():
        if not state.request.crisis:
            continue
        for _, at, verdict in record.verdicts.get(request_id, ()):
            if verdict.outcome is not Outcome.CLEARED:
                continue
            for profile in verdict.targets:
                first = min((one.at for one in record.effective((profile, request_id))), default=None)
                if first is None or first - at > PROMPT_SECONDS:
                    late = "never" if first is None else f"{first - at:.1f} s later"
                    yield f"12: {request_id} was cleared, and attempted on {profile} {late}"
            break


TIMELY = frozenset(
    f"{kind}.{code}"
    for kind in ("order", "approval", "resolution")
    for code in ("future", "expired", "replayed", "too_long")
)
"""What only a wrong clock says here: people sign by the true time, and send for some seconds."""


def not_refused_as_untimely(world: World, record: Record) -> Iterator[str]:
    """What people have just signed is not refused for its time: no wrong clock of a service's machine counts."""
    for when, who, code in world.told.refused:
        if code in TIMELY:
            yield f"{who} was refused at {when:.1f} s with {code}, by a clock that is wrong"


def within_limits(world: World, record: Record) -> Iterator[str]:
    """Each copy keeps to its host's limit: so many calls at a time, so many posts within any time."""
    limit = world.theme.limit
    assert limit is not None
    assert limit.host is not None
    for worker in {one.event.worker for one in record.attempts}:
        times = [one.at for one in record.attempts if one.event.worker == worker and one.event.platform == "mastodon"]
        for place, since in enumerate(times):
            for count, until in enumerate(times[place:], 1):
                most = limit.host.size + limit.host.per_second * (until - since) + 1.0
                if count > most:
                    yield f"{worker} attempted {count} posts within {until - since:.1f} s, at most {most:.0f}"
        yield from _at_once(world, worker, limit.at_once + limit.slow)


def _at_once(world: World, worker: str, most: int) -> Iterator[str]:
    on_mastodon = [(at, 1) for at, who, profile, _ in world.platforms.called if who == worker and "townsq" in profile]
    ended = [(at, -1) for at, who, profile, _ in world.platforms.answered if who == worker and "townsq" in profile]
    under_way = 0
    for at, change in sorted([*on_mastodon, *ended], key=lambda one: (one[0], one[1])):
        under_way += change
        if under_way > most:
            yield f"{worker} had {under_way} calls under way at {at:.1f} s, at most {most}"
            return
