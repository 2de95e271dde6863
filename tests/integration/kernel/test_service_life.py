"""A service's life: it waits for the broker, refuses drift, survives a restart of the broker, stops gracefully."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

import nats.errors
import pytest
from nats.js import api

from schemas import flow, streams, subjects
from schemas.events.control import EocActive, Hold
from schemas.events.desk import OrderReply
from schemas.events.envelope import Envelope
from schemas.events.requests import Request
from services.kernel.base.city import City
from services.kernel.base.clock import monotonic
from services.kernel.base.errors import Drift, Unreachable
from services.kernel.ledger.asking import AskLimits
from services.kernel.runtime.compose import Timings
from services.kernel.runtime.messages.dependencies import EntryOf, Sender
from services.kernel.runtime.run import build, run_until_stopped, running
from services.kernel.runtime.service import Runtime
from tests.support.mission import PATIENCE, Mission, Writer, eventually, now

DURABLE = streams.GATEKEEPER_REQUESTS


class Slow:
    """A handler that takes its time: until ``go`` is set."""

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers
        self.go = asyncio.Event()
        self.began: list[int] = []
        self.ended: list[int] = []

    async def on_request(self, event: Request, entry: EntryOf) -> None:
        """Work for a while."""
        self.began.append(entry.seq)
        await self.go.wait()
        self.ended.append(entry.seq)

    def wire(self, runtime: Runtime) -> None:
        """Take requests."""
        runtime.bus.consume(DURABLE, Request.from_bytes, self.on_request, workers=self.workers)


def quick() -> Slow:
    """A handler that takes no time."""
    made = Slow()
    made.go.set()
    return made


async def stopped_and_then(mission: Mission, runtime: Runtime, go: asyncio.Event) -> None:
    """Stop a service, and let what it has in hand go on once the stop is under way."""
    stopping = asyncio.create_task(mission.stop(runtime))

    async def under_way() -> bool:
        return runtime.supervisor.stopping

    await eventually(under_way)
    await asyncio.sleep(0.5)
    assert not stopping.done(), "it waits for what is in hand"
    go.set()
    await stopping


async def unacked(writer: Writer) -> int:
    info = await writer.js.consumer_info(DURABLE.stream, DURABLE.durable)
    return int(info.num_ack_pending or 0)


# --- stopping -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 4])
async def test_a_graceful_stop_finishes_and_acks_what_is_in_hand(mission: Mission, workers: int) -> None:
    await mission.begin()
    slow = Slow(workers)
    runtime = await mission.run_with("gatekeeper", slow.wire)
    provisioner, intake = await mission.provisioner(), await mission.writer("intake")
    for _ in range(workers):
        await intake.submit()

    async def all_in_hand() -> bool:
        return len(slow.began) == workers

    await eventually(all_in_hand)
    assert slow.ended == []
    await stopped_and_then(mission, runtime, slow.go)
    assert sorted(slow.ended) == sorted(slow.began)
    assert await unacked(provisioner) == 0
    later = await intake.submit()
    await asyncio.sleep(0.5)
    entry = await intake.ledger.last(subjects.request(later.request_id))
    assert entry is not None
    assert entry.seq not in slow.began


async def test_a_graceful_stop_answers_the_desk(mission: Mission) -> None:
    await mission.begin()
    entered, go = asyncio.Event(), asyncio.Event()

    async def on_order(_order: Envelope, _sender: Sender) -> OrderReply:
        entered.set()
        await go.wait()
        return OrderReply(control_seq=1, posture="routine")

    def wire(runtime: Runtime) -> None:
        runtime.bus.serve(subjects.DESK_EOC_ORDER, Envelope.from_bytes, on_order)

    runtime = await mission.run_with("eoc_state", wire)
    desk = await mission.desk("cao")
    asked = asyncio.create_task(desk.order(Hold(on=True)))
    await asyncio.wait_for(entered.wait(), PATIENCE)
    await stopped_and_then(mission, runtime, go)
    assert (await asked)["accepted"] is True


async def test_background_work_runs_again_after_it_raised_and_ends_with_the_service(mission: Mission) -> None:
    await mission.begin()
    calls: list[str] = []

    async def work() -> None:
        calls.append("begun")
        if len(calls) == 1:
            raise RuntimeError("once")
        try:
            await asyncio.sleep(60)
        finally:
            calls.append("ended")

    runtime = await mission.run_with("board", lambda runtime: runtime.supervisor.supervise(work))

    async def twice() -> bool:
        return calls == ["begun", "begun"]

    await eventually(twice)
    await mission.stop(runtime)
    assert calls == ["begun", "begun", "ended"]


# --- the broker ---------------------------------------------------------------------------------------------


async def test_services_that_start_before_the_broker_wait_for_it(demo_city: City) -> None:
    mission = Mission(demo_city)
    starting = asyncio.create_task(mission.run("board", "registry", "eoc_state"))
    await asyncio.sleep(1.5)
    assert not starting.done()
    async with mission:
        runtimes = await asyncio.wait_for(starting, PATIENCE)
        assert {runtime.control.seq for runtime in runtimes} == {1}
        desk = await mission.desk("cao")
        assert (await desk.board("eoc"))["eoc"]["posture"] == "routine"


async def test_services_wait_for_the_manifest_and_the_registry_brings_it(mission: Mission) -> None:
    """Started in the least helpful order: who needs the manifest first, who brings it last."""
    starting = asyncio.create_task(mission.run("gatekeeper"))
    await asyncio.sleep(1.0)
    assert not starting.done()
    await mission.run("registry")
    (gatekeeper,) = await asyncio.wait_for(starting, PATIENCE)
    assert gatekeeper.control.seq == 1


async def test_services_go_on_after_the_broker_was_killed_and_started_again(mission: Mission) -> None:
    """Consumers, the desk and background work: what was in the ledger is handled, what comes is too."""
    await mission.begin()
    slow = quick()
    await mission.run_with("gatekeeper", slow.wire)
    await mission.run("eoc_state", "board")
    intake, desk = await mission.writer("intake"), await mission.desk("cao")
    await intake.submit()

    async def handled(count: int) -> bool:
        return len(set(slow.ended)) >= count

    await eventually(lambda: handled(1))
    assert mission.broker.pid is not None
    os.kill(mission.broker.pid, signal.SIGKILL)
    await asyncio.sleep(1.0)
    await mission.restart()

    async def connected() -> bool:
        return bool(intake.client.is_connected and desk.client.is_connected)

    await eventually(connected)
    await intake.submit()
    await eventually(lambda: handled(2))

    async def ordered() -> bool:
        with contextlib.suppress(TimeoutError, nats.errors.Error):
            return bool((await asyncio.wait_for(desk.order(Hold(on=True)), 10)).get("accepted"))
        return False

    await eventually(ordered)
    assert (await desk.board("eoc"))["eoc"]["hold"] is True


async def test_a_broker_that_is_back_is_not_said_to_store_nothing(mission: Mission) -> None:
    """What failed while it was away says nothing of now; on a quiet night no entry would come to show it."""
    await mission.begin()
    board, *_ = await mission.run("board")
    ledger, intake = board.ledger, await mission.writer("intake")
    ledger.asks = AskLimits(0.3, 2)
    assert mission.broker.pid is not None
    os.kill(mission.broker.pid, signal.SIGKILL)
    with pytest.raises(Unreachable):
        await ledger.append(subjects.CONTROL, EocActive(at=now(), activating_seq=1))
    assert ledger.not_stored in board.health.all_troubles()
    await mission.restart()

    async def nothing_said() -> bool:
        return not ledger.not_stored

    await eventually(nothing_said)
    ledger.not_stored = "the broker stores nothing"
    request = await intake.submit()
    await eventually(nothing_said)
    assert request.request_id in board.fold.requests


# --- drift --------------------------------------------------------------------------------------------------


async def refusal(mission: Mission, *names: str) -> str:
    """What a service says when it refuses to start."""
    with pytest.raises(Drift) as error:
        async with running(names, mission.city, mission.url):
            pass
    assert error.value.code == "broker.drift"
    assert "provision" in error.value.hint
    return error.value.message


async def test_a_service_refuses_to_run_without_its_durable_and_names_it(mission: Mission) -> None:
    provisioner = await mission.provisioner()
    await provisioner.js.delete_consumer(DURABLE.stream, DURABLE.durable)
    message = await refusal(mission, "gatekeeper")
    assert "durable gatekeeper-requests of LEDGER is missing" in message
    assert "gatekeeper-control" not in message


async def test_a_service_refuses_to_run_on_a_changed_durable_and_says_how_it_differs(mission: Mission) -> None:
    provisioner = await mission.provisioner()
    await provisioner.js.add_consumer(
        DURABLE.stream,
        api.ConsumerConfig(
            durable_name=DURABLE.durable,
            filter_subject=DURABLE.filter_subject,
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=5.0,
            max_ack_pending=7,
        ),
    )
    message = await refusal(mission, "gatekeeper")
    assert "max_ack_pending is 7, not 256" in message
    assert "ack_wait is 5.0, not 10.0" in message


async def test_a_service_refuses_to_run_on_a_changed_stream(mission: Mission) -> None:
    provisioner = await mission.provisioner()
    info = await provisioner.js.stream_info(streams.LEDGER)
    info.config.duplicate_window = 60.0
    info.config.max_msgs = 1_000_000
    await provisioner.js.update_stream(info.config)
    message = await refusal(mission, "board")
    assert "stream LEDGER: duplicate_window is 60.0, not 120.0" in message
    assert "max_msgs is 1000000, not -1" in message


async def test_one_service_that_refuses_stops_the_others_that_were_started_with_it(mission: Mission) -> None:
    provisioner = await mission.provisioner()
    await provisioner.js.delete_consumer(DURABLE.stream, DURABLE.durable)
    before = asyncio.all_tasks()
    await refusal(mission, "registry", "gatekeeper", "board")

    async def gone() -> bool:
        return not {task for task in asyncio.all_tasks() - before if not task.done()}

    await eventually(gone)


async def test_a_service_stops_when_its_durable_is_deleted_under_it(mission: Mission) -> None:
    await mission.begin()
    runtime = await mission.run_with("gatekeeper", quick().wire, Timings(durable_check=0.5))
    provisioner = await mission.provisioner()
    await asyncio.sleep(0.5)
    await provisioner.js.delete_consumer(DURABLE.stream, DURABLE.durable)
    assert runtime.supervisor.failed is not None
    with pytest.raises(Drift, match="gatekeeper-requests is gone"):
        await asyncio.wait_for(asyncio.shield(runtime.supervisor.failed), PATIENCE)


async def test_a_deleted_durable_is_not_fetched_from_in_a_frenzy(mission: Mission) -> None:
    """Until somebody notices, the service keeps its head: some messages a second, not thousands."""
    await mission.begin()
    runtime = await mission.run_with("gatekeeper", quick().wire)
    provisioner = await mission.provisioner()
    await provisioner.js.delete_consumer(DURABLE.stream, DURABLE.durable)
    await asyncio.sleep(0.5)
    before, began = runtime.ledger.client.stats["out_msgs"], monotonic()
    await asyncio.sleep(2.0)
    assert runtime.ledger.client.stats["out_msgs"] - before < 300 * (monotonic() - began)
    if runtime.supervisor.failed is not None and runtime.supervisor.failed.done():
        runtime.supervisor.failed.exception()


# --- as a program -------------------------------------------------------------------------------------------


async def program(mission_url: str, city: City, name: str = "board") -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"services.{name}",
        "--city",
        str(city.folder),
        "--url",
        mission_url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(process: asyncio.subprocess.Process, seconds: float = PATIENCE) -> tuple[int, str]:
    """Its exit status, and all that it said."""
    out, err = await asyncio.wait_for(process.communicate(), seconds)
    assert process.returncode is not None
    return process.returncode, (out + err).decode()


async def said(process: asyncio.subprocess.Process, words: str) -> str:
    """Read its log until some words come."""
    assert process.stderr is not None
    text = ""
    while words not in text:
        line = await asyncio.wait_for(process.stderr.readline(), PATIENCE)
        assert line, text
        text += line.decode()
    return text


async def test_a_signal_ends_a_service_that_still_waits_for_the_broker(demo_city: City) -> None:
    process = await program("nats://127.0.0.1:1", demo_city)
    await said(process, "waiting for the broker")
    process.send_signal(signal.SIGINT)
    status, text = await ended(process)
    assert (status, "Traceback" in text) == (0, False)


async def test_a_signal_ends_a_running_service_cleanly(mission: Mission) -> None:
    await mission.begin()
    process = await program(mission.url, mission.city)
    await said(process, "ready")
    process.send_signal(signal.SIGTERM)
    status, text = await ended(process)
    assert (status, "Traceback" in text) == (0, False)
    assert "stopped" in text


async def test_drift_ends_a_program_with_one_clear_error(mission: Mission) -> None:
    provisioner = await mission.provisioner()
    await provisioner.js.delete_consumer(streams.LEDGER, streams.EOC_STATE_CONTROL.durable)
    status, text = await ended(await program(mission.url, mission.city, "eoc_state"))
    assert (status, "Traceback" in text) == (2, False)
    assert "durable eoc-state-control of LEDGER is missing" in text
    assert "onevoice provision" in text


NOWHERE = "nats://127.0.0.1:1"


@pytest.mark.parametrize("harm", ["missing", "readable", "broken"])
def test_a_service_without_a_good_key_says_so_before_it_does_anything(
    demo_city: City, harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = demo_city.service_key_path("board")
    if harm == "missing":
        path.unlink()
    elif harm == "readable":
        path.chmod(0o644)
    else:
        path.write_bytes(path.read_bytes()[:-3] + b"AA\n")
    status = run_until_stopped(["board"], demo_city.folder, "live", NOWHERE)
    text = capsys.readouterr().err
    code = {"missing": "key.missing", "readable": "key.permissions", "broken": "key.invalid"}[harm]
    assert (status, f"({code})" in text, "Traceback" in text) == (2, True, False)


def test_a_broken_city_file_ends_a_program_with_its_line(demo_city: City, capsys: pytest.CaptureFixture[str]) -> None:
    path = demo_city.folder / "city.toml"
    lines = path.read_text().splitlines()
    wrong = next(number for number, line in enumerate(lines) if line.startswith("port"))
    lines[wrong] = "port = 0"
    path.write_text("\n".join(lines))
    status = run_until_stopped(["board"], demo_city.folder, "live", NOWHERE)
    text = capsys.readouterr().err
    assert (status, f"line {wrong + 1}: " in text, "Traceback" in text) == (2, True, False)


async def test_a_stranger_cannot_be_built(demo_city: City) -> None:
    with pytest.raises((KeyError, ModuleNotFoundError)):
        build("nobody", demo_city)
    assert "nobody" not in {row.name for row in flow.SERVICES}
