"""What reads and deletions on X cost in a month: a line for each answer, by all processes of this machine.

X charges each post that it shows, and each deletion (docs.x.com, pricing, November 2026). It shows the same post for
nothing within a day; here it counts each time, so that the reserve for a crisis is never smaller than it is said to be.
The file is no record: where it is lost, the month's reads count as nothing.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from services.fanout.connectors.calls.http import Answer, Outcome
from services.fanout.domain.credit import DELETE_USD, READ_USD, month_of
from services.kernel.base.city import City


def cost_aside(method: str, outcome: Outcome) -> float:
    """Return what an answer cost that was no post: what it shows, or that something was deleted; in USD."""
    if not isinstance(outcome, Answer) or outcome.status != 200 or not isinstance(outcome.body, dict):
        return 0.0
    if method == "DELETE":
        return DELETE_USD
    shown = outcome.body.get("data")
    if method != "GET" or not shown:
        return 0.0
    return READ_USD * (len(shown) if isinstance(shown, list) else 1)


class CallCosts:
    """The months' files in a folder. What is written by one process is counted by all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._counted: tuple[Path, int, float] = (folder, 0, 0.0)

    @classmethod
    def of(cls, city: City) -> CallCosts:
        """Return those of a city's realm, in the folder that fan-out may write."""
        return cls(city.var / "website" / city.realm)

    def note(self, usd: float, now: datetime) -> None:
        """Count a cost. Where the disk takes nothing it is not counted: a call that was made is not undone by that."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path(now), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                if os.geteuid() == 0:  # a command of root's must not keep the services' own user out
                    owner = self._folder.stat()
                    os.fchown(handle, owner.st_uid, owner.st_gid)
                os.write(handle, f"{usd:.6f}\n".encode("ascii"))
            finally:
                os.close(handle)
        except OSError:
            return

    def spent(self, now: datetime) -> float:
        """Return what was spent in a time's month (UTC), in USD."""
        path = self._path(now)
        known, at, whole = self._counted
        if known != path:
            at, whole = 0, 0.0
        try:
            with path.open("rb") as file:
                file.seek(at)
                lines = file.read()
        except OSError:
            return whole
        end = lines.rfind(b"\n") + 1
        whole += sum(_number(line) for line in lines[:end].splitlines())
        self._counted = path, at + end, whole
        return whole

    def _path(self, now: datetime) -> Path:
        return self._folder / f"x-costs-{month_of(now):%Y-%m}"


def _number(line: bytes) -> float:
    try:
        found = float(line)
    except ValueError:
        return 0.0
    return found if 0.0 <= found < 1_000.0 else 0.0
