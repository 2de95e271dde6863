"""What a server's refusal means for something that a call should have done. All connectors use it.

Who spoke matters as much as the status: only what the platform itself says of the message is the message's end. What a
person or time can mend holds it back.
"""

from __future__ import annotations

import re

from services.fanout.connectors.calls import words
from services.fanout.connectors.calls.hiding import place_of, without
from services.fanout.connectors.calls.http import WORDS, Answer, NoAnswer, NotSent, Outcome
from services.fanout.connectors.calls.waits import wait_of
from services.fanout.connectors.contract import CannotTell, Cause, Permanent, Retryable, Unknown
from services.kernel.base.clock import Clock

NO_SCOPE = "the credential lacks a scope"
"""How the reason begins when a credential may not do this, and never will."""
MOVED = "change its address in city.toml"
"""What a person does about an address that has moved."""
_NOT_NOW = "the login may not post now"
_TWICE = re.compile(
    r"\bduplicate|already (?:been )?(?:posted|published|taken|said|exists|received|processed)\b", re.IGNORECASE
)
_NEVER_OF_A_MESSAGE = frozenset({405, 407, 411, 417, 418, 421, 423, 425, 426, 428, 431, 499})
"""About the way that a request came, or about the moment, whatever it says (RFC 9110; RFC 8470; nginx; walls say 418).
"""
_TOO_MANY = frozenset({420, 429})
"""RFC 6585, and what services said before it."""
_TOO_LARGE = frozenset({413, 414})
"""Its limit is one of size, however it is worded."""
_NO_WAIT = frozenset({401, 402, 408, 409})
"""Time mends no credential; a time-out of the server and a conflict may be of what this call, or one before, has done.
"""


def refusal(outcome: Outcome, clock: Clock, moved: str = MOVED) -> Retryable | Permanent | Unknown:
    """Say what an outcome other than success means for something that the call should have done.

    ``moved``: what a person does about an address that has moved.

    A redirect is about the address in our settings, a page that is no JSON is a proxy's or a gateway's, a scope and a
    401 are about the credential: a person can fix each; the message is held. Where a wait is asked for, or too many
    requests are spoken of, time mends it. Only what the platform itself says, in JSON, is the message's end.
    """
    if isinstance(outcome, NotSent):
        return Retryable(outcome.reason, cause=Cause.HOST)
    if isinstance(outcome, NoAnswer):
        return Unknown(outcome.reason, Cause.HOST)
    if _asks_to_wait(outcome):
        return Retryable(f"too many requests: {outcome.words}", after=wait_asked(outcome, clock))
    if outcome.status == 401 or _refuses_the_token(outcome):
        return Retryable(f"the platform refuses the credential: {outcome.words}", cause=Cause.CREDENTIAL)
    if _lacks_scope(outcome):
        return Retryable(f"{NO_SCOPE}: {outcome.words}", cause=Cause.CREDENTIAL)
    if _login_is_closed(outcome):
        return Retryable(f"{_NOT_NOW}: {outcome.words}", cause=Cause.CREDENTIAL)
    if 300 <= outcome.status < 400 and outcome.status != 303:  # 303 follows something that was done
        return Retryable(f"the server has moved{_to(outcome)}: {moved}", cause=Cause.OWN)
    if outcome.status == 402:
        return Retryable(f"the account there has to be paid for: {outcome.words}", cause=Cause.CREDENTIAL)
    if outcome.status == 409:
        # A server that knows keys says so while the first request with this key is under way, or is done; a page, too.
        return Unknown(f"the server says that it conflicts with something: {outcome.words}")
    if 400 <= outcome.status < 500 and outcome.status != 408:
        if _is_a_proxys(outcome):
            return Retryable(f"what is before the server refused it: {outcome.words}", cause=Cause.HOST)
        return Permanent(outcome.words)
    if outcome.status < 300:
        said = outcome.words if outcome.told else f"(HTTP {outcome.status})"
        return Unknown(f"the server answered with something that is not its own: {said}", Cause.HOST)
    reason = f"the server failed after the request was sent: {outcome.words}"
    return Unknown(reason, Cause.HOST, after=wait_asked(outcome, clock))


