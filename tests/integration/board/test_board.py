"""The board on the real path: what is where, for whoever asks, and the ledger as it grows for whoever watches."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, get_args

import nats.errors
import pytest

from schemas import canonical, subjects
from schemas.events.authority import Grant, Role
from schemas.events.control import Designate, Hold, ProfileSuspend, Revoke, Withdraw
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.desk import BoardEvent, BoardQuery, BoardReply, ServiceHealth
from schemas.events.shown import PostWait
from services.kernel.ledger.asking import USUAL
from tests.support.mission import ACTIVATE, FIRE, PARKS, Desk, Mission, Writer, eventually, flushed, now


@pytest.fixture
async def clerk(mission: Mission) -> Desk:
    """The lowliest officer: all of them may ask."""
    await mission.begin()
    await mission.run("board")
    return await mission.desk("clerk")


@pytest.fixture
async def intake(mission: Mission, clerk: Desk) -> Writer:
    return await mission.writer("intake")


async def status(desk: Desk, request_id: str) -> dict[str, Any]:
    """The one request that the board shows."""
    (view,) = (await desk.board("status", request_id))["requests"]
    found: dict[str, Any] = view
    return found


async def test_services_that_share_an_instance_name_are_shown_side_by_side(mission: Mission, clerk: Desk) -> None:
    """Two bytes of chance gave two services of one process the same name, once in some 2,000 starts."""

    async def both() -> bool:
        for service in ("intake", "fanout"):
            writer = await mission.writer(service)
            said = ServiceHealth(service=service, instance="one-1-ab", at=now(), control_seq=1, version="1")
            await writer.client.publish(subjects.health(service), said.to_bytes())
            await flushed(writer.client)
        answer = BoardReply.from_value(await clerk.board("services")).services or ()
        return {"intake", "fanout"} <= {one.service for one in answer}

    await eventually(both)


async def test_the_eoc_view_has_posture_what_is_in_flight_and_who_lives(
    mission: Mission, clerk: Desk, intake: Writer
) -> None:
    fanout = await mission.writer("fanout")
    await mission.run("eoc_state", "registry")
    request = await intake.submit(targets=(FIRE, PARKS))
    first, second = await fanout.attempt(request, FIRE), await fanout.attempt(request, PARKS)
    view = BoardReply.from_value(await clerk.board("eoc")).eoc
    assert view is not None
    assert (view.realm, view.posture, view.hold, view.in_flight, view.control_seq) == ("live", "routine", False, 2, 1)
    assert (view.city, view.website, view.last_seq) == ("City of Mission", "https://mission.example", second)
    await fanout.receipt(request, first, FIRE)
    await mission.order("cao", Hold(on=True))
    seq = await mission.order("cao", ACTIVATE)
    view = BoardReply.from_value(await clerk.board("eoc")).eoc
    assert view is not None
    assert (view.posture, view.level, view.incident) == ("eoc_activating", 2, ACTIVATE.incident)
    assert (view.hold, view.in_flight, view.control_seq) == (True, 1, seq)

    async def alive() -> bool:
        answer = BoardReply.from_value(await clerk.board("services")).services or ()
        return {one.service for one in answer} == {"board", "eoc_state", "registry"}

    await eventually(alive)


async def test_a_service_that_stopped_is_no_longer_shown_as_living(mission: Mission, clerk: Desk) -> None:
    (runtime,) = await mission.run("registry")

    async def shown() -> set[str]:
        return {one["service"] for one in (await clerk.board("services")).get("services", ())}

    async def both() -> bool:
        return await shown() == {"board", "registry"}

    async def one() -> bool:
        return await shown() == {"board"}

    await eventually(both)
    await mission.stop(runtime)
    await eventually(one)


async def test_the_status_of_a_request_follows_the_ledger(mission: Mission, clerk: Desk, intake: Writer) -> None:
    await mission.run("gatekeeper")
    fanout = await mission.writer("fanout")
    request = await intake.submit(author="fire-publisher", targets=(FIRE, "fire-website"))

    async def decided(outcome: str) -> bool:
        return bool((await status(clerk, request.request_id)).get("verdict", {}).get("outcome") == outcome)

    await eventually(lambda: decided("blocked"))
    view = await status(clerk, request.request_id)
    assert (view["request"]["text"], view["deliveries"], view["withdrawn"]) == (request.text, [], False)
    await intake.approve(request, "fire-publisher")
    await eventually(lambda: decided("cleared"))

    async def outcomes() -> list[str]:
        return [one["outcome"] for one in (await status(clerk, request.request_id))["deliveries"]]

    async def shows(*wanted: str) -> bool:
        return await outcomes() == list(wanted)

    await eventually(lambda: shows("queued", "queued"))
    until = now() + timedelta(minutes=4)
    wait = PostWait(request_id=request.request_id, profile=FIRE, reason="too many posts", until=until)
    said = ServiceHealth(service="fanout", instance="one", at=now(), control_seq=1, version="1", waits=(wait,))

    async def waits() -> bool:
        await fanout.client.publish(subjects.health("fanout"), said.to_bytes())
        await flushed(fanout.client)
        first, other = (await status(clerk, request.request_id))["deliveries"]
        shown = first["reason"], datetime.fromisoformat(first["retry_at"] or "0001-01-01T00:00:00Z")
        return (*shown, other["reason"]) == ("too many posts", until, "")

    await eventually(waits)
    attempt = await fanout.attempt(request, FIRE)
    await eventually(lambda: shows("posting", "queued"))
    await fanout.receipt(request, attempt, FIRE)
    await eventually(lambda: shows("delivered", "queued"))
    found = (await status(clerk, request.request_id))["deliveries"]
    assert (found[0]["outcome"], found[0]["final"], found[0]["url"]) == ("delivered", True, "http://127.0.0.1/post")
    await fanout.receipt(request, 0, "fire-website", ReceiptOutcome.WITHHELD, final=False)
    await eventually(lambda: shows("delivered", "withheld"))
    await mission.order("fire-publisher", Withdraw(request_id=request.request_id))

    async def withdrawn() -> bool:
        return bool((await status(clerk, request.request_id))["withdrawn"])

    await eventually(withdrawn)


async def test_a_request_is_found_by_the_beginning_of_its_id(mission: Mission, clerk: Desk, intake: Writer) -> None:
    await mission.run("gatekeeper")
    for name in ("rabc1", "rabc2", "rxyz"):
        await intake.submit(name)

    async def three() -> bool:
        return len((await clerk.board("pending"))["requests"]) == 3

    await eventually(three)
    assert (await status(clerk, "rx"))["request"]["request_id"] == "rxyz"
    assert (await status(clerk, "rabc2"))["request"]["request_id"] == "rabc2"

    async def told(beginning: str) -> tuple[str, int]:
        error = (await clerk.board("status", beginning))["error"]
        return error["code"], error["exit_status"]

    assert await told("rabc") == ("request.ambiguous", 2)
    assert await told("rnone") == ("request.unknown", 2)
    for bad in ("", "R1", "r.*", "r>", "a b", "-r", "é"):
        assert await told(bad) == ("request.id", 2)
    assert (await clerk.ask(subjects.DESK_BOARD_QUERY, b'{"query":"status"}'))["error"]["code"] == "request.id"


async def test_where_the_server_names_not_all_requests_a_beginning_is_not_said_to_be_none_s(mission: Mission) -> None:
    """Nor is it asked to name them for a whole id, with which no other one begins."""
    await mission.begin()
    (board,) = await mission.run("board")
    clerk, intake = await mission.desk("clerk"), await mission.writer("intake")
    await intake.submit("ropen1")

    async def is_there() -> bool:
        return len((await clerk.board("pending"))["requests"]) == 1

    await eventually(is_there)
    board.ledger.asks = replace(USUAL, names=0)
    assert (await status(clerk, "ro"))["request"]["request_id"] == "ropen1"
    error = (await clerk.board("status", "rover"))["error"]
    assert (error["code"], error["exit_status"], "give the whole id" in error["hint"]) == ("request.many", 2, True)
    assert (await clerk.board("status", "rabcdefghijkl"))["error"]["code"] == "request.unknown"


async def test_a_request_that_is_over_is_found_by_the_beginning_of_its_id_too(
    mission: Mission, clerk: Desk, intake: Writer
) -> None:
    """Which requests are over is nothing that a person knows who was given four letters; what is open comes first."""
    await mission.run("gatekeeper")
    over = [await intake.submit(name) for name in ("rover1", "rover2", "rsame1")]
    for request in over:
        await intake.approve(request, "mcpe", decision="reject", reason="no")

    async def none() -> bool:
        return not (await clerk.board("pending")).get("requests")

    await eventually(none)
    assert (await status(clerk, "rs"))["request"]["request_id"] == "rsame1"
    assert (await clerk.board("history", "rover2"))["requests"][0]["verdict"]["outcome"] == "refused"
    told = (await clerk.board("status", "rover"))["error"]
    assert (told["code"], told["message"]) == ("request.ambiguous", "rover is the beginning of rover1, rover2")
    await intake.submit("rsame2")

    async def open_one() -> bool:
        return bool((await status(clerk, "rs"))["request"]["request_id"] == "rsame2")

    await eventually(open_one)


async def test_what_waits_is_pending_in_the_order_of_the_ledger(mission: Mission, clerk: Desk, intake: Writer) -> None:
    await mission.run("gatekeeper")
    fanout = await mission.writer("fanout")
    requests = [await intake.submit() for _ in range(4)]
    done = await intake.submit(author="fire-publisher", name="rdone", targets=("fire-website",))
    await intake.approve(done, "fire-publisher")
    gone = await intake.submit("rgone")
    await intake.approve(gone, "mcpe", decision="reject", reason="not true")

    async def refused() -> bool:
        return bool((await status(clerk, "rgone")).get("verdict", {}).get("outcome") == "refused")

    await eventually(refused)
    await fanout.receipt(done, await fanout.attempt(done, "fire-website"), "fire-website")

    async def shown() -> list[tuple[str, str]]:
        found = (await clerk.board("pending"))["requests"]
        return [(one["request"]["request_id"], one.get("verdict", {}).get("outcome")) for one in found]

    async def settled() -> bool:
        return await shown() == [(one.request_id, "blocked") for one in requests]

    await eventually(settled)


async def test_a_promised_update_that_is_near_is_shown_until_it_comes_also_by_a_new_board(
    mission: Mission, clerk: Desk, intake: Writer
) -> None:
    await mission.run("gatekeeper")
    soon, later = now() + timedelta(minutes=5), now() + timedelta(hours=2)
    near = await intake.submit(targets=(FIRE,), next_update=soon)
    far = await intake.submit("r2b", targets=(FIRE,), next_update=later)

    async def owed(desk: Desk) -> list[tuple[str, object]]:
        found = BoardReply.from_value(await desk.board("promised")).promised or ()
        return [(one.request_id, one.by) for one in found]

    assert await owed(clerk) == []  # nothing is promised to the public by what was not cleared
    for request in (near, far):
        await intake.approve(request, "mcpe")

    async def shown() -> bool:
        return [await owed(clerk) for _ in range(6)] == [[(near.request_id, soon)]] * 6

    await eventually(shown)
    await mission.run("board")  # a second copy, which learns it from the ledger
    await eventually(shown)
    update = await intake.submit("r3c", targets=(FIRE,), act="update", follows=near.request_id)
    await intake.approve(update, "mcpe")

    async def kept() -> bool:
        return not any([await owed(clerk) for _ in range(6)])

    await eventually(kept)


async def test_officers_are_shown_with_the_roles_that_count_now(mission: Mission, clerk: Desk) -> None:
    soon = now() + timedelta(hours=1)
    for grant in (
        Grant(role=Role.PIO, valid_from=soon),
        Grant(role=Role.DESIGNATED, valid_until=soon),
    ):
        await mission.order("cao", Designate(officer="clerk", grant=grant), "registry")
    await mission.order("cao", Revoke(officer="pio"), "registry")
    found = {one["officer"]["id"]: one for one in (await clerk.board("officers"))["officers"]}
    assert sorted(found) == list(found)
    assert {grant["role"] for grant in found["clerk"]["grants_now"]} == {"employee", "designated"}
    assert (found["pio"]["revoked"], found["pio"]["grants_now"]) == (True, [])
    assert found["mcpe"]["revoked"] is False


async def test_profiles_are_shown_with_their_sanction(mission: Mission, clerk: Desk) -> None:
    await mission.order("cao", ProfileSuspend(profile=FIRE), "registry")
    found = {one["id"]: one for one in (await clerk.board("profiles"))["profiles"]}
    assert len(found) >= 28
    assert (found[FIRE]["official"], found[PARKS]["official"]) == (False, True)


async def test_each_query_of_the_contract_is_answered(clerk: Desk) -> None:
    """A question that the contract allows never ends in a fault of the service."""
    for query in get_args(BoardQuery.model_fields["query"].annotation):
        reply = await clerk.board(query, "rnone")
        assert reply.get("error", {}).get("code") in {None, "request.unknown", "profile.id", "picture.id"}


async def test_a_nonsense_query_is_answered(clerk: Desk) -> None:
    for raw in (b'{"query":"nope"}', b"{}", b"", b'{"query":"eoc","query":"eoc"}', b'{"query":"eoc","more":1}'):
        error = (await clerk.ask(subjects.DESK_BOARD_QUERY, raw))["error"]
        assert error["exit_status"] == 2


async def test_people_watch_the_ledger_grow_and_systems_do_not(mission: Mission, clerk: Desk, intake: Writer) -> None:
    """board.> reaches an officer, event by event; a system is not even let in."""
    heard: list[tuple[str, BoardEvent]] = []

    async def hear(message: Any) -> None:
        heard.append((message.subject, BoardEvent.from_value(canonical.loads(message.data))))

    await clerk.client.subscribe(subjects.BOARD_ALL, cb=hear)
    await flushed(clerk.client)
    system = await mission.desk("drivebc")
    nothing = await system.client.subscribe(subjects.BOARD_ALL)
    fanout = await mission.writer("fanout")
    request = await intake.submit("rwatch")
    await intake.approve(request, "pio")
    attempt = await fanout.attempt(request)
    await fanout.receipt(request, attempt)
    control = await mission.order("cao", Hold(on=True))
    wanted = [
        "board.request.rwatch",
        "board.approval.rwatch",
        "board.attempt.rwatch",
        "board.receipt.rwatch",
        "board.control.control",
    ]

    async def all_of_it() -> bool:
        return len({subject for subject, _ in heard} & set(wanted)) == len(wanted)

    try:
        await eventually(all_of_it)
    except AssertionError:
        pytest.fail(f"heard {[subject for subject, _ in heard]}")
    events = {event.seq: event for _, event in heard}
    assert events[attempt].subject == subjects.attempt(FIRE, "rwatch")
    assert events[attempt].body["request_id"] == "rwatch"
    assert events[control].body["type"] == "ordered"
    for since in (0, attempt - 1, attempt, control):  # whoever missed some goes on behind the last one that it has
        reply = BoardReply.from_value(await clerk.board("changes", since=since))
        assert [one.seq for one in reply.changes or ()] == list(range(since + 1, (reply.as_of or 0) + 1))
    few = BoardReply.from_value(await clerk.board("changes", since=0, most=2)).changes or ()
    assert [one.seq for one in few] == [1, 2]
    with pytest.raises(nats.errors.TimeoutError):
        await nothing.next_msg(timeout=0.5)
    assert not await asks(system)


async def asks(system: Desk) -> bool:
    """True when a system gets an answer of the board."""
    try:
        await system.client.request("desk.board.query.drivebc", b'{"query":"eoc"}', timeout=0.7)
    except (nats.errors.TimeoutError, nats.errors.NoRespondersError):
        return False
    return True


async def test_many_ask_at_once(mission: Mission, clerk: Desk, intake: Writer) -> None:
    await mission.run("gatekeeper")
    for _ in range(10):
        await intake.submit(scope="all-departments")

    async def ten() -> bool:
        return len((await clerk.board("pending"))["requests"]) == 10

    await eventually(ten)
    replies = await asyncio.gather(
        *(clerk.board("pending") for _ in range(5)), *(clerk.board("eoc") for _ in range(20))
    )
    assert not [reply for reply in replies if "error" in reply]


async def answers_in_order(clerk: Desk, other: Desk) -> list[str]:
    """Ask for what the ledger does not have until twelve wait, then ask as another; how each was answered, in order."""
    answers: list[str] = []

    async def ask(desk: Desk, query: BoardQuery) -> None:
        answer = await desk.ask(subjects.DESK_BOARD_QUERY, query)
        answers.append(answer["error"]["code"] if "error" in answer else "answered")

    async def rest_wait() -> bool:
        return answers.count("board.waiting") == 8 or "ledger.behind" in answers

    async with asyncio.TaskGroup() as asking:
        for _ in range(20):
            asking.create_task(ask(clerk, BoardQuery(query="eoc", at_least=10**12)))
        await eventually(rest_wait, every=0.01)
        asking.create_task(ask(other, BoardQuery(query="eoc")))
    return answers


async def test_queries_for_what_the_ledger_does_not_have_hold_nobody_up(mission: Mission, clerk: Desk) -> None:
    """Before, eight of them held all workers of the board for 5 s.

    They wait for 0.9 s at the least: a machine that is slower than this is asked again.
    """
    other = await mission.desk("mcpe")
    for _ in range(3):
        answers = await answers_in_order(clerk, other)
        if answers.index("answered") < answers.index("ledger.behind"):
            break
    assert sorted(answers) == ["answered"] + ["board.waiting"] * 8 + ["ledger.behind"] * 12
    assert answers.index("answered") < answers.index("ledger.behind"), "they waited meanwhile"
