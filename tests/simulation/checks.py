"""What must hold when a run is over: the invariants of docs/architecture.md, on ledger, posts and what people heard.

Each check yields sentences that begin with the number of the invariant.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from schemas import canonical, streams, subjects
from schemas.events.control import Posture
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.resolutions import ResolutionStatement
from schemas.events.verdicts import Outcome, Verdict
from schemas.subjects import place_of
from services.audit.proof.replay import judge, overtaken, undecided, unsettled
from services.audit.proof.replay_state import PinnedKeys, ReplayState
from services.audit.record.audit_keys import AuditKeys
from services.audit.record.format import RecordEntry
from services.fanout.domain.delivery_state import TABLE, DeliveryFact, fact_of, state_of
from services.gatekeeper.domain.dossier import facts_of
from services.gatekeeper.policy.decide import decide, to_verdict
from services.kernel.authority.post_authorization import EOC_SIGNERS
from services.kernel.authority.statements import statement_on_record
from services.kernel.base.state_table import IllegalTransition
from services.kernel.control.control_view import authority_of
from services.kernel.fold.ledger_fold import EVERYTHING
from services.kernel.fold.reading import parse
from services.kernel.fold.state import RequestState
from tests.simulation.fault_scheduler import SKEW
from tests.simulation.record import Record, WholeFold, held_by_blocked, tells_of_beginning
from tests.simulation.simulated_city import START

if TYPE_CHECKING:
    from tests.simulation.world import World

LATE = streams.LEASE_SECONDS + 2 * SKEW
"""Seconds after its expiry at which a post may still land: its call began in time, on a clock that may be wrong."""

BY_A_WRONG_CLOCK = "it says expired for good without an attempt"
"""What a worker writes whose clock is ahead: one entry tells it so."""

SETTLES = timedelta(seconds=10)
"""What time alone has changed in the last moments of a run need not be decided yet."""


def problems(world: World) -> list[str]:
    """Return everything that is wrong with a run; the empty list when all invariants hold."""
    entries = [entry for entry in world.server.ledger.entries if entry is not None]
    record = Record.of(world.town.city, entries, lambda entry: world.stored[entry.seq])
    found = [f"a fault of a service: {fault}" for fault in world.faults]
    for check in (
        _acked,
        _replayed,
        _void,
        _posts,
        _calls,
        _activation,
        _receipts,
        _resolved,
        _states,
        _repeats,
        _liveness,
        _folds,
        _copied,
        _alarms,
    ):
        found.extend(check(world, record))
    for rule in world.theme.rules:
        found.extend(rule(world, record))
    return list(dict.fromkeys(found))


def _told_by_clocks(world: World) -> frozenset[str]:
    """Return what the audit says of a ledger whose times are wrong: it has no others to go by."""
    wrong = frozenset({"verdict.time"} if world.theme.clocks else ())
    return wrong | {"warrant.no_signature", "control.barrier_early"} if "server" in world.theme.clocks else wrong


def _by_a_clock(world: World, said: str) -> bool:
    """Return whether only a clock was wrong: one entry tells a worker so, and the server's stamps tell all others."""
    return "server" in world.theme.clocks or (bool(world.theme.clocks) and BY_A_WRONG_CLOCK in said)


def _acked(world: World, record: Record) -> Iterator[str]:
    """Acked is stored (invariant 6)."""
    by_seq = {entry.seq: entry for entry in record.entries}
    for request_id, (_, seq) in world.told.requests.items():
        if seq not in by_seq or by_seq[seq].subject != subjects.request(request_id):
            yield f"6: {request_id} was accepted, and is not in the ledger at {seq}"
    for _, request_id, seq in world.told.approvals:
        if seq not in by_seq or not by_seq[seq].subject.startswith(f"ledger.approval.{request_id}."):
            yield f"6: an approval of {request_id} was accepted, and is not in the ledger at {seq}"
    for _, place, seq in world.told.resolutions:
        if seq not in by_seq or by_seq[seq].subject != subjects.resolution(*place):
            yield f"6: a resolution of {place} was accepted, and is not in the ledger at {seq}"
    orders = [entry.data for entry in record.entries if entry.subject == subjects.CONTROL]
    nonces = {_nonce(raw) for raw in orders}
    for _, nonce, seq in world.told.orders:
        if nonce not in nonces:
            yield f"6: an order was accepted as {seq}, and is not in the ledger"


