"""Waking somebody, on the real path: a request waits, and a mail server of the test gets the notice, once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_string
from pathlib import Path

from nats.js.errors import APIError

from schemas import streams, subjects
from schemas.events.notices import NoticeSent
from services.board.domain.notices import Notice, Step, Waiting
from services.board.notice_record import NoticeRecord
from services.board.notify import Notifier
from services.board.promises import PromiseWatch
from services.kernel.base.clock import SystemClock
from services.kernel.base.settings.city_file import NotifySection
from services.kernel.runtime.service import Runtime
from tests.support.broker import jetstream, short_memory
from tests.support.mission import FIRE, Mission, Writer, eventually
from tests.support.wrong_clock import WrongClock


@asynccontextmanager
async def mail_server(mails: list[str], gone: str = "nobody") -> AsyncIterator[int]:
    """Take mail as RFC 5321 has it, and no more of it than a client needs; give the port. ``gone``: whom it refuses."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.split()[0].upper()
            if verb == "RCPT" and gone in line:
                writer.write(b"550 no such mailbox\r\n")
                continue
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                mails.append((await reader.readuntil(b"\r\n.\r\n")).decode())
            writer.write(b"221 bye\r\n" if verb == "QUIT" else b"250 ok\r\n")
            if verb == "QUIT":
                break
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def settings(port: int, **changes: object) -> NotifySection:
    values = {"first": ("pio@a.example",), "deputies": ("mcpe@a.example",), "smtp": f"127.0.0.1:{port}", **changes}
    return NotifySection.model_validate({"security": "none", "sender": "onevoice@a.example", **values})


def notices(folder: Path) -> list[dict[str, object]]:
    path = folder / "notices.live.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_an_officer_is_told_once_what_waits_and_each_notice_is_noted(mission: Mission) -> None:
    """A dead mail server is shown and tried again; a restart tells nobody twice; then the deputies."""
    await mission.begin()
    await mission.run("gatekeeper")
    intake = await mission.writer("intake")
    request = await intake.submit(targets=(FIRE,))
    folder = mission.city.notify_folder
    mails: list[str] = []
    async with mail_server(mails) as port:
        (board,) = await mission.run("board", tune=lambda runtime: with_notices(runtime, settings(1)))
        await until(lambda: "nobody could be told" in board.health.troubles.get("notify", ""))
        await mission.stop(board)
        for _ in range(2):
            (board,) = await mission.run("board", tune=lambda runtime: with_notices(runtime, settings(port)))
            await until(lambda: len(notices(folder)) == 1)
            await asyncio.sleep(0.3)
            await mission.stop(board)
        late = settings(port, reminder_minutes=0.0001, deputies_minutes=0.0002)
        await mission.run("board", tune=lambda runtime: with_notices(runtime, late))
        await until(lambda: len(notices(folder)) == 2)
    first, second = (message_from_string(mail) for mail in mails)
    assert (first["To"], second["To"]) == ("pio@a.example", "mcpe@a.example")
    text = str(first.get_payload())
    assert request.request_id in text
    assert "It waits: " in text
    assert [one["step"] for one in notices(folder)] == ["first", "deputies"]

    async def both_on_the_ledger() -> list[NoticeSent]:  # they are noted there behind the file
        found = [NoticeSent.from_bytes(entry.data) for entry in await intake.ledger.history(subjects.NOTICES, 0)]
        return found if len(found) >= 2 else []

    told: list[NoticeSent] = await eventually(both_on_the_ledger)
    assert [(one.step, one.to, one.request_id) for one in told] == [
        ("first", ("pio@a.example",), request.request_id),
        ("deputies", ("mcpe@a.example",), request.request_id),
    ]
    assert all(one.since <= one.sent_at <= one.at for one in told)


