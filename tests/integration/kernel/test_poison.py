"""What always fails is put aside, shown, and handled after the fix: on a real server, with real durables."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from nats.js import api

from schemas import canonical, streams, subjects
from schemas.events.dead import DeadLetterCause, DeadLetterView
from schemas.events.requests import Request
from services.kernel.base.errors import Unreachable
from services.kernel.runtime.compose import Timings
from services.kernel.runtime.messages.dependencies import EntryOf
from services.kernel.runtime.messages.reasons import RetryLater
from services.kernel.runtime.messages.retry_budget import RetryBudget
from services.kernel.runtime.service import Runtime
from tests.support.mission import Desk, Mission, a_request, eventually, now
from tests.support.people import dead_letter_order_of

DURABLE = streams.GATEKEEPER_REQUESTS
BUG = "BUG"
THREE_TRIES = Timings(budget=RetryBudget(tries=3, seconds=0.0))
TWO_TRIES = Timings(budget=RetryBudget(tries=2, seconds=0.0))


class Newer(Request):
    """The contract of a later version: one more key, absent by default."""

    mood: str | None = None


class Buggy:
    """A gatekeeper that cannot handle requests which say BUG, until it is fixed."""

    def __init__(self, work: Callable[[Request, int], Awaitable[None]] | None = None) -> None:
        self.calls: list[int] = []
        self.done: list[int] = []
        self.mended = False
        self.work = work

    async def on_request(self, event: Request, entry: EntryOf) -> None:
        """Fail, or remember."""
        self.calls.append(entry.seq)
        if self.work is not None:
            await self.work(event, len(self.calls))
        elif BUG in event.text and not self.mended:
            raise ZeroDivisionError("no such case, said with Bearer sesame")
        self.done.append(entry.seq)

    async def on_newer(self, event: Newer, entry: EntryOf) -> None:
        """Handle what a later version writes."""
        self.done.append(entry.seq)

    def wire(self, runtime: Runtime) -> None:
        """Take requests."""
        runtime.bus.consume(DURABLE, Request.from_bytes, self.on_request)

    def wire_newer(self, runtime: Runtime) -> None:
        """Take requests as the later version does."""
        runtime.bus.consume(DURABLE, Newer.from_bytes, self.on_newer)


async def letters(desk: Desk, closed: bool = True) -> list[DeadLetterView]:
    found = await desk.ask(subjects.DESK_BOARD_QUERY, canonical.dumps({"query": "dead", "closed": closed}))
    return [DeadLetterView.from_value(one) for one in found["dead_letters"]]


async def order(desk: Desk, what: str, letter: int, reason: str | None = None, **changes: Any) -> dict[str, Any]:
    """Sign an order about a dead letter, as the board shows it, and send it."""
    shown = {one.letter: one for one in await letters(desk)}
    view = shown.get(letter) or next(iter(shown.values())).model_copy(update={"letter": letter})
    made = dead_letter_order_of(view, what, desk.user, desk.signer, now(), reason=reason, **changes)
    return await desk.ask(subjects.DESK_DEAD_ORDER, made)


async def state(desk: Desk, letter: int, *wanted: str) -> DeadLetterView:
    async def look() -> DeadLetterView | None:
        (view,) = [one for one in await letters(desk) if one.letter == letter]
        return view if view.state in wanted else None

    found: DeadLetterView = await eventually(look)
    return found


@pytest.fixture
async def begun(mission: Mission) -> Mission:
    await mission.begin()
    return mission


async def open_letter(desk: Desk) -> DeadLetterView:
    async def look() -> list[DeadLetterView]:
        return await letters(desk, closed=False)

    views: list[DeadLetterView] = await eventually(look)
    (view,) = views
    return view


async def test_what_always_fails_is_put_aside_and_the_next_goes_on_until_it_is_sent_again(begun: Mission) -> None:
    """The story: a bug, a letter, an officer who may not, one who may, too early, the mend, and the end."""
    buggy = Buggy()
    await asyncio.gather(begun.run_with("gatekeeper", buggy.wire, THREE_TRIES), begun.run("board"))
    intake, mcpe, clerk = await begun.writer("intake"), await begun.desk("mcpe"), await begun.desk("clerk")
    bad = await intake.submit(text=f"{BUG} https://mission.example/x")
    good = await intake.submit()
    entries = [await intake.ledger.last(subjects.request(one.request_id)) for one in (bad, good)]
    bad_seq, good_seq = (entry.seq for entry in entries if entry)
    view = await open_letter(clerk)
    assert buggy.calls.count(bad_seq) == 3

    async def next_done() -> bool:
        return buggy.done == [good_seq]

    await eventually(next_done)
    assert (view.service, view.durable, view.cause, view.tries) == (
        "gatekeeper",
        DURABLE.durable,
        DeadLetterCause.FAILED,
        3,
    )
    assert (view.subject, view.seq) == (subjects.request(bad.request_id), bad_seq)
    assert view.reason == "ZeroDivisionError: no such case, said with [masked]"
    assert view.first_at < view.last_at

    status = (await clerk.board("status", bad.request_id))["requests"][0]
    assert [one["letter"] for one in status["dead_letters"]] == [view.letter]
    assert [one["letter"] for one in (await clerk.board("pending"))["dead_letters"]] == [view.letter]

    assert (await order(clerk, "again", view.letter))["error"]["code"] == "dead.denied"
    assert (await order(mcpe, "again", 999))["error"]["code"] == "dead.unknown"
    assert (await order(mcpe, "drop", view.letter))["error"]["code"] == "dead.reason"
    assert (await order(mcpe, "again", view.letter))["accepted"] is True
    early = await state(mcpe, view.letter, "failed_again")
    assert early.officer == "mcpe"
    second = await open_letter(mcpe)
    assert (second.again_of, second.seq, second.reason) == (view.letter, bad_seq, view.reason)

    buggy.mended = True
    await order(mcpe, "again", second.letter)
    ended = await state(mcpe, second.letter, "handled")
    assert (ended.officer, buggy.done) == ("mcpe", [good_seq, bad_seq])
    assert (await order(mcpe, "again", second.letter))["error"]["code"] == "dead.closed"
    assert (await clerk.board("pending")).get("dead_letters") == []


async def test_waiting_never_counts(begun: Mission) -> None:
    """Twice no broker, and ten times later: with a budget of two tries nothing is put aside."""

    async def wait(_event: Request, call: int) -> None:
        if call <= 2:
            raise Unreachable("broker.unreachable", "gone")
        if call <= 12:
            raise RetryLater(0.02, "not its turn")

    buggy = Buggy(wait)

    def wire(runtime: Runtime) -> None:
        runtime.bus.consume(DURABLE, Request.from_bytes, buggy.on_request)

    await begun.run_with("gatekeeper", wire, TWO_TRIES)
    intake, provisioner = await begun.writer("intake"), await begun.provisioner()
    await intake.submit()

    async def look() -> bool:
        return len(buggy.done) == 1

    await eventually(look)
    assert len(buggy.calls) == 13
    assert await provisioner.ledger.history(subjects.DEAD_ALL) == []


async def test_trouble_that_is_not_the_messages_own_is_waited_out(begun: Mission) -> None:
    """A full disk for a while: put aside is nothing, and all is handled after."""

    async def full(_event: Request, call: int) -> None:
        if call <= 3:
            raise OSError(28, "No space left on device")

    buggy = Buggy(full)

    def wire(runtime: Runtime) -> None:
        runtime.bus.consume(DURABLE, Request.from_bytes, buggy.on_request)

    await begun.run_with("gatekeeper", wire, TWO_TRIES)
    intake, provisioner = await begun.writer("intake"), await begun.provisioner()
    await intake.submit()

    async def look() -> bool:
        return len(buggy.done) == 1

    await eventually(look)
    assert await provisioner.ledger.history(subjects.DEAD_ALL) == []


async def test_what_the_server_gives_up_is_seen_and_can_be_sent_again(begun: Mission) -> None:
    """Somebody limited the deliveries of a durable behind our back: the server's own word becomes a letter."""
    buggy = Buggy()
    await asyncio.gather(begun.run_with("gatekeeper", buggy.wire, THREE_TRIES), begun.run("board"))
    provisioner, intake, cao = await begun.provisioner(), await begun.writer("intake"), await begun.desk("cao")
    await provisioner.js.add_consumer(
        DURABLE.stream,
        api.ConsumerConfig(
            durable_name=DURABLE.durable,
            filter_subject=DURABLE.filter_subject,
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=1.0,
            max_deliver=1,
            max_ack_pending=DURABLE.max_ack_pending,
        ),
    )
    request = await intake.submit(text=f"{BUG} https://mission.example/x")
    view = await open_letter(cao)
    assert (view.cause, view.durable, view.tries) == (DeadLetterCause.GIVEN_UP, DURABLE.durable, 1)
    assert view.subject == subjects.request(request.request_id)
    buggy.mended = True
    await order(cao, "again", view.letter)
    await state(cao, view.letter, "handled")
    assert buggy.done == [view.seq]


