"""What is read of a long message's followers: nothing but for an act that ends it, and then in a few questions."""

from __future__ import annotations

from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import Act, Request
from schemas.platforms import MIRROR
from services.intake.earlier import EarlierRequests
from services.kernel.runtime.service import Runtime
from tests.support.mission import FIRE, Mission, Writer, eventually

UPDATES = 20


async def delivered(
    mission: Mission,
    intake: Runtime,
    writer: Writer,
    fanout: Writer,
    name: str,
    outcome: ReceiptOutcome = ReceiptOutcome.DELIVERED,
    **about: str,
) -> None:
    """A message of one profile that went all its way, and has left memory."""
    request = await writer.submit(name, author="fire-publisher", **about)
    await writer.approve(request, "fire-publisher")

    async def cleared() -> bool:
        await intake.catch_up()
        return bool(intake.fold.requests[name].wanted)

    await eventually(cleared)
    await fanout.receipt(request, await fanout.attempt(request, FIRE), FIRE, outcome)
    await fanout.receipt(request, 0, MIRROR, ReceiptOutcome.WITHHELD)


async def asked(intake: Runtime, act: Act) -> tuple[int, tuple[tuple[str, tuple[str, ...]], ...]]:
    """How many questions the broker was asked for a submission about the message, and which reposts were found."""
    before = intake.ledger.client.stats["out_msgs"]
    found = await EarlierRequests(intake).find("rflood", act)
    return intake.ledger.client.stats["out_msgs"] - before, found.shown_again


async def test_a_message_with_many_updates_is_not_read_follower_by_follower(mission: Mission) -> None:
    await mission.begin()
    intake, _ = await mission.run("intake", "gatekeeper")
    writer, fanout = await mission.writer("intake"), await mission.writer("fanout")
    await delivered(mission, intake, writer, fanout, "rflood")
    updates: list[Request] = [await writer.submit(f"rnews{n}", act="update", follows="rflood") for n in range(UPDATES)]
    for one in updates:
        await writer.approve(one, "mcpe", decision="reject", reason="no")
    await delivered(mission, intake, writer, fanout, "ragain", act="repost", follows="rflood")

    async def over() -> bool:
        await intake.catch_up()
        return not intake.fold.requests

    await eventually(over)
    few, none = await asked(intake, "update")
    more, reposts = await asked(intake, "recall")
    assert (none, reposts) == ((), (("ragain", (FIRE,)),))
    assert few < 10
    assert more < 20


async def test_where_two_corrections_failed_the_first_message_is_still_carried(mission: Mission) -> None:
    """All of them have left memory."""
    await mission.begin()
    intake, _ = await mission.run("intake", "gatekeeper")
    writer, fanout = await mission.writer("intake"), await mission.writer("fanout")
    await delivered(mission, intake, writer, fanout, "rflood")
    for name, replaces in (("rone", "rflood"), ("rtwo", "rone")):
        await delivered(mission, intake, writer, fanout, name, ReceiptOutcome.FAILED, act="correct", replaces=replaces)
    assert (await EarlierRequests(intake).find("rtwo", "recall")).carried_by == (FIRE,)


async def test_a_recall_knows_the_updates_that_stand_and_of_what_they_say_more(mission: Mission) -> None:
    """Those of what it replaces, too; not what was recalled itself, nor what was never cleared, nor what is before."""
    await mission.begin()
    intake, _ = await mission.run("intake", "gatekeeper")
    writer, fanout = await mission.writer("intake"), await mission.writer("fanout")
    await delivered(mission, intake, writer, fanout, "rflood")
    stands = ReceiptOutcome.DELIVERED
    await delivered(mission, intake, writer, fanout, "rmore", stands, act="update", follows="rflood")
    await delivered(mission, intake, writer, fanout, "rgone", stands, act="update", follows="rflood")
    await delivered(mission, intake, writer, fanout, "rback", stands, act="recall", replaces="rgone")
    await delivered(mission, intake, writer, fanout, "rright", stands, act="correct", replaces="rflood")
    await delivered(mission, intake, writer, fanout, "rlast", stands, act="update", follows="rright")
    await writer.submit("rwaits", act="update", follows="rright")
    earlier = EarlierRequests(intake)
    assert (await earlier.find("rright", "recall")).updated_by == (("rmore", (FIRE,)), ("rlast", (FIRE,)))
    assert (await earlier.find("rmore", "recall")).updated_by == ()
    assert (await earlier.find("rright", "correct")).updated_by == ()