def _nonce(raw: bytes) -> str:
    order = canonical.loads(raw).get("order")
    return str(canonical.loads(base64.b64decode(order["payload"]))["nonce"]) if order else ""


def _replayed(world: World, record: Record) -> Iterator[str]:
    """The audit's own replay finds nothing (invariants 1 to 5, 8 and 9)."""
    pinned = world.town.city.authority
    state = ReplayState(PinnedKeys("live", frozenset(pinned.root_keys), pinned.threshold, AuditKeys(pinned.audit_key)))
    for entry in record.entries:
        for violation in judge(state, RecordEntry(entry.seq, entry.subject, entry.at, entry.data, entry.headers)):
            if violation.code in _told_by_clocks(world):
                continue
            yield f"replay: {violation.code} at {violation.seq}: {violation.message}"
    end = world.server.clock() + timedelta(hours=1)
    for violation in (*overtaken(state), *unsettled(state, end), *undecided(state, end)):
        yield f"replay: {violation.code} at {violation.seq}: {violation.message}"


def _void(world: World, record: Record) -> Iterator[str]:
    """Services write nothing that is void, but what raced: attempts, verdicts, and orders that protect."""
    for entry in record.entries:
        void = record.applied[entry.seq].void
        raced = entry.subject.startswith(("ledger.attempt.", "ledger.verdict.")) or record.applied[entry.seq].lost_race
        if void and not raced and not _by_a_clock(world, void):
            yield f"void: {entry.subject} at {entry.seq}: {void}"


def _states(world: World, record: Record) -> Iterator[str]:
    """Each delivery goes from state to state as its table says, whatever raced."""
    fold = WholeFold(authority_of(world.town.city), EVERYTHING)
    for entry in record.entries:
        kind, request_id, profile = place_of(entry.subject)
        state = fold.requests.get(request_id)
        if state is None or kind not in ("attempt", "receipt") or record.applied[entry.seq].void:
            fold.apply(entry, 0.0)
            continue
        before = state.target(profile)
        fact = DeliveryFact.ATTEMPTED if kind == "attempt" else fact_of(parse(Receipt, entry.data), before)
        was = state_of(before)
        fold.apply(entry, 0.0)
        after = state_of(state.target(profile))
        try:
            if TABLE.after(was, fact) is not after:
                yield f"states: {entry.subject} at {entry.seq}: {fact} led from {was} to {after}"
        except IllegalTransition as illegal:
            yield f"states: {entry.subject} at {entry.seq}: {illegal}"


def _posts(world: World, record: Record) -> Iterator[str]:
    """At most one public post of a request on a profile; each after an attempt that counts; none long expired."""
    seen: dict[tuple[str, str], list[int]] = {}
    for post in world.platforms.posts:
        place = (post.profile, post.request_id)
        state = record.fold.requests[post.request_id]
        gone = world.platforms.vanished
        stand = [number for number in seen.get(place, ()) if gone.get(number, float("inf")) > post.at]
        seen[place] = [*stand, post.number]
        again = sum(
            1
            for _, resolution in state.target(post.profile).resolutions
            if (said := statement_on_record(resolution.envelope, ResolutionStatement)) is not None
            and said.decision == "post_again"
        )
        if len(seen[place]) > 1 + again:
            yield f"4: {post.request_id} is public twice on {post.profile}: posts {seen[place]}"
        if not any(one.at <= post.at for one in record.effective(place)):
            yield f"1: {post.request_id} became public on {post.profile} without an attempt on record that counts"
        if START + timedelta(seconds=post.at - LATE - post.held) > state.request.expires_at:
            yield f"{post.request_id} became public on {post.profile} long after it had expired"


def _calls(world: World, record: Record) -> Iterator[str]:
    """A platform is called only by who has an attempt on record that counts."""
    for when, worker, profile, request_id in world.platforms.called:
        mine = [one for one in record.attempts if one.place == (profile, request_id) and one.event.worker == worker]
        before = [one for one in mine if one.at <= when]
        if not any(not one.void for one in before):
            why = before[-1].void if before else "there is none"
            yield f"1: {worker} called {profile} for {request_id} without an attempt that counts: {why}"


def _activation(world: World, record: Record) -> Iterator[str]:
    """After "active" is told, no unapproved post lands but those that were named (invariant 7)."""
    times = record.active_times()
    for began, ended, state in times:
        named = {(one.profile, one.request_id) for one in state.unknown}
        for post in world.platforms.posts:
            if not began <= post.at < ended or (post.profile, post.request_id) in named:
                continue
            if not _approved(record, post.request_id, post.at):
                yield f"7: {post.request_id} landed on {post.profile} unapproved, {post.at - began:.1f} s after active"
    first = min((began for began, _, _ in times), default=float("inf"))
    if any(told < first for told in world.told.active):
        yield "7: people were told active before it was on record"


