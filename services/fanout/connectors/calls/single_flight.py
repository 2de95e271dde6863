"""One call of a key at a time, for platforms that know no key themselves. In memory: it orders calls of this process.

Between processes the ledger does that: only an effective attempt is called (docs/adr/0017-no-delivery-event.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from services.fanout.connectors.contract import Intent, Permanent, Posted, PublishResult, Unknown

_REMEMBERED = 4_096


class SingleFlight:
    """Who asks for a key that is being posted gets that call's result; what is there is not posted again."""

    def __init__(self) -> None:
        self._running: dict[str, tuple[str, asyncio.Future[PublishResult]]] = {}
        self._stands: dict[str, tuple[str, Posted]] = {}

    async def publish(self, intent: Intent, post: Callable[[], Awaitable[PublishResult]]) -> PublishResult:
        """Post it unless it is there or is being posted; other content under its key is refused."""
        key, content = intent.idempotency_key, intent.rendering_sha256
        known = self._stands.get(key)
        if known is not None:
            return known[1] if known[0] == content else _OTHER
        running = self._running.get(key)
        if running is not None:
            return await asyncio.shield(running[1]) if running[0] == content else _OTHER
        result: PublishResult = Unknown("its call was ended before it was over")
        future: asyncio.Future[PublishResult] = asyncio.get_running_loop().create_future()
        self._running[key] = content, future
        try:
            result = await post()
        finally:
            del self._running[key]
            future.set_result(result)
        if isinstance(result, Posted):
            self._remember(key, content, result)
        return result

    def posted_before(self, intent: Intent) -> Posted | None:
        """Return what this process posted under the key, if it is the same content."""
        known = self._stands.get(intent.idempotency_key)
        return known[1] if known is not None and known[0] == intent.rendering_sha256 else None

    def forget(self, intent: Intent) -> None:
        """Forget what was taken back."""
        self._stands.pop(intent.idempotency_key, None)

    def _remember(self, key: str, content: str, posted: Posted) -> None:
        self._stands[key] = content, posted
        if len(self._stands) > _REMEMBERED:
            del self._stands[next(iter(self._stands))]


_OTHER = Permanent("the key was used for other content")
