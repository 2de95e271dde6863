"""Notices on record: who was told when that something waits for a person; and promised updates, which wait too."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from schemas.events.base import Contract, Id, Utc

NoticeStep = Literal["first", "reminder", "deputies"]
Address = Annotated[str, StringConstraints(min_length=1, max_length=320)]


class NoticeSent(Contract):
    """``ledger.notice.<request>``: people were told at ``sent_at`` that a request waits ``since`` a time.

    Appended by the board when the notice has gone out; ``at`` is when it came on record. ``to`` has mail addresses, and
    of a service of Apprise its kind alone, as in ``ntfy``: its address is a secret. ``waits`` says for what. What is
    about an outside post bears its id for ``request_id``.
    """

    type: Literal["notice"] = "notice"
    at: Utc
    sent_at: Utc
    request_id: Id
    since: Utc
    step: NoticeStep
    to: Annotated[tuple[Address, ...], Field(min_length=1, max_length=100)]
    waits: Annotated[str, StringConstraints(max_length=1_000)]

    @property
    def key(self) -> str:
        """What goes out once: this step about this request, which waits since then."""
        return notice_key(self.request_id, self.since.isoformat(), self.step)


def notice_key(request_id: str, since: str, step: str) -> str:
    """Return the key of a notice; ``since`` is ISO 8601 in UTC."""
    return f"{request_id} {since} {step}"


class PromisedUpdate(Contract):
    """A message that promised more ``by`` a time, which is near or past, and nothing that follows it was cleared."""

    request_id: Id
    author: Id
    text: str
    by: Utc
