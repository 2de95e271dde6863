"""The ledger as the services use it: append with compare-and-set and fence, and read (services.kernel.ledger.reader).

A missing ack never means "not stored", so each append carries a ``Nats-Msg-Id`` and is repeated with the same one.
Appends that wait at the same time share a batch.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import nats.errors
import nats.js.errors
import structlog
from nats.js import api

from schemas import canonical, streams, subjects
from schemas.events.base import Contract
from services.kernel.base.alarms import Alarms
from services.kernel.base.errors import Unproven, Unreachable
from services.kernel.ledger.append_batch import (
    AppendQueue,
    BatchRefused,
    BatchUnknown,
    PendingAppend,
    StaleCondition,
    Stood,
    Wire,
)
from services.kernel.ledger.asking import USUAL, AskLimits, ask_again
from services.kernel.ledger.entry import EXPECTED, FENCE_SUBJECT
from services.kernel.ledger.entry import Entry as Entry
from services.kernel.ledger.integrity.checks import IntegrityFault, check_ack
from services.kernel.ledger.pending import PendingAppends
from services.kernel.ledger.reader import LedgerReader, stream_of

_log = structlog.get_logger()

_ALWAYS = "ledger.receipt."
_WRONG_LAST_SEQUENCE = frozenset({10071, 10164})

Written = Callable[[Contract, bytes], None]
"""Hears an event and its canonical bytes."""


@dataclass(frozen=True)
class Appended:
    """An acked append. ``duplicate``: another body is under the same message id, at ``seq``.

    ``elsewhere``: it is on another subject, so it is no other try of the same, and nothing of ours was stored.
    """

    seq: int
    duplicate: bool = False
    elsewhere: bool = False


STORES_NOTHING = "the broker stores nothing"
"""How it begins what a service says then: a broker whose disk was full goes on so until it is restarted."""


class Conflict(Exception):
    """Compare-and-set or the fence refused the append; nothing was stored."""


class Ledger(LedgerReader):
    """Appends to and reads from one realm's ledger, and its pictures.

    ``fault``: why nothing may be appended now; receipts still are, since what was done has to be written down.
    ``highest``: the newest entry of the ledger that was seen here; each new one must stand after it. ``alarms``: what
    was noticed that no service of ours does. ``not_stored``: why the newest append was not; empty as soon as
    anybody's is.
    """

    def __init__(self, asks: AskLimits = USUAL) -> None:
        super().__init__(asks)
        self.fault: IntegrityFault | None = None
        wire = Wire(self._single, self._batch, self._last_seq_of)
        self._fenced, self._unfenced = AppendQueue(wire), AppendQueue(wire)
        self._pending = PendingAppends()
        self.alarms = Alarms()
        self.not_stored = ""

    async def append(
        self,
        subject: str,
        event: Contract,
        *,
        msg_id: str | None = None,
        expect_last: int | None = None,
        fence: tuple[str, int] | None = None,
        look: bool = True,
        written: Written | None = None,
    ) -> Appended:
        """Append an event and wait until it is on disk.

        Args:
            subject: a literal subject of ``schemas.subjects``.
            event: the event; its canonical bytes are stored.
            msg_id: for deduplication; by default the hash of subject and bytes.
            expect_last: the last sequence of ``subject`` must be this (0: none).
            fence: a literal subject whose last sequence must be the given one.
            look: on a refusal look whether it is there from an earlier try; without it the caller's fold shows that.
            written: hears the event with its bytes before they are sent.

        Raises:
            Conflict: ``expect_last`` or ``fence`` did not hold; nothing was stored.
            IntegrityFault: the ledger lost or changed what it had; it may be stored, and is not to be acted on.
            Unreachable: no ack came; whether it is stored is unknown, and repeating is safe.
        """
        if self.fault is not None and not subject.startswith(_ALWAYS):
            raise self.fault
        raw = event.to_bytes()
        if written is not None:
            written(event, raw)
        message_id = msg_id or canonical.sha256(subject.encode() + b"\n" + raw)
        headers = {"Nats-Msg-Id": message_id} | _condition(expect_last, fence)
        try:
            appended = await self._append(subject, raw, headers)
            if appended.elsewhere:
                # The id is known beforehand, the bytes are not: under their hash nobody can have claimed it too.
                message_id = f"{message_id}:{canonical.sha256(subject.encode() + raw)}"
                appended = await self._append(subject, raw, {**headers, "Nats-Msg-Id": message_id})
            return appended
        except (Conflict, StaleCondition) as refused:
            # A repeat of an accepted append may come back as a wrong sequence: look before believing it.
            stored = await self.last(subject) if look else None
            if stored is not None and stored.headers.get("Nats-Msg-Id") == message_id and stored.data == raw:
                return Appended(stored.seq)
            raise Conflict(str(refused)) from refused

    async def _append(self, subject: str, raw: bytes, headers: dict[str, str]) -> Appended:
        before = self.highest
        item = PendingAppend(subject, raw, headers, asyncio.get_running_loop().create_future())
        self._pending.add(item)
        (self._unfenced if item.fence is None else self._fenced).put(item)
        try:
            answer = await item.done
        finally:
            self._pending.discard(item)
        if isinstance(answer, Stood):
            return self._claimed(subject, answer.seq, duplicate=not answer.same, elsewhere=answer.elsewhere)
        if not answer.duplicate:
            self._saw(answer.seq, before)
            return Appended(answer.seq)
        stored = await self.get(answer.seq)
        elsewhere = stored is not None and stored.subject != subject
        duplicate = elsewhere or stored is None or stored.data != raw
        return self._claimed(subject, answer.seq, duplicate=duplicate, elsewhere=elsewhere)

    def _claimed(self, subject: str, seq: int, *, duplicate: bool, elsewhere: bool) -> Appended:
        """Return what a repeated message id means; nobody of ours uses one for two subjects."""
        if elsewhere:
            _log.error("alarm: the message id of an append was claimed on another subject", subject=subject, seq=seq)
            self.alarms.add(f"the message id of an entry on {subject} was claimed by {seq}, on another subject")
        return Appended(seq, duplicate=duplicate, elsewhere=elsewhere)

    def folded(self, entry: Entry) -> None:
        """Take note of the next entry that the projection has folded: it may settle an append that waits."""
        self.not_stored = ""
        if entry.seq > self.highest:
            self.highest = entry.seq
        if self._pending:
            self._pending.folded(entry)

    async def _single(self, item: PendingAppend) -> api.PubAck:
        return await self._acked(streams.LEDGER, item.subject, item.raw, item.headers)

    async def _batch(self, items: list[PendingAppend]) -> api.PubAck:
        """Commit entries as one atomic batch (NATS ADR-50); raises BatchRefused, BatchUnknown."""
        name = secrets.token_hex(8)
        for number, item in enumerate(items, 1):
            headers = {**item.headers, "Nats-Batch-Id": name, "Nats-Batch-Sequence": str(number)}
            if number < len(items):
                await self.client.publish(item.subject, item.raw, headers=headers)
        headers["Nats-Batch-Commit"] = "1"
        try:
            reply = await self.client.request(item.subject, item.raw, timeout=self.asks.seconds, headers=headers)
        except (nats.errors.Error, OSError) as error:
            raise BatchUnknown(str(error)) from error
        answer = json.loads(reply.data)
        if "error" in answer:
            raise BatchRefused(str(answer["error"].get("description")))
        self.not_stored = ""
        return api.PubAck.from_response(answer)

    async def _last_seq_of(self, subject: str) -> int:
        entry = await self.last(subject)
        return entry.seq if entry is not None else 0

    async def _acked(self, stream: str, subject: str, raw: bytes, headers: dict[str, str]) -> api.PubAck:
        try:
            ack = await ask_again(
                lambda: self.js.publish(subject, raw, stream=stream, headers=dict(headers)), self.asks
            )
        except nats.js.errors.APIError as error:
            if error.err_code in _WRONG_LAST_SEQUENCE:
                raise Conflict(str(error.description)) from error
            self.not_stored = f"{STORES_NOTHING}: {error.description}"
            raise Unreachable(
                "ledger.refused",
                f"the broker did not store it: {error.description}",
                "check the store and the disk of the broker: onevoice doctor",
            ) from error
        except (nats.errors.Error, OSError) as error:
            self.not_stored = f"{STORES_NOTHING}, and does not say why"
            raise Unreachable(
                "broker.unreachable",
                "the broker did not acknowledge; nothing is lost, and repeating is safe",
                "onevoice doctor",
            ) from error
        self.not_stored = ""
        return ack

    def _saw(self, seq: int, before: int) -> None:
        """Take note of an ack: a sequence that stood already when it was asked for proves that the end was lost."""
        fault = check_ack(seq, before)
        if fault is not None:
            self.fault = self.fault or fault
            raise fault
        self.highest = max(self.highest, seq)

    async def keep(
        self, subject: str, event: Contract, *, msg_id: str | None = None, expect_last: int | None = None
    ) -> Appended:
        """Keep an event beside the ledger (DEAD, TRIES) and wait until it is on disk; raises as ``append`` does.

        What is under the same ``msg_id`` already is taken as kept, and not read again.
        """
        headers = {"Nats-Msg-Id": msg_id} if msg_id else {}
        if expect_last is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(expect_last)
        ack = await self._acked(stream_of(subject), subject, event.to_bytes(), headers)
        return Appended(ack.seq)

    async def put_media(self, raw: bytes) -> str:
        """Keep a picture for good; return the SHA-256 of its bytes. A repeat keeps the current one.

        Raises:
            Unproven: ``media.contradicted``: something else is kept under its hash, and nobody could be shown it.
            Unreachable: as ``append``.
        """
        digest = canonical.sha256(raw)
        subject = subjects.media(digest)
        stored = await self.last(subject)
        if stored is None:
            try:
                await self._acked(streams.MEDIA, subject, raw, {"Nats-Msg-Id": digest})
            except Unreachable:
                # The stream keeps one message for each hash: another may have put the same picture meanwhile.
                stored = await self.last(subject)
                if stored is None:
                    raise
        if stored is not None and stored.data != raw:
            raise Unproven(
                "media.contradicted",
                f"something else than the picture {digest[:12]} is kept under its hash: a service's key did that",
                "send the picture saved anew; have the services' keys rotated (onevoice keys rotate --service NAME)",
            )
        return digest

    async def put_upload(self, raw: bytes) -> str:
        """Keep a picture for a day, counted again with each repeat; return the SHA-256 of its bytes."""
        digest = canonical.sha256(raw)
        await self._acked(streams.UPLOADS, subjects.upload(digest), raw, {})
        return digest


def _condition(expect_last: int | None, fence: tuple[str, int] | None) -> dict[str, str]:
    """Return the headers of the condition on which an entry is stored."""
    if fence is not None:
        return {FENCE_SUBJECT: fence[0], EXPECTED: str(fence[1])}
    return {EXPECTED: str(expect_last)} if expect_last is not None else {}
