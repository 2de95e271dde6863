"""Keeps who was notified when: on this machine's disk at once, and on the ledger, where nobody can change it.

A notice goes out first and is noted then, in a file that is flushed, so that a restart tells nobody twice; the entry on
the ledger follows, again and again until it is there. What a board that died had noted only in the file is put on
record by the next one. No secret is noted: of a service of Apprise its kind alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from schemas import canonical, subjects
from schemas.events.notices import NoticeSent
from services.board.domain.notices import Notice, Step, address_shown
from services.kernel.base.errors import OneVoiceError
from services.kernel.base.line_files import GrowingFile
from services.kernel.fold.reading import parse
from services.kernel.ledger.client import Conflict
from services.kernel.ledger.entry import Entry
from services.kernel.projection.past import past
from services.kernel.runtime.service import Runtime

KEPT = timedelta(days=45)
"""So far back the ledger is read for notices: longer than anything waits."""

MOST_NAMED = 100
"""So many addresses an entry names."""


class NoticeRecord:
    """What went out: ``told`` has the keys, ``last_first`` is when the last first notice went out."""

    def __init__(self, runtime: Runtime, path: Path) -> None:
        self._runtime = runtime
        self._file = GrowingFile(path)
        self._left: list[NoticeSent] = []
        self.told: set[str] = set()
        self.last_first: datetime | None = None

    async def take_up(self) -> None:
        """Read what went out before the start, in the ledger and in the file."""
        runtime = self._runtime
        after = await runtime.ledger.first_since(runtime.clock.now() - KEPT) - 1
        async for entry in past(runtime.source, subjects.NOTICES, after):
            event = _notice_of(entry)
            if event is not None:
                self._take(Step(event.step), event.sent_at, [event.key])
        on_record = frozenset(self.told)
        for line in self._file.path.read_bytes().splitlines():
            self._read(line, on_record)

    def add(self, notice: Notice, now: datetime) -> None:
        """Note that a notice has gone out; its entries are still to be appended.

        Raises:
            OSError: the disk does not take it. It is known here all the same, so that nobody is told once more.
        """
        to = tuple(dict.fromkeys(address_shown(one) or "?" for one in notice.to))[:MOST_NAMED]
        events = [
            NoticeSent(
                at=now,
                sent_at=now,
                request_id=one.request_id,
                since=one.since,
                step=notice.step.value,
                to=to,
                waits=one.missing[:1_000],
            )
            for one in notice.waiting
        ]
        keys = [one.key(notice.step) for one in notice.waiting]
        line = {"at": now.isoformat(), "step": notice.step, "to": list(to), "told": keys}
        line["events"] = [canonical.loads(event.to_bytes()) for event in events]
        self._take(notice.step, now, keys)
        self._left += events
        requests = [one.request_id for one in notice.waiting]
        self._runtime.log.warning("officers were told", step=notice.step, to=list(to), requests=requests)
        self._file.add(json.dumps(line).encode() + b"\n")

    async def settle(self) -> None:
        """Append what is not on the ledger yet; what cannot be appended now is tried again."""
        while self._left:
            event = self._left[0].model_copy(update={"at": self._runtime.clock.now()})
            try:
                await self._append(event)
            except Conflict:
                continue  # something came on the subject meanwhile, maybe this very notice: read again
            except OneVoiceError as error:
                self._runtime.log.warning("a notice is not on the ledger yet", notice=event.key, reason=error.message)
                return
            del self._left[0]

    async def _append(self, event: NoticeSent) -> None:
        """Append a notice unless it is there: one whose ack was lost, or that another board has put on record.

        Raises:
            Conflict: what is on its subject changed meanwhile.
            OneVoiceError: it could not be read or appended.
        """
        subject, last = subjects.notice(event.request_id), 0
        async for entry in past(self._runtime.source, subject):
            last = entry.seq
            known = _notice_of(entry)
            if known is not None and known.key == event.key:
                return
        msg_id = f"notice:{canonical.sha256(event.key.encode())[:40]}"
        await self._runtime.ledger.append(subject, event, msg_id=msg_id, expect_last=last)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read(self, line: bytes, on_record: frozenset[str]) -> None:
        """Take in a line; one that nobody can read tells nothing."""
        try:
            found = json.loads(line)
            self._take(Step(found["step"]), datetime.fromisoformat(found["at"]), found["told"])
            events = [NoticeSent.from_value(one) for one in found.get("events", [])]
        except (ValueError, KeyError, TypeError):
            words = line[:80].decode(errors="replace")
            self._runtime.log.warning("a line of the notices cannot be read", line=words)
            return
        self._left += [event for event in events if event.key not in on_record]

    def _take(self, step: Step, at: datetime, keys: Sequence[str]) -> None:
        self.told |= set(keys)
        if step is Step.FIRST:
            self.last_first = at if self.last_first is None else max(self.last_first, at)


def _notice_of(entry: Entry) -> NoticeSent | None:
    """Return a notice on record; None where nobody can read it: junk is void for everybody."""
    try:
        event: NoticeSent = parse(NoticeSent, entry.data)
    except ValueError:
        return None
    return event