def _approved(record: Record, request_id: str, at: float) -> bool:
    """True when an officer whose role counts under the EOC had approved it when it landed."""
    state = record.fold.requests[request_id]
    said = {}
    for seq, approval in state.statements:
        entry = record.entries[seq - 1]
        assert entry.seq == seq
        if record.time_of(entry) <= at:
            said[approval.officer] = approval
    # A role that was revoked between the call and the landing does not undo the approval.
    officers = record.control_at(at).officers
    rejected = {name for name, (seq, _) in state.rejections.items() if record.time_of(record.entries[seq - 1]) <= at}
    return any(name not in rejected and {grant.role for grant in officers[name].grants} & EOC_SIGNERS for name in said)


def _receipts(world: World, record: Record) -> Iterator[str]:
    """Each attempt that counts has its end; what is public is on record so, and the other way round (invariant 5)."""
    ended = {
        said.attempt_seq
        for receipts in record.receipts.values()
        for _, said in receipts
        if said.outcome is not ReceiptOutcome.LAPSED
    }
    for attempt in record.attempts:
        if not attempt.void and attempt.seq not in ended:
            yield f"5: the attempt at {attempt.seq} ({attempt.place}) has no receipt"
    public = {(post.profile, post.request_id) for post in world.platforms.posts}
    stands = {place for place in public if world.platforms.stands(*place)}
    known = (ReceiptOutcome.DELIVERED, ReceiptOutcome.UNCONFIRMED)
    for place in stands:
        target = record.fold.requests[place[1]].target(place[0])
        receipt = target.receipt
        if tells_of_beginning(world.platforms.cut_at(*place), target):
            continue
        if receipt is None or receipt.outcome not in known:
            outcome = receipt.outcome if receipt else "none"
            yield f"5: {place[1]} is public on {place[0]}, and its receipt says {outcome}"
    for request_id, state in record.fold.requests.items():
        for profile, target in state.targets.items():
            delivered = target.receipt is not None and target.receipt.outcome is ReceiptOutcome.DELIVERED
            if delivered and (profile, request_id) not in public:
                yield f"5: {request_id} on {profile} says delivered, and nothing is public"


def _resolved(world: World, record: Record) -> Iterator[str]:
    """What a person decided of an unconfirmed post is carried out once, unless its receipt was overtaken meanwhile."""
    for request_id, state in record.fold.requests.items():
        for profile, target in state.targets.items():
            for seq, resolution in target.resolutions:
                said = statement_on_record(resolution.envelope, ResolutionStatement)
                done = [at for at, one in target.receipts if one.resolution_seq == seq]
                if len(done) > 1:
                    yield f"the decision at {seq} on {request_id} was carried out by the receipts {done}"
                behind = [at for at, _ in target.receipts if said is not None and at > said.receipt_seq]
                if not behind:
                    yield f"5: the decision at {seq} on {request_id} for {profile} was never carried out"


def gist(verdict: Verdict) -> tuple[object, ...]:
    """Return what a verdict says, without when it was said."""
    return (
        verdict.outcome,
        verdict.revision,
        verdict.targets,
        verdict.findings,
        verdict.approved_by,
        verdict.valid_until,
        verdict.mirror,
    )


def _repeats(world: World, record: Record) -> Iterator[str]:
    """An unchanged verdict is not repeated, but for a cleared one at another control revision."""
    for request_id, verdicts in record.verdicts.items():
        for (_, _, one), (seq, _, other) in pairwise(verdicts):
            if gist(one) != gist(other) or _facts_between(record, request_id, one.as_of, seq):
                continue
            if one.outcome is Outcome.BLOCKED or one.control_seq == other.control_seq:
                yield f"the verdict at {seq} on {request_id} repeats the last one: {other.outcome}"


def _facts_between(record: Record, request_id: str, after: int, before: int) -> bool:
    for entry in record.entries[after : before - 1]:
        kind = entry.subject.split(".")[1]
        names = request_id in entry.subject.split(".")
        if names and kind in ("request", "approval", "resolution") and not record.applied[entry.seq].void:
            return True
        if names and kind == "receipt" and b'"resolution_seq"' in entry.data:
            return True
    return False


