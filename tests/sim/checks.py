"""What must hold when a run is over: the invariants of design.md, on ledger, public posts and what people were told.

Each check yields sentences that begin with the number of the invariant.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from schemas import canonical, streams, subjects
from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.control import Posture
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from services.audit.verify.book import Authority, Book
from services.audit.verify.line import Line
from services.audit.verify.replay import judge, overtaken, undecided, unsettled
from services.kernel.ledger import Entry
from services.kernel.warrant import EOC_SIGNERS
from tests.sim.nemesis import SKEW
from tests.sim.town import START

if TYPE_CHECKING:
    from tests.sim.world import World

LATE = streams.LEASE_SECONDS + 2 * SKEW
"""Seconds after its expiry at which a post may still land: its call began in time, on a clock that may be wrong."""


def problems(world: World) -> list[str]:
    """Return everything that is wrong with a run; the empty list when all invariants hold."""
    entries = [entry for entry in world.server.ledger.entries if entry is not None]
    found = [f"a fault of a service: {fault}" for fault in world.faults]
    for check in (_acked, _replayed, _posts, _activation, _receipts, _liveness, _copied):
        found.extend(check(world, entries))
    return list(dict.fromkeys(found))


def _acked(world: World, entries: list[Entry]) -> Iterator[str]:
    """Acked is stored (invariant 6)."""
    by_seq = {entry.seq: entry for entry in entries}
    for request_id, (_, seq) in world.told.requests.items():
        if seq not in by_seq or by_seq[seq].subject != subjects.request(request_id):
            yield f"6: {request_id} was accepted, and is not in the ledger at {seq}"
    for _, request_id, seq in world.told.approvals:
        if seq not in by_seq or not by_seq[seq].subject.startswith(f"ledger.approval.{request_id}."):
            yield f"6: an approval of {request_id} was accepted, and is not in the ledger at {seq}"
    orders = [entry.data for entry in entries if entry.subject == subjects.CONTROL]
    nonces = {_nonce(raw) for raw in orders}
    for _, nonce, seq in world.told.orders:
        if nonce not in nonces:
            yield f"6: an order was accepted as {seq}, and is not in the ledger"


def _nonce(raw: bytes) -> str:
    import base64

    order = canonical.loads(raw).get("order")
    return str(canonical.loads(base64.b64decode(order["payload"]))["nonce"]) if order else ""


def _book(world: World) -> Book:
    pinned = world.town.city.authority
    return Book(Authority("live", frozenset(pinned.root_keys), pinned.threshold, pinned.audit_key))


def _replayed(world: World, entries: list[Entry]) -> Iterator[str]:
    """The audit's own replay finds nothing (invariants 1 to 5, 8 and 9)."""
    book = _book(world)
    for entry in entries:
        for violation in judge(book, Line(entry.seq, entry.subject, entry.at, entry.data, entry.headers)):
            yield f"replay: {violation.code} at {violation.seq}: {violation.message}"
    end = world.server.clock() + timedelta(hours=1)
    for violation in (*overtaken(book), *unsettled(book, end), *undecided(book, end)):
        yield f"replay: {violation.code} at {violation.seq}: {violation.message}"


def _posts(world: World, entries: list[Entry]) -> Iterator[str]:
    """At most one public post of a request on a profile; each after its attempt; none long expired."""
    requests = _requests(entries)
    seen: dict[tuple[str, str], int] = {}
    attempts = [entry for entry in entries if entry.subject.startswith("ledger.attempt.")]
    for post in world.platforms.posts:
        place = (post.profile, post.request_id)
        if place in seen:
            yield f"4: {post.request_id} is public twice on {post.profile}: posts {seen[place]} and {post.number}"
        seen.setdefault(place, post.number)
        mine = [one for one in attempts if one.subject == subjects.attempt(*place) and _virtual(world, one) <= post.at]
        if not mine:
            yield f"1: {post.request_id} became public on {post.profile} without an attempt on record"
        expires = requests[post.request_id].expires_at
        if START + timedelta(seconds=post.at - LATE) > expires:
            yield f"{post.request_id} became public on {post.profile} long after it had expired"


def _activation(world: World, entries: list[Entry]) -> Iterator[str]:
    """After "active" is told, no unapproved post lands (invariant 7). Told: from the moment that it is on record."""
    for began, ended in _active_times(world, entries):
        for post in world.platforms.posts:
            if began <= post.at < ended and not _approved(world, entries, post.request_id, post.at):
                yield f"7: {post.request_id} landed on {post.profile} unapproved, {post.at - began:.1f} s after active"
    first = min((began for began, _ in _active_times(world, entries)), default=float("inf"))
    if any(told < first for told in world.told.active):
        yield "7: people were told active before it was on record"


def _active_times(world: World, entries: list[Entry]) -> list[tuple[float, float]]:
    book, since, found = _book(world), None, []
    for entry in entries:
        if entry.subject == subjects.CONTROL:
            list(judge(book, Line(entry.seq, entry.subject, entry.at, entry.data, entry.headers)))
            active = book.control.posture is Posture.EOC_ACTIVE
            if active and since is None:
                since = _virtual(world, entry)
            elif not active and since is not None:
                found.append((since, _virtual(world, entry)))
                since = None
    return [*found, (since, float("inf"))] if since is not None else found


