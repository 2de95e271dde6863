"""Keeps the work of one service instance going from its start to its end, and tells when it has to stop by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import nats.errors

from services.kernel.base.errors import OneVoiceError
from services.kernel.base.tasks import cancel_all

AGAIN_SECONDS = 1.0
"""How long work that broke off rests before it is begun again."""

Work = Callable[[], Awaitable[None]]
Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class Supervisor:
    """Starts, restarts and stops background work.

    ``failed`` is a future from ``begin`` on: what makes the service stop by itself. ``spawn`` makes a task.
    """

    def __init__(self, log: Any, spawn: Spawn = asyncio.create_task) -> None:
        self.failed: asyncio.Future[None] | None = None
        self.stopping = False
        self._log, self._spawn = log, spawn
        self._work: list[Work] = []
        self._work_to_the_end: list[Work] = []
        self._at_stop: list[Work] = []
        self._at_end: list[Work] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._tasks_to_the_end: list[asyncio.Task[None]] = []

    def supervise(self, work: Work) -> None:
        """Run work from start to stop of the service; it is begun again when it raises."""
        self._work.append(work)

    def supervise_to_the_end(self, work: Work) -> None:
        """As ``supervise``, but until the last handler has finished: what handlers go by."""
        self._work_to_the_end.append(work)

    def at_stop(self, work: Work) -> None:
        """Run once when the service is asked to stop, before its handlers are waited for."""
        self._at_stop.append(work)

    def at_end(self, work: Work) -> None:
        """Run once after the last handler has finished; for letting go of connections."""
        self._at_end.append(work)

    def begin(self) -> None:
        """Be ready to say why the service stops by itself."""
        self.failed = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Take up the work."""
        self._tasks_to_the_end = [self._spawn(self._keep(work)) for work in self._work_to_the_end]
        self._tasks = [self._spawn(self._keep(work)) for work in self._work]

    async def stop(self) -> None:
        """Stop the work, but for what handlers go by."""
        self.stopping = True
        for work in self._at_stop:
            await work()
        await cancel_all(*self._tasks)

    async def end(self) -> None:
        """Stop the rest and let go of what is held; harmless when nothing was started."""
        await cancel_all(*self._tasks_to_the_end)
        for work in self._at_end:
            try:
                await work()
            except Exception:  # noqa: BLE001 - the others are let go of all the same
                self._log.exception("could not let go", work=_name(work))

    def fail(self, error: OneVoiceError) -> None:
        """Have the service stop with an error."""
        self._log.error("stops", code=error.code, error=error.message)
        if self.failed is not None and not self.failed.done():
            self.failed.set_exception(error)
            self.failed.exception()  # it is said: where the start itself breaks off, nobody asks for it any more

    async def _keep(self, work: Work) -> None:
        while True:
            try:
                await work()
            except OneVoiceError as error:
                self._log.warning("again soon", work=_name(work), code=error.code, error=error.message)
            except (nats.errors.Error, OSError) as error:
                self._log.warning("again soon", work=_name(work), error=str(error))
            except Exception:  # noqa: BLE001 - logged, and begun again
                self._log.exception("background work failed", work=_name(work))
            else:
                return
            await asyncio.sleep(AGAIN_SECONDS)


def _name(work: Work) -> str:
    return getattr(work, "__name__", "")
