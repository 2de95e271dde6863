"""Gatekeepers that race with each other, with control, and with kill -9: one chain, nothing stale, nothing lost."""

from __future__ import annotations

import asyncio
import itertools
import random
import signal
import sys
from pathlib import Path

import pytest

from schemas import streams, subjects
from schemas.events.control import Hold
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from tests.support.mission import PATIENCE, Mission, Writer, eventually

STRESS_SECONDS = 4.0


async def all_decided(writer: Writer, requests: list[Request], control_seq: int, seconds: float = 150.0) -> None:
    """Wait until each request's last verdict is of this control revision."""

    async def look() -> bool:
        last = [await writer.verdict(request.request_id) for request in requests]
        return all(verdict is not None and verdict.control_seq >= control_seq for verdict in last)

    await eventually(look, seconds, 0.3)


async def check_chains(writer: Writer, requests: list[Request]) -> list[Verdict]:
    """Check the chain of each request; return the last verdicts.

    Control revisions and facts never go back in a chain, no verdict only repeats the one before, and each was
    decided at a control revision that stood when it was appended.
    """
    control = [entry.seq for entry in await writer.ledger.history(subjects.CONTROL)]
    last: list[Verdict] = []
    for request in requests:
        chain = await writer.verdicts(request.request_id)
        assert chain, f"{request.request_id} has no verdict"
        for (_, earlier), (_, later) in itertools.pairwise(chain):
            assert later.control_seq >= earlier.control_seq
            assert later.as_of >= earlier.as_of
            assert later.model_copy(update={"at": earlier.at}) != earlier
        for seq, verdict in chain:
            assert verdict.control_seq in control
            assert verdict.control_seq < seq
        last.append(chain[-1][1])
    return last


def held(verdict: Verdict) -> bool:
    """True when the stop button is among what blocks it."""
    return any("stop button" in finding.reason for finding in verdict.findings if finding.outcome == "blocked")


async def submit(writer: Writer, count: int) -> list[Request]:
    """Append requests at once; every other one is approved."""

    async def one(number: int) -> Request:
        request = await writer.submit()
        if number % 2:
            await writer.approve(request, "mcpe")
        return request

    return list(await asyncio.gather(*(one(number) for number in range(count))))


async def test_two_copies_at_once_keep_a_single_chain(mission: Mission) -> None:
    """They share the durables, and both sweep: compare-and-set lets one verdict through for each change."""
    await mission.begin()
    await mission.run("gatekeeper", "gatekeeper")
    intake = await mission.writer("intake")
    requests = await submit(intake, 24)
    await all_decided(intake, requests, 1)
    seq = 1
    for on in (True, False, True, False):
        seq = await mission.order("cao", Hold(on=on))
    await all_decided(intake, requests[1::2], seq)

    async def released() -> bool:
        # By the fold: a verdict that was stored after control had moved on is void, and may be the last on its subject.
        states = (await mission.fold()).requests
        counting = [states[request.request_id].verdict for request in requests]
        return not any(verdict is None or held(verdict) for verdict in counting)

    await eventually(released, 150.0, 0.3)
    last = await check_chains(intake, requests)
    assert {verdict.control_seq for verdict in last[1::2]} == {seq}
    assert [verdict.outcome is Outcome.CLEARED for verdict in last] == [bool(n % 2) for n in range(24)]