def _approved(world: World, entries: list[Entry], request_id: str, at: float) -> bool:
    """True when an officer whose role counts under the EOC had approved it when it landed."""
    book = _book(world)
    before = [entry for entry in entries if _virtual(world, entry) <= at]
    for entry in before:
        if entry.subject == subjects.CONTROL:
            list(judge(book, Line(entry.seq, entry.subject, entry.at, entry.data, entry.headers)))
    last: dict[str, ApprovalStatement] = {}
    for entry in before:
        if entry.subject.startswith(f"ledger.approval.{request_id}."):
            approval = Approval.from_bytes(entry.data)
            last[approval.officer] = ApprovalStatement.from_bytes(approval.envelope.payload_bytes())
    # A role that was revoked between the call and the landing does not undo the approval.
    officers = book.control.officers
    return any(
        said.decision == "approve" and {grant.role for grant in officers[name].grants} & EOC_SIGNERS
        for name, said in last.items()
    )


def _receipts(world: World, entries: list[Entry]) -> Iterator[str]:
    """Each attempt has a receipt; what is public is on record so, and the other way round (invariant 5)."""
    receipts = _last_receipts(entries)
    settled = {
        (entry.subject, Receipt.from_bytes(entry.data).attempt_seq)
        for entry in entries
        if entry.subject.startswith("ledger.receipt.")
    }
    for entry in entries:
        if entry.subject.startswith("ledger.attempt."):
            subject = entry.subject.replace("attempt", "receipt", 1)
            if (subject, entry.seq) not in settled:
                yield f"5: the attempt at {entry.seq} ({entry.subject}) has no receipt"
    public = {(post.profile, post.request_id): post for post in world.platforms.posts}
    for place in public:
        receipt = receipts.get(subjects.receipt(*place))
        known = (ReceiptOutcome.DELIVERED, ReceiptOutcome.UNCONFIRMED)
        if receipt is None or receipt.outcome not in known:
            outcome = receipt.outcome if receipt else "none"
            yield f"5: {place[1]} is public on {place[0]}, and its receipt says {outcome}"
    for subject, receipt in receipts.items():
        if receipt.outcome is ReceiptOutcome.DELIVERED and (receipt.profile, receipt.request_id) not in public:
            yield f"5: {subject} says delivered, and nothing is public"


def _liveness(world: World, entries: list[Entry]) -> Iterator[str]:
    """Each accepted request has a verdict, and what is cleared at the newest revision came to its end (5 and 6)."""
    verdicts: dict[str, Verdict] = {}
    for entry in entries:
        if entry.subject.startswith("ledger.verdict."):
            verdicts[entry.subject.rsplit(".", 1)[1]] = Verdict.from_bytes(entry.data)
    control = max(entry.seq for entry in entries if entry.subject == subjects.CONTROL)
    receipts = _last_receipts(entries)
    end = world.server.clock()
    for request_id, request in _requests(entries).items():
        verdict = verdicts.get(request_id)
        if verdict is None:
            yield f"5: {request_id} has no verdict"
            continue
        if verdict.outcome is Outcome.REFUSED or request.expires_at <= end:
            continue
        ends = [receipts.get(subjects.receipt(profile, request_id)) for profile in request.targets]
        if all(receipt is not None and receipt.final for receipt in ends):
            continue
        if verdict.control_seq != control:
            yield f"5: {request_id} was not decided anew after the control change at {control}"
        if verdict.outcome is Outcome.CLEARED and verdict.valid_until and verdict.valid_until > end:
            for profile in request.targets:
                receipt = receipts.get(subjects.receipt(profile, request_id))
                if receipt is None or not receipt.final:
                    says = f"{receipt.outcome}: {receipt.reason}" if receipt else "nothing"
                    yield f"6: {request_id} is cleared, and its delivery to {profile} has no end ({says})"
    if _activating(world, entries):
        yield "7: the activation never ended"


def _activating(world: World, entries: list[Entry]) -> bool:
    book = _book(world)
    for entry in entries:
        if entry.subject == subjects.CONTROL:
            list(judge(book, Line(entry.seq, entry.subject, entry.at, entry.data, entry.headers)))
    return book.control.posture is Posture.EOC_ACTIVATING


def _copied(world: World, entries: list[Entry]) -> Iterator[str]:
    """The second copy is the ledger."""
    if [(entry.seq, entry.data) for entry in world.copy] != [(entry.seq, entry.data) for entry in entries]:
        yield f"6: the second copy has {len(world.copy)} entries, the ledger {len(entries)}, and they differ"


def _requests(entries: list[Entry]) -> dict[str, Request]:
    found = [Request.from_bytes(entry.data) for entry in entries if entry.subject.startswith("ledger.request.")]
    return {request.request_id: request for request in found}


def _last_receipts(entries: list[Entry]) -> dict[str, Receipt]:
    return {
        entry.subject: Receipt.from_bytes(entry.data)
        for entry in entries
        if entry.subject.startswith("ledger.receipt.")
    }


def _virtual(world: World, entry: Entry) -> float:
    """The virtual time at which an entry was stored."""
    ahead: datetime = world.server.clock()
    return world.loop.now - (ahead - entry.at).total_seconds()