def cause_of(outcome: Outcome) -> Cause | None:
    """Return whose trouble it is that an outcome does not say what was asked."""
    if not isinstance(outcome, Answer):
        return Cause.HOST
    if _asks_to_wait(outcome):
        return Cause.LIMIT
    if outcome.status in (401, 402) or _refuses_the_token(outcome):
        return Cause.CREDENTIAL
    if _lacks_scope(outcome) or _login_is_closed(outcome):
        return Cause.CREDENTIAL
    if 300 <= outcome.status < 400:
        return Cause.OWN
    return Cause.HOST if _is_a_proxys(outcome) or outcome.status >= 500 or outcome.status < 300 else None


def cannot_tell(reason: str, outcome: Outcome, clock: Clock) -> CannotTell:
    """Say that a look ended without an answer to it; whose trouble it is and how long to wait follow the outcome."""
    return CannotTell(reason, cause_of(outcome), after=wait_asked(outcome, clock))


def wait_asked(outcome: Outcome, clock: Clock) -> float | None:
    """Return the seconds that a refusal for now (4xx, 503) asks to wait, capped; None: it does not say."""
    if not isinstance(outcome, Answer) or not (400 <= outcome.status < 500 or outcome.status == 503):
        return None
    return wait_of(outcome.headers, clock.now(), outcome.status)


def has_it_already(outcome: Outcome) -> bool:
    """True where a server refuses what it says to have already: it may be this very message."""
    return isinstance(outcome, Answer) and outcome.status in (400, 403, 409, 422) and bool(_TWICE.search(outcome.told))


def _asks_to_wait(outcome: Answer) -> bool:
    """True where it was not done, and time mends it: 429, or a 4xx that names a wait or too many requests."""
    if outcome.status in _TOO_MANY:
        return True
    if not 400 <= outcome.status < 500 or outcome.status in _NO_WAIT or words.is_of_the_message(outcome):
        return False
    if any(name.lower() in ("retry-after", "x-retry-after") for name in outcome.headers):
        return True
    said = words.said(outcome)
    rate = outcome.status not in _TOO_LARGE and words.RATE.search(said) is not None
    return rate or (outcome.status in (400, 403) and words.LATER.search(said) is not None)


def _refuses_the_token(outcome: Answer) -> bool:
    if 400 <= outcome.status < 500 and "invalid_token" in _challenge(outcome):
        return True
    return _says(outcome, words.TOKEN, frozenset({400, 403, 404, 406, 410, 422}))


def _challenge(outcome: Answer) -> str:
    """Return what RFC 6750 has a server say of a token, in words that no language changes."""
    return str(outcome.headers.get("WWW-Authenticate", ""))


def _is_a_proxys(outcome: Answer) -> bool:
    """True where what is before the server answered: a page, or JSON of a firewall, of Cloudflare or of a gateway.

    Also where the server itself says that it is away. Platforms give their reasons in an object of JSON.
    """
    if outcome.body is None or "cf-mitigated" in outcome.headers or outcome.status in _NEVER_OF_A_MESSAGE:
        return True
    if words.is_of_the_message(outcome):
        return False
    if not isinstance(outcome.body, dict):
        return not words.names_the_message(outcome)
    return outcome.status in (400, 403, 404, 406) and words.is_a_walls(outcome, outcome.body)


def _lacks_scope(outcome: Answer) -> bool:
    """True where the credential may not do this (RFC 6750, and what servers say)."""
    return outcome.status == 403 and (
        words.SCOPE.search(_challenge(outcome)) is not None or _says(outcome, words.SCOPE, frozenset({403}))
    )


def _login_is_closed(outcome: Answer) -> bool:
    return _says(outcome, words.LOGIN, frozenset({403}))


def _says(outcome: Answer, what: re.Pattern[str], statuses: frozenset[int]) -> bool:
    """True where one of these statuses says it, and not of the message."""
    return (
        outcome.status in statuses
        and what.search(words.said(outcome)) is not None
        and not words.is_of_the_message(outcome)
    )


def _to(outcome: Answer) -> str:
    named = "".join(c for c in str(outcome.headers.get("Location", "")) if c.isprintable())
    place = without(place_of(named), outcome.hidden)[:WORDS]
    return f" to {place}" if place else f" (HTTP {outcome.status})"
