"""A process that has no memory to fold an entry: it ends, and its fold is nobody's any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import structlog

from schemas import subjects
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import OneVoiceError
from services.kernel.fold.applied import Applied
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.entry import Entry
from services.kernel.ledger.integrity.checks import IntegrityFault
from services.kernel.projection.projection import Projection
from services.kernel.projection.snapshots import Snapshots
from services.kernel.runtime.supervisor import Supervisor
from tests.unit.projection.story import FIRE, Story, begun
from tests.unit.projection.test_another_story import Feed, following
from tests.unit.projection.test_void import Unreadable

LOG: Any = structlog.get_logger()


def no_memory(_entry: Entry, _applied: Applied) -> None:
    """A listener that has none."""
    raise MemoryError


def grown(feed: Feed, story: Story) -> None:
    """The ledger has all of a story."""
    feed.held = list(story.entries)


async def begun_process(story: Story) -> tuple[Feed, Projection, list[Ledger], Supervisor]:
    """Two services of one process, which have folded a story."""
    feed = Feed(0)
    projection, ledger = await following(feed)
    grown(feed, story)
    await projection.catch_up()
    supervisor, other = Supervisor(LOG), Ledger()
    supervisor.begin()
    projection.sharing.end = supervisor.fail
    projection.share(other)
    return feed, projection, [ledger, other], supervisor


@pytest.mark.parametrize("is_heard", [False, True], ids=["read", "heard"])
async def test_the_process_ends_and_folds_nothing_more(is_heard: bool, tmp_path: Path) -> None:
    """Else it would go on behind the entry, which everybody else has."""
    story = begun()
    feed, projection, ledgers, supervisor = await begun_process(story)
    snapshots = Snapshots(tmp_path / "live.json", projection, feed, ledgers[0], SystemClock(), LOG)
    story.cleared()
    bad = story.put(subjects.CONTROL, Unreadable(MemoryError()))
    after = story.verdict()
    grown(feed, story)
    if is_heard:
        for entry in feed.held[len(begun().entries) : bad - 1]:
            feed.bring(entry)
        with pytest.raises(IntegrityFault):
            feed.bring(feed.held[bad - 1])
    with pytest.raises(OneVoiceError) as caught:
        await projection.catch_up()
    assert (caught.value.code, f"entry {bad} " in caught.value.message) == ("ledger.unfolded", True)
    with pytest.raises(IntegrityFault):
        feed.bring(feed.held[after - 1])
    with pytest.raises(IntegrityFault):
        await projection.catch_up()
    assert projection.newest is not None
    assert projection.newest.seq == bad - 1
    assert [ledger.fault for ledger in ledgers] == [caught.value, caught.value]
    assert supervisor.failed is not None
    assert supervisor.failed.exception() is caught.value
    await snapshots.take()
    assert await snapshots.resume() is None, "none was taken"
    assert projection.newest.seq == bad - 1


async def test_so_it_does_where_memory_ends_while_a_request_is_reopened() -> None:
    story = begun()
    _, projection, ledgers, _ = await begun_process(story)
    with pytest.raises(IntegrityFault), projection.sharing.whole(9):
        raise MemoryError
    assert all(ledger.fault is not None for ledger in ledgers)
    with pytest.raises(IntegrityFault), projection.sharing.whole(10):
        raise AssertionError("nothing more is folded")


async def test_so_it_does_where_a_listener_has_none() -> None:
    """What it keeps would lack the entry for as long as the process lives."""
    story = begun()
    feed, projection, ledgers, _ = await begun_process(story)
    projection.listen(no_memory, "request")
    story.request("r1", FIRE)
    grown(feed, story)
    with pytest.raises(IntegrityFault):
        await projection.catch_up()
    assert all(ledger.fault is not None for ledger in ledgers)
