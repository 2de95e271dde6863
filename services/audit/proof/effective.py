"""When an attempt of version 0.3 counts: the audit's own reading of the rule. Pure.

Services have it in services.kernel.fold.effective; nothing is shared, so that a mistake in either is found by
the other. An attempt counts by its bytes and what is before it: one that does not is *void*. What no worker of ours
would write is reported; that another one was quicker is not. Source: ADR 17.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas import subjects
from schemas.events.deliveries import Attempt, Receipt, ReceiptOutcome
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR
from services.audit.proof.counted import CountedRequest
from services.audit.record.format import RecordEntry, header
from services.kernel.authority.post_authorization import counting_roles
from services.kernel.control.control_state import ControlState
from services.kernel.ledger.entry import EXPECTED, FENCE_SUBJECT


@dataclass(slots=True)
class ProfileProgress:
    """One request on one profile, in all revisions, by what counts.

    ``counted`` are its attempts that count, ``newest`` is the last of them (0: none), ``answered`` whether a receipt
    says how that one ended, ``final`` whether the newest such receipt ends it for good. ``number``: the highest number
    of any attempt, also of one that is void.
    """

    counted: list[int] = field(default_factory=list)
    newest: int = 0
    answered: bool = True
    final: bool = False
    number: int = 0


@dataclass
class Progress:
    """Each request's progress on each profile (``at``), and the attempt on each that has no receipt (``under_way``).

    The website's mirror is no such profile: the pages of several messages may be under way.
    """

    at: dict[str, dict[str, ProfileProgress]] = field(default_factory=dict)
    under_way: dict[str, int] = field(default_factory=dict)

    def of(self, request_id: str, profile: str) -> ProfileProgress:
        """Return the progress of a request on a profile."""
        return self.at.setdefault(request_id, {}).setdefault(profile, ProfileProgress())

    def attempted(self, seq: int, event: Attempt) -> None:
        """Take up an attempt that counts."""
        progress = self.of(event.request_id, event.profile)
        progress.counted.append(seq)
        progress.newest, progress.answered, progress.number = seq, False, max(progress.number, event.number)
        if event.profile != MIRROR:  # each message has a page of its own there
            self.under_way[event.profile] = seq

    def overruled(self, event: Attempt, counted: CountedRequest) -> None:
        """Take up the number of an attempt that does not count.

        Not on a profile that the revision in force does not name, and on which nothing was before.
        """
        progress = self.of(event.request_id, event.profile)
        if event.profile in (MIRROR, *counted.request.targets, *counted.wanted) or progress != ProfileProgress():
            progress.number = max(progress.number, event.number)

    def answered(self, event: Receipt) -> None:
        """Take up a receipt, unless its attempt does not count. A lapsed one frees the profile and answers nothing."""
        progress = self.of(event.request_id, event.profile)
        of_newest = event.attempt_seq != 0 and event.attempt_seq == progress.newest
        if event.attempt_seq and event.attempt_seq not in progress.counted:
            return
        if self.under_way.get(event.profile) == event.attempt_seq:
            del self.under_way[event.profile]
        if event.outcome is ReceiptOutcome.LAPSED:
            return
        progress.answered = progress.answered or of_newest
        progress.final = event.final


def forged_because(entry: RecordEntry, event: Attempt, counted: CountedRequest, control_seq: int) -> str:
    """Return why no worker of ours can have written an attempt so; the empty text where it could."""
    if event.rule is None:
        return "it is written as before version 0.3"
    fenced = (header(entry, FENCE_SUBJECT), header(entry, EXPECTED))
    if fenced != (subjects.CONTROL, str(event.control_seq)):
        return f"it is not fenced on the control revision {event.control_seq} that it names"
    if event.control_seq != control_seq:
        return f"it names control revision {event.control_seq}, and {control_seq} was in force"
    content = (event.revision, event.digest)
    if content != (counted.revision, counted.digest) and content not in counted.older:
        return "it is not on the request's content"
    verdict = counted.verdict
    if verdict is None or counted.verdict_seq != event.verdict_seq:
        return ""
    if verdict.control_seq != event.control_seq:
        return "its verdict was decided at another control revision"
    cleared = verdict.targets if event.profile != MIRROR else (MIRROR,) * bool(verdict.mirror)
    if verdict.outcome is Outcome.CLEARED and event.profile not in cleared:
        return "its verdict does not clear the profile"
    return ""


def overruled_because(
    entry: RecordEntry,
    event: Attempt,
    counted: CountedRequest,
    progress: ProfileProgress,
    under_way: int,
    control: ControlState,
    out_of_turn: str,
) -> str:
    """Return what came before an attempt so that it does not count; the empty text when it counts."""
    verdict = counted.verdict
    if event.revision != counted.revision:
        return "a newer revision stood"
    if verdict is None or counted.verdict_seq != event.verdict_seq or verdict.outcome is not Outcome.CLEARED:
        return "its verdict is not the newest, or not a cleared one"
    for officer, revision in counted.rejected.items():
        roles = counting_roles(counted.request, event.profile, control, officer, entry.at)
        if revision == event.revision and roles:
            return f"{officer} had rejected it"
    if verdict.valid_until is None or min(verdict.valid_until, counted.request.expires_at) <= entry.at:
        return "the request or its clearance had expired"
    if not progress.answered:
        return f"the attempt {progress.newest} on the same request was open"
    if progress.final:
        return "it had ended on the profile"
    if event.number <= progress.number:
        return f"an attempt of number {progress.number} stood already"
    return f"the attempt {under_way} on the profile was under way" if under_way else out_of_turn
