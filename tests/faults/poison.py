"""Messages that no service can handle: bytes that are nothing, bugs, and a message that kills whoever takes it."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path
from typing import Any

from schemas import streams, subjects
from schemas.events.dead import DeadLetterView
from schemas.events.desk import BoardQuery, BoardReply
from tests.faults.harness import FaultCity
from tests.faults.load import Load, Sent
from tests.faults.poison_program import BuggyProcess, Bugs
from tests.faults.rows import Row, Scale
from tests.faults.sets import compare
from tests.support.mission import eventually, now
from tests.support.people import dead_letter_order_of

FIRE, WATER = "fire-townsquare", "water-townsquare"
BUGGED = ("gatekeeper", "fanout")
GATE_BUG, POST_BUG, KILLER = "Notice 2 of", "Notice 3 of", "Notice 5 of"
QUICK: dict[str, Any] = {"tries": 2, "seconds": 0.0}
"""The short form's patience; the full one has that of the services."""

BAD: tuple[tuple[str, str, bytes, set[str]], ...] = (
    ("intake", "ledger.request.bad", b"\xff{", {"gatekeeper"}),
    ("intake", "ledger.approval.bad.pio", b"null", {"gatekeeper"}),
    ("gatekeeper", "ledger.verdict.bad", b'{"type":"verdict","type":"verdict"}', {"fanout"}),
    ("fanout", f"ledger.resolution.{FIRE}.bad", b"[", {"fanout"}),
    ("fanout", f"ledger.attempt.{FIRE}.bad", b"[", set()),
    ("fanout", f"ledger.receipt.{FIRE}.bad", b"{}", set()),
)
"""Who may write it, where, what, and whose letters must come of it: who is handed it as work. Each fold skips it."""


