"""A service starts from its snapshot, throws a damaged one away, and works on no ledger that lacks what it has seen."""

from __future__ import annotations

import dataclasses

import pytest

from schemas import subjects
from services.kernel.base.errors import Unreachable
from services.kernel.control.control_view import authority_of
from services.kernel.ledger.integrity.checks import IntegrityFault
from services.kernel.ledger.integrity.high_water import HighWaterMark, mark_of, read_mark
from services.kernel.projection.snapshot import Snapshot, read
from services.kernel.projection.snapshots import SnapshotPace, Snapshots
from services.kernel.projection.source import NatsSource
from services.kernel.runtime.compose import Timings
from services.kernel.runtime.run import running
from services.kernel.runtime.service import Runtime
from tests.support.mission import ACTIVATE, Mission, eventually
from tests.unit.projection.story import picture


def kept(mission: Mission) -> Snapshot:
    """What the gatekeeper's file holds."""
    found = read(mission.city.snapshot_path("gatekeeper").read_bytes(), authority_of(mission.city))
    assert found is not None
    return found


async def a_day(mission: Mission, timings: Timings | None = None) -> Runtime:
    """A gatekeeper that has seen a refused, a cleared and an undecided request, and an activation."""
    await mission.begin()
    [runtime] = await mission.run("gatekeeper", timings=timings)
    intake = await mission.writer("intake")
    refused, cleared, _ = [await intake.submit() for _ in range(3)]
    await intake.approve(refused, "mcpe", decision="reject")
    await intake.approve(cleared, "mcpe")

    async def decided() -> bool:
        found = [await intake.verdict(one.request_id) for one in (refused, cleared)]
        return [one and str(one.outcome) for one in found] == ["refused", "cleared"]

    await eventually(decided)
    await mission.order("eoc-director", ACTIVATE)
    await runtime.catch_up()
    return runtime


async def test_a_start_from_a_snapshot_knows_what_the_whole_ledger_says(mission: Mission) -> None:
    before = await a_day(mission)
    await mission.stop(before)
    snapshot = kept(mission)
    assert len(snapshot.requests) == 2, "what is refused is over"
    intake = await mission.writer("intake")
    later = await intake.submit()
    [after] = await mission.run("gatekeeper")
    mission.city.snapshot_path("gatekeeper").unlink()
    [whole] = await mission.run("gatekeeper")
    for runtime in (after, whole):
        await eventually(lambda runtime=runtime: settled(runtime, later.request_id))  # type: ignore[misc]
        await runtime.catch_up()
    assert kept_of(after) == snapshot.seq
    assert kept_of(whole) == 0
    await mission.stop(whole)
    await after.catch_up()
    assert picture(after.fold)["control"] == picture(whole.fold)["control"]
    assert picture(after.fold)["requests"].keys() == picture(whole.fold)["requests"].keys()


def kept_of(runtime: Runtime) -> int:
    """The sequence of the snapshot that a runtime began with or wrote last; 0: none."""
    assert runtime.snapshots is not None
    return runtime.snapshots._kept


async def settled(runtime: Runtime, request_id: str) -> bool:
    """Whether a request is decided at the control revision in force."""
    state = runtime.fold.requests.get(request_id)
    return state is not None and state.verdict is not None and state.verdict.control_seq == runtime.fold.control_seq


@pytest.mark.parametrize("damage", [b"", b"{}", None])
async def test_a_damaged_snapshot_is_thrown_away(mission: Mission, damage: bytes | None) -> None:
    await mission.stop(await a_day(mission))
    path = mission.city.snapshot_path("gatekeeper")
    path.write_bytes(path.read_bytes()[:-9] if damage is None else damage)
    [runtime] = await mission.run("gatekeeper")
    assert (kept_of(runtime), runtime.ledger.fault) == (0, None)
    assert len(runtime.fold.requests) == 2
    await mission.stop(runtime)
    assert kept(mission).seq == runtime.fold.seq, "and replaced by a sound one"


