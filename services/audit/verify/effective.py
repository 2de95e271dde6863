"""When an attempt of version 0.3 counts: the audit's own reading of the rule. Pure.

Services have it in services.kernel.fold.effective; nothing is shared, so that a mistake in either is found by
the other. An attempt counts by its bytes and what stands before it: one that does not is *void*. What no worker of ours
would write is told; that another one was quicker is not. Source: design.md, Fan-out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas import subjects
from schemas.events.deliveries import Attempt, Receipt, ReceiptOutcome
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR
from services.audit.verify.line import Line, header
from services.audit.verify.standing import Standing
from services.kernel.authority.post_authorization import counting_roles
from services.kernel.control.control_state import ControlState

EXPECT = "Nats-Expected-Last-Subject-Sequence"
EXPECT_SUBJECT = "Nats-Expected-Last-Subject-Sequence-Subject"


@dataclass(slots=True)
class Place:
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
class Places:
    """All places by request and profile. ``under_way``: the attempt on each profile that nothing was said of yet.

    The website's mirror is no such profile: the pages of several messages may be under way.
    """

    at: dict[tuple[str, str], Place] = field(default_factory=dict)
    under_way: dict[str, int] = field(default_factory=dict)

    def of(self, request_id: str, profile: str) -> Place:
        """Return a place."""
        return self.at.setdefault((request_id, profile), Place())

    def attempted(self, seq: int, event: Attempt) -> None:
        """Take up an attempt that counts."""
        place = self.of(event.request_id, event.profile)
        place.counted.append(seq)
        place.newest, place.answered, place.number = seq, False, max(place.number, event.number)
        if event.profile != MIRROR:  # each message has a page of its own there
            self.under_way[event.profile] = seq

    def answered(self, event: Receipt) -> None:
        """Take up a receipt, unless its attempt does not count. A lapsed one frees the profile and answers nothing."""
        place = self.of(event.request_id, event.profile)
        of_newest = event.attempt_seq != 0 and event.attempt_seq == place.newest
        if event.attempt_seq and event.attempt_seq not in place.counted:
            return
        if self.under_way.get(event.profile) == event.attempt_seq:
            del self.under_way[event.profile]
        if event.outcome is ReceiptOutcome.LAPSED:
            return
        place.answered = place.answered or of_newest
        place.final = event.final


def forged_because(line: Line, event: Attempt, standing: Standing, control_seq: int) -> str:
    """Return why no worker of ours can have written an attempt so; the empty text where it could."""
    if event.rule is None:
        return "it is written as before version 0.3"
    fenced = (header(line, EXPECT_SUBJECT), header(line, EXPECT))
    if fenced != (subjects.CONTROL, str(event.control_seq)):
        return f"it is not fenced on the control revision {event.control_seq} that it names"
    if event.control_seq != control_seq:
        return f"it names control revision {event.control_seq}, and {control_seq} was in force"
    if (event.revision, event.digest) != (standing.revision, standing.digest):
        return "it is not on the request's content"
    verdict = standing.verdict
    if verdict is None or standing.verdict_seq != event.verdict_seq:
        return ""
    if verdict.control_seq != event.control_seq:
        return "its verdict was decided at another control revision"
    cleared = verdict.targets if event.profile != MIRROR else (MIRROR,) * bool(verdict.mirror)
    if verdict.outcome is Outcome.CLEARED and event.profile not in cleared:
        return "its verdict does not clear the profile"
    return ""


def overruled_because(
    line: Line, event: Attempt, standing: Standing, place: Place, under_way: int, control: ControlState
) -> str:
    """Return what came before an attempt so that it does not count; the empty text when it counts."""
    verdict = standing.verdict
    if verdict is None or standing.verdict_seq != event.verdict_seq or verdict.outcome is not Outcome.CLEARED:
        return "its verdict is not the newest, or not a cleared one"
    for officer, revision in standing.rejected.items():
        roles = counting_roles(standing.request, event.profile, control, officer, line.at)
        if revision == event.revision and roles:
            return f"{officer} had rejected it"
    if verdict.valid_until is None or min(verdict.valid_until, standing.request.expires_at) <= line.at:
        return "the request or its clearance had expired"
    if not place.answered:
        return f"the attempt {place.newest} on the same request was open"
    if place.final:
        return "it had ended on the profile"
    if event.number <= place.number:
        return f"an attempt of number {place.number} stood already"
    return f"the attempt {under_way} on the profile was under way" if under_way else ""
