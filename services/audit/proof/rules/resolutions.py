"""Rules for what people decide on unconfirmed posts, and for the receipts that carry it out.

A final ``unconfirmed`` receipt ends a delivery until an officer's signed word answers it. So after one nothing may
follow but the receipt of a resolution, or the platform's own late word that it was delivered.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from schemas import canonical, streams, subjects
from schemas.events.control import Posture
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.envelope import CLOCK_SKEW, RESOLUTION_TYPE
from schemas.events.resolutions import Resolution, ResolutionStatement
from schemas.roles import EOC_APPROVERS, OFFICE_OR_APPROVER
from services.audit.proof.replay_state import Decided, DeliveryContext, ReplayState, Target
from services.audit.proof.signers import signed_by_officer
from services.audit.record.format import RecordEntry, header
from services.audit.record.violation import Violation
from services.kernel.ledger.entry import EXPECTED, FENCE_SUBJECT

_LAG = timedelta(seconds=streams.LEASE_SECONDS)
"""How long the append of a decision may take; control may have changed meanwhile, as it is fenced on the receipt."""

_CARRIES_OUT = {
    "posted": (ReceiptOutcome.DELIVERED, True),
    "give_up": (ReceiptOutcome.FAILED, True),
    "post_again": (ReceiptOutcome.WITHHELD, False),
}


def resolution(state: ReplayState, entry: RecordEntry, tokens: list[str]) -> Iterator[Violation]:
    """Check a resolution: signed, in time, by someone who may, fenced on the unconfirmed receipt that it answers."""
    event = Resolution.from_bytes(entry.data)
    if [event.profile, event.request_id] != tokens:
        yield Violation(entry.seq, "event.subject", f"The resolution on {event.profile} is elsewhere.")
    context = state.request(event.request_id)
    if context is None:
        yield Violation(entry.seq, "resolution.request", f"There is no request {event.request_id}.")
        return
    try:
        statement = ResolutionStatement.from_bytes(event.envelope.payload_bytes())
    except ValueError:
        yield Violation(entry.seq, "resolution.malformed", f"What {event.officer} signed cannot be read.")
        return
    decided, sha256 = context.target(event.revision, event.profile).decided, canonical.sha256(entry.data)
    if any(one.good and one.sha256 == sha256 for one in decided.values()):
        return  # an append that got no ack was repeated: the same word, which counts where it stands first
    found = [*_signed(state, entry, event, statement), *_in_time(entry, statement)]
    found += _by_whom(state, entry, statement, context)
    found += _answers(entry, statement, context)
    yield from found
    is_good = not found
    decided[entry.seq] = Decided(statement.receipt_seq, statement.decision, statement.url, is_good, sha256)


# Not through kernel.authority.statements, for the reason that rules.people gives.
def _signed(
    state: ReplayState, entry: RecordEntry, event: Resolution, statement: ResolutionStatement
) -> Iterator[Violation]:
    if event.officer not in state.control.officers:
        yield Violation(entry.seq, "resolution.officer", f"There is no officer {event.officer}.")
    elif not signed_by_officer(event.envelope, RESOLUTION_TYPE, state.control, event.officer):
        yield Violation(
            entry.seq, "resolution.signature", f"The resolution is not signed by the key of {event.officer}."
        )
    outer = (event.officer, event.request_id, event.revision, event.profile)
    if outer != (statement.officer, statement.request_id, statement.revision, statement.profile):
        yield Violation(
            entry.seq,
            "resolution.other",
            f"The statement is by {statement.officer} on {statement.request_id} and {statement.profile}, and stands "
            f"as {event.officer} on {event.request_id} and {event.profile}.",
        )
    if statement.realm != state.pinned.realm:
        yield Violation(entry.seq, "resolution.realm", f"The resolution is for the realm {statement.realm}.")


def _in_time(entry: RecordEntry, statement: ResolutionStatement) -> Iterator[Violation]:
    if not statement.issued_at - CLOCK_SKEW <= entry.at < statement.expires_at + _LAG:
        yield Violation(
            entry.seq, "resolution.expired", f"The resolution by {statement.officer} was not in force at this time."
        )


def _by_whom(
    state: ReplayState, entry: RecordEntry, statement: ResolutionStatement, context: DeliveryContext
) -> Iterator[Violation]:
    """The role must have been held then, for posting again under the EOC one that 2(iii) counts."""
    if _holds(state, entry, statement, context):
        return
    if state.control_at is not None and entry.at - state.control_at <= _LAG:
        state.warnings.append(
            Violation(
                entry.seq,
                "resolution.overtaken",
                f"A control change came in while the decision of {statement.officer} was written down.",
            )
        )
        return
    yield Violation(
        entry.seq,
        "resolution.role",
        f"{statement.officer} held no role at that time to decide {statement.decision} on {statement.profile}.",
    )


def _holds(state: ReplayState, entry: RecordEntry, statement: ResolutionStatement, context: DeliveryContext) -> bool:
    control, eoc = state.control, (Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE)
    strict = statement.decision == "post_again" and (control.under_eoc or context.request.submitted_posture in eoc)
    return bool(control.roles_of(statement.officer, entry.at) & (EOC_APPROVERS if strict else OFFICE_OR_APPROVER))


def _answers(entry: RecordEntry, statement: ResolutionStatement, context: DeliveryContext) -> Iterator[Violation]:
    target = context.target(statement.revision, statement.profile)
    place = f"{statement.request_id} on {statement.profile}"
    if target.unconfirmed_seq == 0 or target.unconfirmed_seq != statement.receipt_seq:
        stands = f"unconfirmed stands {target.unconfirmed_seq}" if target.unconfirmed_seq else "nothing is unconfirmed"
        yield Violation(
            entry.seq,
            "resolution.receipt",
            f"The resolution answers the receipt {statement.receipt_seq} of {place}, and {stands}.",
        )
    first = next((seq for seq, one in target.decided.items() if one.receipt_seq == statement.receipt_seq), 0)
    if first:
        yield Violation(entry.seq, "resolution.twice", f"The receipt {statement.receipt_seq} was answered at {first}.")
    fenced = (header(entry, FENCE_SUBJECT), header(entry, EXPECTED))
    subject = subjects.receipt(statement.profile, statement.request_id)
    # What stands is judged above. Between it and the fence there is nothing but what is void.
    if fenced[0] != subject or not statement.receipt_seq <= _number(fenced[1]) < entry.seq:
        yield Violation(entry.seq, "resolution.unfenced", f"The resolution on {place} was not fenced on its receipt.")


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else -1


def receipt(entry: RecordEntry, event: Receipt, target: Target) -> Iterator[Violation]:
    """Judge a receipt by what people decided, and note what is unconfirmed after it."""
    answered, target.unconfirmed_seq = target.unconfirmed_seq, 0
    if event.outcome is ReceiptOutcome.UNCONFIRMED and event.final:
        target.unconfirmed_seq = entry.seq
    if event.resolution_seq is not None:
        yield from _carried_out(entry, event, target, answered)
        return
    late = event.outcome is ReceiptOutcome.DELIVERED
    if answered and not late:
        yield Violation(
            entry.seq,
            "receipt.unresolved",
            f"{event.profile} was unconfirmed at {answered}, and no officer had decided what becomes of it.",
        )
    if late and not event.remote_id:
        yield Violation(
            entry.seq,
            "receipt.unproven",
            f"{event.profile} is said to be delivered, by no word of the platform and by no officer's.",
        )


def _carried_out(entry: RecordEntry, event: Receipt, target: Target, answered: int) -> Iterator[Violation]:
    """A receipt in the name of a resolution: there is one, sound and not used before, and it says just that."""
    decided = target.decided.get(event.resolution_seq or 0)
    if decided is None or decided.receipt_seq != answered or not answered:
        yield Violation(
            entry.seq,
            "receipt.resolution",
            f"No resolution of the unconfirmed post on {event.profile} is at {event.resolution_seq}.",
        )
        return
    if (event.outcome, event.final) != _CARRIES_OUT[decided.decision] or event.url != decided.url:
        yield Violation(
            entry.seq,
            "receipt.resolution",
            f"The officer decided {decided.decision} on {event.profile}; the receipt says {event.outcome}.",
        )
        return
    if decided.good and decided.decision == "post_again":
        target.again_seq, target.final_seq = entry.seq, 0
        target.delivered_seq = 0  # what had been delivered before does not stand any more: that is what it answers