class Poison:
    """One city, and what is done to it."""

    def __init__(self, city: FaultCity, scale: Scale) -> None:
        self.city = city
        self.load = Load(city)
        self.patience = QUICK if scale is Scale.SHORT else {}
        self.seconds = 60.0 if scale is Scale.SHORT else 600.0
        self.bad_seqs: set[int] = set()
        self.wrong: list[str] = []

    async def start(self, bugs: Bugs, *, ready: bool = True) -> BuggyProcess:
        """Start gatekeeper and fanout in one process, with bugs."""
        city = self.city
        log = city.city.var / f"buggy-{len(city.processes)}.log"
        process = BuggyProcess(BUGGED, city.city.folder, city.mission.url, log, bugs, self.patience)
        city.processes.append(process)
        if ready:  # it may well die before
            await process.until_ready()
        return process

    async def board(self, **query: Any) -> BoardReply:
        """Ask the board as the mcpe."""
        desk = await self.city.desk("mcpe")
        return BoardReply.from_value(await desk.ask(subjects.DESK_BOARD_QUERY, BoardQuery(**query)))

    async def letters(self) -> tuple[DeadLetterView, ...]:
        """The open dead letters."""
        return (await self.board(query="dead")).dead_letters or ()

    async def order(self, letter: int, what: str, reason: str | None = None) -> None:
        """Order, as the mcpe."""
        desk = await self.city.desk("mcpe")
        [view] = (await self.board(query="dead", letter=letter)).dead_letters or ()
        made = dead_letter_order_of(view, what, desk.user, desk.signer, now(), reason=reason)
        answer = await desk.ask(subjects.DESK_DEAD_ORDER, made)
        assert answer.get("accepted"), answer

    async def again(self, *letters: DeadLetterView) -> float:
        """Send letters again and wait until all are handled; return the seconds."""
        began = time.monotonic()
        for view in letters:
            await self.order(view.letter, "again")
        mine = {view.letter for view in letters}

        async def handled() -> bool:
            all_of_them = (await self.board(query="dead", closed=True)).dead_letters or ()
            return mine <= {view.letter for view in all_of_them if view.state == "handled"}

        await eventually(handled, self.seconds)
        return time.monotonic() - began

    async def posted(self, one: Sent) -> float:
        """Wait until a message is on its targets; return the seconds."""
        began = time.monotonic()

        async def stands() -> bool:
            return all(one.text in self.city.posts(target) for target in one.targets)

        await eventually(stands, self.seconds)
        return time.monotonic() - began

    async def some(self, count: int, **same: Any) -> list[DeadLetterView]:
        """Wait for that many open dead letters of a kind."""

        async def there() -> list[DeadLetterView]:
            found = [one for one in await self.letters() if all(getattr(one, k) == v for k, v in same.items())]
            return found if len(found) >= count else []

        found: list[DeadLetterView] = await eventually(there, self.seconds)
        if len(found) != count:
            self.wrong.append(f"{len(found)} letters of {same}, not {count}")
        return found

    # --- the three faults ---------------------------------------------------------------------------------

    async def bad_bytes(self) -> Row:
        """Write what nobody can read where each service looks; messages go on, and each is put aside once."""
        for who, subject, raw, _ in BAD:
            writer = await self.city.mission.writer(who)
            ack = await writer.js.publish(subject, raw, stream=streams.LEDGER)
            self.bad_seqs.add(ack.seq)
        took = await self.posted(await self.load.send(FIRE, WATER))
        wanted = {(service, subject) for _, subject, _, whose in BAD for service in whose}
        found = await self.some(len(wanted), cause="unreadable")
        wrong = [] if {(one.service, one.subject) for one in found} == wanted else [f"letters: {found}"]
        wrong += [] if (await self.board(query="eoc")).eoc else ["the board does not say the posture"]
        for view in found:
            await self.order(view.letter, "drop", "planted")
        return Row("bytes that nobody can read", len(BAD), recovered=took, wrong=tuple(wrong))

    async def always_fails(self) -> Row:
        """Bugs in the gate and in the worker: put aside, shown, in nobody's way."""
        began = time.monotonic()
        stuck = [await self.load.send(WATER), await self.load.send(FIRE)]
        next_one = await self.load.send(FIRE)
        gate = await self.some(2, service="gatekeeper", cause="failed")
        (post,) = await self.some(1, service="fanout", cause="failed")
        took = await self.posted(next_one)
        wrong = [
            f"{one.text} is there already" for one in stuck if any(one.text in self.city.posts(t) for t in one.targets)
        ]
        wrong += [] if all("a planted bug" in one.reason for one in (*gate, post)) else ["a letter lacks its reason"]
        views = {one.request.request_id: one for one in (await self.board(query="pending")).requests or ()}
        if not all(one.request_id in views for one in stuck):
            wrong.append("what was put aside is not shown as waiting")
        else:
            shown = views[stuck[1].request_id].deliveries[0]
            wrong += [] if shown.outcome == "put_aside" and "a planted bug" in shown.reason else [f"shown as {shown}"]
        remark = f"put aside after {time.monotonic() - began:.0f} s; the next was not held up longer"
        return Row("a handler that always fails", 3, recovered=took, remark=remark, wrong=tuple(wrong))

    async def kills(self, process: BuggyProcess, bugs: Bugs) -> Row:
        """A message that kills its process each time; the process is started again each time, as systemd does."""
        one = await self.load.send(WATER)
        deaths, began = 0, time.monotonic()
        while time.monotonic() - began < self.seconds and not await self._killed(process):
            if not process.alive:
                deaths += 1
                process = await self.start(bugs, ready=False)
            await asyncio.sleep(0.1)
        took = time.monotonic() - began
        (letter,) = await self.some(1, cause="killed")
        other = await self.posted(await self.load.send(WATER, FIRE))
        wrong = [] if process.alive else ["it was put aside, and the process died all the same"]
        wrong += [] if letter.subject == subjects.verdict(one.request_id) else [f"put aside: {letter.subject}"]
        await process.kill()
        remark = f"put aside after {deaths} deaths, {took:.0f} s; the profile's next message {other:.1f} s after"
        return Row("a message that kills its process", deaths, recovered=other, remark=remark, wrong=tuple(wrong))

    async def _killed(self, process: BuggyProcess) -> bool:
        return process.alive and any(one.cause == "killed" for one in await self.letters())


async def poison(folder: Path, scale: Scale) -> list[Row]:
    """Run the faults one after the other in one city, and compare what came of all messages."""
    async with FaultCity(folder) as city:
        await city.start_others(*BUGGED)
        run = Poison(city, scale)
        buggy = await run.start({"gate": (GATE_BUG, "raise"), "post": (POST_BUG, "raise")})
        rows = [await run.bad_bytes(), await run.always_fails()]
        failed = await run.letters()
        await buggy.kill()
        bugs: Bugs = {"post": (KILLER, "die")}
        process = await run.start(bugs)
        took = await run.again(*failed)
        rows.append(await run.kills(process, bugs))
        killed = await run.letters()
        await city.start(*BUGGED)
        took = max(took, await run.again(*killed))
        sets = await compare(city, run.load)
        expected = [one for one in sets.wrong if _seq(one) not in run.bad_seqs]
        rows.append(
            Row(
                "sent again after the fix",
                len(failed) + len(killed),
                sets.acked,
                sets.stored,
                sets.posted,
                sets.doubles,
                sets.lost,
                took,
                f"{await _rest(run)} dead letters open at the end",
                (*expected, *run.wrong),
            )
        )
    return rows


def _seq(violation: str) -> int | None:
    """The ledger sequence that a violation is about: the planted bytes are found by the proof, as they should."""
    found = re.search(r" at (\d+): ", violation)
    return int(found[1]) if found else None


async def _rest(run: Poison) -> int:
    left = await run.letters()
    run.wrong += [f"letter {one.letter} is open still: {one.reason}" for one in left]
    return len(left)