@pytest.mark.parametrize("change", [{"seq": 10_000}, {"entry": "0" * 64}])
async def test_a_ledger_that_lacks_its_entry_is_not_worked_on(mission: Mission, change: dict[str, object]) -> None:
    await mission.stop(await a_day(mission))
    path = mission.city.snapshot_path("gatekeeper")
    dataclasses.replace(kept(mission), **change).write(path)  # type: ignore[arg-type]
    stands = path.read_bytes()
    [runtime] = await mission.run("gatekeeper")
    fault = runtime.ledger.fault
    assert fault is not None
    assert (fault.code, str(path) in fault.hint) == ("ledger.rewound", True)
    intake = await mission.writer("intake")
    later = await intake.submit()
    assert await intake.verdict(later.request_id) is None
    await mission.stop(runtime)
    assert path.read_bytes() == stands, "what was seen is not forgotten by a restart"


async def test_one_is_taken_now_and_then_and_none_where_nothing_may_be_written(mission: Mission) -> None:
    runtime = await a_day(mission, Timings(snapshots=SnapshotPace(0.1, 5)))
    path = mission.city.snapshot_path("gatekeeper")

    async def written() -> bool:
        return path.exists()

    await eventually(written)
    await mission.stop(runtime)
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("a file where a folder should be")
    [again] = await mission.run("gatekeeper")
    assert kept_of(again) == 0
    await mission.stop(again)
    assert await (await mission.writer("intake")).ledger.last(subjects.CONTROL) is not None


async def test_a_first_start_that_breaks_off_goes_on_from_what_it_has_folded(mission: Mission) -> None:
    runtime = await a_day(mission)
    assert not mission.city.snapshot_path("gatekeeper").exists()
    often = Snapshots(
        mission.city.snapshot_path("gatekeeper"),
        runtime.projection,
        NatsSource(runtime.ledger),
        runtime.ledger,
        runtime.clock,
        runtime.log,
        SnapshotPace(0.05, 1),
    )

    async def breaks_off() -> None:
        await eventually(is_kept)
        raise Unreachable("broker.unreachable", "the broker did not answer")

    async def is_kept() -> bool:
        return mission.city.snapshot_path("gatekeeper").exists()

    with pytest.raises(Unreachable):
        await often.keep_during(breaks_off())
    assert kept(mission).seq == runtime.fold.seq


async def test_a_service_that_was_killed_knows_a_rewound_ledger_by_its_mark(mission: Mission) -> None:
    """It had no time for a snapshot; the mark is written each second."""
    runtime = await a_day(mission)
    path, snapshot = mission.city.mark_path("gatekeeper"), mission.city.snapshot_path("gatekeeper")

    async def marked() -> bool:
        mark = read_mark(path)
        return mark is not None and mark.seq == runtime.fold.seq

    await eventually(marked)
    await mission.stop(runtime)
    snapshot.unlink()
    HighWaterMark(runtime.fold.seq, "0" * 64).write(path)
    [again] = await mission.run("gatekeeper")
    fault = again.ledger.fault
    assert fault is not None
    assert (fault.code, str(path) in fault.hint) == ("ledger.rewound", True)


@pytest.mark.parametrize("remembered", ["mark", "reported", "snapshot"])
async def test_what_one_service_of_a_process_remembers_holds_all_of_them_back(
    mission: Mission, remembered: str
) -> None:
    """They share one fold; only the first keeps the mark and the snapshot."""
    await mission.begin()
    names, city = ["eoc_state", "intake", "gatekeeper"], mission.city
    async with running(names, city, mission.url) as [first, *_]:
        request = await (await mission.writer("intake")).submit()
        await first.catch_up()
        newest = first.projection.newest
    path = city.mark_path("eoc-state")
    snapshot = read(city.snapshot_path("eoc-state").read_bytes(), authority_of(city))
    assert snapshot is not None
    assert newest is not None
    lost = HighWaterMark(newest.seq + 100, "0" * 64)
    if remembered == "mark":
        lost.write(path)
    elif remembered == "reported":
        mark_of(newest, "entry 2 is another one").write(path)
    else:
        dataclasses.replace(snapshot, entry="0" * 64).write(city.snapshot_path("eoc-state"))
    async with running(names, city, mission.url) as runtimes:
        for runtime in runtimes:
            with pytest.raises(IntegrityFault):
                await runtime.ledger.append(subjects.request(request.request_id), request)
            assert runtime.watch.trouble is not None
        if remembered == "mark":
            assert [runtime.ledger.highest for runtime in runtimes] == [lost.seq] * len(names)
            assert read_mark(path) == lost, "it must outlive the loss that it shows"
