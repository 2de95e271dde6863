"""The keeper: waits for the folder's lock, opens the record, and lets the copyist work until something breaks."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import nats.errors

from schemas import streams
from schemas.events.audit import CompareQuery, LedgerStanding
from services.audit.alarm_log import AlarmLog
from services.audit.comparing import Comparer
from services.audit.copying import SealRule
from services.audit.gallery import Gallery
from services.audit.handlers import Copyist
from services.audit.pull import Puller
from services.audit.record import Lock, Record
from services.kernel.authority.signing import load_key
from services.kernel.base.clock import monotonic
from services.kernel.base.errors import OneVoiceError, Unreachable
from services.kernel.base.tasks import cancel_all
from services.kernel.runtime.service import Runtime, Sender, to_entry

BATCH = 512
WAIT = 1.0
"""Seconds between looks at whether a seal is due, when nothing comes."""

HEARD_LATELY = timedelta(seconds=10)
"""How old the other process's word may be for one that stands by to repeat it."""

LONGEST_PAUSE = 30.0
"""Seconds between tries, once trying has failed for a while."""


class Keeper:
    """One audit process's part in keeping the copy: standing by, or writing."""

    def __init__(self, runtime: Runtime, rule: SealRule | None = None) -> None:
        self._runtime, self._rule = runtime, rule or SealRule()
        self._comparer: Comparer | None = None

    async def run(self) -> None:
        """Keep the copy until the task is cancelled; what fails is said aloud, and tried again ever more slowly."""
        pause = 1.0
        while True:
            begun = monotonic()
            try:
                await self._once()
            except OneVoiceError as error:
                self._complain(error.message, error.code)
            except (OSError, nats.errors.Error) as error:
                self._complain(
                    str(error), "broker.unreachable" if isinstance(error, nats.errors.Error) else "record.disk"
                )
            except Exception as error:
                self._complain(f"{type(error).__name__}: {error}", "internal")
                raise  # a fault of ours: the runtime logs it whole, and starts again
            pause = 1.0 if monotonic() - begun > LONGEST_PAUSE else min(LONGEST_PAUSE, pause * 2)
            await asyncio.sleep(pause)

    async def on_compare(self, query: CompareQuery, sender: Sender) -> LedgerStanding:
        """Say how the ledger stands; who stands by says what the other process said last.

        Raises:
            Unreachable: ``audit.not_open``, nobody compares at this moment.
        """
        if self._comparer is not None:
            return await self._comparer.answer(query.seconds)
        heard = self._runtime.watch.heard
        if heard is None or self._runtime.clock.now() - heard.at > HEARD_LATELY:
            raise Unreachable(
                "audit.not_open",
                self._runtime.health.trouble or "the record is not open yet",
                "look into the log of audit",
            )
        return heard

    async def _once(self) -> None:
        """Take the lock, open the record, copy until something fails.

        Raises:
            Damaged: the files are not as they were left; they stay as they are, and nothing is appended.
            OSError: the disk does not take what is written.
        """
        lock = Lock(self._runtime.city.audit_folder)
        try:
            await self._stand_by(lock)
            await self._keep()
        finally:
            lock.close()

    def _complain(self, message: str, code: str) -> None:
        self._runtime.health.trouble = f"the second copy is not kept: {message}"
        self._runtime.log.error("the second copy is not kept", code=code, error=message)

    async def _stand_by(self, lock: Lock) -> None:
        told = False
        while not lock.take():
            if not told:
                self._runtime.log.info("another audit process writes the copy; standing by")
            told = True
            await asyncio.sleep(0.5)
        if told:
            self._runtime.log.info("the other audit process is gone; taking over")

    async def _keep(self) -> None:
        city = self._runtime.city
        signer = load_key(city.service_key_path("audit"))
        alarms = AlarmLog(city.audit_folder)
        try:
            record = await asyncio.to_thread(Record, city.audit_folder, city.realm, signer)
        except BaseException:
            alarms.close()
            raise
        self._say(record)
        gallery = Gallery(city.audit_folder, self._runtime.ledger)
        copyist = Copyist(self._runtime, record, alarms, self._rule, gallery)
        comparer = self._comparer = Comparer(self._runtime, record, copyist, gallery, alarms.lasting)
        copyist.noted = comparer.note
        puller = Puller(self._runtime.ledger.client, streams.AUDIT_COPY, BATCH)
        beside: list[asyncio.Task[None]] = []
        try:
            await copyist.check_opening()
            beside += [asyncio.create_task(comparer.say()), asyncio.create_task(comparer.run())]
            await copyist.catch_up(streams.AUDIT_COPY.max_ack_pending)
            await puller.start()
            while True:
                self._runtime.health.trouble = _trouble(len(alarms), comparer.standing)
                await self._copy(puller, copyist)
                for task in beside:
                    if task.done():
                        task.result()
        finally:
            self._comparer = None
            await cancel_all(*beside)
            await puller.stop()
            await copyist.close()

    async def _copy(self, puller: Puller, copyist: Copyist) -> None:
        messages = await puller.batch(WAIT)
        if messages:
            entries = [to_entry(message) for message in messages]
            safe = await copyist.on_entries(entries)
            for message, entry in zip(messages, entries, strict=True):
                if entry.seq <= safe:
                    await message.ack()
        await copyist.seal_if_due()

    def _say(self, record: Record) -> None:
        found = record.opening
        if found.cut_entries or found.cut_checkpoints:
            self._runtime.log.warning(
                "a line that a crash had cut off was taken away; it was never acknowledged",
                entry_bytes=found.cut_entries,
                checkpoint_bytes=found.cut_checkpoints,
            )
        self._runtime.log.info(
            "the record is open", entries=record.size, last_seq=record.last_seq, unsigned=found.unsealed
        )


def _trouble(alarms: int, standing: LedgerStanding) -> str | None:
    """Return what the heartbeat says, if anything."""
    said = []
    if standing.standing == "contradicted":
        said.append(f"THE LEDGER CONTRADICTS ITS COPY, first at {standing.first_seq}: {standing.message}")
    if alarms:
        said.append(f"alarms on record: {alarms}; run onevoice audit verify")
    return "; ".join(said) or None
