"""Rules for what people send: control changes, requests, approvals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import TypeAdapter

from schemas import canonical
from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.control import ControlEvent, EocActive, Genesis, Ordered, Withdraw
from schemas.events.envelope import APPROVAL_TYPE, ORDER_TYPE
from schemas.events.requests import Rendering, Request, digest_of
from schemas.events.verdicts import Outcome
from schemas.roles import OFFICE_OR_APPROVER
from services.audit.proof import naming
from services.audit.proof.counted import CountedRequest
from services.audit.proof.replay_state import DeliveryContext, ReplayState
from services.audit.proof.rules import barrier
from services.audit.proof.signers import signed_by_officer
from services.audit.record.format import RecordEntry
from services.audit.record.violation import Violation
from services.kernel.authority.visible import unseen_in
from services.kernel.base.errors import describe
from services.kernel.control.control_fold import fold
from services.kernel.control.control_state import ControlFault, ControlState
from services.kernel.control.order_rates import MINUTE, WITHDRAWALS_A_MINUTE
from services.kernel.control.order_rules import read_order

_CONTROL: TypeAdapter[ControlEvent] = TypeAdapter(ControlEvent)


def control(state: ReplayState, entry: RecordEntry, _tokens: list[str]) -> Iterator[Violation]:
    """Fold a control event: signatures, rights, order, the barrier; one that may not be is void and changes nothing.

    It is a revision all the same: the fence counts each entry.
    """
    before = state.control
    state.control_seq, state.control_at = entry.seq, entry.at
    try:
        event = _CONTROL.validate_python(canonical.loads(entry.data))
        state.control = fold(
            before,
            event,
            entry.seq,
            root_keys=state.pinned.root_keys,
            threshold=state.pinned.threshold,
            realm=state.pinned.realm,
            stored_at=entry.at,
            carried_out=state.orders,
        )
    except (ControlFault, ValueError) as error:
        if isinstance(error, ControlFault):
            state.void(entry.seq, error.code, f"This control change may not be: {error.message}.")
        else:
            state.void(entry.seq, "event.malformed", f"The control cannot be read: {describe(error)}.")
        state.control = replace(before, seq=entry.seq) if before.seq else before
    else:
        if isinstance(event, EocActive):
            yield from barrier.judge(state, entry, event)
        elif isinstance(event, Genesis):
            naming.begin(state.in_force, event)
        elif isinstance(event, Ordered):
            state.orders.add(canonical.sha256(event.order.payload_bytes()))
            yield from _ordered_by(before, entry, event)
            yield from naming.judge(state.in_force, entry.seq, event, state.control)
            yield from _withdrawal(state, entry, event)
    finally:
        state.revisions[entry.seq] = state.control.posture


def _ordered_by(before: ControlState, entry: RecordEntry, event: Ordered) -> Iterator[Violation]:
    """Look once more, in code of its own, at who signed an order that the fold let pass."""
    officer = read_order(event.order).officer
    if not signed_by_officer(event.order, ORDER_TYPE, before, officer, entry.at):
        yield Violation(entry.seq, "order.signature", f"The order is not signed by a key of {officer}.")


def _withdrawal(state: ReplayState, entry: RecordEntry, event: Ordered) -> Iterator[Violation]:
    order = read_order(event.order)
    if not isinstance(order.action, Withdraw):
        return
    _pace(state, entry, order.officer)
    context = state.request(order.action.request_id)
    if context is None:
        yield Violation(entry.seq, "withdraw.unknown", f"There is no request {order.action.request_id} to withdraw.")
        return
    roles = state.control.roles_of(order.officer, entry.at)
    if order.officer != context.request.author and not roles & OFFICE_OR_APPROVER:
        yield Violation(
            entry.seq,
            "withdraw.right",
            f"{order.officer} is not the author of {context.request.request_id} and holds no role to withdraw it.",
        )


def _pace(state: ReplayState, entry: RecordEntry, officer: str) -> None:
    """Warn of more withdrawals by one officer in a minute than eoc_state lets in."""
    stamps = state.withdrawals.setdefault(officer, [])
    stamps[:] = [at for at in stamps if entry.at - at < MINUTE]
    stamps.append(entry.at)
    if len(stamps) > WITHDRAWALS_A_MINUTE and state.goes_by_new_rules:
        said = f"{officer} withdrew {len(stamps)} requests in a minute; {WITHDRAWALS_A_MINUTE} are let in."
        state.warnings.append(Violation(entry.seq, "withdraw.rate", said))


def request(state: ReplayState, entry: RecordEntry, tokens: list[str]) -> Iterator[Violation]:
    """Check a request: its realm, its digest over its renderings, and that it changes nothing older.

    What counts is the posture in force where it is, not the one that intake knew of when it wrote.
    """
    event = Request.from_bytes(entry.data)
    name, posture = event.request_id, state.control.posture
    here, ours = [name] == tokens, event.realm == state.pinned.realm
    if not here:
        state.void(entry.seq, "event.subject", f"The request {name} is under another subject.")
    if not ours:
        state.void(entry.seq, "request.realm", f"{name} is for the realm {event.realm}, not {state.pinned.realm}.")
    bodies_fit = all(canonical.sha256(one.body.encode()) == one.sha256 for one in event.renderings)
    if not bodies_fit or digest_of(name, event.revision, event.renderings) != event.digest:
        yield Violation(entry.seq, "request.digest", f"The digest of {name} is not that of its renderings.")
    if event.submitted_posture != posture:
        said = f"{name} says that it was submitted under {event.submitted_posture}; {posture} was in force."
        state.before(entry.seq, "request.posture", said)
        event = event.model_copy(update={"submitted_posture": str(posture)})
    if state.goes_by_new_rules and any(map(_hides, event.renderings)):
        yield Violation(entry.seq, "request.unseen", f"{name} holds characters that no screen shows.")
    if not _known_author(state, event):
        yield Violation(entry.seq, "request.author", f"There is no {event.author_kind} {event.author}.")
    _enter(state, entry, event, counts=here and ours)


def _hides(rendering: Rendering) -> bool:
    try:
        return bool(unseen_in(rendering.content()))
    except ValueError:
        return False  # nobody can post what cannot be read


def _enter(state: ReplayState, entry: RecordEntry, event: Request, *, counts: bool) -> None:
    """Add a request to the state; the first of its name counts, or a newer revision."""
    older = state.request(event.request_id)
    if older is None or (counts and not older.counts):
        state.contexts[event.request_id] = DeliveryContext(event, entry.seq, entry.at, CountedRequest(event), counts)
    elif older.counts and not counts:
        return
    elif event.revision <= older.request.revision:
        said = f"Revision {event.revision} of {event.request_id} follows on revision {older.request.revision}."
        state.void(entry.seq, "request.revision", said)
    elif not _is_settled(state, older):
        older.request, older.request_seq, older.request_at = event, entry.seq, entry.at
        older.counted = older.counted.followed_by(event)


def _is_settled(state: ReplayState, context: DeliveryContext) -> bool:
    """True when a revision comes too late: the one before is refused, or was attempted. Another entry was quicker."""
    verdict = context.counted.verdict
    if verdict is not None and verdict.outcome is Outcome.REFUSED:
        return True
    return any(target.attempts or target.final_seq for target in context.targets.values())


def _known_author(state: ReplayState, event: Request) -> bool:
    people, systems = state.control.officers, state.control.systems
    return event.author in (people if event.author_kind == "officer" else systems)


def approval(state: ReplayState, entry: RecordEntry, tokens: list[str]) -> Iterator[Violation]:
    """Check an approval: signed by that officer's key, for this realm, request and content, and used once.

    One that is not genuine is void, and so is a repeat.
    """
    event = Approval.from_bytes(entry.data)
    context = state.request(event.request_id)
    if context is None:
        state.void(entry.seq, "approval.request", f"There is no request {event.request_id}.")
        return
    context.approvals[event.officer], context.changed_at = event, entry.at
    faults = [*_signed(state, event, tokens)]
    statement = _statement(event)
    if statement is None:
        faults.append(("approval.malformed", f"What {event.officer} signed cannot be read."))
    else:
        faults += _says(state, event, statement)
        yield from _content(state, entry, event, statement, context, genuine=not faults)
        counts = not faults and context.counts and context.counted.take_up(event, statement, entry.seq)
        first = state.nonces.setdefault(statement.nonce, entry.seq)
        if first != entry.seq:
            said = f"The statement by {event.officer} was used at {first} already."
            if counts:  # on another request: each reader looks at one
                yield Violation(entry.seq, "approval.replayed", said)
            else:
                state.void(entry.seq, "approval.replayed", said)
    for code, message in faults:
        state.void(entry.seq, code, message)


# Not through kernel.authority.statements: the record is judged apart from the services that let it in, at the time of
# the entry, and each of an entry's faults is named.
def _signed(state: ReplayState, event: Approval, tokens: list[str]) -> Iterator[tuple[str, str]]:
    if [event.request_id, event.officer] != tokens:
        yield "event.subject", f"The approval by {event.officer} is under another subject."
    if event.officer not in state.control.officers:
        yield "approval.officer", f"There is no officer {event.officer}."
    elif not signed_by_officer(event.envelope, APPROVAL_TYPE, state.control, event.officer):
        yield "approval.signature", f"The approval is not signed by the key of {event.officer}."


def _statement(event: Approval) -> ApprovalStatement | None:
    try:
        return ApprovalStatement.from_bytes(event.envelope.payload_bytes())
    except ValueError:
        return None


def _says(state: ReplayState, event: Approval, statement: ApprovalStatement) -> Iterator[tuple[str, str]]:
    if (statement.officer, statement.request_id) != (event.officer, event.request_id):
        yield (
            "approval.other",
            f"The statement is by {statement.officer} on {statement.request_id}, and stands as "
            f"{event.officer} on {event.request_id}.",
        )
    if statement.realm != state.pinned.realm:
        yield "approval.realm", f"The approval by {event.officer} is for the realm {statement.realm}."


def _content(
    state: ReplayState,
    entry: RecordEntry,
    event: Approval,
    statement: ApprovalStatement,
    context: DeliveryContext,
    *,
    genuine: bool,
) -> Iterator[Violation]:
    if statement.revision != context.request.revision:
        return
    if genuine and statement.rule is not None and statement.decision == "approve":
        yield from _circumstances(entry, statement, context.request)
    if statement.digest == context.request.digest:
        return
    message = f"{event.officer} signed other content than that of the request."
    if genuine:
        yield Violation(entry.seq, "approval.digest", message)
    else:
        state.void(entry.seq, "approval.digest", message)


def _circumstances(entry: RecordEntry, statement: ApprovalStatement, request: Request) -> Iterator[Violation]:
    """Intake lets no approval in that is of another author, severity or end than the request has."""
    signed = (statement.author, statement.crisis, statement.severity, statement.request_expires_at)
    stands = (request.author, request.crisis, request.severity, request.expires_at)
    follows = (statement.replaces, statement.follows) == (request.replaces, request.follows)
    if signed != stands or not follows:
        message = f"{statement.officer} signed another author, severity or end than {statement.request_id} has."
        yield Violation(entry.seq, "approval.circumstances", message)
