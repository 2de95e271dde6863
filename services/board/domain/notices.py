"""Who is told that something waits for a person, and when. Pure: what waits, what was told and the time are arguments.

At once, again after a while, and then the deputies too. What is due at the same time is one notice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from schemas.events.authority import Realm
from schemas.events.broadcasts import LatePost, ProfileTrouble
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.notices import notice_key
from schemas.events.verdicts import Finding
from schemas.platforms import MANUAL
from services.kernel.base.hints import in_realm
from services.kernel.fold.request_phase import RequestPhase
from services.kernel.fold.state import RequestState, TargetState

NO_PERSON = frozenset({"setting: hold", "setting: schedule"})
"""What no approval changes."""
PAUSE = timedelta(seconds=60)
"""Between two first notices, so that a flood of requests is no flood of mail; urgent ones do not wait."""

FOR_EVER = timedelta(days=3_650)
"""What no time ends waits for so long."""

TOGETHER = timedelta(minutes=5)
"""Posts of a request that become unconfirmed within it are told of as one; the same profile's, once more, is not."""

_URGENT = ("severe", "extreme")
_SHOWN, _WORDS, _NAMES = 20, 280, 5


class Step(StrEnum):
    """How often people were told of it before: not yet, once, and in vain."""

    FIRST = "first"
    REMINDER = "reminder"
    DEPUTIES = "deputies"


@dataclass(frozen=True)
class NoticeSchedule:
    """Who is told: ``first`` at once, and again after ``reminder``; ``deputies`` after the longer wait.

    ``officers``: the addresses of officers, who are told of what they promised themselves.
    """

    first: tuple[str, ...]
    deputies: tuple[str, ...]
    reminder: timedelta
    deputies_after: timedelta
    officers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Waiting:
    """A request that waits for a person since a time; ``missing`` says for what, ``to_type`` what helps.

    ``promised``: it is out, and its author promised more by ``ends``; they are told too. ``about``: what
    it is that waits, where it is no request that is to be posted. ``once``: nobody is reminded.
    """

    request_id: str
    since: datetime
    author: str
    text: str
    urgent: bool
    missing: str
    to_type: str
    ends: datetime
    promised: bool = False
    about: str = ""
    once: bool = False

    def key(self, step: Step) -> str:
        """Return what is noted when it went out."""
        return notice_key(self.request_id, self.since.isoformat(), step)


@dataclass(frozen=True)
class Notice:
    """One message to people about all that is due at a step."""

    step: Step
    to: tuple[str, ...]
    waiting: tuple[Waiting, ...]


def waits_of(state: RequestState, now: datetime) -> Iterator[Waiting]:
    """Yield what a request waits for: an officer's word that it may go out, and a look at posts that nobody is sure of.

    The look is needed whatever becomes of the request and of its other posts: what is out, or may be, stays so.
    """
    request = state.request
    text = " ".join(request.text.split())
    text = text if len(text) <= _WORDS else text[: _WORDS - 1] + "…"
    urgent = request.crisis or request.severity in _URGENT
    one = Waiting(request.request_id, state.at, request.author, text, urgent, "", "", request.expires_at)
    blocking = _blocking(state)
    if blocking and state.verdict is not None and request.expires_at > now:
        since = state.verdict.at if state.phase is RequestPhase.TAKEN_BACK else state.at
        to_type = f"onevoice show {request.request_id}; onevoice approve {request.request_id} --as YOU"
        yield replace(one, since=since, missing="; ".join(found.reason for found in blocking), to_type=to_type)
    if state.unconfirmed:
        missing, to_type = _unconfirmed(state)
        since, about = _unconfirmed_since(state), f"asked for by {request.author}"
        yield replace(one, since=since, ends=since + FOR_EVER, missing=missing, to_type=to_type, about=about)


def _blocking(state: RequestState) -> list[Finding]:
    """Return what an officer's word may change of what keeps a request from going out."""
    if state.verdict is None or state.phase not in (RequestPhase.BLOCKED, RequestPhase.TAKEN_BACK):
        return []
    return [one for one in state.verdict.findings if one.outcome == "blocked" and one.clause not in NO_PERSON]


def profile_waits(trouble: ProfileTrouble) -> Waiting:
    """Return what a profile that cannot be posted to, or soon cannot, asks of a person."""
    name, said = trouble.profile, trouble.reason
    ends, hint = trouble.since + FOR_EVER, "onevoice profiles check; onevoice profiles connect --help"
    return Waiting(name, trouble.since, name, said, False, said, hint, ends, about="a profile", once=True)


def late_post_waits(post: LatePost) -> Waiting:
    """Return what a post asks of a person that is public although it was taken back, or was unknown."""
    about = f"a post on {post.profile} that was not to go out"
    said = f"its worker was stopped before its call, and sent it as it went on: it stands at {post.address}"
    ends, name = post.attempted_at + FOR_EVER, post.request_id
    to_type = f"onevoice show {name}; onevoice recall {name} --as YOU takes it back"
    wanted = "somebody looks, and takes it back or lets it stand"
    if post.replaced_by:
        said += f"; {post.replaced_by}, which corrects or recalls it, had come before"
        wanted = f"somebody deletes it on {post.profile}"
        to_type = f"onevoice show {name}; onevoice show {post.replaced_by}"
    return Waiting(name, post.attempted_at, name, said, True, wanted, to_type, ends, about=about, once=True)


