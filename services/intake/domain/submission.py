"""Checks a submission and makes a draft of it: who sends, to which profiles, until when.

Pure: the control state and the time are arguments. Source: HUM.11(A) section 1 Transparency (i) (official
profiles), 2(iv) (all departmental profiles).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from schemas.events.authority import Severity
from schemas.events.envelope import CLOCK_SKEW
from schemas.events.requests import (
    ALL_DEPARTMENTS,
    ENDING,
    REPLACING,
    Act,
    Picture,
    Rendering,
    Request,
    ScreeningFinding,
    Submission,
    SubmissionEvent,
    digest_of,
)
from services.intake.domain.answering import check_answer
from services.intake.domain.following import Earlier, carriers
from services.intake.domain.identity import Identity
from services.intake.domain.language import check_languages
from services.intake.domain.places import check_platforms
from services.intake.domain.times import expiry_of
from services.kernel.base.errors import BadInput, Refused
from services.kernel.base.zones import utc_text
from services.kernel.control.control_state import ControlState

WEBSITE = "website"
"""The platform that each request has a rendering for (section 1, Transparency (ii))."""

PREVIEW_LIFETIME = timedelta(minutes=15)
"""How old a preview may be that is submitted unchanged."""

Scope = Literal["profiles", "all-departments"]


@dataclass(frozen=True)
class Draft:
    """A submission that passed all checks but those of the platforms. Times in UTC.

    ``exercise``: each post of it says so. ``left_out``: profiles that carry what it is about, and are not official any
    more. ``unreachable``: targets whose account is none. ``shown_again``: reposts of what it ends, each with its
    profiles; ``updated_by``: so the updates of what it recalls.
    """

    request_id: str
    content_sha256: str
    author: str
    author_kind: Literal["officer", "system"]
    source: str
    event_id: str
    text: str
    scope: Scope
    targets: tuple[str, ...]
    platforms: tuple[str, ...]
    crisis: bool
    link: str | None
    severity: Severity | None
    language: str | None
    variants: dict[str, str]
    pictures: tuple[Picture, ...]
    expires_at: datetime
    created_at: datetime
    expires: datetime | None = None
    act: Act | None = None
    about: str | None = None
    left_out: tuple[str, ...] = ()
    unreachable: tuple[str, ...] = ()
    shown_again: tuple[tuple[str, tuple[str, ...]], ...] = ()
    updated_by: tuple[tuple[str, tuple[str, ...]], ...] = ()
    revision: int = 1
    not_before: datetime | None = None
    translations: dict[str, str] = field(default_factory=dict)
    exercise: bool = False
    next_update: datetime | None = None
    answers: str | None = None


def author_kind_of(sender: str, state: ControlState) -> Literal["officer", "system"]:
    """Return whether the sender is an officer or a system.

    Raises:
        BadInput: ``sender.unknown``.
        Refused: ``sender.revoked``.
    """
    if sender in state.revoked:
        raise Refused(
            "sender.revoked",
            f"{sender} is revoked since control revision {state.revoked[sender]}",
            "ask the cao or the mcpe: officers reinstate gives a revoked officer a new key, systems add a system",
        )
    if sender in state.officers:
        return "officer"
    if sender in state.systems:
        return "system"
    raise BadInput(
        "sender.unknown",
        f"there is no officer or system {sender!r} in {state.city or 'this city'}",
        _did_you_mean(sender, [*state.officers, *state.systems]) or "onevoice officers list",
    )


def draft_of(
    identity: Identity,
    event: SubmissionEvent,
    sender: str,
    state: ControlState,
    now: datetime,
    earlier: Earlier | None = None,
) -> Draft:
    """Return the draft of a submission, checked against the control state at a time (UTC).

    ``earlier`` is the request that it is about, if it is about one.

    Raises:
        BadInput: as ``carriers`` and ``check_answer``.
        BadInput: as ``check_platforms``; ``sender.unknown``, ``targets.empty``, ``profile.unknown``,
            ``variant.unused``, ``language.unknown``, ``lang.unknown``, ``expires.past``, ``expires.too_far``,
            ``at.past``, ``at.too_far``, ``time.stale``, ``time.future``.
        Refused: ``sender.revoked``, ``profile.not_official``.
    """
    data = identity.submission
    kind = author_kind_of(sender, state)
    scope, targets, left_out = _reach(data, state, earlier)
    created_at = _created_at(event.time, kind, now)
    unreachable = check_platforms(targets, state, () if isinstance(data.targets, str) else data.targets or ())
    check_languages(data.language, *data.translations)
    check_answer(data, scope, targets, state)
    platforms = tuple(sorted({WEBSITE, *(state.profiles[target].platform for target in targets)}))
    _check_variants(data, platforms)
    return Draft(
        request_id=identity.request_id,
        content_sha256=identity.content_sha256,
        author=sender,
        author_kind=kind,
        source=event.source,
        event_id=event.id,
        scope=scope,
        targets=targets,
        platforms=platforms,
        expires_at=expiry_of(data, event.time, state, now, created_at),
        created_at=created_at,
        left_out=left_out,
        unreachable=unreachable,
        shown_again=earlier.shown_again if earlier is not None and data.act in ENDING else (),
        updated_by=earlier.updated_by if earlier is not None and data.act == "recall" else (),
        exercise=state.realm == "exercise",
        **_as_given(data),
    )


def _as_given(data: Submission) -> dict[str, Any]:
    """Return what a draft takes as it was submitted."""
    given = ("text", "crisis", "link", "severity", "language", "pictures", "act", "about", "answers")
    times = ("expires", "not_before", "next_update")
    return {name: getattr(data, name) for name in (*given, *times)} | {
        "variants": dict(data.variants),
        "translations": dict(data.translations),
        "revision": data.revision or 1,
    }


def request_of(
    draft: Draft,
    state: ControlState,
    now: datetime,
    renderings: tuple[Rendering, ...],
    screening: tuple[ScreeningFinding, ...],
) -> Request:
    """Return the request event for the ledger."""
    return Request.model_validate(
        {
            "at": now,
            "realm": state.realm,
            "request_id": draft.request_id,
            "revision": draft.revision,
            "author": draft.author,
            "author_kind": draft.author_kind,
            "source": draft.source,
            "event_id": draft.event_id,
            "content_sha256": draft.content_sha256,
            "text": draft.text,
            "scope": draft.scope,
            "targets": draft.targets,
            "crisis": draft.crisis,
            "link": draft.link,
            "severity": draft.severity,
            "expires_at": draft.expires_at,
            "not_before": draft.not_before,
            "next_update": draft.next_update,
            "submitted_posture": state.posture.value,
            "renderings": renderings,
            "digest": digest_of(draft.request_id, draft.revision, renderings),
            "screening": screening,
            "replaces" if draft.act in REPLACING else "follows": draft.about,
        }
    )


def _reach(
    data: Submission, state: ControlState, earlier: Earlier | None
) -> tuple[Scope, tuple[str, ...], tuple[str, ...]]:
    """Return the scope, the profiles, and those left out that carry what it is about and are not official any more."""
    if earlier is None:
        return *_targets(data, state), ()
    official, left_out = carriers(data, earlier, state)
    more = _targets(data, state)[1] if data.targets else ()
    return "profiles", tuple(dict.fromkeys((*official, *more))), left_out


def _targets(data: Submission, state: ControlState) -> tuple[Scope, tuple[str, ...]]:
    if isinstance(data.targets, str):
        everyone = state.departmental_profiles()
        if not everyone:
            raise BadInput(
                "targets.empty",
                f"{state.city} has no official departmental profile",
                "have profiles sanctioned by the office first",
            )
        return ALL_DEPARTMENTS, everyone  # type: ignore[return-value]
    if not data.targets:
        raise BadInput(
            "targets.empty",
            "the request names no profile",
            f"name profiles, or {ALL_DEPARTMENTS}; onevoice profiles list shows them",
        )
    for target in data.targets:
        _check_target(target, state)
    return "profiles", data.targets


def _check_target(target: str, state: ControlState) -> None:
    profile = state.profiles.get(target)
    if profile is None:
        raise BadInput(
            "profile.unknown",
            f"there is no profile {target!r}",
            _did_you_mean(target, list(state.profiles)) or "onevoice profiles list",
        )
    if not profile.official:
        raise Refused(
            "profile.not_official",
            f"{target} is not an official profile (section 1, Transparency (i))",
            "the office sanctions profiles; leave it out, or ask the office",
        )


def _did_you_mean(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    return f"did you mean {' or '.join(close)}?" if close else ""


def _check_variants(data: Submission, platforms: tuple[str, ...]) -> None:
    for platform in data.variants:
        if platform not in platforms:
            raise BadInput(
                "variant.unused",
                f"there is a variant for {platform}, which no target is on",
                f"the platforms of this request are {', '.join(platforms)}",
            )


def _created_at(time: datetime | None, kind: str, now: datetime) -> datetime:
    """Return the time that the posts carry, to the second.

    A person submits the preview's own time, so that the digest is the one that they saw and sign; a time that is too
    old or ahead of ours is refused. A system's time is when something happened; when it is far from now it is ignored.
    """
    if time is None:
        return now.replace(microsecond=0)
    stale, ahead = now - time > PREVIEW_LIFETIME, time - now > CLOCK_SKEW
    if not stale and not ahead:
        return time.replace(microsecond=0)
    if kind == "system":
        return now.replace(microsecond=0)
    if stale:
        raise BadInput("time.stale", f"the preview is of {utc_text(time)}, too long ago", "look at a new preview")
    raise BadInput("time.future", f"the event's time {utc_text(time)} is ahead", "set the clock")