async def test_an_old_service_puts_a_newer_event_aside_and_handles_it_after_the_upgrade(begun: Mission) -> None:
    """An event with a key that this version does not know; then the later version runs, and gets the letter again."""
    buggy = Buggy()
    old, _ = await asyncio.gather(begun.run_with("gatekeeper", buggy.wire, THREE_TRIES), begun.run("board"))
    intake, mcpe = await begun.writer("intake"), await begun.desk("mcpe")
    request = a_request(await intake.state())
    newer = Newer(**request.model_dump(), mood="calm")
    await intake.ledger.append(subjects.request(request.request_id), newer)
    view = await open_letter(mcpe)
    assert (view.cause, buggy.calls) == (DeadLetterCause.UNREADABLE, [])
    assert "mood" in view.reason
    await begun.stop(old)
    upgraded = Buggy()
    await begun.run_with("gatekeeper", upgraded.wire_newer)
    await order(mcpe, "again", view.letter)
    await state(mcpe, view.letter, "handled")
    assert upgraded.done == [view.seq]


async def test_a_letter_is_dropped_for_a_reason_that_is_kept(begun: Mission) -> None:
    buggy = Buggy()
    await asyncio.gather(begun.run_with("gatekeeper", buggy.wire, THREE_TRIES), begun.run("board"))
    intake, mcpe = await begun.writer("intake"), await begun.desk("mcpe")
    await intake.js.publish("ledger.request.bad", b"\xff{", stream=streams.LEDGER)

    async def one() -> DeadLetterView | None:
        found = await letters(mcpe, closed=False)
        return found[0] if len(found) == 1 else None

    view = await eventually(one)
    assert view.service == "gatekeeper"
    await order(mcpe, "again", view.letter)
    assert (await state(mcpe, view.letter, "failed_again")).state == "failed_again"
    view = await eventually(one)
    assert view.cause is DeadLetterCause.UNREADABLE
    assert (await order(mcpe, "drop", view.letter, "a test by hand"))["accepted"] is True
    dropped = await state(mcpe, view.letter, "dropped")
    assert (dropped.officer, dropped.said) == ("mcpe", "a test by hand")
    assert await letters(mcpe, closed=False) == []
