"""Takes earlier posts of a profile back, as a connector: an attempt like any other, and safe to repeat."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from services.fanout.connectors.answers import joined
from services.fanout.connectors.contract import (
    CannotTell,
    Cause,
    Connector,
    FetchMedia,
    HandedOver,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    ReconcileResult,
    Retracted,
    RetractResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.domain.outside import Ours
from services.fanout.following.answering import find_either
from services.fanout.following.wrapping import WrappedConnector
from services.kernel.base.errors import Unreachable

_BY_HAND = "please look at the profile, and delete there by hand what it takes back"
_LOOKED = "an officer looked at the profile, and says that nothing is left to take back"


@dataclass(frozen=True)
class ToDelete:
    """A post that is to go. ``remote_id`` is empty where it has to be looked for.

    Most platforms are asked for its words then, as an answer to what it ``follows``: of what is found, what may be one
    of the ``others`` by us on the profile stays. Both are read when they are needed, and raise Unreachable.
    """

    intent: Intent
    remote_id: str
    follows: Callable[[], Awaitable[str]]
    others: Callable[[], Awaitable[Ours]]


class TakesBack(WrappedConnector):
    """Deletes ``posts`` in place of posting.

    ``then_posts``: a correction where posts can be neither edited nor answered; the new post comes after.
    ``looked``: an officer looked at the profile since, and had it made again: what cannot be told here, they have seen.
    """

    def __init__(
        self, connector: Connector, posts: tuple[ToDelete, ...], *, then_posts: bool = False, looked: bool = False
    ) -> None:
        super().__init__(connector)
        self._posts = posts
        self._then_posts = then_posts
        self._looked = looked

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Delete the posts, the newest first; what is gone already counts as deleted.

        What cannot be told of one is handed to a person, when the others are deleted.
        """
        end = asyncio.get_running_loop().time() + intent.call_timeout
        doubts = []
        for post in self._posts:
            result = await self._delete(post, end)
            if isinstance(result, HandedOver):
                doubts.append(result.reason)
            elif isinstance(result, Permanent):
                return replace(result, reason=joined(result.reason, *doubts))
            elif isinstance(result, Unknown) and self._then_posts:
                # Nothing of the new post was sent, and to delete again does no harm: it is not looked for, but tried.
                return Retryable(result.reason, result.after, cause=result.cause or Cause.LIMIT)
            elif not isinstance(result, Retracted):
                return result
        if doubts and not self._looked:
            return HandedOver(joined(*doubts, _BY_HAND))
        if not self._then_posts:
            return Retracted(joined(*doubts, _LOOKED) if doubts else "")
        return await self._connector.publish(_until(end, intent), fetch_media)

    async def _delete(self, post: ToDelete, end: float) -> RetractResult | HandedOver:
        if post.remote_id or self.declaration.when_unknown is WhenUnknown.REPEAT:  # there its key is nobody else's
            return await self._connector.retract(_until(end, post.intent), post.remote_id)
        try:
            found = await self._find(post, end)
        except Unreachable as error:
            return Retryable(f"what {post.intent.request_id} is on this profile cannot be read: {error.message}")
        if isinstance(found, Posted):
            return await self._connector.retract(_until(end, post.intent), found.remote_id)
        return found

    async def _find(self, post: ToDelete, end: float) -> Posted | Retracted | Retryable | HandedOver:
        """Look for a post whose id is not known; Retracted: nothing is there."""
        name, follows = post.intent.request_id, post.intent.follows or await post.follows()
        found = await find_either(self._connector, _until(end, replace(post.intent, follows=follows)))
        if isinstance(found, CannotTell | HandedOver):
            why = f"whether {name} is there cannot be seen: {found.reason}"
            if isinstance(found, HandedOver) or found.cause is None:
                return HandedOver(why)
            return Retryable(why, found.after, cause=found.cause)
        there = found if isinstance(found, Posted) else found.begun
        if there is None:
            return Retracted()
        if (await post.others()).may_be(there.remote_id, there.url, post.intent.content.parts):
            what = f"{there.url} has the words of {name}, and may be another message's"
            return HandedOver(f"{what}: it was not deleted")
        return there

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Look for the new post. A deletion leaves nothing that could be looked for, and is made again."""
        if self._then_posts:
            return await self._connector.reconcile(intent)
        return CannotTell("the platform did not say that it is deleted")


def _until(end: float, intent: Intent) -> Intent:
    return replace(intent, call_timeout=end - asyncio.get_running_loop().time())
