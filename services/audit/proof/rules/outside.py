"""Rules for posts that did not come through the gate, and for officers' word on them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from schemas import canonical, streams, subjects
from schemas.events.envelope import ACKNOWLEDGEMENT_TYPE, CLOCK_SKEW
from schemas.events.outside import Acknowledgement, AcknowledgementStatement, OutsidePost
from schemas.roles import OFFICE_OR_APPROVER
from services.audit.proof.replay_state import Acknowledged, ReplayState
from services.audit.proof.signers import signed_by_officer
from services.audit.record.format import RecordEntry, header
from services.audit.record.violation import Violation
from services.kernel.ledger.entry import EXPECTED, FENCE_SUBJECT

_LAG = timedelta(seconds=streams.LEASE_SECONDS)


def outside(state: ReplayState, entry: RecordEntry, tokens: list[str]) -> Iterator[Violation]:
    """Check an outside post: in its place, and once."""
    event = OutsidePost.from_bytes(entry.data)
    if [event.profile, event.outside] != tokens:
        yield Violation(entry.seq, "event.subject", f"The outside post {event.outside} is elsewhere.")
    place = (event.profile, event.outside)
    if place in state.outside:
        yield Violation(entry.seq, "outside.twice", f"{event.outside} is at {state.outside[place]} already.")
    state.outside.setdefault(place, entry.seq)


def acknowledgement(state: ReplayState, entry: RecordEntry, tokens: list[str]) -> Iterator[Violation]:
    """Check an acknowledgement: signed, in time, by someone who may, fenced on the outside post that it answers."""
    event = Acknowledgement.from_bytes(entry.data)
    if [event.profile, event.outside] != tokens:
        yield Violation(entry.seq, "event.subject", f"The acknowledgement of {event.outside} is elsewhere.")
    try:
        statement = AcknowledgementStatement.from_bytes(event.envelope.payload_bytes())
    except ValueError:
        yield Violation(entry.seq, "acknowledgement.malformed", f"What {event.officer} signed cannot be read.")
        return
    known, sha256 = state.acknowledged.get((tokens[0], tokens[1])), canonical.sha256(entry.data)
    if known is not None and known.good and known.sha256 == sha256:
        return  # an append that got no ack was repeated: the same word, which counts where it stands first
    found = [*_signed(state, entry, event, statement), *_answers(state, entry, statement)]
    yield from found
    place = (statement.profile, statement.outside)
    is_good = not found and list(place) == tokens
    state.acknowledged.setdefault(place, Acknowledged(entry.seq, sha256, is_good))


# Not through kernel.authority.statements, for the reason that rules.people gives.
def _signed(
    state: ReplayState, entry: RecordEntry, event: Acknowledgement, statement: AcknowledgementStatement
) -> Iterator[Violation]:
    officer = event.officer
    if not signed_by_officer(event.envelope, ACKNOWLEDGEMENT_TYPE, state.control, officer):
        yield Violation(entry.seq, "acknowledgement.signature", f"It is not signed by the key of {officer}.")
    outer = (event.officer, event.outside, event.profile)
    if outer != (statement.officer, statement.outside, statement.profile):
        yield Violation(entry.seq, "acknowledgement.other", "What was signed is not what is beside it.")
    if statement.realm != state.pinned.realm:
        yield Violation(entry.seq, "acknowledgement.realm", f"It is for the realm {statement.realm}.")
    if not statement.issued_at - CLOCK_SKEW <= entry.at < statement.expires_at + _LAG:
        yield Violation(entry.seq, "acknowledgement.expired", f"The word of {officer} was not in force at this time.")
    recently = state.control_at is not None and entry.at - state.control_at <= _LAG
    if not recently and not state.control.roles_of(officer, entry.at) & OFFICE_OR_APPROVER:
        yield Violation(entry.seq, "acknowledgement.role", f"{officer} held no role at that time to acknowledge it.")


def _answers(state: ReplayState, entry: RecordEntry, statement: AcknowledgementStatement) -> Iterator[Violation]:
    place = (statement.profile, statement.outside)
    if state.outside.get(place) != statement.seq:
        yield Violation(entry.seq, "acknowledgement.post", f"No outside post {statement.outside} is there.")
    if place in state.acknowledged:
        stands = state.acknowledged[place].seq
        yield Violation(entry.seq, "acknowledgement.twice", f"{statement.outside} was acknowledged at {stands}.")
    # Behind the post may stand what somebody wrote there besides; that is told of by itself.
    fence = header(entry, EXPECTED) or ""
    fenced = fence.isascii() and fence.isdecimal() and int(fence) >= statement.seq
    if header(entry, FENCE_SUBJECT) != subjects.outside(*place) or not fenced:
        yield Violation(entry.seq, "acknowledgement.unfenced", f"It was not fenced on {statement.outside}.")
