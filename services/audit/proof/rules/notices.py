"""The rule for notices: who was notified is on record as it was said, about something that is on record itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from schemas import streams
from schemas.events.notices import NoticeSent
from services.audit.proof.replay_state import ReplayState
from services.audit.record.format import RecordEntry
from services.audit.record.violation import Violation

_LAG = timedelta(seconds=streams.LEASE_SECONDS)


def notice(state: ReplayState, entry: RecordEntry, tokens: list[str]) -> Iterator[Violation]:
    """Check a notice: in its place, no later than it came on record, once, and about something that is there."""
    event = NoticeSent.from_bytes(entry.data)
    if [event.request_id] != tokens:
        yield Violation(entry.seq, "event.subject", f"The notice about {event.request_id} is elsewhere.")
    if event.since > event.sent_at + _LAG or event.sent_at > entry.at + _LAG:
        yield Violation(entry.seq, "notice.time", f"The notice about {event.request_id} has a time that cannot be.")
    if event.key in state.told:
        yield Violation(entry.seq, "notice.twice", f"It is at {state.told[event.key]} already.")
    state.told.setdefault(event.key, entry.seq)
