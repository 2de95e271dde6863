"""Threads (developers.facebook.com/docs/threads). Idempotency class D: a container is made, then published.

A call that was not answered may take minutes to post: nothing is made again before the container says how it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.fanout.connectors.chains import Status, longest_chain, same
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Cause,
    Correction,
    Declaration,
    FetchMedia,
    Intent,
    Permanent,
    PublishResult,
    Retracted,
    RetractResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.connectors.http import Answer
from services.fanout.connectors.meta.base import NOT_THERE, Edges, MetaConnector, Surroundings, key_of
from services.fanout.connectors.meta.codes import meaning
from services.fanout.connectors.meta.containers import Failed, Published, TwoSteps
from services.fanout.connectors.meta.graph import Page, error_code
from services.fanout.connectors.meta.pictures import Frame
from services.kernel.base.clock import Clock

_FRAME = Frame(narrow=0.1, broad=10.0)


class ThreadsConnector(MetaConnector):
    """Posts as accounts named by the number that the Threads API gives them."""

    platform = "threads"
    declaration = Declaration(WhenUnknown.LOOK, Correction.REPLY, delete=True, reply=True)

    def __init__(
        self, server: str, version: str, around: Surroundings, *, site: str, clock: Clock | None = None
    ) -> None:
        edges = Edges(
            "text", "threads", "threads_publishing_limit", site.rstrip("/"), "replies", ("threads", "replies"), True
        )
        super().__init__(server, version, around, edges, TwoSteps("threads", "threads_publish", "status"), clock)

    async def _post(
        self, account: Page, intent: Intent, fetch_media: FetchMedia, standing: list[Status]
    ) -> PublishResult:
        ids, note = [one.id for one in standing], ""
        for number in range(len(standing), len(intent.content.parts)):
            under = ids[-1] if ids else intent.follows.partition(",")[0]
            result, said = await self._part(account, intent, fetch_media, number, under)
            note = note or said
            if isinstance(result, Published) and not result.id:
                shown = await self._chain(account, intent)
                if isinstance(shown, CannotTell) or len(shown) <= number:
                    return Unknown("it is published, and the account's posts do not show it yet")
                result = Published(shown[number].id)
            if not isinstance(result, Published):
                return self._gave_up(intent, await self._known(account, ids) if ids else [], result)
            ids.append(result.id)
        return self._posted(await self._known(account, ids), note)

    async def _part(
        self, account: Page, intent: Intent, fetch_media: FetchMedia, number: int, under: str
    ) -> tuple[Published | Failed, str]:
        """Publish one part, the first with the pictures; what its pictures keep from being posted goes without."""
        problems: list[str] = []
        text = {"text": intent.content.parts[number]} | ({"reply_to_id": under} if under else {})

        async def with_pictures() -> Mapping[str, str] | Failed:
            return text | await self._pictures(account, intent, fetch_media, problems)

        async def alone() -> Mapping[str, str] | Failed:
            return text | {"media_type": "TEXT"}

        if number or not intent.content.pictures:
            return await self._containers.publish(account, key_of(intent, number), alone), ""
        result = await self._containers.publish(account, key_of(intent, number), with_pictures)
        if isinstance(result, Permanent) or (isinstance(result, Retryable) and result.cause is Cause.OWN):
            problems[:] = [f"the pictures are missing: {result.reason}"]
            result = await self._containers.publish(account, key_of(intent, number), alone)
        return result, "; ".join(problems)

    async def _pictures(
        self, account: Page, intent: Intent, fetch_media: FetchMedia, problems: list[str]
    ) -> dict[str, str]:
        """Return what a container says of the pictures, and note which are missing."""
        given = await self._around.pictures.shown(intent, fetch_media, _FRAME, account.deadline, problems)
        shown = [{"media_type": "IMAGE", **one} for one in given]
        if len(shown) > 1:
            children = await self._containers.children(account, shown, problems)
            if len(children) > 1:
                return {"media_type": "CAROUSEL", "children": ",".join(children)}
            problems.append("further pictures are missing")
        return shown[0] if shown else {"media_type": "TEXT"}

    async def _chain(self, account: Page, intent: Intent) -> list[Status] | CannotTell:
        posts = await self._listed(account, self._edges.listing, intent.author_time)
        if isinstance(posts, CannotTell):
            return posts
        answers = intent.follows.partition(",")[0] or None
        if answers or len(intent.content.parts) > 1:
            replies = await self._listed(account, "replies", intent.author_time, ",replied_to")
            if isinstance(replies, CannotTell):
                return replies
            posts += replies
        return longest_chain(intent.content.parts, posts, lambda post, part: same(post.text, part), answers)

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Delete all its parts, the last first (100 deletions a day). Without a ``remote_id`` it is looked for."""
        account = await self._enter(intent.profile, intent.call_timeout)
        if not isinstance(account, Page):
            return account
        ids = remote_id.split(",") if remote_id else []
        if not ids:
            found = await self._chain(account, intent)
            if isinstance(found, CannotTell):
                return Unknown(found.reason)
            ids = [one.id for one in found]
        if not all(one.isdigit() for one in ids):
            return Permanent("that is not an id of this platform")
        for one in reversed(ids):
            outcome = await self._graph.call(account, "DELETE", f"/{one}")
            body = outcome.body if isinstance(outcome, Answer) and isinstance(outcome.body, dict) else {}
            gone = error_code(outcome) == NOT_THERE and isinstance(await self._one(account, one), Absent)
            if body.get("success") is not True and not gone:
                return meaning(self._graph, outcome)
        self._flights.forget(intent)
        return Retracted()
