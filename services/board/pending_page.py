"""A page of what waits: each row is made into JSON once, for its length and for the answer."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.events.desk import BoardReply, RequestView
from services.board.domain.paging import first_within


class PendingPage(BoardReply):
    """An answer whose requests are JSON already."""

    _rows: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, views: Iterable[RequestView]) -> PendingPage:
        """Return the page of as many requests as one answer takes; no more of them are made."""
        rows = first_within(((one, as_json(one)) for one in views), lambda row: len(row[1]))
        page = cls(requests=tuple(view for view, _ in rows))
        page._rows = tuple(raw for _, raw in rows)
        return page

    def beside(self, other: BoardReply) -> PendingPage:
        """Return this page with all that stands in another answer beside it."""
        page = self.model_copy(update={name: getattr(other, name) for name in other.model_fields_set})
        page._rows = self._rows
        return page

    def to_bytes(self) -> bytes:
        """Return what the answer would be without it."""
        rest = self.__pydantic_serializer__.to_json(self, exclude={"requests"}, exclude_none=True)
        listed = b'{"requests":[' + b",".join(self._rows) + b"]"
        return listed + (b"," + rest[1:] if rest != b"{}" else b"}")


def as_json(shown: RequestView) -> bytes:
    """Return a row as it stands in the answer."""
    return shown.__pydantic_serializer__.to_json(shown, exclude_none=True)
