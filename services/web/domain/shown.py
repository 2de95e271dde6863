"""What the pages show of a message, made from what the board says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from schemas.events.desk import DeliveryView, PreviewReply, RequestView
from schemas.events.requests import Picture, PlatformContent, Rendering, Request
from schemas.events.shown import LOOK_FIRST
from schemas.events.verdicts import Finding, FindingOutcome, Outcome
from schemas.platforms import MIRROR, length_on
from services.desk.views.languages import name_of
from services.desk.views.message import outcome, unconfirmed
from services.desk.views.message.difference import Piece, difference
from services.desk.views.message.waiting import needs_approval
from services.desk.views.timetext import ago

SOON = 900.0
"""Seconds before a message ends from which its clock is shown as urgent."""


@dataclass(frozen=True)
class ShownPart:
    """One part of a message: its text, how long it is as one or several platforms count it, its language's code."""

    text: str
    count: str
    language: str


@dataclass(frozen=True)
class ShownRendering:
    """What some platforms get. ``counts``: platforms with how long all of it is as they count it."""

    counts: tuple[tuple[str, int], ...]
    parts: tuple[ShownPart, ...]
    language: str
    link: str
    answers: str
    pictures: tuple[Picture, ...]


def renderings(found: Sequence[Rendering]) -> list[ShownRendering]:
    """Return what each platform gets; platforms that get the very same are named together."""
    same: dict[object, list[Rendering]] = {}
    for one in found:
        content = one.content()
        key = (content.parts, _link_beside(content), content.answers, content.pictures)
        same.setdefault(key, []).append(one)
    return [_shown(group) for group in same.values()]


def _shown(same: Sequence[Rendering]) -> ShownRendering:
    content = same[0].content()
    lengths = {one.platform: [length_on(one.platform, part) for part in content.parts] for one in same}
    platforms: dict[int, list[str]] = {}
    for platform, counted in lengths.items():
        platforms.setdefault(sum(counted), []).append(platform)
    several = dict.fromkeys(content.languages or content.together or ())
    return ShownRendering(
        tuple((", ".join(names), count) for count, names in platforms.items()),
        tuple(
            ShownPart(part, _span([counted[n] for counted in lengths.values()]), content.language_of(n) or "")
            for n, part in enumerate(content.parts)
        ),
        ", ".join(name_of(one) for one in several or filter(None, (content.language,))),
        _link_beside(content),
        content.answers or "",
        content.pictures,
    )


def _link_beside(content: PlatformContent) -> str:
    return "" if not content.link or any(content.link in part for part in content.parts) else content.link


def _span(counts: Sequence[int]) -> str:
    return str(counts[0]) if len(set(counts)) == 1 else f"{min(counts)}-{max(counts)}"


@dataclass(frozen=True)
class RequestClock:
    """How long something waited, and until when it can be posted."""

    waited: str
    left: str
    soon: bool
    over: bool


def clock_of(request: Request, now: datetime) -> RequestClock:
    """Return a request's clock."""
    left = (request.expires_at - now).total_seconds()
    return RequestClock(ago((now - request.at).total_seconds()), ago(max(left, 0.0)), left <= SOON, left <= 0)


@dataclass(frozen=True)
class InboxItem:
    """A message that waits: what for, how urgent, its clock. ``urgent``: of a crisis, or severe."""

    view: RequestView
    clock: RequestClock
    reasons: tuple[Finding, ...]
    urgent: bool
    unconfirmed: tuple[str, ...]


def inbox_item(view: RequestView, now: datetime) -> InboxItem:
    """Return a message that waits, as the inbox shows it."""
    request, found = view.request, view.verdict
    blocking = (FindingOutcome.BLOCKED, FindingOutcome.REFUSED)
    reasons = tuple(one for one in found.findings if one.outcome in blocking) if found else ()
    return InboxItem(
        view,
        clock_of(request, now),
        reasons if needs_approval(view) else (),
        request.crisis or request.severity in ("severe", "extreme"),
        tuple(one.profile for one in unconfirmed.of(view)),
    )


def waits_for_decision(view: RequestView) -> bool:
    """True while an officer's approval, return or rejection can still change what becomes of a message."""
    return not view.withdrawn and (view.verdict is None or view.verdict.outcome is Outcome.BLOCKED)


@dataclass(frozen=True)
class ShownPosts:
    """How a message is on its profiles: what needs a look first, then the others. ``left``: how many are not shown."""

    done: int
    wanted: int
    rows: tuple[DeliveryView, ...]
    mirror: DeliveryView | None
    left: int


def posts(view: RequestView) -> ShownPosts:
    """Return how a message is on its profiles."""
    rows = [one for one in view.deliveries if one.profile != MIRROR]
    rows.sort(key=lambda one: (LOOK_FIRST.get(one.outcome, len(LOOK_FIRST)), one.profile))
    mirror = next((one for one in view.deliveries if one.profile == MIRROR), None)
    done, every = (view.counts.done, view.counts.every) if view.counts else (outcome.delivered(view), len(rows))
    return ShownPosts(done, len(set(outcome.wanted(view))), tuple(rows), mirror, every - len(rows))


@dataclass(frozen=True)
class ShownDifference:
    """What a message changes of the one that it follows, or of its version before: both texts, and its other fields.

    ``revision``: which version it was, and ``author`` who wrote it; 0 where it is another message.
    """

    earlier: str
    was: tuple[Piece, ...]
    now: tuple[Piece, ...]
    same: bool
    fields: tuple[tuple[str, str, str], ...]
    revision: int = 0
    author: str = ""


def difference_of(earlier: Request, request: Request | PreviewReply, text: str) -> ShownDifference:
    """Compare a message with the one that it follows."""
    was, now = difference(earlier.text, text)
    fields = [("severity", earlier.severity or "none", request.severity or "none")]
    return ShownDifference(
        earlier.request_id,
        tuple(was),
        tuple(now),
        earlier.text == text,
        tuple(one for one in fields if one[1] != one[2]),
    )


def revised(view: RequestView) -> ShownDifference | None:
    """Compare a message with its version before, which an officer may have read; None where it is the first."""
    before, request = view.previous, view.request
    if before is None:
        return None
    said = {True: "yes", False: "no"}
    fields = [
        ("link", before.link or "", request.link or ""),
        ("targets", ", ".join(before.targets), ", ".join(request.targets)),
        ("crisis", said[before.crisis], said[request.crisis]),
    ]
    found = difference_of(before, request, request.text)
    more = tuple(one for one in fields if one[1] != one[2])
    return replace(found, fields=found.fields + more, revision=before.revision, author=before.author)
