"""Handlers for what people decide on unconfirmed posts: put on record, then carried out, each exactly once.

The resolution is the record; what follows (a receipt, and a delivery if it is to be posted again) is done by the
consumer of ``ledger.resolution.*.*``, so that a crash in between is completed at the next start.
"""

from __future__ import annotations

from schemas import subjects
from schemas.events.deliveries import Receipt
from schemas.events.desk import ResolutionReply
from schemas.events.requests import Request
from schemas.events.resolutions import Resolution, ResolutionStatement
from schemas.events.verdicts import Verdict
from services.fanout.plan import plan
from services.fanout.reader import read, seq_of
from services.fanout.resolution import Situation, check, genuine, outcome_of, read_statement, standing_words
from services.kernel.crashpoints import crash_point
from services.kernel.errors import Unreachable
from services.kernel.ledger import Conflict
from services.kernel.service import EntryOf, Runtime, Sender

TRIES = 20


class Resolving:
    """What fanout answers to officers, and what it does on their word."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def on_resolve(self, resolution: Resolution, sender: Sender) -> ResolutionReply:
        """Put an officer's decision on record, or say why it cannot count. A repeat is answered like the first time."""
        statement = read_statement(resolution, sender)
        for _ in range(TRIES):
            situation = await self._situation(statement)
            if seq := situation.repeated(statement):
                return _reply(statement, seq)
            state = await self._runtime.control.refresh()
            now = self._runtime.clock.now()
            check(resolution, statement, situation, state, now)
            seq = await self._append(resolution.model_copy(update={"at": now}), statement)
            if not seq:
                continue  # another decision, or a late receipt, came in between: judge again
            crash_point("fanout.resolution.stored")
            self._runtime.log.info(
                "a person decided",
                request_id=statement.request_id,
                profile=statement.profile,
                officer=sender,
                decision=statement.decision,
                seq=seq,
            )
            return _reply(statement, seq)
        raise Unreachable("ledger.busy", "the ledger changes too fast to get a word in", "try again; it is safe")

    async def on_resolution(self, event: Resolution, entry: EntryOf) -> None:
        """Do what a decision on record asks for; harmless when it was done before."""
        log = self._runtime.log
        statement = genuine(event, await self._runtime.control.refresh())
        if statement is None:
            log.error("a resolution on record is not genuine; nothing is done", seq=entry.seq, officer=event.officer)
            return
        receipt = await self._receipt(statement, entry.seq)
        if receipt is not None and statement.decision == "post_again":
            await self._queue(statement, receipt, entry.seq)
        crash_point("fanout.resolution.done")

    async def _situation(self, statement: ResolutionStatement) -> Situation:
        ledger, request_id, profile = self._runtime.ledger, statement.request_id, statement.profile
        receipt = await ledger.last(subjects.receipt(profile, request_id))
        decided = await ledger.history(subjects.resolution(profile, request_id))
        request = await ledger.last(subjects.request(request_id))
        verdict = await ledger.last(subjects.verdict(request_id))
        return Situation(
            request=read(Request, request) if request else None,
            verdict=read(Verdict, verdict) if verdict else None,
            verdict_seq=seq_of(verdict),
            receipt=read(Receipt, receipt) if receipt else None,
            receipt_seq=seq_of(receipt),
            decided=tuple((found.seq, read(Resolution, found)) for found in decided),
        )

    async def _append(self, resolution: Resolution, statement: ResolutionStatement) -> int:
        """Append a decision while its receipt stands; return its sequence, or 0 if something else came first.

        The fence says that the receipt is still the last one; the message id, which is the same for all decisions on
        one receipt, lets only the first of two officers through.
        """
        place = (statement.profile, statement.request_id)
        try:
            appended = await self._runtime.ledger.append(
                subjects.resolution(*place),
                resolution,
                msg_id=f"resolution:{':'.join(place)}:{statement.receipt_seq}",
                fence=(subjects.receipt(*place), statement.receipt_seq),
            )
        except Conflict:
            return 0
        return 0 if appended.duplicate else appended.seq

    async def _receipt(self, statement: ResolutionStatement, seq: int) -> Receipt | None:
        """Write the receipt that carries a decision out, once; None when something else stands by now.

        Appended by compare-and-set on the receipt that the decision answers: a worker that was away and comes back with
        the platform's own word has the better one, and two decisions cannot both be carried out.
        """
        runtime, place = self._runtime, (statement.profile, statement.request_id)
        subject = subjects.receipt(*place)
        for _ in range(TRIES):
            entries = await runtime.ledger.history(subject, statement.receipt_seq - 1)
            found = [(entry.seq, read(Receipt, entry)) for entry in entries]
            done = next((receipt for _, receipt in found if receipt.resolution_seq == seq), None)
            if done is not None:
                return done
            if [at for at, _ in found] != [statement.receipt_seq]:
                said = standing_words(found[-1][1] if found else None)
                runtime.log.warning("a decision came too late", profile=statement.profile, seq=seq, stands=said)
                return None
            receipt = outcome_of(statement, found[0][1], seq, runtime.clock.now())
            try:
                await runtime.ledger.append(
                    subject,
                    receipt,
                    msg_id=f"receipt:{':'.join(place)}:resolution:{seq}",
                    expect_last=statement.receipt_seq,
                )
            except Conflict:
                continue
            runtime.log.info(str(receipt.outcome), profile=receipt.profile, reason=receipt.reason)
            return receipt
        raise Unreachable("ledger.busy", "the receipts change too fast", "it is tried again")

    async def _queue(self, statement: ResolutionStatement, receipt: Receipt, seq: int) -> None:
        """Queue the post once more if its last verdict still stands cleared; else the next clearance queues it.

        Nothing of the delivery is special: fence, warrant and expiry hold for it as for any other.
        """
        runtime, profile = self._runtime, statement.profile
        situation = await self._situation(statement)
        verdict, request, last = situation.verdict, situation.request, situation.receipt or receipt
        if verdict is None or request is None:
            runtime.log.error("posted again without a verdict: nothing is queued", profile=profile, seq=seq)
            return
        state = await runtime.control.refresh()
        alone = verdict.model_copy(update={"targets": (profile,)})
        planned = plan(request, alone, situation.verdict_seq, state.profiles, {profile: last}, runtime.clock.now())
        for delivery in planned.deliveries:
            place = f"{profile}:{delivery.request_id}:{delivery.revision}:{delivery.verdict_seq}"
            await runtime.ledger.append(
                subjects.delivery(profile, delivery.request_id), delivery, msg_id=f"delivery:{place}:resolution:{seq}"
            )
        runtime.log.info("queued again", profile=profile, deliveries=len(planned.deliveries), resolution_seq=seq)


def _reply(statement: ResolutionStatement, seq: int) -> ResolutionReply:
    return ResolutionReply(
        request_id=statement.request_id, profile=statement.profile, receipt_seq=statement.receipt_seq, seq=seq
    )
