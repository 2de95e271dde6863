"""What waits for a signature: a statement that was made here, and where it goes once a passkey has signed it.

The challenge is the hash of the statement itself, so what comes back from a browser can sign that statement and no
other; these pages have no key, and each service that gets the statement verifies the signature by itself.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from aiohttp import web
from pydantic import ValidationError

from schemas.events.base import Contract
from schemas.events.envelope import Envelope
from schemas.events.passkeys import credential_id
from services.kernel.authority.passkeys import challenge_of, with_assertion
from services.kernel.base.errors import BadInput

KEPT_SECONDS = 120.0
MOST = 8
"""Statements that wait for a signature in one session; the oldest makes room."""

LONGEST_PART = 8_192

STRANGERS = 500
"""The same, of all who enrol by a one-time link."""

Finish = Callable[[Envelope], Awaitable[str]]


@dataclass(frozen=True)
class Prepared:
    """A statement that waits for its signature; ``finish`` sends it on, and returns where the browser goes then."""

    payload_type: str
    statement: Contract
    finish: Finish
    until: float


class AwaitedAnswer(Protocol):
    """What waits for a browser's answer, ``until`` a time of the clock that only grows."""

    @property
    def until(self) -> float:
        """When it is too late."""
        ...


One = TypeVar("One", bound=AwaitedAnswer)


def keep(waiting: dict[str, One], one: One, now: float, most: int = MOST) -> str:
    """Keep what waits for an answer; return the id by which the answer comes back."""
    for late in [key for key, known in waiting.items() if known.until <= now]:
        del waiting[late]
    while len(waiting) >= most:
        del waiting[next(iter(waiting))]
    key = secrets.token_urlsafe(16)
    waiting[key] = one
    return key


def take(waiting: dict[str, One], key: str, now: float) -> One:
    """Return what waits under an id, once; raises BadInput ``sign.late``."""
    found = waiting.pop(key, None)
    if found is None or found.until <= now:
        raise late()
    return found


def late() -> BadInput:
    """Return the error for an answer that comes too late, or for the second time."""
    return BadInput("sign.late", "what was to be signed is too old; nothing was sent", "Press the button again.")


def asked_of_browser(
    payload_type: str, statement: Contract, rp_id: str, credentials: tuple[str, ...], then: str
) -> web.Response:
    """Return what the page's script needs to have a statement signed, and where the signature goes."""
    challenge = challenge_of(payload_type, statement.to_bytes())
    get = {"challenge": credential_id(challenge), "rpId": rp_id, "allow": list(credentials)}
    return web.json_response({"get": get, "then": then})


def signed(payload_type: str, statement: Contract, form: Mapping[str, Any]) -> Envelope:
    """Return the statement with what the browser answered; raises BadInput ``sign.malformed``."""
    try:
        return with_assertion(
            payload_type,
            statement,
            credential=part(form, "credential"),
            authenticator_data=part(form, "authenticator_data"),
            client_data=part(form, "client_data"),
            signature=part(form, "signature"),
        )
    except ValidationError as error:
        raise malformed() from error


def part(form: Mapping[str, Any], name: str) -> bytes:
    """Return a part of a browser's answer (base64url without padding); raises BadInput ``sign.malformed``."""
    text = form.get(name)
    if not isinstance(text, str) or not text or len(text) > LONGEST_PART:
        raise malformed()
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise malformed() from error


def malformed() -> BadInput:
    """Return the error for a browser's answer that makes no sense."""
    return BadInput("sign.malformed", "the browser's answer cannot be read; nothing was sent", "Try again.")
