"""The common part of connectors whose platform takes a message and shows nothing of it afterwards: webhooks, bots.

What was sent and not answered cannot be looked for. Unless the receiver tells repeats apart by the key, a person
decides (``onevoice resolve``), and nothing is sent again before that.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path

from schemas.events.authority import Profile
from services.fanout.connectors.calls.http import Answer, Http, Outcome
from services.fanout.connectors.calls.refusals import MOVED, refusal
from services.fanout.connectors.contract import (
    CannotTell,
    Cause,
    FetchMedia,
    Health,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    ReconcileResult,
    RetractResult,
    Retryable,
    Unknown,
)
from services.fanout.connectors.credentials.tokens import TokenFault, token_of
from services.fanout.connectors.one_at_a_time import CHECK_SECONDS, SHARE, OneAtATime

REFUSED_SECONDS = 300.0
"""How long a credential that was refused is not tried again, unless it is another by then."""


class SendOnlyConnector(OneAtATime):
    """Sends with a profile's credential; ``token_path`` is where it lies. Subclasses say how a message is sent."""

    _moved = MOVED

    def __init__(self, token_path: Callable[[str], Path], *, connections: int = 128) -> None:
        super().__init__()
        self._token_path = token_path
        self._http = Http(connections)
        self._refused: dict[str, tuple[str, float, str]] = {}
        self._asked_to_wait: dict[str, float] = {}

    @abstractmethod
    async def _send(self, intent: Intent, credential: str, deadline: float, fetch_media: FetchMedia) -> PublishResult:
        """Send it once; ``deadline`` is the loop's time."""

    @abstractmethod
    async def _check(self, profile: Profile, credential: str, deadline: float) -> Health:
        """Ask what can be asked without posting; raises TokenFault for a credential of another form."""

    async def _publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        deadline = asyncio.get_running_loop().time() + intent.call_timeout * SHARE
        try:
            credential = await token_of(self._token_path(intent.profile.id))
            result = await self._send(intent, credential, deadline, fetch_media)
        except TokenFault as fault:
            return Retryable(str(fault), cause=Cause.OWN)
        if isinstance(result, Retryable) and result.cause is Cause.CREDENTIAL:
            until = self._clock.monotonic() + REFUSED_SECONDS
            self._refused[intent.profile.id] = credential, until, result.reason
        if isinstance(result, Unknown) and result.after:
            self._asked_to_wait[intent.profile.id] = self._clock.monotonic() + result.after
        return result

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Say what this process knows to stand: the platform shows nothing. A wait that it asked for goes on."""
        left = self._asked_to_wait.get(intent.profile.id, 0.0) - self._clock.monotonic()
        unknown = CannotTell("the platform does not show what was sent to it", after=left if left > 0 else None)
        return self._flights.posted_before(intent) or unknown

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Refuse: what was sent cannot be taken back."""
        return Permanent("the platform takes nothing back: send a correction, or ask those who manage the place")

    async def check(self, profile: Profile) -> Health:
        """Say whether the credential is there and was not refused a moment ago, and ask what can be asked."""
        try:
            credential = await token_of(self._token_path(profile.id))
            refused = self._refused.get(profile.id)
            if refused is not None and refused[0] == credential and self._clock.monotonic() < refused[1]:
                return Health(False, refused[2], Cause.CREDENTIAL)
            return await self._check(profile, credential, asyncio.get_running_loop().time() + CHECK_SECONDS)
        except TokenFault as fault:
            return Health(False, str(fault), Cause.OWN)

    async def close(self) -> None:
        """Close all connections."""
        await self._http.close()

    def _failed(self, outcome: Outcome) -> Retryable | Permanent | Unknown:
        """Say what a call that did not succeed means."""
        return refusal(outcome, self._clock, self._moved)


def with_pictures_in_words(intent: Intent) -> tuple[str, str]:
    """Return the text with each picture's description after it, and a note that says so; for who takes no pictures."""
    alts = [f"Picture: {picture.alt}" for picture in intent.content.pictures]
    note = f"{len(alts)} pictures are given in words" if len(alts) > 1 else "the picture is given in words"
    return "\n\n".join([*intent.content.parts, *alts]), note if alts else ""


def delivered(intent: Intent, note: str = "") -> Posted:
    """Return what is known where the platform names nothing: its id is the key."""
    return Posted("", intent.idempotency_key, note)


def credential_refused(outcome: Answer, why: str) -> Retryable:
    """Return that a person has to fix the credential; surely nothing was posted."""
    return Retryable(f"{why}: {outcome.words}", cause=Cause.CREDENTIAL)


def is_page(outcome: Answer) -> bool:
    """True for a page of a proxy, say, instead of the platform's own answer.

    The header alone does not say it: PHP, Flask and Django name all that they answer HTML.
    """
    named = "html" in outcome.headers.get("Content-Type", "").lower()
    return named and outcome.body is None and not outcome.line and not outcome.empty
