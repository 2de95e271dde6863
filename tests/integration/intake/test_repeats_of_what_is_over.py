"""A submission that is repeated after its message was through gets the first answer, whatever holds by now."""

from __future__ import annotations

from typing import Any

from schemas import subjects
from schemas.events.control import ProfileSuspend, Withdraw
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.desk import BoardReply
from schemas.platforms import MIRROR
from services.kernel.runtime.service import Runtime
from tests.integration.intake.conftest import IntakeCity, event
from tests.support.messages import receipt_on
from tests.support.mission import FIRE, PARKS, Mission, Writer, eventually, now

AUTHOR = "fire-publisher"


async def through(town: IntakeCity, fanout: Writer, writer: Writer, sent: dict[str, Any]) -> dict[str, Any]:
    """Submit a message and let it go all its way, until it has left memory; the first answer."""
    answer = await town.submit(AUTHOR, sent)
    assert answer.get("accepted"), answer
    request, intake = await town.stored(answer["request_id"]), town.intake
    await writer.approve(request, "mcpe")

    async def cleared() -> bool:
        await intake.catch_up()
        return bool(intake.fold.requests[request.request_id].wanted)

    await eventually(cleared)
    await fanout.receipt(request, await fanout.attempt(request, FIRE), FIRE)
    await fanout.receipt(request, 0, MIRROR, ReceiptOutcome.WITHHELD)
    await left_memory(intake, request.request_id)
    return answer


async def left_memory(intake: Runtime, request_id: str) -> None:
    async def over() -> bool:
        await intake.catch_up()
        return request_id not in intake.fold.requests

    await eventually(over)


def code_of(answer: dict[str, Any]) -> str:
    return str(answer["error"]["code"])


async def test_a_repeat_of_a_message_that_is_over_is_answered_though_it_would_be_refused_now(mission: Mission) -> None:
    """Before, a correction whose answer was lost was told that it was corrected already, by itself."""
    await mission.begin()
    intake, *_ = await mission.run("intake", "gatekeeper", "registry")
    town = IntakeCity(mission, intake)
    writer, fanout = await mission.writer("intake"), await mission.writer("fanout")
    first = event(targets=[FIRE])
    told = await through(town, fanout, writer, first)
    correction = event(targets=[FIRE], text="The bridge is open.", act="correct", about=told["request_id"])
    corrected = await through(town, fanout, writer, correction)
    assert await town.submit(AUTHOR, correction) == corrected | {"duplicate": True}
    assert code_of(await town.submit(AUTHOR, correction | {"id": "another"})) == "about.replaced"

    await mission.order("cao", ProfileSuspend(profile=FIRE), "registry")
    await intake.catch_up()
    assert await town.submit(AUTHOR, first) == told | {"duplicate": True}
    assert code_of(await town.submit(AUTHOR, first | {"id": "another"})) == "profile.not_official"
    other = first | {"data": first["data"] | {"text": "Something else."}}
    assert code_of(await town.submit(AUTHOR, other)) == "request.conflict"


async def test_what_stands_in_a_request_s_place_and_is_none_is_named(mission: Mission) -> None:
    """Who holds the key of intake can write junk there; before, three questions about it ended in a fault."""
    await mission.begin()
    intake, eoc_state, *_ = await mission.run("intake", "eoc_state", "board")
    town = IntakeCity(mission, intake)
    writer, fanout = await mission.writer("intake"), await mission.writer("fanout")
    sent = event(targets=[FIRE])
    name = (await town.preview(AUTHOR, sent))["request_id"]
    await writer.js.publish(subjects.request(name), b"junk")
    assert code_of(await town.submit(AUTHOR, sent)) == "request.unreadable"
    order = Withdraw(request_id=name)
    assert code_of(await (await mission.desk("mcpe")).order(order)) == "request.unreadable"
    assert eoc_state is not None

    request = await writer.submit("rposted", targets=(FIRE, PARKS))
    attempt = await fanout.attempt(request, FIRE)
    for at, place in ((attempt, "rposted"), (attempt, "rother"), (0, "rnone"), (attempt + 99, "rlater")):
        made = receipt_on(place, FIRE, at, now(), outcome=ReceiptOutcome.DELIVERED, final=True, remote_id=f"of-{place}")
        await fanout.ledger.append(subjects.receipt(FIRE, place), made)
    elsewhere: Receipt = made.model_copy(update={"request_id": "rposted"})
    await fanout.ledger.append(subjects.receipt(FIRE, "relse"), elsewhere)
    await fanout.js.publish(subjects.receipt(FIRE, "rjunk"), b"junk")
    clerk = await mission.desk("clerk")
    posted = BoardReply.from_value(await clerk.board("posted", name=FIRE)).posted or ()
    assert [(one.request_id, one.remote_ids) for one in posted] == [("rposted", ("of-rposted",))]
