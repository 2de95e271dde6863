"""Reads the facts of one request from the ledger, for the pure decision."""

from __future__ import annotations

from dataclasses import dataclass

from schemas import subjects
from schemas.events.approvals import Approval
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from services.gatekeeper.policy.facts import ApprovalFact, Facts
from services.kernel.clock import Clock
from services.kernel.control_view import ControlView
from services.kernel.ledger import Ledger


@dataclass(frozen=True)
class Dossier:
    """What the ledger has on a request: facts, the verdict that stands, and how far the facts reach.

    ``unconfirmed`` are the targets whose final receipt says that nobody could find out how it ended: a person decides.
    """

    facts: Facts
    standing: Verdict | None
    standing_seq: int
    as_of: int
    unconfirmed: frozenset[str] = frozenset()

    @property
    def delivered_everywhere(self) -> bool:
        """True when each target has a final receipt."""
        return not self.facts.open_targets


async def read_dossier(ledger: Ledger, control: ControlView, clock: Clock, request_id: str) -> Dossier | None:
    """Return the dossier of a request, or None if there is no such request.

    The verdict is read first and control last: what changes in between is caught by compare-and-set on the
    verdict's subject, or by the fence.
    """
    verdict_entry = await ledger.last(subjects.verdict(request_id))
    request_entry = await ledger.last(subjects.request(request_id))
    if request_entry is None:
        return None
    request = Request.from_bytes(request_entry.data)
    standing = Verdict.from_bytes(verdict_entry.data) if verdict_entry else None
    approvals = await _last_of_each_officer(ledger, request_id, request_entry.seq)
    delivered, unconfirmed = await _delivered(ledger, request, standing)
    state = await control.refresh()
    return Dossier(
        facts=Facts(
            request=request,
            request_seq=request_entry.seq,
            approvals=approvals,
            control=state,
            now=clock.now(),
            delivered=delivered,
        ),
        standing=standing,
        standing_seq=verdict_entry.seq if verdict_entry else 0,
        as_of=max((request_entry.seq, *(fact.seq for fact in approvals))),
        unconfirmed=unconfirmed,
    )


async def _last_of_each_officer(ledger: Ledger, request_id: str, after: int) -> tuple[ApprovalFact, ...]:
    newest: dict[str, ApprovalFact] = {}
    for entry in await ledger.history(subjects.approvals_of(request_id), after):
        newest[entry.subject] = ApprovalFact(Approval.from_bytes(entry.data), entry.seq, entry.subject)
    return tuple(newest.values())


async def _delivered(
    ledger: Ledger, request: Request, standing: Verdict | None
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the targets with a final receipt, and those of them whose receipt is unconfirmed.

    Nothing can be delivered before the first clearing verdict.
    """
    if standing is None or (standing.outcome is not Outcome.CLEARED and not await _ever_cleared(ledger, request)):
        return frozenset(), frozenset()
    done: set[str] = set()
    unconfirmed: set[str] = set()
    for profile in request.targets:
        entry = await ledger.last(subjects.receipt(profile, request.request_id))
        if entry is not None:
            receipt = Receipt.from_bytes(entry.data)
            if receipt.final and receipt.revision == request.revision:
                done.add(profile)
                if receipt.outcome is ReceiptOutcome.UNCONFIRMED:
                    unconfirmed.add(profile)
    return frozenset(done), frozenset(unconfirmed)


async def _ever_cleared(ledger: Ledger, request: Request) -> bool:
    for entry in await ledger.history(subjects.verdict(request.request_id)):
        if Verdict.from_bytes(entry.data).outcome is Outcome.CLEARED:
            return True
    return False
