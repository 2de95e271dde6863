"""A flood by one sender: people are answered while it waits, and whoever sends too much is told when to come again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas import canonical, flow, subjects
from services.kernel.base.city import City, load_city
from tests.support.mission import FIRE, Desk, Mission, eventually, flushed

FLOOD = 400


def event(number: object, text: str = "Highway 7 is closed at Nelson Street. https://mission.example/roads") -> bytes:
    """A submission as a program sends it."""
    return canonical.dumps(
        {
            "specversion": "1.0",
            "id": f"flood-{number}",
            "source": "urn:test",
            "type": "ca.onevoice.request.submitted.v1",
            "data": {"text": text, "targets": [FIRE], "crisis": False},
        }
    )


async def answers(desk: Desk, subject: str, bodies: list[bytes]) -> list[tuple[bytes, dict[str, Any]]]:
    """Send all at once; return the list that fills with what is answered, in the order of the answers."""
    found: list[tuple[bytes, dict[str, Any]]] = []

    async def heard(message: Any) -> None:
        number = message.subject.rpartition(".")[2]
        found.append((number.encode(), json.loads(message.data)))

    inbox = desk.client.new_inbox()
    await desk.client.subscribe(f"{inbox}.*", cb=heard)
    for number, body in enumerate(bodies):
        await desk.client.publish(subject, body, reply=f"{inbox}.{number}")
    await flushed(desk.client)
    return found


async def all_answered(found: list[tuple[bytes, dict[str, Any]]]) -> None:
    """Wait until each message has its answer."""

    async def look() -> bool:
        return len(found) == FLOOD

    await eventually(look)


@pytest.fixture
async def city(mission: Mission) -> Mission:
    """A city with intake alone, whose one system may send as much as it wants: only the lanes keep it apart."""
    path = mission.city.folder / "city.toml"
    path.write_text(path.read_text() + "\n[quota]\nsystem_messages = 100000\nsystem_bytes = 1000000000\n")
    await mission.begin()
    return mission


async def test_people_are_answered_while_hundreds_of_a_systems_wait(city: Mission, demo_city: City) -> None:
    """No time is measured, but who is answered before whom."""
    city.city = load_city(demo_city.folder)
    await city.run("intake")
    system, pio = await city.desk("drivebc"), await city.desk("pio")
    waiting = await answers(
        system, subjects.desk(subjects.DESK_REQUEST_SUBMIT, "drivebc"), [event(n) for n in range(FLOOD)]
    )
    preview = await pio.ask(subjects.DESK_REQUEST_PREVIEW, event("pio"))
    submitted = await pio.ask(subjects.DESK_REQUEST_SUBMIT, event("pio"))
    before = len(waiting)
    assert "error" not in preview
    assert "error" not in submitted
    assert before < FLOOD - 100, "the officer was answered long before the flood was"
    await all_answered(waiting)
    assert [one for _, one in waiting if "error" in one] == [], "nobody is lost"


async def test_who_sends_too_much_is_told_when_to_come_again(mission: Mission) -> None:
    await mission.begin()
    await mission.run("intake")
    system, clerk = await mission.desk("drivebc"), await mission.desk("clerk")
    subject = subjects.desk(subjects.DESK_REQUEST_SUBMIT, "drivebc")
    waiting = await answers(system, subject, [event(number) for number in range(FLOOD)])
    await all_answered(waiting)
    refused = [one["error"] for _, one in waiting if "error" in one]
    assert len(refused) >= FLOOD - 200
    assert {one["code"] for one in refused} == {"quota.exceeded"}
    assert "come again in" in refused[0]["hint"]
    assert "error" not in await clerk.ask(subjects.DESK_REQUEST_SUBMIT, event("clerk"))


async def test_a_system_has_so_many_open_requests_and_no_more(mission: Mission, demo_city: City) -> None:
    """Within its quota it put 172,800 a day above all that waits, and into each service's memory."""
    await mission.begin()
    path = demo_city.folder / "city.toml"
    path.write_text(path.read_text() + "\n[quota]\nsystem_open = 2\n")
    mission.city = load_city(demo_city.folder)
    intake, _ = await mission.run("intake", "gatekeeper")
    system, clerk = await mission.desk("drivebc"), await mission.desk("clerk")

    async def sent(number: object, by: Desk = system) -> dict[str, Any]:
        return dict(await by.ask(subjects.DESK_REQUEST_SUBMIT, event(number)))

    taken = [await sent(number) for number in ("one", "two")]

    async def open_ones() -> bool:
        return len(intake.fold.requests) == 2

    await eventually(open_ones)
    refused = (await sent("three"))["error"]
    assert refused["code"] == "quota.open"
    assert "2 requests of drivebc are open" in refused["message"]
    assert "onevoice reject --of drivebc" in refused["hint"]
    assert await sent("one") == taken[0] | {"duplicate": True}, "what was taken once is answered again"
    assert "error" not in await sent("clerk", clerk), "people are not counted"
    writer = await mission.writer("intake")
    request = intake.fold.requests[taken[0]["request_id"]].request
    await writer.approve(request, "mcpe", decision="reject", reason="not true")

    async def room() -> bool:
        return "error" not in await sent("three")

    await eventually(room)


async def test_a_system_cannot_send_into_any_lane_but_its_own(mission: Mission) -> None:
    """The server puts its submissions there; it may send under no other name, and asks for no preview."""
    await mission.begin()
    system = await mission.desk("drivebc")
    denied: list[str] = []

    async def on_error(error: Exception) -> None:
        denied.append(str(error))

    system.client._error_cb = on_error
    for base in (*flow.SYSTEMS_LANE.values(), subjects.DESK_REQUEST_PREVIEW):
        for name in ("drivebc", "pio"):
            await system.client.publish(subjects.desk(base, name), b"{}")
    await flushed(system.client)
    assert len(denied) == 3, "all but its own lane"
