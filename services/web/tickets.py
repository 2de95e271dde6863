"""What was asked of browsers that are not signed in: it goes out and comes back sealed, and takes no place here.

So nobody who asks again and again pushes out what others are about to sign. Only what was signed is remembered.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from schemas.events.passkeys import credential_id
from services.web.domain.sign_in import SignIn
from services.web.signing import KEPT_SECONDS, late


class SignInTickets:
    """Seals what is to be signed to sign in, with a key of this process; each counts once, for two minutes."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._used: dict[str, float] = {}

    def sealed(self, asked: SignIn, now: float) -> str:
        """Return what a browser sends back with its signature."""
        said = f"{round((now + KEPT_SECONDS) * 1_000)}.{credential_id(asked.to_bytes())}"
        return f"{said}.{self._seal(said)}"

    def opened(self, ticket: str, now: float) -> SignIn:
        """Return what was to be signed; raises BadInput ``sign.late``."""
        said, _, seal = ticket.rpartition(".")
        if not secrets.compare_digest(seal.encode("utf-8", "replace"), self._seal(said).encode()):
            raise late()
        until, _, word = said.partition(".")
        if int(until) <= now * 1_000:
            raise late()
        return SignIn.from_bytes(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))

    def use(self, asked: SignIn, now: float) -> None:
        """Have what was signed count once; raises BadInput ``sign.late``."""
        self._used = {nonce: until for nonce, until in self._used.items() if until > now}
        if asked.nonce in self._used:
            raise late()
        self._used[asked.nonce] = now + KEPT_SECONDS

    def _seal(self, said: str) -> str:
        return credential_id(hmac.digest(self._key, said.encode("utf-8", "replace"), hashlib.sha256))
