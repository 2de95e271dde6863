"""The archive of a listing: a month's messages in parts, each at an address that stays. Pure but for the state's names.

The newest part of a month is the month's own page, the full ones before it have numbers. A part is complete when a
newer one is after it, in its month or a later one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.fanout.connectors.website.pages import Part
from services.fanout.connectors.website.state import State


@dataclass(frozen=True)
class ListingSizes:
    """How many messages a listing's documents hold.

    ``newest``: the front page and a profile's page; feeds hold at least as many. ``part``: one part of a month.
    """

    newest: int = 20
    part: int = 100


PartId = tuple[str, int]
"""A month, and the number of the part in it, from 0."""


class Archive:
    """The parts of one listing, of ``size`` messages; ``home`` is the path of its archive."""

    def __init__(self, state: State, listing: str, home: str, size: int) -> None:
        self._part = size
        self._state, self._listing, self._home = state, listing, home
        self._months = state.months(listing)

    @property
    def newest(self) -> PartId:
        """The part that grows."""
        return self._months[-1], self._last(self._months[-1])

    def _last(self, month: str) -> int:
        return (len(self._state.month(self._listing, month)) - 1) // self._part

    def before(self, part: PartId) -> PartId | None:
        """Return the part before one, across months."""
        month, number = part
        if number > 0:
            return month, number - 1
        at = self._months.index(month)
        return (self._months[at - 1], self._last(self._months[at - 1])) if at > 0 else None

    def ids(self, part: PartId) -> list[str]:
        """Return the ids of a part's messages, newest first."""
        month, number = part
        return self._state.month(self._listing, month)[number * self._part : (number + 1) * self._part][::-1]

    def size(self, part: PartId) -> int:
        """Return how many messages a part has."""
        return len(self.ids(part))

    def path(self, part: PartId) -> str:
        """Return a part's folder, from the site's root."""
        month, number = part
        return _path(f"{self._home}{month}/", number, self._last(month))

    def to_write(self, changed: set[PartId], exists: Callable[[str], bool], most: int) -> list[PartId]:
        """Return the complete parts whose feeds are to be written: changed ones, and up to ``most`` that have none."""
        found = [part for part in sorted(changed) if part != self.newest]
        part = self.before(self.newest)
        while part is not None and most > 0 and not exists(self.path(part)):
            if part not in found:
                found.append(part)
            part, most = self.before(part), most - 1
        return found


def parts_with(ids: Sequence[str], month: str, request_id: str, size: int) -> set[PartId]:
    """Return the parts of a month's archive to write for a message: its own, and those that now link to it.

    ``size``: how many messages one part holds.
    """
    position = ids.index(request_id)
    number = position // size
    before = {number - 1, number - 2} if position % size == 0 else set()
    return {(month, one) for one in {number} | before if one >= 0}


def place_of(home: str, number: int, count: int, size: int) -> tuple[str, Part]:
    """Return the file of a part's page, and its neighbours in the month; ``count`` messages in parts of ``size``."""
    last = (count - 1) // size

    def path(one: int) -> str | None:
        return _path(home, one, last) if 0 <= one <= last else None

    here = _path(home, number, last)
    return f"{here}index.html", Part(here, older=path(number - 1), newer=path(number + 1))


def _path(home: str, number: int, last: int) -> str:
    return home if number == last else f"{home}{number + 1}/"
