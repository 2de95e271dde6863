"""How a passkey comes to an officer: by a one-time link, and by a statement that the new passkey signs itself.

Also what a person's browser signs beside approvals, orders and resolutions: a submission.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from schemas.events.authority import Realm
from schemas.events.base import Contract, Id, Sha256, Utc
from schemas.events.passkeys import Passkey, WebPlace
from schemas.events.requests import SubmissionEvent

Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""The secret of a one-time link: 32 random bytes in base64url without padding."""


class Enrolment(Contract):
    """What a new passkey signs: that it is to be this officer's. ``token`` is the link's, spent by this.

    DSSE with an ``Assertion`` by ``passkey`` itself, so that no passkey comes on record that cannot sign.
    """

    realm: Realm
    officer: Id
    token: Token
    passkey: Passkey
    issued_at: Utc
    expires_at: Utc


class SubmissionStatement(Contract):
    """What an officer's passkey signs to submit a message from a browser: the very event, as ``officer`` writes it.

    The request's id is that of the same event sent by the officer from the desk, so a repeat finds itself.
    """

    realm: Realm
    officer: Id
    event: SubmissionEvent
    issued_at: Utc
    expires_at: Utc
    nonce: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class BrowserPreview(Contract):
    """What the web service asks intake in an officer's name: what a submission would become. Nothing is stored."""

    officer: Id
    event: SubmissionEvent


class InviteView(WebPlace):
    """A one-time link that was not used yet: ``token_sha256`` is the hash of its token's characters."""

    token_sha256: Sha256
    officer: Id
    invited_by: Id
    until: Utc