async def test_one_dead_address_has_nobody_else_told_again_and_keeps_no_deputy_from_being_told(
    mission: Mission,
) -> None:
    """The same mail went to everybody who had got it every half minute, and to no deputy ever."""
    await mission.begin()
    await mission.run("gatekeeper")
    await (await mission.writer("intake")).submit(targets=(FIRE,))
    mails: list[str] = []
    async with mail_server(mails, gone="gone@") as port:
        found = settings(port, first=("pio@a.example", "gone@a.example"), deputies_minutes=0.0001)
        (board,) = await mission.run("board", tune=lambda runtime: with_notices(runtime, found))
        await until(lambda: len(mails) >= 2)
        await until(lambda: "gone@a.example: 550 no such mailbox" in board.health.troubles.get("notify", ""))
        await asyncio.sleep(1.0)
        await mission.stop(board)
    assert len(mails) == 2
    assert [(one["step"], one["to"]) for one in notices(mission.city.notify_folder)] == [
        ("first", ["pio@a.example"]),
        ("deputies", ["mcpe@a.example"]),
    ]


async def test_deputies_are_told_where_nobody_else_can_be(mission: Mission) -> None:
    await mission.begin()
    await mission.run("gatekeeper")
    await (await mission.writer("intake")).submit(targets=(FIRE,))
    mails: list[str] = []
    async with mail_server(mails, gone="pio@") as port:
        found = settings(port, deputies_minutes=0.0001)
        await mission.run("board", tune=lambda runtime: with_notices(runtime, found))
        await until(lambda: bool(mails))
        await asyncio.sleep(0.5)
    assert [message_from_string(mail)["To"] for mail in mails] == ["mcpe@a.example"]


async def test_what_cannot_be_noted_is_not_sent_again_and_again(mission: Mission) -> None:
    """With a full disk, say, the same mail went out each second, in the middle of what had filled it."""
    await mission.begin()
    await mission.run("gatekeeper")
    mails: list[str] = []
    path = mission.city.notify_folder / "notices.live.jsonl"
    async with mail_server(mails) as port:
        (board,) = await mission.run("board", tune=lambda runtime: with_notices(runtime, settings(port)))
        await until(path.exists)
        path.write_text("another program was here\n")
        await (await mission.writer("intake")).submit(targets=(FIRE,))
        await until(lambda: "cannot be noted" in board.health.troubles.get("notify", "") or len(mails) > 1)
        await asyncio.sleep(1.5)
    assert len(mails) == 1


async def test_officers_are_told_by_a_board_whose_clock_is_hours_ahead(mission: Mission) -> None:
    """By it the message is over, and nobody need decide on it."""
    await mission.begin()
    await mission.run("gatekeeper")
    await (await mission.writer("intake")).submit(targets=(FIRE,))
    mails: list[str] = []

    def tune(runtime: Runtime) -> None:
        runtime.clock = WrongClock(timedelta(days=1))
        with_notices(runtime, settings(port))

    async with mail_server(mails) as port:
        await mission.run("board", tune=tune)
        await until(lambda: bool(mails))


async def test_what_a_board_that_died_had_noted_only_on_disk_comes_on_record(mission: Mission) -> None:
    """Sent and not appended: the next board appends it, once, and tells nobody again; a secret is in neither."""
    await mission.begin()
    await mission.run("gatekeeper")
    intake = await mission.writer("intake")
    request = await intake.submit(targets=(FIRE,))
    async with mail_server([]) as port:
        (board,) = await mission.run("board")
        mission.city.notify_folder.mkdir(parents=True)
        record = NoticeRecord(board, mission.city.notify_folder / "notices.live.jsonl")
        now = SystemClock().now()
        one = Waiting(request.request_id, now, "clerk", "Flood.", False, "an approval", "onevoice", now)
        record.add(Notice(Step.FIRST, ("ntfy://token@host/topic",), (one,)), now)
        record.close()
        await mission.stop(board)
        for _ in range(2):
            (board,) = await mission.run("board", tune=lambda runtime: with_notices(runtime, settings(port)))
            await eventually(lambda: on_record(intake, request.request_id, "ntfy"))
            await mission.stop(board)
    entries = await intake.ledger.history(subjects.NOTICES, 0)
    assert sum(NoticeSent.from_bytes(entry.data).to == ("ntfy",) for entry in entries) == 1
    assert "token" not in (mission.city.notify_folder / "notices.live.jsonl").read_text()


