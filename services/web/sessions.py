"""Who is signed in: sessions in memory, short, renewed by use; a restart of the pages ends them all."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.desk.views.timetext import local
from services.web.domain.language import LANGUAGES
from services.web.signing import Prepared

IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=12)
MOST = 2_000
"""WebSessions at most; the one that was used longest ago makes room."""


@dataclass
class WebSession:
    """One officer in one browser. ``number`` names it in the list; ``csrf`` is in each of its forms.

    ``acted`` is when its last form was answered (boot-time seconds): no page that was begun before is shown to it.
    """

    officer: str
    credential: str
    passkey: str
    began: datetime
    used: datetime
    language: str = LANGUAGES[0]
    number: str = field(default_factory=lambda: secrets.token_hex(6))
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    acted: float = float("-inf")
    prepared: dict[str, Prepared] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)
    """By message, the secret of the consultation copy that was made here."""

    def ends(self) -> datetime:
        """Return when it ends, if it is not used again."""
        return min(self.used + IDLE, self.began + LONGEST)

    def ends_at_clock(self) -> str:
        """Return when it ends as a clock in the city shows it."""
        return local(self.ends(), self.ends())

    def can_stay(self) -> bool:
        """True while using it puts off its end."""
        return self.used + IDLE < self.began + LONGEST

    def is_over(self, now: datetime) -> bool:
        """True when it was not used for too long, or has lasted too long."""
        return now >= self.ends()


class WebSessions:
    """All sessions, by the hash of the secret that the browser's cookie holds."""

    def __init__(self) -> None:
        self._known: dict[str, WebSession] = {}

    def begin(self, session: WebSession) -> str:
        """Keep a session; return the secret for the cookie."""
        self._known = {key: one for key, one in self._known.items() if not one.is_over(session.began)}
        if len(self._known) >= MOST:
            del self._known[min(self._known, key=lambda key: self._known[key].used)]
        secret = secrets.token_urlsafe(32)
        self._known[_hash(secret)] = session
        return secret

    def find(self, secret: str, now: datetime) -> WebSession | None:
        """Return the session of a secret, unless it is over."""
        found = self._known.get(_hash(secret)) if secret else None
        return None if found is None or found.is_over(now) else found

    def of(self, officer: str, now: datetime) -> list[WebSession]:
        """Return an officer's sessions, the newest first."""
        found = [one for one in self._known.values() if one.officer == officer and not one.is_over(now)]
        return sorted(found, key=lambda one: one.began, reverse=True)

    def end(self, officer: str, number: str) -> None:
        """End one session of an officer."""
        self._known = {key: one for key, one in self._known.items() if (one.officer, one.number) != (officer, number)}


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
