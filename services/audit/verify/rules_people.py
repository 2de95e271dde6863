"""Rules for what people say: control changes, requests, approvals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import TypeAdapter

from schemas import canonical
from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.control import ControlEvent, EocActive, Ordered, Withdraw
from schemas.events.envelope import APPROVAL_TYPE
from schemas.events.requests import Request, digest_of
from schemas.roles import OFFICE_OR_APPROVER
from services.audit.verify import barrier
from services.audit.verify.book import Book, Case
from services.audit.verify.line import Line
from services.audit.verify.report import Violation
from services.audit.verify.standing import Standing
from services.kernel.authority.signing import verified_by
from services.kernel.base.errors import describe
from services.kernel.control.control_state import ControlFault, fold, read_order

_CONTROL: TypeAdapter[ControlEvent] = TypeAdapter(ControlEvent)


def control(book: Book, line: Line, _tokens: list[str]) -> Iterator[Violation]:
    """Fold a control event: signatures, rights, order, the barrier; one that may not be is void and changes nothing.

    It is a revision all the same: the fence counts each entry.
    """
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
    except (ControlFault, ValueError) as error:
        if isinstance(error, ControlFault):
            book.void(line.seq, error.code, f"This control change may not be: {error.message}.")
        else:
            book.void(line.seq, "event.malformed", f"The control cannot be read: {describe(error)}.")
        book.control = replace(before, seq=line.seq) if before.seq else before
    else:
        if isinstance(event, EocActive):
            yield from barrier.judge(book, line, event)
        elif isinstance(event, Ordered):
            yield from _withdrawal(book, line, event)
    finally:
        book.revisions[line.seq] = book.control.posture


def _withdrawal(book: Book, line: Line, event: Ordered) -> Iterator[Violation]:
    order = read_order(event.order)
    if not isinstance(order.action, Withdraw):
        return
    case = book.cases.get(order.action.request_id)
    if case is None:
        yield Violation(line.seq, "withdraw.unknown", f"There is no request {order.action.request_id} to withdraw.")
        return
    roles = book.control.roles_of(order.officer, line.at)
    if order.officer != case.request.author and not roles & OFFICE_OR_APPROVER:
        yield Violation(
            line.seq,
            "withdraw.right",
            f"{order.officer} is not the author of {case.request.request_id} and holds no role to withdraw it.",
        )


def request(book: Book, line: Line, tokens: list[str]) -> Iterator[Violation]:
    """Check a request: its realm, its digest over its renderings, and that it changes nothing older.

    What counts is the posture in force where it stands, not the one that intake knew of when it wrote.
    """
    event = Request.from_bytes(line.data)
    name, posture = event.request_id, book.control.posture
    here, ours = [name] == tokens, event.realm == book.authority.realm
    if not here:
        book.void(line.seq, "event.subject", f"The request {name} stands under another subject.")
    if not ours:
        book.void(line.seq, "request.realm", f"{name} is for the realm {event.realm}, not {book.authority.realm}.")
    bodies_fit = all(canonical.sha256(one.body.encode()) == one.sha256 for one in event.renderings)
    if not bodies_fit or digest_of(name, event.revision, event.renderings) != event.digest:
        yield Violation(line.seq, "request.digest", f"The digest of {name} is not that of its renderings.")
    if event.submitted_posture != posture:
        said = f"{name} says that it was submitted under {event.submitted_posture}; {posture} was in force."
        book.before(line.seq, "request.posture", said)
        event = event.model_copy(update={"submitted_posture": str(posture)})
    if not _known_author(book, event):
        yield Violation(line.seq, "request.author", f"There is no {event.author_kind} {event.author}.")
    _enter(book, line, event, counts=here and ours)


def _enter(book: Book, line: Line, event: Request, *, counts: bool) -> None:
    """Enter a request into the book; the one of its name that stands first counts, or a newer revision."""
    older = book.cases.get(event.request_id)
    if older is None or (counts and not older.counts):
        book.cases[event.request_id] = Case(event, line.seq, line.at, Standing(event), counts)
    elif older.counts and not counts:
        return
    elif event.revision <= older.request.revision:
        said = f"Revision {event.revision} of {event.request_id} follows on revision {older.request.revision}."
        book.void(line.seq, "request.revision", said)
    else:
        older.request, older.request_seq, older.request_at = event, line.seq, line.at
        older.standing = Standing(event)


def _known_author(book: Book, event: Request) -> bool:
    people, systems = book.control.officers, book.control.systems
    return event.author in (people if event.author_kind == "officer" else systems)


def approval(book: Book, line: Line, tokens: list[str]) -> Iterator[Violation]:
    """Check an approval: signed by that officer's key, for this realm, request and content, and used once.

    One that is not genuine is void, and so is a repeat.
    """
    event = Approval.from_bytes(line.data)
    case = book.cases.get(event.request_id)
    if case is None:
        book.void(line.seq, "approval.request", f"There is no request {event.request_id}.")
        return
    case.approvals[event.officer], case.changed_at = event, line.at
    faults = [*_signed(book, event, tokens)]
    statement = _statement(event)
    if statement is None:
        faults.append(("approval.malformed", f"What {event.officer} signed cannot be read."))
    else:
        faults += _says(book, event, statement)
        yield from _content(book, line, event, statement, case, genuine=not faults)
        counts = not faults and case.counts and case.standing.speak(event, statement)
        first = book.nonces.setdefault(statement.nonce, line.seq)
        if first != line.seq:
            said = f"The statement by {event.officer} was used at {first} already."
            if counts:  # on another request: each reader looks at one
                yield Violation(line.seq, "approval.replayed", said)
            else:
                book.void(line.seq, "approval.replayed", said)
    for code, message in faults:
        book.void(line.seq, code, message)


# Not through kernel.authority.statements: the record is judged apart from the doors that let it in, at the time of
# the entry, and each of an entry's faults is named.
def _signed(book: Book, event: Approval, tokens: list[str]) -> Iterator[tuple[str, str]]:
    if [event.request_id, event.officer] != tokens:
        yield "event.subject", f"The approval by {event.officer} stands under another subject."
    officer = book.control.officers.get(event.officer)
    if officer is None:
        yield "approval.officer", f"There is no officer {event.officer}."
    elif verified_by(event.envelope, APPROVAL_TYPE) != {officer.public_key}:
        yield "approval.signature", f"The approval is not signed by the key of {event.officer}."


def _statement(event: Approval) -> ApprovalStatement | None:
    try:
        return ApprovalStatement.from_bytes(event.envelope.payload_bytes())
    except ValueError:
        return None


def _says(book: Book, event: Approval, statement: ApprovalStatement) -> Iterator[tuple[str, str]]:
    if (statement.officer, statement.request_id) != (event.officer, event.request_id):
        yield (
            "approval.other",
            f"The statement is by {statement.officer} on {statement.request_id}, and stands as "
            f"{event.officer} on {event.request_id}.",
        )
    if statement.realm != book.authority.realm:
        yield "approval.realm", f"The approval by {event.officer} is for the realm {statement.realm}."


def _content(
    book: Book, line: Line, event: Approval, statement: ApprovalStatement, case: Case, *, genuine: bool
) -> Iterator[Violation]:
    if statement.revision != case.request.revision or statement.digest == case.request.digest:
        return
    message = f"{event.officer} signed other content than that of the request."
    if genuine:
        yield Violation(line.seq, "approval.digest", message)
    else:
        book.void(line.seq, "approval.digest", message)
