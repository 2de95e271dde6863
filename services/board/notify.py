"""Wakes somebody: tells officers by mail, or by whatever Apprise can reach, what waits for them.

Each notice that went out is noted (``notice_record``). One board of a machine tells; the others wait for its lock. What
cannot be sent is tried again, and shown by ``onevoice doctor``.
"""

from __future__ import annotations

import asyncio
import importlib
import smtplib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, timedelta

from services.board.domain.notices import Notice, NoticeSchedule, Waiting, body, due, title, waits_of
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

    It looks every ``look`` seconds, and after one notice that could not be sent in ``again`` seconds.
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
        """Send what is due and note it; False when something could not be sent.

        By a clock of this machine that is ahead, what waits would be over, and nobody told.
        """
        now = await self._server_time.now(self._runtime.ledger.server_time)
        waiting = [one for state in self._runtime.fold.requests.values() for one in waits_of(state, now)]
        waiting += self._others()
        await record.settle()
        for notice in due(waiting, record.told, record.last_first, self._schedule, now):
            try:
                await asyncio.to_thread(send, notice, self._runtime.city, self._settings)
            except (OSError, smtplib.SMTPException, LookupError, ValueError) as error:
                reason = f"nobody could be told that {len(notice.waiting)} messages wait: {error}"
                self._runtime.log.error(reason, step=notice.step)
                self._runtime.health.troubles[_KEY] = reason
                return False
            self._runtime.health.troubles.pop(_KEY, None)
            record.add(notice, now)
        await record.settle()
        return True


def send(notice: Notice, city: City, settings: NotifySection) -> None:
    """Send a notice to all its people; blocks. Raises OSError, SMTPException, LookupError or ValueError."""
    name = city.settings.city.name if city.realm == "live" else f"EXERCISE {city.settings.city.name}"
    zone = city.zone or UTC
    times = [(in_words(one.since, zone), in_words(one.ends, zone)) for one in notice.waiting]
    subject, text = title(notice, name), body(notice, times, city.realm)
    mail = [one for one in notice.to if "://" not in one]
    other = [one for one in notice.to if "://" in one]
    if mail:
        send_mail(mail, subject, text, city, settings)
    if other:
        _by_apprise(other, subject, text)


def _by_apprise(to: Sequence[str], subject: str, text: str) -> None:
    try:
        apprise = importlib.import_module("apprise")
    except ModuleNotFoundError as error:
        raise LookupError("[notify] names services of Apprise, which is not installed: the extra notify") from error
    service = apprise.Apprise()
    if not all(service.add(one) for one in to) or not service.notify(title=subject, body=text):
        raise LookupError("Apprise could not tell everybody; its log says whom")