async def test_a_notice_whose_append_is_repeated_late_comes_on_record_once(mission: Mission) -> None:
    """Stored, and its ack was lost; two minutes later the broker knows no id of it any more."""
    await mission.begin()
    (board,) = await mission.run("board")
    mission.city.notify_folder.mkdir(parents=True)
    now = SystemClock().now()
    one = Waiting("r1", now, "clerk", "Flood.", False, "an approval", "onevoice", now)
    async with short_memory((await mission.provisioner()).js) as seconds:
        for name in ("first", "second"):  # another board, or the same one after a crash
            record = NoticeRecord(board, mission.city.notify_folder / name)
            record.add(Notice(Step.FIRST, ("pio@a.example",), (one,)), now)
            await record.settle()
            record.close()
            await asyncio.sleep(1.1 * seconds)
        subject = subjects.notice("r1")
        stored = await board.ledger.last(subject)
        assert stored is not None
        ledger = jetstream(board.ledger.client, streams.SERVICE_API)

        async def late() -> str:  # nats-py sends what it kept while it was away
            try:
                return (
                    "" if (await ledger.publish(subject, stored.data, headers=stored.headers)).duplicate else "stored"
                )
            except APIError as error:
                return str(error)

        assert "wrong last sequence" in await eventually(late)
        record = NoticeRecord(board, mission.city.notify_folder / "third")
        record.add(Notice(Step.REMINDER, ("pio@a.example",), (one,)), now)
        await record.settle()
        record.close()
        found = [NoticeSent.from_bytes(entry.data).step for entry in await board.ledger.history(subject)]
    assert found == ["first", "reminder"]


async def on_record(writer: Writer, request_id: str, to: str) -> bool:
    found = await writer.ledger.last(subjects.notice(request_id))
    return found is not None and to in {
        name
        for entry in await writer.ledger.history(subjects.NOTICES, 0)
        for name in NoticeSent.from_bytes(entry.data).to
    }


async def until(look: Callable[[], bool]) -> None:
    async def found() -> bool:
        return look()

    await eventually(found)


def with_notices(runtime: Runtime, section: NotifySection) -> None:
    promises = PromiseWatch(runtime)
    runtime.supervisor.supervise(promises.take_up)
    runtime.supervisor.supervise(Notifier(runtime, section, promises.waiting, look=0.05, again=0.1).run)


async def test_a_promised_update_is_reminded_of_until_it_comes_also_after_a_restart(mission: Mission) -> None:
    """The message has left the fold by then: the promise is read from the ledger."""
    await mission.begin()
    await mission.run("gatekeeper")
    intake = await mission.writer("intake")
    soon = SystemClock().now() + timedelta(minutes=5)
    request = await intake.submit(targets=(FIRE,), next_update=soon)
    await intake.approve(request, "mcpe")
    await until_cleared(intake, request.request_id)
    mails: list[str] = []
    async with mail_server(mails) as port:
        found = settings(port, officers={request.author: "author@a.example"})
        (board,) = await mission.run("board", tune=lambda runtime: with_notices(runtime, found))
        await until(lambda: len(notices(mission.city.notify_folder)) == 1)
        await mission.stop(board)
        update = await intake.submit("r2b", targets=(FIRE,), act="update", follows=request.request_id)
        await intake.approve(update, "mcpe")
        await until_cleared(intake, update.request_id)
        late = settings(port, reminder_minutes=0.0001)
        (board,) = await mission.run("board", tune=lambda runtime: with_notices(runtime, late))
        await asyncio.sleep(0.5)
    (mail,) = (message_from_string(one) for one in mails)
    assert mail["To"] == "pio@a.example, author@a.example"
    assert "it promised an update" in str(mail.get_payload())


async def until_cleared(writer: Writer, request_id: str) -> None:
    async def cleared() -> bool:
        found = await writer.verdict(request_id)
        return found is not None and found.outcome == "cleared"

    await eventually(cleared)
