"""A post in two steps: a container, which is noted on disk, and its publication. Idempotency class D.

A container becomes at most one post. So who repeats an interrupted publication publishes the same container again, or
learns that it is published; a new one is made only where the old one is surely never published.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from schemas import canonical
from services.fanout.connectors.calls.http import Outcome
from services.fanout.connectors.contract import Cause, Intent, Permanent, Retryable, Unknown
from services.fanout.connectors.meta.codes import answers_nothing, is_lost, is_not_there, meaning
from services.fanout.connectors.meta.graph import Graph, Page, text_of
from services.kernel.base.clock import Clock
from services.kernel.base.files import write_atomically

_POLL_SECONDS = 0.5
_KEPT_SECONDS = 3 * 86_400.0
_LOST_TRIES = 3
"""How many containers are made in a call where the platform does not find again what it has just prepared."""
_SHARE = 0.5
"""The part of the time that is left that may go by while a container is prepared."""
_ID = re.compile(r"[0-9]{1,40}")
_OVER = frozenset({"ERROR", "EXPIRED"})

Failed = Retryable | Permanent | Unknown


def key_of(intent: Intent, number: int) -> str:
    """Return what the container of a part is noted under: one under an earlier post is another than one by itself."""
    under = f":{intent.follows}" if intent.follows and intent.content.answers is None and not number else ""
    return f"{intent.idempotency_key}:{number}{under}"


@dataclass(frozen=True)
class Published:
    """The post's id; empty where the container is known to be published, and its post has to be looked for."""

    id: str


@dataclass(frozen=True)
class TwoSteps:
    """How a platform names its calls: the edges of an account, and the fields of a container.

    ``status`` says how far it is, ``why`` in words what went wrong.
    """

    create: str
    publish: str
    status: str
    why: str


class Containers:
    """Makes, notes and publishes containers."""

    def __init__(self, graph: Graph, folder: Path, steps: TwoSteps, clock: Clock) -> None:
        self._graph = graph
        self._folder = folder
        self._steps = steps
        self._clock = clock
        self._prune()

    async def publish(
        self, page: Page, key: str, values: Callable[[], Awaitable[Mapping[str, str] | Failed]]
    ) -> Published | Failed:
        """Publish what a key stands for; ``values`` gives what its container is made of, where it has to be made.

        A container that the platform has lost is made anew at once only where this call has made it: of an older one a
        call may be under way, and the account's posts are looked at before.
        """
        container = self.noted(key)
        state = await self.state(page, container) if container else ""
        if isinstance(state, Outcome):
            if not is_not_there(state):
                return _not_seen(meaning(self._graph, state))
            container = ""
        elif state == "PUBLISHED":
            return Published("")
        elif state in _OVER:
            container = ""
        for _ in range(1 if container else _LOST_TRIES):
            made = container or await self._make(page, key, values)
            result = await self._publish(page, made) if isinstance(made, str) else made
            if result is not None:
                return result
            self.forget(key)
        return Retryable("the platform does not find again what it had prepared")

    async def published(self, page: Page, key: str) -> bool | Outcome:
        """Say whether the container that was noted for a key is published; the outcome where the platform does not."""
        container = self.noted(key)
        state = await self.state(page, container) if container else ""
        if isinstance(state, Outcome):
            return False if is_not_there(state) else state
        return state == "PUBLISHED"

    async def _make(
        self, page: Page, key: str, values: Callable[[], Awaitable[Mapping[str, str] | Failed]]
    ) -> str | Failed:
        given = await values()
        made = await self.create(page, given) if isinstance(given, Mapping) else given
        if isinstance(made, str):
            self._note(key, made)
        return made

    async def _publish(self, page: Page, container: str) -> Published | Failed | None:
        """Publish a container when it is ready; None: the platform has lost it, and nothing is published."""
        ready = await self.ready(page, container)
        if ready is not None:
            return ready
        value = {"creation_id": container}
        outcome = await self._graph.call(page, "POST", f"/{page.id}/{self._steps.publish}", value=value)
        post = text_of(outcome, "id")
        if _ID.fullmatch(post):
            return Published(post)
        return None if is_lost(outcome) else meaning(self._graph, outcome)

    async def create(self, page: Page, values: Mapping[str, str]) -> str | Failed:
        """Make a container, which nobody sees; return its id. What became of an unanswered call does not matter.

        ``Permanent.gone``: what it is to answer is not there, or not shown yet.
        """
        outcome = await self._graph.call(page, "POST", f"/{page.id}/{self._steps.create}", value=values)
        container = text_of(outcome, "id")
        if _ID.fullmatch(container):
            return container
        why = _not_seen(meaning(self._graph, outcome))
        return (
            replace(why, gone="reply_to_id" in values and answers_nothing(outcome))
            if isinstance(why, Permanent)
            else why
        )

    async def children(
        self, account: Page, shown: Sequence[dict[str, str]], problems: list[str]
    ) -> list[tuple[str, dict[str, str]]]:
        """Prepare the pictures of a post that has several; return those that are ready, and note what is missing."""
        found: list[tuple[str, dict[str, str]]] = []
        for one in shown:
            made = await self.create(account, {**one, "is_carousel_item": "true"})
            ready = await self.ready(account, made) if isinstance(made, str) else made
            if isinstance(made, str) and ready is None:
                found.append((made, one))
            elif ready is not None:
                problems.append(f"a picture is missing: {ready.reason}")
        return found

    async def ready(self, page: Page, container: str) -> Failed | None:
        """Wait until a container can be published; None: it can."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (page.deadline - loop.time()) * _SHARE
        while True:
            outcome = await self._look_at(page, container)
            state = text_of(outcome, self._steps.status)
            if state == "FINISHED":
                return None
            if not state and not is_not_there(outcome):
                return _not_seen(meaning(self._graph, outcome))
            if state in _OVER:
                why = text_of(outcome, self._steps.why) or "it does not say why"
                return Retryable(f"the platform could not prepare the post: {why}", cause=Cause.OWN)
            if loop.time() + _POLL_SECONDS > until:
                return Retryable("the platform prepares the post still, or does not find it yet")
            await asyncio.sleep(_POLL_SECONDS)

    async def state(self, page: Page, container: str) -> str | Outcome:
        """Return how far a container is, as the platform says it; the outcome where it does not."""
        outcome = await self._look_at(page, container)
        return text_of(outcome, self._steps.status) or outcome

    async def _look_at(self, page: Page, container: str) -> Outcome:
        fields = f"{self._steps.status},{self._steps.why}"
        return await self._graph.call(page, "GET", f"/{container}", query={"fields": fields})

    def noted(self, key: str) -> str:
        """Return the container that was noted for a key, empty where none was."""
        try:
            text = self._path(key).read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            return ""
        return text if _ID.fullmatch(text) else ""

    def forget(self, key: str) -> None:
        """Forget what was noted for a key: its container publishes nothing, or what it published is taken back."""
        self._path(key).unlink(missing_ok=True)

    def _note(self, key: str, container: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._path(key), container.encode())

    def _prune(self) -> None:
        """Forget what is over: a container ends after a day."""
        oldest = self._clock.now().timestamp() - _KEPT_SECONDS
        for path in self._folder.glob("*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def _path(self, key: str) -> Path:
        return self._folder / canonical.sha256(key.encode())[:40]


def _not_seen(failed: Failed) -> Failed:
    """Return what a call that posts nothing came to: to ask or to prepare again is harmless."""
    if not isinstance(failed, Unknown):
        return failed
    return Retryable(failed.reason, failed.after, cause=failed.cause or Cause.HOST)
