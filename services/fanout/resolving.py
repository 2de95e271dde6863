"""Handlers for what people decide on unconfirmed posts: put on record, then carried out, each exactly once.

The resolution is the record; what follows (a receipt, and a post if it is to be made again) is done by the
consumer of ``ledger.resolution.*.*``, so that a crash in between is completed at the next start.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from schemas import subjects
from schemas.events.deliveries import Receipt
from schemas.events.desk import ResolutionReply
from schemas.events.resolutions import Resolution, ResolutionStatement
from schemas.platforms import MIRROR
from services.fanout.delivery.work import Work
from services.fanout.domain.resolution import Situation, check, outcome_of, read_statement, standing_words
from services.kernel.authority.judged import judged
from services.kernel.base.crashpoints import crash_point
from services.kernel.base.errors import Unreachable
from services.kernel.fold.genuine import genuine_resolution
from services.kernel.fold.state import TargetState
from services.kernel.ledger.client import Conflict
from services.kernel.ledger.conflicts import CONFLICT_TRIES, ledger_busy
from services.kernel.runtime.messages.dependencies import EntryOf, Sender
from services.kernel.runtime.service import Runtime


class Resolving:
    """What fanout answers to officers, and what it does on their word."""

    def __init__(self, runtime: Runtime, work: Work) -> None:
        self._runtime = runtime
        self._work = work

    async def on_resolve(self, resolution: Resolution, sender: Sender) -> ResolutionReply:
        """Put an officer's decision on record, or say why it cannot count. A repeat is answered like the first time."""
        statement = read_statement(resolution, sender)
        for _ in range(CONFLICT_TRIES):
            situation = await self._situation(statement)
            if seq := situation.repeated(statement):
                return _reply(statement, seq)
            check_at = partial(self._checked, resolution, statement, situation)
            decision = await judged(self._runtime.present(), self._runtime.ledger.server_time, check_at)
            seq = await self._append(decision, statement, situation.receipt_last)
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
        raise ledger_busy()

    async def _checked(
        self, resolution: Resolution, statement: ResolutionStatement, situation: Situation, now: datetime
    ) -> Resolution:
        """Return a decision that may go on record at a time; raises BadInput and Refused as ``check``."""
        check(resolution, statement, situation, self._runtime.control, now)
        return resolution.model_copy(update={"at": now})

    async def on_resolution(self, event: Resolution, entry: EntryOf) -> None:
        """Do what a decision on record asks for; harmless when it was done before.

        A post to be made again goes the way of any other; the gate decides the request again if its verdict is not of
        the control revision in force, and that verdict brings it then.
        """
        runtime = self._runtime
        await runtime.projection.at_least(entry.seq)
        state = runtime.fold.requests.get(event.request_id)
        if state is not None and 0 < state.target(event.profile).decided_at(event) < entry.seq:
            return  # an append that got no ack was repeated: it is carried out where it stands first
        control, place = runtime.control, (event.request_id, event.profile)
        statement = genuine_resolution(event, *place, entry.seq, control=control, realm=control.realm)
        if statement is None:
            runtime.log.error("a resolution on record is not genuine; nothing is done", seq=entry.seq)
            return
        receipt = await self._receipt(statement, entry.seq)
        crash_point("fanout.resolution.done")
        state = runtime.fold.requests.get(statement.request_id)
        if receipt is not None and state is not None:
            again = (statement.profile,) if statement.decision == "post_again" else ()
            mirror = (MIRROR,) if MIRROR in state.wanted else ()  # it waits for a post that stands
            await self._work.deliver(statement.request_id, state.verdict_seq, (*again, *mirror))

    async def _situation(self, statement: ResolutionStatement) -> Situation:
        """Return what is known of the post now; of a request that is over from the ledger."""
        runtime = self._runtime
        await runtime.catch_up()
        state = await runtime.state_on(statement.request_id, statement.profile)
        if state is None:
            return Situation(None, None, 0, None, 0)
        target = state.target(statement.profile)
        return Situation(
            request=state.request,
            verdict=state.verdict,
            verdict_seq=state.verdict_seq,
            receipt=target.receipt,
            receipt_seq=target.receipt_seq,
            decided=tuple(target.resolutions),
            receipt_last=target.receipt_last,
        )

    async def _append(self, resolution: Resolution, statement: ResolutionStatement, last: int) -> int:
        """Append a decision while its receipt stands; return its sequence, or 0 if something else came first.

        The fence says that nothing came since the officer's receipt was found to stand: ``last`` is that receipt, or
        what is void behind it. The message id, which is the same for all decisions on
        one receipt, lets only the first of two officers through.
        """
        place = (statement.profile, statement.request_id)
        try:
            appended = await self._runtime.ledger.append(
                subjects.resolution(*place),
                resolution,
                msg_id=f"resolution:{':'.join(place)}:{statement.receipt_seq}",
                fence=(subjects.receipt(*place), last),
            )
        except Conflict:
            return 0
        return 0 if appended.duplicate else appended.seq

    async def _receipt(self, statement: ResolutionStatement, seq: int) -> Receipt | None:
        """Write the receipt that carries a decision out, once; None when something else is there by now.

        Appended by compare-and-set behind the receipt that the decision answers: a worker that was away and comes back
        with the platform's own word has the better one, and two decisions cannot both be carried out.
        """
        runtime, place = self._runtime, (statement.profile, statement.request_id)
        for _ in range(CONFLICT_TRIES):
            state = await runtime.state_on(statement.request_id, statement.profile)
            target = state.target(statement.profile) if state is not None else TargetState()
            done = next((receipt for _, receipt in target.receipts if receipt.resolution_seq == seq), None)
            if done is not None:
                return done
            if target.receipt is None or target.receipt_seq != statement.receipt_seq:
                said = standing_words(target.receipt)
                runtime.log.warning("a decision came too late", profile=statement.profile, seq=seq, stands=said)
                return None
            receipt = outcome_of(statement, target.receipt, seq, runtime.clock.now())
            try:
                appended = await runtime.ledger.append(
                    subjects.receipt(*place),
                    receipt,
                    msg_id=f"receipt:{':'.join(place)}:resolution:{seq}",
                    expect_last=target.receipt_last,
                )
            except Conflict:
                await runtime.catch_up()
                continue
            await runtime.projection.at_least(appended.seq)
            runtime.log.info(str(receipt.outcome), profile=receipt.profile, reason=receipt.reason)
            return receipt
        raise Unreachable("ledger.busy", "the receipts change too fast", "it is tried again")


def _reply(statement: ResolutionStatement, seq: int) -> ResolutionReply:
    return ResolutionReply(
        request_id=statement.request_id, profile=statement.profile, receipt_seq=statement.receipt_seq, seq=seq
    )
