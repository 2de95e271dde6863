"""Wakes somebody: tells officers by mail, or by whatever Apprise can reach, what waits for them.

Each notice that went out is noted (``notice_record``). One board of a machine tells; the others wait for its lock. Who
cannot be told is told again, alone, and shown by ``onevoice doctor``.
"""

from __future__ import annotations

import asyncio
import importlib
import smtplib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from services.board.domain.notices import (
    Notice,
    NoticeSchedule,
    Waiting,
    address_shown,
    body,
    due,
    title,
    unreached,
    waits_of,
)
from services.board.notice_record import NoticeRecord
from services.kernel.base.city import City
from services.kernel.base.files import ExclusiveLock
from services.kernel.base.network.mail import send_mail
from services.kernel.base.settings.city_file import NotifySection
from services.kernel.base.zones import in_words
from services.kernel.projection.server_time import ServerTime
from services.kernel.runtime.service import Runtime

LOOK_SECONDS = 5.0
AGAIN_SECONDS = 30.0
_KEY = "notify"


class Notifier:
    """Tells people what waits, as long as it runs; ``others`` yields what is no request.

    It looks every ``look`` seconds, and where somebody could not be told in ``again`` seconds.
    """

    def __init__(
        self,
        runtime: Runtime,
        settings: NotifySection,
        others: Callable[[], Iterable[Waiting]],
        *,
        look: float = LOOK_SECONDS,
        again: float = AGAIN_SECONDS,
    ) -> None:
        self._runtime, self._settings = runtime, settings
        self._look, self._again = look, again
        self._schedule = NoticeSchedule(
            settings.first,
            settings.deputies,
            timedelta(minutes=settings.reminder_minutes),
            timedelta(minutes=settings.deputies_minutes),
            settings.officers,
        )
        self._others = others
        self._unreached: dict[str, tuple[str, ...]] = {}
        self._server_time = ServerTime(runtime.clock)
        runtime.projection.listen(self._server_time.on_folded)

    async def run(self) -> None:
        """Look again and again for what waits, until cancelled."""
        folder, realm = self._runtime.city.notify_folder, self._runtime.city.realm
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = ExclusiveLock(folder / f"lock.{realm}")
        record: NoticeRecord | None = None
        try:
            while True:
                if record is None and lock.take(wait=False):
                    record = NoticeRecord(self._runtime, folder / f"notices.{realm}.jsonl")
                    await record.take_up()
                went_well = record is None or await self.look(record)
                await asyncio.sleep(self._look if went_well else self._again)
        finally:
            if record is not None:
                record.close()
            lock.close()

    async def look(self, record: NoticeRecord) -> bool:
        """Send what is due and note it; False when somebody could not be told.

        By a clock of this machine that is ahead, what waits would be over, and nobody told.
        """
        now = await self._server_time.now(self._runtime.ledger.server_time)
        waiting = [one for state in self._runtime.fold.requests.values() for one in waits_of(state, now)]
        waiting += self._others()
        await record.settle()
        faults, somebody = list[str](), False
        # Who could not be told is told again alone, and keeps no other step back: the deputies are there for that.
        again = unreached(waiting, self._unreached)
        self._unreached = {}
        told = record.told | {one.key(notice.step) for notice in again for one in notice.waiting}
        for notice in (*again, *due(waiting, told, record.last_first, self._schedule, now)):
            sent = await asyncio.to_thread(send, notice, self._runtime.city, self._settings)
            faults += [*sent.faults, *self._noted(record, notice, sent, now)]
            somebody = somebody or bool(sent.reached)
        self._show(faults, somebody)
        await record.settle()
        return not faults

    def _noted(self, record: NoticeRecord, notice: Notice, sent: Told, now: datetime) -> Iterator[str]:
        """Note whom a notice reached; yield what went wrong with that."""
        for one in notice.waiting if sent.left else ():
            self._unreached[one.key(notice.step)] = sent.left
        if sent.reached:
            try:
                record.add(replace(notice, to=sent.reached), now)
            except OSError as error:
                yield f"that they were told cannot be noted: {error}"

    def _show(self, faults: Sequence[str], somebody: bool) -> None:
        if not faults:
            self._runtime.health.troubles.pop(_KEY, None)
            return
        who = "not everybody" if somebody else "nobody"
        reason = f"{who} could be told what waits: {'; '.join(dict.fromkeys(faults))}"
        if self._runtime.health.troubles.get(_KEY) != reason:
            self._runtime.log.error(reason)
        self._runtime.health.troubles[_KEY] = reason


@dataclass(frozen=True)
class Told:
    """Who got a notice, who is left, and why."""

    reached: tuple[str, ...]
    left: tuple[str, ...]
    faults: tuple[str, ...]


def send(notice: Notice, city: City, settings: NotifySection) -> Told:
    """Send a notice to all its people; blocks."""
    name = city.settings.city.name if city.realm == "live" else f"EXERCISE {city.settings.city.name}"
    zone = city.zone or UTC
    times = [(in_words(one.since, zone), in_words(one.ends, zone)) for one in notice.waiting]
    subject, text = title(notice, name), body(notice, times, city.realm)
    mail = [one for one in notice.to if "://" not in one]
    left: dict[str, str] = {}
    if mail:
        try:
            left = send_mail(mail, subject, text, city, settings)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            left = dict.fromkeys(mail, str(error) or type(error).__name__)
    for one in (one for one in notice.to if "://" in one):
        try:
            _by_apprise(one, subject, text)
        except LookupError as error:
            left[one] = str(error)
    why = tuple(dict.fromkeys(f"{address_shown(one)}: {said}" for one, said in left.items()))
    return Told(tuple(one for one in notice.to if one not in left), tuple(left), why)


def _by_apprise(to: str, subject: str, text: str) -> None:
    try:
        apprise = importlib.import_module("apprise")
    except ModuleNotFoundError as error:
        raise LookupError("[notify] names services of Apprise, which is not installed: the extra notify") from error
    service = apprise.Apprise()
    if not service.add(to) or not service.notify(title=subject, body=text):
        raise LookupError("Apprise could not tell them; its log says why")
