"""What the connectors of social networks have alike: at the login, before a repeat, of threads, and of answers."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from services.fanout.connectors.calls.http import Answer, Outcome
from services.fanout.connectors.calls.refusals import refusal
from services.fanout.connectors.calls.words import is_of_the_message
from services.fanout.connectors.contract import (
    CannotTell,
    Cause,
    HandedOver,
    Intent,
    Permanent,
    Posted,
    Retryable,
    Unknown,
)
from services.kernel.base.clock import Clock

OTHER_TEXT = "the platform shows the text otherwise than it was approved"
NOT_OURS = Permanent("what it answers is not a post of this platform")
GONE = Permanent("the post that it answers is not there, or this profile may not see it", gone=True)


def not_let_in(why: Retryable | Permanent | Unknown) -> CannotTell:
    """Say that a look ended at the login."""
    if isinstance(why, Permanent):
        return CannotTell(why.reason)
    return CannotTell(why.reason, why.cause, why.after)


def not_seen(found: CannotTell) -> Retryable:
    """Say that nothing was sent, since what is there already cannot be seen; each later call looks first as well."""
    return Retryable(f"what is there cannot be seen: {found.reason}", found.after, cause=found.cause or Cause.HOST)


def stopped(
    result: Retryable | Permanent | Unknown, begun: Posted | None, taken: int, parts: int
) -> Retryable | Permanent | Unknown:
    """Say what it means that a part was not taken: what is before it (``taken`` of ``parts``) is named."""
    if isinstance(result, Unknown) or begun is None:
        return result
    reason = f"{taken} of {parts} parts are posted: {result.reason}"
    if isinstance(result, Permanent):
        return Permanent(reason, begun=begun)
    return Retryable(reason, result.after, begun=begun, cause=result.cause)


def answered(intent: Intent) -> str:
    """Return the address that an intent answers; of what follows an answer, the one that the answer had.

    For connectors that do not declare ``reply``: their ``Intent.follows`` is an address.
    """
    return intent.content.answers or intent.follows


def not_told_whose(outcome: Outcome, why: Retryable | Permanent | Unknown, cause: Cause) -> Retryable | Permanent:
    """Say what it means that a platform does not say whose a credential is; nothing was to be posted by that yet.

    Only an account that posts no more is the end of a message. Else a person mends it: ``cause`` says what.
    """
    if isinstance(why, Permanent):
        ended = isinstance(outcome, Answer) and is_of_the_message(outcome)
        return why if ended else Retryable(f"it does not say whose the credential is: {why.reason}", cause=cause)
    return why if isinstance(why, Retryable) else Retryable(why.reason, why.after, cause=why.cause or Cause.HOST)


def is_gone(outcome: Outcome, clock: Clock) -> bool:
    """Say whether the platform itself says that there is no such thing.

    A page, or an error in a gateway's form, says nothing of it: what is before the server answers so, too.
    """
    if not isinstance(outcome, Answer) or outcome.status not in (404, 410) or not isinstance(outcome.body, dict):
        return False
    return isinstance(refusal(outcome, clock), Permanent)


def has_it_somewhere(why: str) -> HandedOver:
    """Say that a repeat was refused as a duplicate of what is not shown: an earlier call's post, most likely.

    A listing may lag by hours, and time alone shows nothing where the words are an older message's: a person looks.
    """
    return HandedOver(
        f"it may be public or not: {why}; please look at the profile, and publish it in other words if not"
    )


def on_hold(why: CannotTell) -> Retryable:
    """Say that nothing was sent, since what it answers cannot be looked up now."""
    return Retryable(why.reason, why.after, cause=why.cause or Cause.HOST)


def joined(*notes: str) -> str:
    """Return notes as one, without those that are empty."""
    return "; ".join(filter(None, notes))


def split_on(address: str, *sites: str) -> SplitResult | None:
    """Return the parts of an address that is on one of these sites (scheme and host); None for any other."""
    try:
        split = urlsplit(address)
    except ValueError:
        return None
    here = (split.scheme, split.netloc.lower())
    return split if any(here == urlsplit(site.lower())[:2] for site in sites) else None