def _unconfirmed(state: RequestState) -> tuple[str, str]:
    """Say what a person has to do about posts that no service can confirm, and what to type."""
    receipts = {name: state.target(name).receipt for name in state.unconfirmed}
    by_hand = sorted(name for name, one in receipts.items() if one is not None and one.platform == MANUAL)
    unknown = sorted(state.unconfirmed - set(by_hand))
    what = "what it takes back may still be" if state.request.act == "recall" else "nobody knows whether it is out"
    said = [f"it is to be done by hand for {_listed(by_hand)}"] if by_hand else []
    said += [f"{what} on {_listed(unknown)}"] if unknown else []
    typed = ["onevoice tasks"] if by_hand else []
    typed += [f"onevoice show {state.request_id}; onevoice resolve --help"] if unknown else []
    return "; ".join(said), "; ".join(typed)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")


def _unconfirmed_since(state: RequestState) -> datetime:
    """Return when the newest posts of it became so, all within a while; what was found out of others moves nothing.

    What is to be done by hand is known at once, and does not stand for what nobody knows a minute later; nor does what
    people have decided on stand for what comes after.
    """
    said = sorted(
        (receipt.at, profile, receipt.platform == MANUAL, seq)
        for profile, target in state.targets.items()
        for seq, receipt in target.receipts
        if receipt.final and receipt.outcome is ReceiptOutcome.UNCONFIRMED
    )
    found = [state.at]
    for kind in (True, False):
        since, together = state.at, dict[str, int]()
        for at, profile, seq in ((at, profile, seq) for at, profile, by_hand, seq in said if by_hand is kind):
            over = all(_decided(state.target(name), first, seq) for name, first in together.items())
            if over or at - since >= TOGETHER or profile in together:
                since, together = at, {}
            together[profile] = seq
        found.append(since)
    return max(found)


def _decided(target: TargetState, after: int, before: int) -> bool:
    """Return whether a person has decided on it between two entries of the ledger."""
    return any(after < seq < before for seq, _ in target.resolutions)


def due(
    waiting: Iterable[Waiting],
    told: Collection[str],
    last_first: datetime | None,
    schedule: NoticeSchedule,
    now: datetime,
) -> list[Notice]:
    """Return the notices to send now.

    Args:
        waiting: all that waits for a person.
        told: the keys of the notices that went out.
        last_first: when the last first notice went out.
        schedule: whom to tell, and when.
        now: the time, in UTC.
    """
    found: dict[Step, list[Waiting]] = {step: [] for step in Step}
    for one in waiting:
        if (step := _step(one, told, schedule, now)) is not None:
            found[step].append(one)
    paused = last_first is not None and now - last_first < PAUSE
    if paused and not any(one.urgent for one in found[Step.FIRST]):
        found[Step.FIRST] = []
    people = {Step.FIRST: schedule.first, Step.REMINDER: schedule.first, Step.DEPUTIES: schedule.deputies}
    return [
        Notice(
            step,
            _people(people[step], found[step], schedule),
            tuple(sorted(found[step], key=lambda one: (not one.urgent, one.since))),
        )
        for step in Step
        if found[step] and people[step]
    ]


def unreached(waiting: Iterable[Waiting], left: Mapping[str, tuple[str, ...]]) -> list[Notice]:
    """Return the notices for who could not be told before; ``left``: who that is, by the key of what still waits."""
    found: dict[tuple[Step, tuple[str, ...]], list[Waiting]] = {}
    for one in waiting:
        for step in Step:
            if to := left.get(one.key(step)):
                found.setdefault((step, to), []).append(one)
    return [Notice(step, to, tuple(ones)) for (step, to), ones in found.items()]


def _people(usual: tuple[str, ...], waiting: Sequence[Waiting], schedule: NoticeSchedule) -> tuple[str, ...]:
    authors = [schedule.officers[one.author] for one in waiting if one.promised and one.author in schedule.officers]
    return tuple(dict.fromkeys((*usual, *authors)))


def _step(one: Waiting, told: Collection[str], schedule: NoticeSchedule, now: datetime) -> Step | None:
    """Return the step that is due; the reminder falls away where the deputies were told already."""
    waited = now - one.since
    if one.key(Step.FIRST) not in told:
        return Step.FIRST
    if one.once or one.key(Step.DEPUTIES) in told:
        return None
    if schedule.deputies and waited >= schedule.deputies_after:
        return Step.DEPUTIES
    if waited >= schedule.reminder and one.key(Step.REMINDER) not in told:
        return Step.REMINDER
    return None


def address_shown(address: str) -> str:
    """Return an address as it may be noted: of a service of Apprise its kind alone, for the rest of it is a secret."""
    return address.partition("://")[0] if "://" in address else address


def title(notice: Notice, city: str) -> str:
    """Return the subject of a notice, on one line."""
    count, urgent = len(notice.waiting), any(one.urgent for one in notice.waiting)
    what = "1 message waits" if count == 1 else f"{count} messages wait"
    lead = "URGENT: " if urgent else ""
    again = "" if notice.step is Step.FIRST else " still"
    return " ".join(f"{lead}{city}: {what}{again} for an officer".split())


def body(notice: Notice, times: Sequence[tuple[str, str]], realm: Realm = "live") -> str:
    """Return the text of a notice; ``times`` has since when and until when each waits, in words."""
    lines = []
    for one, (since, ends) in list(zip(notice.waiting, times, strict=True))[:_SHOWN]:
        when = f"promised more by {ends}" if one.promised else f"waits since {since}; not posted after {ends}"
        head = f"{one.request_id}, asked for by {one.author}, {when}"
        lines += [
            f"{one.request_id}: {one.about}, since {since}" if one.about else head,
            f"  {one.text}",
            f"  It waits: {in_realm(one.missing, realm)}",
            f"  {in_realm(one.to_type, realm)}",
            "",
        ]
    more = len(notice.waiting) - _SHOWN
    lines += [f"And {more} more.", ""] if more > 0 else []
    return "\n".join([*lines, in_realm("All that waits: onevoice inbox", realm), ""])
