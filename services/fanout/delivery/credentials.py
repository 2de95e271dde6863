"""Profiles that their platform does not let in: reported loudly, and asked for again without an attempt on record."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from schemas.platforms import MIRROR
from services.fanout.connectors.credentials.renewed import renewed_path
from services.kernel.runtime.service import Runtime

SHOWN = 3
_KEY = "credentials"

AT_A_TIME = 3
"""So many others are asked for at once when one is let in again, and as many more for each of them that is: what was
mended for a hundred profiles at a stroke is found in five rounds, and what was mended for one costs three looks.
"""

FRESH_SECONDS = 5.0
"""So long an answer counts for all posts of its profile. One that comes later, an evacuation order say, asks for itself
and for the others: it may have been mended meanwhile.
"""

FileState = tuple[tuple[int, int, int] | None, ...]


@dataclass
class _Refused:
    """The platform's words, and the state of the credential's files when they were read for it.

    ``fresh_until``: until then nobody asks again; ``due``: then who waits does. In boot-time seconds.
    ``at_post``: the newest of the ledger when a post was refused; only a later post shows that this is over, for a mere
    question need not meet it.
    """

    reason: str
    files: FileState
    at_post: int | None = None
    fresh_until: float = 0.0
    due: float = 0.0


class Credentials:
    """Which profiles' credentials were refused, and the platform's words. In memory: a restart finds out again.

    Who was asked for longest ago comes first. What is no official profile any more is forgotten.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lost: dict[str, _Refused] = {}

    def __contains__(self, profile: str) -> bool:
        return profile in self._lost

    def __len__(self) -> int:
        self._forget_others()
        return len(self._lost)

    def files_of(self, profile: str) -> FileState:
        """Return the state of a profile's credential files: it is another one when any of them was changed."""
        path = self._runtime.city.token_path(profile)
        return tuple(_state_of(one) for one in (path, renewed_path(path)))

    def wait_for(self, profile: str) -> tuple[float, str] | None:
        """Return the seconds to the next look, and the words of the last one, while that counts for all posts."""
        refused, now = self._lost.get(profile), self._runtime.clock.monotonic()
        if refused is None or now >= min(refused.fresh_until, refused.due):
            return None
        return refused.due - now, refused.reason

    def lose(
        self,
        profile: str,
        reason: str,
        files: FileState | None = None,
        again: float = 0.0,
        *,
        at_post: bool = False,
    ) -> None:
        """Note that a profile is not let in.

        ``files``: their state before it was asked for, else the present one. ``again``: the seconds to the next look.
        ``at_post``: that is what a post was answered.
        """
        if self._lost.pop(profile, None) is None:
            self._runtime.log.error(
                "the platform does not let this profile in: its deliveries wait until somebody fixes it",
                profile=profile,
                reason=reason,
                hint=f"onevoice profiles connect gets a credential: secrets/{self._runtime.city.realm}/{profile}.token",
            )
        now = self._runtime.clock.monotonic()
        files = self.files_of(profile) if files is None else files
        newest = self._runtime.fold.seq if at_post else None
        self._lost[profile] = _Refused(reason, files, newest, now + FRESH_SECONDS, now + again)
        self._report()

    def refused_a_post(self, profile: str, before: float = math.inf) -> bool:
        """True when a post was refused last, before a sequence: only a later post shows that the profile is let in."""
        refused = self._lost.get(profile)
        return refused is not None and refused.at_post is not None and refused.at_post < before

    def found(self, profile: str) -> bool:
        """Note that a profile is let in; return whether it was not, before."""
        if self._lost.pop(profile, None) is None:
            return False
        self._runtime.log.warning("the platform lets this profile in again", profile=profile)
        self._report()
        return True

    def next_ones(self, beside: Callable[[str], bool]) -> list[str]:
        """Return the first few profiles for which ``beside`` holds, to be asked for: behind all others then."""
        self._forget_others()
        chosen = [name for name in self._lost if beside(name)][:AT_A_TIME]
        for name in chosen:
            self._lost[name] = self._lost.pop(name)
            self._lost[name].due = 0.0
        return chosen

    def changed(self) -> list[str]:
        """Return the profiles whose credential files were changed since they were refused, or since this was asked."""
        self._forget_others()
        found = []
        for name, refused in self._lost.items():
            files = self.files_of(name)
            if files != refused.files:
                refused.files, refused.due = files, 0.0
                found.append(name)
        return found

    def _forget_others(self) -> None:
        """Forget what nothing is posted to any more: it would keep the others waiting, and be reported for ever."""
        profiles = self._runtime.control.profiles
        others = [name for name in self._lost if name != MIRROR and not (name in profiles and profiles[name].official)]
        for name in others:
            del self._lost[name]
        if others:
            self._report()

    def _report(self) -> None:
        if not self._lost:
            self._runtime.health.troubles.pop(_KEY, None)
            return
        shown = [f"{profile} ({self._lost[profile].reason})" for profile in sorted(self._lost)[:SHOWN]]
        more = f" and {len(self._lost) - SHOWN} more" if len(self._lost) > SHOWN else ""
        self._runtime.health.troubles[_KEY] = f"no way in, posts wait until somebody fixes it: {', '.join(shown)}{more}"


def _state_of(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
