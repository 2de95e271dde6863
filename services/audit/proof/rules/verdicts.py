"""Rules for what gate and audit write: verdicts, the deliveries of older versions, seals."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.events.audit import Seal
from schemas.events.deliveries import DeliveryEvent
from schemas.events.verdicts import Outcome, Verdict
from schemas.platforms import MIRROR, WEBSITE
from services.audit.proof import chain
from services.audit.proof.replay_state import DeliveryContext, ReplayState
from services.audit.proof.rules import policy
from services.audit.record.checkpoints import CheckpointError, open_checkpoint
from services.audit.record.format import RecordEntry, header
from services.audit.record.reader import PinnedCheckpoint
from services.audit.record.violation import Violation
from services.kernel.ledger.entry import EXPECTED, FENCE_SUBJECT


def verdict(state: ReplayState, entry: RecordEntry, tokens: list[str]) -> Iterator[Violation]:
    """Check a verdict: compare-and-set, the control revision it names, the content it is on.

    One whose control revision is not in force where it stands is void: the gate decides again.
    """
    before, state.verdicts[tokens[0]] = state.verdicts.get(tokens[0], 0), entry.seq
    event = Verdict.from_bytes(entry.data)
    context = state.request(event.request_id)
    if [event.request_id] != tokens:
        state.void(entry.seq, "event.subject", f"The verdict on {event.request_id} is elsewhere.")
        return
    if context is None:
        state.void(entry.seq, "verdict.request", f"There is no request {event.request_id}.")
        return
    if header(entry, EXPECTED) != str(before) or header(entry, FENCE_SUBJECT) is not None:
        yield Violation(
            entry.seq,
            "verdict.unguarded",
            f"The verdict was not appended by compare-and-set on the one before it ({before or 'none'}).",
        )
    # A revision that is not there is void, as every reader takes it; another posture at one that is there is a lie.
    posture = state.revisions.get(event.control_seq)
    if posture is None:
        state.void(entry.seq, "verdict.control", f"There is no control revision {event.control_seq} before it.")
    elif posture is not event.posture:
        yield Violation(
            entry.seq,
            "verdict.posture",
            f"It was decided under {event.posture}; control revision {event.control_seq} is {posture}.",
        )
    if context.verdict is not None and event.control_seq < context.verdict.control_seq:
        yield Violation(entry.seq, "verdict.control", "It was decided at an older revision than the last one.")
    if event.revision == context.request.revision and event.digest != context.request.digest:
        yield Violation(entry.seq, "verdict.digest", "The verdict is on other content than the request's.")
    if event.as_of >= entry.seq:
        yield Violation(entry.seq, "verdict.as_of", "The verdict claims to have seen what came after it.")
    if event.mirror and not _may_mirror(state, event, context):
        yield Violation(entry.seq, "verdict.mirror", "The website cannot mirror it, and the verdict says that it does.")
    # Both are kept: the last verdict of the ledger, and below the last that counts. They differ while control changes.
    context.verdict, context.verdict_seq, context.changed_at = event, entry.seq, entry.at
    newest = event.revision >= context.counted.revision
    if event.control_seq == state.control_seq and context.counts and newest:
        if state.goes_by_new_rules:
            yield from policy.judge(state, entry, event, context)
        context.counted.verdict, context.counted.verdict_seq = event, entry.seq
        if event.outcome is Outcome.CLEARED:
            context.counted.wanted = frozenset((*event.targets, MIRROR) if event.mirror else event.targets)
            context.counted.history.wanted.append((entry.seq, context.counted.wanted))
            chain.cleared(state, context.request, entry.seq)


def _may_mirror(state: ReplayState, event: Verdict, context: DeliveryContext) -> bool:
    """The website mirrors what is cleared for other places only, in its own rendering (1, Transparency (ii))."""
    profiles = [state.control.profiles.get(name) for name in event.targets]
    itself = any(profile is not None and profile.platform == WEBSITE for profile in profiles)
    rendered = any(one.platform == WEBSITE for one in context.request.renderings)
    return event.outcome is Outcome.CLEARED and rendered and not itself


def delivery(state: ReplayState, entry: RecordEntry, tokens: list[str]) -> Iterator[Violation]:
    """Check that a delivery, which versions before 0.3 wrote, belongs to a cleared verdict on its request."""
    event = DeliveryEvent.from_bytes(entry.data)
    if [event.profile, event.request_id] != tokens:
        yield Violation(entry.seq, "event.subject", f"The delivery to {event.profile} is elsewhere.")
    context = state.request(event.request_id)
    if context is None or not 0 < event.verdict_seq < entry.seq:
        yield Violation(entry.seq, "delivery.verdict", f"The delivery to {event.profile} has no verdict.")
    elif event.verdict_seq == context.verdict_seq and context.verdict and context.verdict.outcome != Outcome.CLEARED:
        yield Violation(entry.seq, "delivery.verdict", f"The delivery to {event.profile} has no cleared verdict.")


def seal(state: ReplayState, entry: RecordEntry, _tokens: list[str]) -> Iterator[Violation]:
    """Check a seal's signature; its root is compared with the tree at the end."""
    event = Seal.from_bytes(entry.data)
    try:
        checkpoint = open_checkpoint(event.checkpoint, state.pinned.realm, state.pinned.audit_keys)
    except CheckpointError as error:
        yield Violation(entry.seq, f"seal.{error.code.split('.')[1]}", f"The seal does not stand: {error}.")
        return
    if checkpoint.last_seq >= entry.seq:
        yield Violation(entry.seq, "seal.order", "The seal covers entries that came after it.")
        return
    state.seals.append(PinnedCheckpoint(checkpoint, f"the seal {entry.seq}", entry.seq))
