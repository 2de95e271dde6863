"""What comes after a message answers its post, as a connector; where that is gone, it stands for itself.

People saw what stood there, so a correction has to reach that profile all the same (docs/platforms.md).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from services.fanout.connectors.answers import joined
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Connector,
    FetchMedia,
    HandedOver,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    ReadsBack,
    ReconcileResult,
    Retryable,
)
from services.fanout.following.wrapping import WrappedConnector

STANDS_ALONE = "the earlier post is not there any more, so this one stands for itself"
"""The note of what was to answer it."""

AT_ONCE = 0.1
"""Seconds until it is called without an answer: what names no time waits for longer."""


class AnswersEarlier(WrappedConnector):
    """Has a post answer ``earlier``, whose id is ``Intent.follows``, or stand for itself where the platform says that
    this one is gone.
    """

    def __init__(self, connector: Connector, earlier: Intent) -> None:
        super().__init__(connector)
        self._earlier = earlier
        self._gone = False

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Post it as an answer. When that was refused and what it answers is gone, the next call posts it without one.

        That is left to a call of its own: before each, it is asked whether it still may be posted.
        """
        if self._gone:
            result = await self._connector.publish(replace(intent, follows=""), fetch_media)
            return noted(result) if isinstance(result, Posted) else result
        end = asyncio.get_running_loop().time() + intent.call_timeout
        result = await self._connector.publish(intent, fetch_media)
        if isinstance(result, HandedOver):  # it may be public: by itself, where it was to be an answer
            left = end - asyncio.get_running_loop().time()
            found = await find_either(self._connector, replace(intent, call_timeout=left))
            return found if isinstance(found, Posted) else result
        if not isinstance(result, Permanent) or result.begun is not None:
            return result
        self._gone = result.gone or await self._is_gone(intent.follows, end)
        return Retryable(f"{STANDS_ALONE}: {result.reason}", AT_ONCE) if self._gone else result

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Look for it as an answer and for itself: when its call ended, the earlier post may have been gone."""
        return await find_either(self._connector, intent)

    async def _is_gone(self, remote_id: str, end: float) -> bool:
        if not isinstance(self._connector, ReadsBack):
            return False
        earlier = replace(self._earlier, call_timeout=end - asyncio.get_running_loop().time())
        return isinstance(await self._connector.read_back(earlier, remote_id), Absent)


async def find_either(connector: Connector, intent: Intent) -> ReconcileResult:
    """Look for what answers an earlier post, under it and by itself; a platform may also take it out of its thread."""
    end = asyncio.get_running_loop().time() + intent.call_timeout
    found = await connector.reconcile(intent)
    begun = isinstance(found, Absent) and found.begun is not None
    away = isinstance(found, CannotTell) and found.cause is not None
    if not intent.follows or isinstance(found, Posted) or begun or away:
        return found
    left = end - asyncio.get_running_loop().time()
    alone = await connector.reconcile(replace(intent, follows="", call_timeout=left))
    if isinstance(alone, Posted):
        return noted(alone)
    return alone if isinstance(found, Absent) else found


def noted(posted: Posted) -> Posted:
    """Return it with the note that it stands for itself."""
    return replace(posted, note=joined(posted.note, STANDS_ALONE))