def _liveness(world: World, record: Record) -> Iterator[str]:
    """Each accepted request has a verdict, and what is cleared at the newest revision came to its end (5 and 6)."""
    end = world.server.clock()
    if record.entries[-1].at > end + SETTLES:
        return  # the last stamp is of a clock that was ahead, and the next entry tells that it was
    for request_id, state in record.fold.requests.items():
        if state.verdict is None:
            yield f"5: {request_id} has no verdict"
            continue
        if state.is_refused or state.is_delivered or state.request.expires_at <= end + SETTLES:
            continue
        yield from _decided(record, state, end)
        yield from _ended(record, state, end)
    if record.fold.control.posture is Posture.EOC_ACTIVATING:
        yield "7: the activation never ended"


def _decided(record: Record, state: RequestState, end: datetime) -> Iterator[str]:
    """Say when the newest verdict is not what the policy says now."""
    assert state.verdict is not None
    wanted = []
    for now in (end - SETTLES, end + SETTLES / 2):
        facts = facts_of(state, record.fold.control, now)
        wanted.append(to_verdict(decide(facts), facts, now, record.fold.seq))
    if wanted[0].outcome is not wanted[1].outcome:
        return
    stale = wanted[1].outcome is Outcome.CLEARED and state.verdict.control_seq != record.fold.control_seq
    if stale or wanted[1].outcome is not state.verdict.outcome:
        says = f"{state.verdict.outcome} of {state.verdict.control_seq}"
        yield f"5: {state.request_id} should be {wanted[1].outcome} at {record.fold.control_seq}, and is {says}"


def _ended(record: Record, state: RequestState, end: datetime) -> Iterator[str]:
    verdict = state.verdict
    if verdict is None or verdict.outcome is not Outcome.CLEARED or verdict.control_seq != record.fold.control_seq:
        return
    if verdict.valid_until is None or verdict.valid_until <= end + SETTLES:
        return
    for profile in state.wanted:
        if not state.target(profile).is_final and not held_by_blocked(record.fold, state, profile):
            receipt = state.target(profile).receipt
            says = f"{receipt.outcome}: {receipt.reason}" if receipt else "nothing"
            yield f"6: {state.request_id} is cleared, and its delivery to {profile} has no end ({says})"


def _folds(world: World, record: Record) -> Iterator[str]:
    """What each service knows at the end is what the ledger says."""
    for slot in world.slots:
        runtime = slot.runtime
        if runtime is None or not runtime.row.folds or runtime.fold.seq == 0:
            continue
        fold, name = runtime.fold, slot.name
        if fold.seq != record.fold.seq:
            yield f"the fold of {name} ends at {fold.seq}, the ledger at {record.fold.seq}"
            continue
        same = (fold.control == record.fold.control, fold.orders == record.fold.orders, fold.busy == record.fold.busy)
        if not all(same):
            yield f"the fold of {name} has another control, orders or busy profiles: {same}"
        for request_id, state in record.fold.requests.items():
            known = fold.requests.get(request_id)
            if known is None:
                if not state.is_over:
                    yield f"{name} forgot {request_id}, which is not over"
            elif _shown(known) != _shown(state):
                yield f"{name} sees {request_id} as {_shown(known)}, and it is {_shown(state)}"


def _shown(state: RequestState) -> tuple[object, ...]:
    targets = {
        name: (one.attempt_seq, one.answered, one.lapsed, one.receipt_seq, one.receipt_last, one.number)
        for name, one in sorted(state.targets.items())
        if one.number or one.receipt_last
    }
    said = sorted((name, seq) for name, (seq, _) in state.approvals.items())
    rejected = sorted((name, seq) for name, (seq, _) in state.rejections.items())
    return state.seq, state.verdict_seq, state.verdict_last, state.wanted, targets, said, rejected, state.fact_seq


def _copied(world: World, record: Record) -> Iterator[str]:
    """The second copy is the ledger."""
    if [(entry.seq, entry.data) for entry in world.copy] != [(entry.seq, entry.data) for entry in record.entries]:
        yield f"6: the second copy has {len(world.copy)} entries, the ledger {len(record.entries)}, and they differ"


def _alarms(world: World, record: Record) -> Iterator[str]:
    """Nobody forges anything here: a service that says so of another's work cries wolf."""
    for when, who, what in world.trace:
        if what.startswith("ALARM") and not _by_a_clock(world, what):
            yield f"alarm: {who} at {when:.1f} s: {what}"
