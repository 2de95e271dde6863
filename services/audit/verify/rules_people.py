"""Rules for what people say: control changes, requests, approvals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from pydantic import TypeAdapter

from schemas import canonical, streams
from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.authority import Role
from schemas.events.control import ControlEvent, EocActive, Ordered, Withdraw
from schemas.events.envelope import APPROVAL_TYPE
from schemas.events.requests import Request, digest_of
from services.audit.verify.book import Book, Case
from services.audit.verify.line import Line
from services.audit.verify.report import Violation
from services.kernel.control import ControlFault, fold, read_order
from services.kernel.signing import verified_by

_CONTROL: TypeAdapter[ControlEvent] = TypeAdapter(ControlEvent)
LEASE = timedelta(seconds=streams.LEASE_SECONDS)
_MAY_WITHDRAW = frozenset({Role.CAO, Role.MCPE, Role.PIO, Role.EOC_DIRECTOR, Role.COMMS_OFFICE})


def control(book: Book, line: Line, _tokens: list[str]) -> Iterator[Violation]:
    """Fold a control event: signatures, rights, order, the barrier; a refused one changes nothing."""
    before = book.control
    book.control_seq, book.control_at = line.seq, line.at
    try:
        event = _CONTROL.validate_python(canonical.loads(line.data))
        book.control = fold(
            before,
            event,
            line.seq,
            root_keys=book.authority.root_keys,
            threshold=book.authority.threshold,
            realm=book.authority.realm,
        )
    except ControlFault as fault:
        yield Violation(line.seq, fault.code, f"This control change may not be: {fault.message}.")
        book.control = replace(before, seq=line.seq) if before.seq else before
    else:
        if isinstance(event, EocActive):
            yield from _barrier(book, line, event)
        elif isinstance(event, Ordered):
            yield from _withdrawal(book, line, event)
    finally:
        book.revisions[line.seq] = book.control.posture


def _barrier(book: Book, line: Line, event: EocActive) -> Iterator[Violation]:
    """Design, section Activation: each attempt older than the activation is settled, or its lease is over."""
    for attempt in book.open_attempts.values():
        if attempt.seq < event.activating_seq and line.at - attempt.at < LEASE:
            yield Violation(
                line.seq,
                "control.barrier_early",
                f"The EOC was told active while the attempt {attempt.seq} could still land.",
            )


def _withdrawal(book: Book, line: Line, event: Ordered) -> Iterator[Violation]:
    order = read_order(event.order)
    if not isinstance(order.action, Withdraw):
        return
    case = book.cases.get(order.action.request_id)
    if case is None:
        yield Violation(line.seq, "withdraw.unknown", f"There is no request {order.action.request_id} to withdraw.")
        return
    roles = book.control.roles_of(order.officer, line.at)
    if order.officer != case.request.author and not roles & _MAY_WITHDRAW:
        yield Violation(
            line.seq,
            "withdraw.right",
            f"{order.officer} is not the author of {case.request.request_id} and holds no role to withdraw it.",
        )


def request(book: Book, line: Line, tokens: list[str]) -> Iterator[Violation]:
    """Check a request: its realm, its digest over its renderings, and that it changes nothing older."""
    event = Request.from_bytes(line.data)
    name = event.request_id
    if [name] != tokens:
        yield Violation(line.seq, "event.subject", f"The request {name} stands under another subject.")
    if event.realm != book.authority.realm:
        yield Violation(
            line.seq, "request.realm", f"{name} is for the realm {event.realm}, not {book.authority.realm}."
        )
    bodies_fit = all(canonical.sha256(one.body.encode()) == one.sha256 for one in event.renderings)
    if not bodies_fit or digest_of(name, event.revision, event.renderings) != event.digest:
        yield Violation(line.seq, "request.digest", f"The digest of {name} is not that of its renderings.")
    if event.submitted_posture != book.control.posture:
        yield Violation(
            line.seq,
            "request.posture",
            f"{name} says that it was submitted under {event.submitted_posture}; {book.control.posture} was in force.",
        )
    if not _known_author(book, event):
        yield Violation(line.seq, "request.author", f"There is no {event.author_kind} {event.author}.")
    older = book.cases.get(name)
    if older is not None and event.revision <= older.request.revision:
        yield Violation(
            line.seq,
            "request.revision",
            f"Revision {event.revision} of {name} follows on revision {older.request.revision}.",
        )
        return  # the one that stands first counts
    if older is None:
        book.cases[name] = Case(event, line.seq, line.at)
    else:
        older.request, older.request_seq, older.request_at = event, line.seq, line.at


def _known_author(book: Book, event: Request) -> bool:
    people, systems = book.control.officers, book.control.systems
    return event.author in (people if event.author_kind == "officer" else systems)


def approval(book: Book, line: Line, tokens: list[str]) -> Iterator[Violation]:
    """Check an approval: signed by that officer's key, for this realm, request and content, and used once."""
    event = Approval.from_bytes(line.data)
    if [event.request_id, event.officer] != tokens:
        yield Violation(line.seq, "event.subject", f"The approval by {event.officer} stands under another subject.")
    case = book.cases.get(event.request_id)
    if case is None:
        yield Violation(line.seq, "approval.request", f"There is no request {event.request_id}.")
        return
    case.approvals[event.officer], case.changed_at = event, line.at
    officer = book.control.officers.get(event.officer)
    if officer is None:
        yield Violation(line.seq, "approval.officer", f"There is no officer {event.officer}.")
        return
    if verified_by(event.envelope, APPROVAL_TYPE) != {officer.public_key}:
        yield Violation(line.seq, "approval.signature", f"The approval is not signed by the key of {event.officer}.")
    yield from _statement(book, line, event, case)


def _statement(book: Book, line: Line, event: Approval, case: Case) -> Iterator[Violation]:
    try:
        statement = ApprovalStatement.from_bytes(event.envelope.payload_bytes())
    except ValueError:
        yield Violation(line.seq, "approval.malformed", f"What {event.officer} signed cannot be read.")
        return
    if (statement.officer, statement.request_id) != (event.officer, event.request_id):
        yield Violation(
            line.seq,
            "approval.other",
            f"The statement is by {statement.officer} on {statement.request_id}, and stands as "
            f"{event.officer} on {event.request_id}.",
        )
    if statement.realm != book.authority.realm:
        yield Violation(
            line.seq, "approval.realm", f"The approval by {event.officer} is for the realm {statement.realm}."
        )
    if statement.revision == case.request.revision and statement.digest != case.request.digest:
        yield Violation(line.seq, "approval.digest", f"{event.officer} signed other content than that of the request.")
    first = book.nonces.setdefault(statement.nonce, line.seq)
    if first != line.seq:
        yield Violation(line.seq, "approval.replayed", f"The statement by {event.officer} was used at {first} already.")