async def test_control_that_races_with_new_requests_leaves_no_stale_clearance(mission: Mission) -> None:
    """Requests, approvals and control changes at the same time, two copies: none is cleared while the stop button is
    on, and each is once it is off.
    """
    await mission.begin()
    await mission.run("gatekeeper", "gatekeeper")
    intakes = [await mission.writer("intake") for _ in range(3)]
    requests: list[Request] = []
    loop = asyncio.get_running_loop()
    ends = loop.time() + STRESS_SECONDS

    async def keep_submitting(intake: Writer) -> None:
        while loop.time() < ends and len(requests) < 150:
            request = await intake.submit()
            requests.append(request)
            await intake.approve(request, "mcpe")

    async def keep_changing() -> int:
        on, seq = False, 1
        while loop.time() < ends:
            on = not on
            seq = await mission.order("cao", Hold(on=on))
            await asyncio.sleep(0.05)
        return await mission.order("cao", Hold(on=True)) or seq

    *_, seq = await asyncio.gather(*(keep_submitting(intake) for intake in intakes), keep_changing())
    assert requests

    async def all_held() -> bool:
        last = [await intakes[0].verdict(request.request_id) for request in requests]
        return all(verdict is not None and verdict.outcome is Outcome.BLOCKED and held(verdict) for verdict in last)

    await eventually(all_held, 150.0, 0.3)
    await check_chains(intakes[0], requests)
    seq = await mission.order("cao", Hold(on=False))
    await all_decided(intakes[0], requests, seq)
    assert {verdict.outcome for verdict in await check_chains(intakes[0], requests)} == {Outcome.CLEARED}


async def start_gatekeeper(mission: Mission, log: Path) -> asyncio.subprocess.Process:
    """Start the gatekeeper as a process of its own."""
    with log.open("ab") as file:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.gatekeeper",
            "--city",
            str(mission.city.folder),
            "--url",
            mission.url,
            stdout=file,
            stderr=file,
        )


async def test_a_killed_gatekeeper_owes_no_verdict_after_its_restart(mission: Mission, tmp_path: Path) -> None:
    """Invariant 5: kill -9 in the middle of its work, start it again: each request has its verdict, once."""
    await mission.begin()
    provisioner = await mission.provisioner()
    js = provisioner.js
    for durable in ("gatekeeper-requests", "gatekeeper-approvals", "gatekeeper-control"):
        info = await js.consumer_info("LEDGER", durable)
        assert info.config.ack_wait == 10.0
    intake = await mission.writer("intake")
    log = tmp_path / "gatekeeper.log"
    process = await start_gatekeeper(mission, log)
    requests = await submit(intake, 10)

    async def some() -> bool:
        return any([await intake.verdict(request.request_id) for request in requests])

    try:
        await eventually(some)
        feeding = asyncio.create_task(submit(intake, 60))
        await asyncio.sleep(random.uniform(0.05, 0.3))
        process.send_signal(signal.SIGKILL)
        await process.wait()
        requests += await feeding
        seq = await mission.order("cao", Hold(on=False))
        process = await start_gatekeeper(mission, log)
        await all_decided(intake, requests, 0)
        await all_decided(intake, [*requests[1:10:2], *requests[11::2]], seq)
        last = await check_chains(intake, requests)
        cleared = [verdict.outcome is Outcome.CLEARED for verdict in last]
        assert cleared == [bool(n % 2) for n in range(10)] + [bool(n % 2) for n in range(60)]
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()
    text = log.read_text()
    assert "Traceback" not in text, text[-3000:]


@pytest.mark.parametrize("junk", [b"[]", b"\xff", b"", b'{"type":"junk"}'])
async def test_junk_on_control_has_what_is_open_decided_again(mission: Mission, junk: bytes) -> None:
    """It is a control revision: a clearance from before it lets nothing out, and nobody else would decide again."""
    await mission.begin()
    await mission.run("gatekeeper")
    intake, thief = await mission.writer("intake"), await mission.writer("registry")
    request = await intake.submit()
    await intake.approve(request, "mcpe")
    await eventually(lambda: cleared_at(intake, request))
    js = thief.client.jetstream(timeout=PATIENCE, prefix=streams.SERVICE_API)
    seq = (await js.publish(subjects.CONTROL, junk)).seq

    async def again() -> bool:
        return await cleared_at(intake, request) == seq

    await eventually(again)


async def cleared_at(intake: Writer, request: Request) -> int:
    """Return the control revision of a clearance, 0 for none."""
    verdict = await intake.verdict(request.request_id)
    return verdict.control_seq if verdict is not None and verdict.outcome is Outcome.CLEARED else 0
