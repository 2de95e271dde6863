"""The checks of post authorization in their order, and those that need neither bytes nor signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from schemas.events.authority import Profile
from schemas.events.envelope import CLOCK_SKEW
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome, Verdict
from schemas.platforms import MIRROR
from services.kernel.authority.post_authorization.content import content_violations
from services.kernel.authority.post_authorization.facts import PostFacts, PostViolation
from services.kernel.authority.post_authorization.signatures import signature_violations
from services.kernel.base.remember import by_identity
from services.kernel.control.control_state import ControlState

Check = Callable[[PostFacts], Iterable[PostViolation]]

EXPIRED = frozenset({"warrant.request_expired", "warrant.verdict_expired"})
"""The codes that mean: too late, as opposed to: not allowed."""


def post_violations(facts: PostFacts) -> tuple[PostViolation, ...]:
    """Return all reasons why this profile may not get this post now; empty means that it may.

    Never raises: a check that fails on what it finds is a violation, ``warrant.surprise``.
    """
    of_message = _of_message(
        facts.request,
        facts.verdict,
        facts.verdict_seq,
        facts.control,
        facts.control_seq,
        facts.now,
        facts.realm,
        facts.returned_by,
    )
    return of_message + _found(_OF_PROFILE, facts)


@by_identity(64)
def _of_message(
    request: Request,
    verdict: Verdict | None,
    verdict_seq: int,
    control: ControlState,
    control_seq: int,
    now: datetime,
    realm: str,
    returned_by: frozenset[str],
) -> tuple[PostViolation, ...]:
    """Check what is the same for all profiles of a message: these checks are given no profile, so none can look at it.

    Remembered by the very facts that it hangs on; posts that are judged as of the same time share the answer.
    """
    facts = PostFacts(
        request=request,
        verdict=verdict,
        verdict_seq=verdict_seq,
        approvals=(),
        control=control,
        profile_id="",
        rendering_sha256="",
        control_seq=control_seq,
        now=now,
        realm=realm,
        returned_by=returned_by,
    )
    return _found(_OF_MESSAGE, facts)


def _found(checks: tuple[Check, ...], facts: PostFacts) -> tuple[PostViolation, ...]:
    found: list[PostViolation] = []
    for check in checks:
        try:
            found.extend(check(facts))
        except Exception as error:  # noqa: BLE001 - whatever a check stumbles over must hold the post back
            name = check.__name__.strip("_").replace("_", " ")
            found.append(PostViolation("warrant.surprise", f"The check of the {name} broke off: {error!r}."))
    return tuple(found)


def _realm(facts: PostFacts) -> Iterator[PostViolation]:
    realms = {facts.realm, facts.request.realm, facts.control.realm}
    if len(realms) != 1 or facts.control.seq == 0:
        yield PostViolation(
            "warrant.realm",
            f"The request is of the realm {facts.request.realm}, control of {facts.control.realm or 'none'}, "
            f"and the posts go to {facts.realm}.",
        )


def _verdict(facts: PostFacts) -> Iterator[PostViolation]:
    verdict, request = facts.verdict, facts.request
    if verdict is None or facts.verdict_seq <= 0:
        yield PostViolation("warrant.no_verdict", f"No verdict is on {request.request_id}.")
        return
    if verdict.outcome is not Outcome.CLEARED:
        yield PostViolation("warrant.not_cleared", f"The last verdict on {request.request_id} is {verdict.outcome}.")
    if (verdict.request_id, verdict.revision) != (request.request_id, request.revision):
        yield PostViolation(
            "warrant.other_request",
            f"The verdict is on {verdict.request_id} revision {verdict.revision}, "
            f"not on {request.request_id} revision {request.revision}.",
        )
    if verdict.digest != request.digest:
        yield PostViolation("warrant.verdict_digest", "The verdict is on other content than the request's.")
    if verdict.valid_until is None:
        yield PostViolation("warrant.verdict_endless", "The cleared verdict names no end of its validity.")
    elif verdict.valid_until <= facts.now:
        yield PostViolation(
            "warrant.verdict_expired", f"The clearance ended at {verdict.valid_until:%Y-%m-%d %H:%M:%S} UTC."
        )


def _control(facts: PostFacts) -> Iterator[PostViolation]:
    decided = facts.verdict.control_seq if facts.verdict else facts.control_seq
    if not decided == facts.control_seq == facts.control.seq:
        yield PostViolation(
            "warrant.control_changed",
            f"Decided at control revision {decided}, attempted at {facts.control_seq}, "
            f"and revision {facts.control.seq} is in force.",
        )
    if facts.control.hold:
        yield PostViolation("warrant.hold", "The stop button is on: nothing is posted.")
    if facts.request.request_id in facts.control.withdrawn:
        reason = facts.control.withdrawn[facts.request.request_id]
        yield PostViolation("warrant.withdrawn", f"The request was withdrawn: {reason}.")


def _editor(facts: PostFacts) -> Iterator[PostViolation]:
    author = facts.request.author
    if author in facts.returned_by:
        yield PostViolation("warrant.editor", f"{author} returned an earlier revision, and may not be who edits it.")


def _time(facts: PostFacts) -> Iterator[PostViolation]:
    if facts.request.expires_at <= facts.now:
        yield PostViolation(
            "warrant.request_expired",
            f"The request expired at {facts.request.expires_at:%Y-%m-%d %H:%M:%S} UTC.",
        )


def _schedule(facts: PostFacts) -> Iterator[PostViolation]:
    request = facts.request
    if request.not_before is None:
        return
    if request.not_before > facts.now + CLOCK_SKEW:
        when = f"{request.not_before:%Y-%m-%d %H:%M:%S}"
        yield PostViolation("warrant.not_due", f"The request goes out at {when} UTC, and not before.")
    if request.submitted_posture != "routine" and not facts.control.in_crisis:
        yield PostViolation("warrant.stood_down", "It was scheduled in an emergency that has ended since.")


def _profile(facts: PostFacts) -> Iterable[PostViolation]:
    name = facts.profile_id
    if name == MIRROR:
        return ()  # the city's own website, no profile of anybody
    profile = facts.control.profiles.get(name)
    if profile is None:
        return (PostViolation("warrant.profile_unknown", f"There is no profile {name}."),)
    if profile.official and profile.purpose.strip() and profile.identification.strip() and profile.disclosure.strip():
        return ()
    return _lacks(profile, name)


def _lacks(profile: Profile, name: str) -> Iterator[PostViolation]:
    if not profile.official:
        yield PostViolation("warrant.profile_not_official", f"{name} is not an official profile.")
    statements = {
        "purpose": profile.purpose,
        "identification of the city": profile.identification,
        "disclosure": profile.disclosure,
    }
    missing = [what for what, text in statements.items() if not text.strip()]
    if missing:
        lacks = " and ".join(missing)
        yield PostViolation("warrant.profile_statements", f"{name} does not carry its {lacks} statement.")


def _targets(facts: PostFacts) -> Iterable[PostViolation]:
    if facts.profile_id == MIRROR:
        return _mirror(facts)
    found = []
    if facts.profile_id not in _set_of(facts.request.targets):
        found.append(PostViolation("warrant.not_a_target", f"{facts.profile_id} is not a target of the request."))
    if facts.verdict is not None and facts.profile_id not in _set_of(facts.verdict.targets):
        found.append(PostViolation("warrant.not_cleared_for", f"The verdict does not clear {facts.profile_id}."))
    return found


@by_identity(256)
def _set_of(targets: tuple[str, ...]) -> frozenset[str]:
    return frozenset(targets)


def _mirror(facts: PostFacts) -> Iterator[PostViolation]:
    """The website shows a message that goes to official profiles elsewhere (section 1, Transparency (i) and (ii))."""
    if facts.verdict is None or not facts.verdict.mirror:
        yield PostViolation("warrant.not_cleared_for", "The verdict does not clear the website's mirror.")
    profiles = [facts.control.profiles.get(name) for name in facts.request.targets]
    if not any(profile is not None and profile.official for profile in profiles):
        yield PostViolation("warrant.not_a_target", "The request goes to no official profile that it could mirror.")


_OF_MESSAGE: tuple[Check, ...] = (_realm, _verdict, _control, _editor, _time, _schedule)
_OF_PROFILE: tuple[Check, ...] = (_profile, _targets, content_violations, signature_violations)
