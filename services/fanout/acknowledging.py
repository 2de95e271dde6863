"""Puts on record that an officer has seen an outside post: each post once, by whoever was first."""

from __future__ import annotations

from datetime import datetime

from schemas import subjects
from schemas.events.outside import Acknowledgement, AcknowledgementReply, AcknowledgementStatement, OutsidePost
from services.fanout.domain.acknowledgement import check_acknowledgement, read_acknowledgement
from services.kernel.authority.judged import judged
from services.kernel.base.errors import Refused
from services.kernel.fold.genuine import genuine_acknowledgement
from services.kernel.fold.reading import parse
from services.kernel.ledger.client import Conflict, Entry
from services.kernel.projection.past import past
from services.kernel.runtime.messages.dependencies import Sender
from services.kernel.runtime.service import Runtime


class Acknowledging:
    """What fanout answers to an officer who acknowledges an outside post."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def on_acknowledge(self, event: Acknowledgement, sender: Sender) -> AcknowledgementReply:
        """Put it on record, or say why it cannot count. Whoever says it again is answered like the first time.

        Raises:
            Refused: ``acknowledgement.done`` when another officer was first; else as ``read_acknowledgement`` and
                ``check_acknowledgement``.
        """
        runtime = self._runtime
        statement = read_acknowledgement(event, sender)
        await runtime.catch_up()
        post_subject = subjects.outside(statement.profile, statement.outside)
        post_seq, last = await self._post(statement, post_subject)

        async def checked(now: datetime) -> Acknowledgement:
            check_acknowledgement(event, statement, post_seq, runtime.control, now)
            return event.model_copy(update={"at": now})

        acknowledgement = await judged(runtime.present(), runtime.ledger.server_time, checked)
        stands = await self._standing(statement)
        if stands:
            return _reply(statement, stands)
        subject = subjects.acknowledgement(statement.profile, statement.outside)
        try:
            appended = await runtime.ledger.append(
                subject,
                acknowledgement,
                msg_id=f"acknowledgement:{statement.profile}:{statement.outside}",
                fence=(post_subject, last),
            )
        except Conflict as error:
            said = f"{statement.outside} changed while it was acknowledged"
            raise Refused("acknowledgement.post", said, "onevoice outside list") from error
        if appended.duplicate:
            return _reply(statement, await self._standing(statement) or appended.seq)
        runtime.log.info(
            "an outside post is acknowledged", profile=statement.profile, outside=statement.outside, officer=sender
        )
        return _reply(statement, appended.seq)

    async def _post(self, statement: AcknowledgementStatement, subject: str) -> tuple[int, int]:
        """Return where the outside post stands, and the last sequence of its subject; 0: nowhere.

        The first entry that tells it is it, whatever is behind that: whoever holds a service's key can write copies
        there, as many as they like, and must not keep an officer from answering.
        """
        last = await self._runtime.ledger.last(subject)
        if last is None:
            return 0, 0
        async for entry in past(self._runtime.source, subject):
            if _tells(entry, statement):
                return entry.seq, last.seq
        return 0, last.seq

    async def _standing(self, statement: AcknowledgementStatement) -> int:
        """Return where this officer's acknowledgement stands; 0: nobody's does. Raises Refused for another's.

        What is not readable or not genuine is nobody's word: whoever holds a service's key can write it.
        """
        place, control = (statement.profile, statement.outside), self._runtime.control
        async for entry in past(self._runtime.source, subjects.acknowledgement(*place)):
            try:
                known = parse(Acknowledgement, entry.data)
            except ValueError:
                continue
            said = genuine_acknowledgement(known, *place, entry.seq, control=control, realm=control.realm)
            if said is None or said.seq != statement.seq:
                continue
            if said.officer == statement.officer:
                return entry.seq
            said_by = f"{said.officer} has acknowledged it already"
            raise Refused("acknowledgement.done", said_by, "onevoice outside list --all")
        return 0


def _tells(entry: Entry, statement: AcknowledgementStatement) -> bool:
    """Return whether an entry is the outside post that a statement is about."""
    try:
        post = parse(OutsidePost, entry.data)
    except ValueError:
        return False
    return bool((post.profile, post.outside) == (statement.profile, statement.outside))


def _reply(statement: AcknowledgementStatement, seq: int) -> AcknowledgementReply:
    return AcknowledgementReply(outside=statement.outside, profile=statement.profile, seq=seq)
