"""When a post that surely does not stand is tried again, pure: a value that the worker obeys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.kernel.fold.state import TargetState

BASE_SECONDS = 2.0
CAP_SECONDS = 300.0
LATE_CAP_SECONDS = 900.0
LATE_AFTER = 16
MOST_ATTEMPTS = 24
"""So many attempts of one message on one profile are called, over some three hours; then it failed, and a person has to
look.

A host that is away, or a credential that is refused, costs no attempts: these are asked for without one. Where only a
post shows that it is not let in, that attempt is never the last one. What was not
called, as the ledger was slow or another worker came first, is none of them.
"""
HIGHEST_NUMBER = 1_000_000
"""No worker of ours gives an attempt a higher one: those that were void are counted, too, and each is some seconds."""

LONGEST_WAIT_SECONDS = 300.0
"""No longer does a platform's own wish keep a message back: its clock may be wrong, and then it is looked at again."""
SPREAD = 0.25
"""How much of a delay is left to chance, so that profiles on one platform do not come back all at once."""

HOLD_SECONDS = 30.0
"""A post that waits longer leaves a copy's hands: the verdict is handed out again when it is due."""

CALL_STARTS_WITHIN = 1 / 3
"""The part of the lease in which a platform call may start; the rest is for its answer and the receipt."""


MOMENT = 0.001
"""What is left of a wait by less than this is no wait: so little is how its ends were rounded."""


@dataclass(frozen=True)
class DeliveryPace:
    """How often, and how soon, what did not stand is tried again; seconds.

    ``hold``: as HOLD_SECONDS. ``cap``: the longest delay between early attempts. ``most_attempts``: that are called
    on one profile. ``credential_look``: the least time until it is asked again whether a profile is let in.
    """

    hold: float = HOLD_SECONDS
    cap: float = CAP_SECONDS
    most_attempts: int = MOST_ATTEMPTS
    credential_look: float = 10.0


USUAL_PACE = DeliveryPace()


@dataclass(frozen=True)
class Again:
    """Try again ``delay`` seconds from now, at the time ``at`` (UTC)."""

    delay: float
    at: datetime


def again(
    number: int, after: float | None, now: datetime, expires_at: datetime, chance: float, cap: float = CAP_SECONDS
) -> Again:
    """Return when to try again after an attempt that surely did not post.

    The delay doubles with each attempt up to ``cap``, and late ones come less often still; the platform's own wish
    is granted up to LONGEST_WAIT_SECONDS. It never passes the expiry: what is then too late gets its receipt at that
    time.

    Args:
        number: how many attempts were called, from 1.
        after: the seconds that the platform asked for, if it did.
        now: the present time.
        expires_at: the end of the delivery.
        chance: a number from 0 to below 1.
        cap: the longest delay, in seconds; of late attempts LATE_CAP_SECONDS.
    """
    longest = cap if number <= LATE_AFTER else LATE_CAP_SECONDS
    grown = min(longest, BASE_SECONDS * 2.0 ** min(max(number, 1) - 1, 16))
    spread = 1.0 + SPREAD * chance
    delay = max(grown * spread, _granted((after or 0.0) * spread))
    left = max((expires_at - now).total_seconds(), 0.0)
    delay = min(delay, left)
    return Again(delay, now + timedelta(seconds=delay))


def soon(after: float | None, tries: int, chance: float) -> float:
    """Return the seconds to wait before the next try of one and the same attempt."""
    spread = 1.0 + SPREAD * chance
    return max(_granted((after or 0.0) * spread), 0.2 * 2.0 ** min(max(tries, 1) - 1, 8) * spread)


def soon_limited(after: float | None, tries: int, chance: float) -> float:
    """Return the same after the platform asked to wait: when it names no time to come, not at once."""
    return soon(after, tries + (0 if after else 3), chance)


def _granted(wish: float) -> float:
    return min(wish, LONGEST_WAIT_SECONDS)


def credential_look(lost: int, chance: float, least: float = USUAL_PACE.credential_look) -> float:
    """Return the seconds until it is asked again whether a profile is let in, when so many of a city are not.

    Ten seconds for a few; a hundred profiles ask once in five minutes each, which leaves two thirds of a host's 300
    requests in 5 minutes for posts. It is asked sooner when the credential's file was changed, or when another profile
    of the host is let in again (services.fanout.delivery.credentials).
    """
    return max(least, 3.0 * lost) * (1.0 + SPREAD * chance)


def look_again(over_for: float, ask_for: float) -> float | None:
    """Return the seconds after which to ask the platform once more how an open attempt ended; None: no more.

    Args:
        over_for: how long the attempt's lease has been over, in seconds.
        ask_for: how long to go on asking, in seconds.
    """
    return min(max(1.0, over_for / 2), 30.0) if over_for < ask_for else None


def may_start(age: float, lease: float) -> bool:
    """True when a platform call may start: the attempt is ``age`` seconds old, its lease ``lease`` long."""
    return 0.0 <= age < lease * CALL_STARTS_WITHIN


def seconds_left(until: datetime, since: datetime, now: datetime, folded_at: float, boot: float) -> float:
    """Return the seconds until a time; 0.0: it has come.

    They are no more than the whole wait, counted in boot-time seconds from when it was folded here: a clock that was
    put back by an hour keeps nothing waiting for an hour.

    Args:
        until: the time in UTC, by the clock of who wrote it.
        since: when the wait began, by the same clock.
        now: the present in UTC, by this machine's clock: by a later one, say the broker's, it waits for nothing.
        folded_at: when it was folded here, in boot-time seconds.
        boot: the present in boot-time seconds.
    """
    left = min((until - now).total_seconds(), (until - since).total_seconds() - (boot - folded_at))
    return left if left >= MOMENT else 0.0


def retry_left(target: TargetState, now: datetime, boot: float) -> float:
    """Return the seconds until a post that surely does not stand is tried again; ``now`` and ``boot`` as above."""
    receipt = target.receipt
    if receipt is None or receipt.retry_at is None:
        return 0.0
    return seconds_left(receipt.retry_at, receipt.at, now, target.receipt_folded_at, boot)


def numbered_by_nobody(target: TargetState) -> str:
    """Return why no attempt is made behind a number that no worker of ours gives; empty where there is none.

    The next number might have more digits than any reader takes but the process that wrote it (schemas.canonical): that
    one would post, and its attempt would count for nobody else.
    """
    if target.number < HIGHEST_NUMBER:
        return ""
    return "an attempt there has a number that no worker of OneVoice gives: withdraw the message, and publish it anew"
