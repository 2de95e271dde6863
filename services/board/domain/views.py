"""Views of one request, as people are shown it, made from the fold. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from heapq import nsmallest

from schemas.events.authority import Profile
from schemas.events.dead import DeadLetterView
from schemas.events.desk import DeliveryView, RequestView
from schemas.events.requests import Request
from schemas.events.shown import DONE, LOOK_FIRST, DeliveryCounts, PostWait
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR, WEBSITE
from services.kernel.fold.state import RequestState, TargetState, set_of


def request_view(
    state: RequestState,
    profiles: Mapping[str, Profile],
    *,
    withdrawn: bool,
    as_of: int,
    replaced_by: str | None = None,
    dead_letters: tuple[DeadLetterView, ...] = (),
    put_aside: DeadLetterView | None = None,
    waits: Collection[PostWait] = (),
    most: int | None = None,
    bare: bool = False,
) -> RequestView:
    """Return a request with its verdict and how it is on each profile.

    Args:
        state: what the fold holds of it.
        profiles: what control knows of each profile.
        withdrawn: whether it was taken back.
        replaced_by: its cleared correction or recall.
        as_of: the sequence up to which the ledger is folded.
        letters: the open ones that hold it up.
        put_aside: the one by which the work on its verdict was put aside.
        waits: what posts of it wait for.
        most: so many deliveries at most, those that need a look first; None: all, in the request's order.
        bare: without renderings.
    """
    names, counts = _shown(state, put_aside, most)
    return RequestView(
        request=_bare(state.request) if bare else state.request,
        request_seq=state.seq,
        verdict=state.verdict,
        verdict_seq=state.verdict_seq,
        deliveries=tuple(_with_dead_letter(view, put_aside) for view in _deliveries(state, names, profiles, waits)),
        withdrawn=withdrawn,
        replaced_by=replaced_by,
        dead_letters=dead_letters,
        as_of=as_of,
        previous=_bare(state.previous) if bare and state.previous is not None else state.previous,
        counts=counts,
    )


def _bare(request: Request) -> Request:
    return request.model_copy(update={"renderings": ()})


def _shown(
    state: RequestState, put_aside: DeadLetterView | None, most: int | None
) -> tuple[Iterable[str], DeliveryCounts | None]:
    """Return whose deliveries are shown, and how many there are; without making a view of each of a thousand."""
    if state.verdict is None:
        return (), None if most is None else DeliveryCounts(every=0, done=0)
    known = (*state.request.targets, *state.wanted, *state.targets)
    names = dict.fromkeys(known if state.targets or state.is_cleared else ())  # else there is nothing on any
    if most is None:
        return names, None
    outcomes = {name: said for name in names if (said := outcome_on(name, state, put_aside)) is not None}
    mirror = [MIRROR] if outcomes.pop(MIRROR, None) else []
    done = sum(outcomes.get(name) in DONE for name in dict.fromkeys(state.verdict.targets))
    places = ((LOOK_FIRST.get(said, len(LOOK_FIRST)), name) for name, said in outcomes.items())
    unconfirmed = sum(said == "unconfirmed" for said in outcomes.values())
    first = nsmallest(max(most, unconfirmed), places)
    return [*(name for _, name in first), *mirror], DeliveryCounts(every=len(outcomes), done=done)


def outcome_on(profile: str, state: RequestState, put_aside: DeadLetterView | None) -> str | None:
    """Return the outcome that a profile's delivery is shown with; None where there is nothing to show."""
    target = state.targets.get(profile)
    if target is not None and target.is_open:
        said, final = "posting", False
    elif target is not None and target.receipt is not None:
        said, final = str(target.receipt.outcome), target.receipt.final
    elif _is_queued(profile, state):
        said, final = "queued", False
    else:
        return None
    return "put_aside" if put_aside is not None and not final and put_aside.state != "failed_again" else said


def _is_queued(profile: str, state: RequestState) -> bool:
    return state.is_cleared and profile in set_of(state.wanted)


def _deliveries(
    state: RequestState, names: Iterable[str], profiles: Mapping[str, Profile], waits: Collection[PostWait]
) -> list[DeliveryView]:
    found = [delivery_view(name, _platform(name, profiles), state) for name in names]
    named, others = {name: wait for wait in waits for name in wait.profiles}, _of_others(waits)
    return [_waiting(view, named.get(view.profile), others) for view in found if view is not None]


def _of_others(waits: Collection[PostWait]) -> PostWait | None:
    """Return, in words that say so, what posts wait for that no wait names; of several waits that of the most."""
    left = {wait.posts - len(wait.profiles): wait for wait in waits}
    most = max(left, default=0)
    said = f"it may be one of {most} more posts that wait: {left[most].reason}" if most else ""
    return left[most].model_copy(update={"reason": said}) if most else None


def _waiting(view: DeliveryView, wait: PostWait | None, others: PostWait | None) -> DeliveryView:
    """Return a delivery's view that says what it waits for; ``others``: what a queued one may wait for."""
    if wait is None and view.outcome == "queued" and view.profile != MIRROR:
        wait = others
    if wait is None or view.final or view.outcome == "posting":
        return view
    return view.model_copy(update={"reason": wait.reason, "retry_at": wait.until})


def delivery_view(profile: str, platform: str, state: RequestState) -> DeliveryView | None:
    """Return how it is on one profile: not yet to be posted (None), queued, posting, or its newest receipt."""
    target = state.target(profile)
    if target.is_open:
        reason = "its lease is over, and it is not known yet how it ended" if target.lapsed else ""
        return DeliveryView(
            profile=profile, platform=platform, outcome="posting", reason=reason, receipt_seq=target.receipt_seq
        )
    if target.receipt is not None:
        return _of_receipt(profile, platform, target)
    return DeliveryView(profile=profile, platform=platform, outcome="queued") if _is_queued(profile, state) else None


def _of_receipt(profile: str, platform: str, target: TargetState) -> DeliveryView | None:
    receipt = target.receipt
    if receipt is None:
        return None
    return DeliveryView(
        profile=profile,
        platform=platform,
        outcome=str(receipt.outcome),
        url=receipt.url,
        reason=receipt.reason,
        final=receipt.final,
        receipt_seq=target.receipt_seq,
        retry_at=None if receipt.final else receipt.retry_at,
    )


def _platform(name: str, profiles: Mapping[str, Profile]) -> str:
    if name == MIRROR:
        return WEBSITE
    known = profiles.get(name)
    return known.platform if known else "unknown"


def _with_dead_letter(view: DeliveryView, letter: DeadLetterView | None) -> DeliveryView:
    """Return a delivery's view that says when the work on its verdict was put aside, unless it has ended otherwise."""
    if letter is None or view.final or letter.state == "failed_again":
        return view
    if letter.state == "dropped":
        said = f"dropped by {letter.officer}: {letter.said}"
    else:
        said = f"{letter.reason} (onevoice dead again {letter.letter})"
    return view.model_copy(update={"outcome": "put_aside", "url": None, "reason": said})


def is_pending(state: RequestState) -> bool:
    """True when a request still waits for something: a verdict, an approval, a delivery, or a person's look."""
    if state.has_unconfirmed:
        return True
    if state.verdict is None or state.verdict.outcome is Outcome.BLOCKED:
        return True
    return state.is_cleared and not state.is_delivered


def page_key(state: RequestState) -> str:
    """Return a request's place in ``pending`` as text; keys compare as the requests are ordered."""
    severity, crisis, seq = state.priority
    return f"{severity}.{crisis}.{seq:020d}"
