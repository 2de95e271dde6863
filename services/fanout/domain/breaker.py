"""A circuit breaker for one platform host, pure: the time is an argument, in seconds that only grow.

It opens after several failures of the host in a row: no connection, no answer, a 5xx. An answer of any other kind, a
refusal too, is a sign of life and closes it. While it is open deliveries wait without an attempt on record; one at a
time may try. It holds back new attempts only: how an open attempt ended is found out as ever, so a breaker never
turns an unknown outcome into a repeat.

A profile that did not fail itself may try at once: the trouble of its neighbours need not be the host's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PROBE_LOST_SECONDS = 30.0
"""After so long a trial that nobody reported on counts as over: twice a lease."""


@dataclass(frozen=True)
class Rules:
    """``failures`` in a row open it. Times in seconds.

    ``first`` is the pause before the first trial, doubled after each that fails up to ``longest``. ``alone`` is how
    long a trial keeps a profile waiting that did not fail itself.
    """

    failures: int = 5
    first: float = 2.0
    longest: float = 30.0
    alone: float = 0.25


RULES = Rules()
"""Ours, not a platform's: five calls of one attempt, or of five profiles; half a minute is what a city can wait."""


@dataclass(frozen=True)
class Pass:
    """Go on. ``trial``: the breaker is open, and this one finds out; ask the host something harmless first."""

    trial: bool = False


@dataclass(frozen=True)
class Stop:
    """Come again after ``seconds``."""

    seconds: float


@dataclass
class _Trial:
    who: str
    began: float


@dataclass
class Breaker:
    """The state of one host. ``who`` is a profile's id throughout."""

    rules: Rules = RULES
    failures: int = 0
    last_reason: str = ""
    last_who: str = ""
    last_asked: float = 0.0
    _failed: set[str] = field(default_factory=set)
    _until: float | None = None
    _pause: float = 0.0
    _trial: _Trial | None = None

    @property
    def is_open(self) -> bool:
        """True while deliveries wait."""
        return self._until is not None

    def is_idle(self, now: float) -> bool:
        """True when it is open, the next trial is due, and nobody has anything to try with."""
        return self._until is not None and now >= max(self._until, self.last_asked + PROBE_LOST_SECONDS)

    def ask(self, who: str, now: float) -> Pass | Stop:
        """Return whether a new attempt may be made. After a trial's Pass, say how it ended, or ``gave_up``."""
        self.last_asked = now
        if self._until is None:
            return Pass()
        fresh = who not in self._failed
        if self._trial is not None and self._trial.who != who:
            over = self._trial.began + (self.rules.alone if fresh else PROBE_LOST_SECONDS)
            if now < over:
                return Stop(min(over - now, self.rules.first))
        if not fresh and now < self._until:
            return Stop(self._until - now)
        self._trial = _Trial(who, now)
        return Pass(trial=True)

    def failed(self, who: str, now: float, reason: str) -> bool:
        """Note a failure of the host; True when this one opened it."""
        self.failures += 1
        self.last_reason, self.last_who = reason, who
        first_of_it = who not in self._failed
        self._failed.add(who)
        tried = self._ends(who)
        if self._until is None:
            if self.failures < self.rules.failures:
                return False
            self._pause = self.rules.first
            self._until = now + self._pause
            return True
        if tried and not first_of_it:
            self._pause = min(self._pause * 2.0, self.rules.longest)
            self._until = now + self._pause
        return False

    def answered(self, who: str) -> bool:
        """Note a sign of life; True when this one closed it."""
        was_open = self.is_open
        self.failures = 0
        self._failed.discard(who)
        self._until = self._trial = None
        return was_open

    def gave_up(self, who: str) -> None:
        """Note that a trial ended without having asked the host for anything."""
        self._ends(who)

    def _ends(self, who: str) -> bool:
        mine = self._trial is not None and self._trial.who == who
        if mine:
            self._trial = None
        return mine
