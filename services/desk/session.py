"""One person or system at the desk, for the length of one command: who, which city, the connection, the deadline.

``run`` runs a command to its end and holds its deadline; ``acting`` and ``asking`` open the session. Errors are raised
as OneVoiceError from here on and shown in one place (``main``).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from schemas.events.authority import Realm, Settings
from schemas.events.control import Action
from schemas.events.dead import DeadLetterView
from schemas.events.desk import BoardQuery, BoardReply, EocView, OrderReply, RequestView
from schemas.events.notices import PromisedUpdate
from schemas.events.outside import OutsideView
from services.desk import people, seen, sent, statements
from services.desk.connection.link import Link, connect
from services.desk.deadline import Deadline, current
from services.desk.views.output import note
from services.kernel.authority.signing import Signer
from services.kernel.authority.statements import signed
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import Unreachable
from services.kernel.control.naming import field_of, place_of

if TYPE_CHECKING:
    from services.desk.app import Invocation

COMMAND_SECONDS = 60.0
"""How long a command may take without a person's answer and without ``--wait``; both add to it."""

CLEANUP_SECONDS = 2.0
"""How long connections may take to close before they are abandoned."""

Result = TypeVar("Result")


@dataclass
class Session:
    """An open connection as one officer or system; made by ``acting`` and ``asking``."""

    desk: Invocation
    city: City
    user: str
    link: Link

    @property
    def realm(self) -> Realm:
        """The realm that is asked and signed for."""
        return self.city.realm

    @property
    def signer(self) -> Signer:
        """The user's key that signs."""
        return self.link.keys.signing

    async def eoc(self, at_least: int | None = None) -> EocView:
        """Return the posture as the ledger has it now, or at a sequence (``at_least``) or later."""
        view = (await self.link.board(BoardQuery(query="eoc", at_least=at_least))).eoc
        if view is None:
            raise Unreachable("service.unreadable", "the board did not say the posture", "onevoice doctor")
        return view

    async def board(self, query: BoardQuery) -> BoardReply:
        """Ask the board; the requests that it shows are what the shell completes next."""
        reply = await self.link.board(query)
        if reply.requests:
            seen.remember(self.city, [(view.request.request_id, view.request.text) for view in reply.requests])
        return reply

    async def pending(self) -> tuple[list[RequestView], tuple[DeadLetterView, ...]]:
        """Return all that waits, page by page, the most urgent first, and the open dead letters."""
        views: list[RequestView] = []
        failed: tuple[DeadLetterView, ...] = ()
        after: str | None = None
        while True:
            reply = await self.board(BoardQuery(query="pending", after=after))
            views += reply.requests or ()
            failed = failed or reply.dead_letters or ()
            after = reply.next
            if after is None:
                return views, failed

    async def outside(self) -> tuple[OutsideView, ...]:
        """Return the posts from outside of the gate that no officer has acknowledged."""
        return (await self.board(BoardQuery(query="outside"))).outside or ()

    async def promised(self) -> tuple[PromisedUpdate, ...]:
        """Return the promised updates that are near or overdue."""
        return (await self.board(BoardQuery(query="promised"))).promised or ()

    async def settings(self) -> Settings:
        """Return the settings in force."""
        view = (await self.link.board(BoardQuery(query="authority"))).authority
        if view is None:
            raise Unreachable("service.unreadable", "the board did not say the settings", "onevoice doctor")
        return view.settings

    async def order(self, subject: str, action: Action) -> OrderReply:
        """Sign an order, which names the last change of what it is about, and have it carried out.

        Raises OneVoiceError.
        """
        place = place_of(action)
        if place is not None and field_of(action) is not None:
            view = (await self.link.board(BoardQuery(query="authority", about=place))).authority
            action = action.model_copy(update={"after": view.last_change if view else None})
        statement = statements.order_statement(self.realm, self.user, action, SystemClock().now())
        return await self.link.ask(subject, signed(self.signer, statement), OrderReply)


@asynccontextmanager
async def acting(desk: Invocation, given: str | None) -> AsyncIterator[Session]:
    """Open a session as the one who was named: for what is signed or sent in a person's name."""
    sent.note_acting()
    city = desk.city()
    async with _opened(desk, city, people.acting(given, city)) as session:
        yield session


@asynccontextmanager
async def asking(desk: Invocation, given: str | None) -> AsyncIterator[Session]:
    """Open a session for questions: as the one who was named, else with the first officer's key that is here."""
    city = desk.city()
    asker = people.asking(city, given)
    if desk.verbose:
        note(f"asking as {asker}")
    async with _opened(desk, city, asker) as session:
        yield session


@asynccontextmanager
async def _opened(desk: Invocation, city: City, user: str) -> AsyncIterator[Session]:
    async with connect(city, user) as link:
        yield Session(desk, city, user, link)


# --- the deadline -------------------------------------------------------------------------------------------


def run(work: Coroutine[Any, Any, Result], seconds: float = COMMAND_SECONDS) -> Result:
    """Run a command's work to its end, or until its deadline; Ctrl-C ends it at once (KeyboardInterrupt).

    ``asyncio.run`` is not used: it waits without end for a thread that looks up a host name, and takes the first
    Ctrl-C for itself. What does not listen to its cancellation is abandoned.

    Raises:
        Unreachable: ``command.deadline``.
    """
    deadline = Deadline(seconds)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _loop, _context: None)  # what is abandoned has nothing to say to a person
    before = current.set(deadline)
    try:
        return loop.run_until_complete(_until(loop.create_task(work), deadline))
    finally:
        current.reset(before)
        _abandon(loop)


async def _until(task: asyncio.Task[Result], deadline: Deadline) -> Result:
    while not task.done():
        left = deadline.left()
        if left <= 0:
            raise Unreachable(
                "command.deadline",
                "this took too long and was given up: whether it was done is not known",
                "onevoice doctor says what does not answer",
            )
        # At most a while: the deadline may move in the meantime.
        await asyncio.wait({task}, timeout=min(left, 1.0))
    return task.result()


def _abandon(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what is left, give it a moment to clean up, and close the loop whatever it does."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    try:
        ending = loop.create_task(asyncio.wait(tasks, timeout=CLEANUP_SECONDS)) if tasks else None
        while ending is not None and not ending.done():
            # A Ctrl-C that hit a task in its midst comes out of the loop again for each that waits for that task.
            with suppress(KeyboardInterrupt):
                loop.run_until_complete(ending)
        for task in tasks:
            if task.done() and not task.cancelled():
                task.exception()  # looked at, so that nothing is printed about it
    finally:
        loop.close()
