"""An event loop in virtual time, in which a process can be killed or stopped between any two of its steps.

Time stands still while anything can run, and then jumps to the next timer. Every callback carries the process that it
belongs to in its context: a dead process's callbacks are dropped, a stopped one's wait until it goes on. What is under
way outside (a message on the wire, a platform at work) belongs to no process and goes on.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Args = TypeVarTuple("Args")

OWNER: contextvars.ContextVar[Process | None] = contextvars.ContextVar("owner", default=None)


MOST_STEPS = 50_000
"""So many steps at one and the same time are a loop without end."""


class Killed(BaseException):
    """Unwinds the very step in which a process dies; nothing of it can have an effect any more."""


class Stuck(RuntimeError):
    """Nothing can happen any more, and the run is not over."""


class Process:
    """One process of the simulation: alive, stopped or dead."""

    def __init__(self, loop: VirtualLoop, name: str) -> None:
        self.name = name
        self.alive = True
        self.stopped = False
        self.waiting: list[asyncio.Handle] = []
        self._loop = loop
        self._context = contextvars.Context()
        self._context.run(OWNER.set, self)
        self.tasks: list[asyncio.Task[Any]] = []

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine as part of this process."""
        task = self._loop.create_task(work, context=self._context.copy())
        self.tasks.append(task)
        return task

    def call(self, callback: Callable[..., Any], *args: Any) -> None:
        """Run a callback as part of this process, now or when it goes on; a dead one runs nothing."""
        self._loop.call_soon(callback, *args, context=self._context.copy())

    def kill(self) -> None:
        """End it at once: nothing of it ever runs again."""
        self.alive = False
        self.waiting.clear()

    def stop(self) -> None:
        """Stand still (SIGSTOP)."""
        self.stopped = True

    def go_on(self) -> None:
        """Go on (SIGCONT): all that has come due meanwhile runs now, in its order."""
        self.stopped = False
        self._loop.put_back(self.waiting)
        self.waiting = []


class _Step(asyncio.Handle):
    """A callback that waits for its turn; as asyncio's own, without what serves debugging."""

    __slots__ = ()

    def __init__(
        self, callback: Any, args: tuple[Any, ...], loop: VirtualLoop, context: contextvars.Context | None
    ) -> None:
        self._callback, self._args, self._loop = callback, args, loop
        self._context = contextvars.copy_context() if context is None else context
        self._cancelled = False
        self._source_traceback = None
        self._repr = None

    def cancel(self) -> None:
        """Let it not run."""
        self._cancelled = True
        self._callback = self._args = None  # type: ignore[assignment]


class _Timer(_Step):
    """A callback that waits for its time."""

    __slots__ = ("_when",)
    _when: float

    def when(self) -> float:
        """Return its virtual time."""
        return self._when


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs callbacks in one fixed order, in virtual time; ``run_in_executor`` computes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.steps = self._standing = 0
        self._ready: deque[asyncio.Handle] = deque()
        self._scheduled: list[Any] = []
        self._number = 0
        self._nobody = contextvars.Context()

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self.now

    def call_soon(
        self,
        callback: Callable[[Unpack[Args]], object],
        *args: *Args,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Run it next, in the owner's context."""
        handle = _Step(callback, args, self, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Args]], object],
        *args: *Args,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run it after so many virtual seconds."""
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Args]], object],
        *args: *Args,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run it at a virtual time; what is due at the same time runs in the order of asking."""
        timer = _Timer(callback, args, self, context)
        timer._when = when
        self._number += 1
        heapq.heappush(self._scheduled, (when, self._number, timer))
        return timer  # type: ignore[return-value]

    def outside(self, delay: float, callback: Callable[..., Any], *args: Any) -> None:
        """Run it after a while, whatever becomes of the process that asked for it."""
        self.outside_at(self.now + delay, callback, *args)

    def outside_at(self, when: float, callback: Callable[..., Any], *args: Any) -> None:
        """Run it at a virtual time, whatever becomes of the process that asked for it."""
        self._number += 1
        timer = _Timer(callback, args, self, self._nobody)
        heapq.heappush(self._scheduled, (when, self._number, timer))

    def put_back(self, handles: list[asyncio.Handle]) -> None:
        """Let what waited run."""
        self._ready.extend(handles)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Args]], T], *args: *Args
    ) -> asyncio.Future[T]:
        """Compute it here and now."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled
        if not ready:
            while scheduled and scheduled[0][2]._cancelled:
                heapq.heappop(scheduled)
            if not scheduled:
                raise Stuck("nothing can happen any more")
            if scheduled[0][0] > self.now:
                self.now, self._standing = scheduled[0][0], self.steps
        now = self.now
        while scheduled and scheduled[0][0] <= now:
            timer = heapq.heappop(scheduled)[2]
            if not timer._cancelled:
                ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            owner = handle._context.get(OWNER)  # type: ignore[attr-defined]
            if owner is not None:
                if not owner.alive:
                    continue
                if owner.stopped:
                    owner.waiting.append(handle)
                    continue
            self.steps += 1
            if self.steps - self._standing > MOST_STEPS:
                raise Stuck(f"a process spins at {self.now:.3f} s: {handle!r}")
            handle._run()
            if self._stopping:  # type: ignore[attr-defined]
                break

    def _timer_handle_cancelled(self, handle: Any) -> None:
        pass

    def _process_events(self, events: Any) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncio's own name
        """There is none."""
