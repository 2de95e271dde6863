"""Rehearses on practice accounts, by the connectors themselves: one post that says what it is, read back and deleted.

A rehearsal is no message of the city: no gate judges it, and the ledger has nothing of it. So it is never done in realm
live; the command refuses that, and what it asks of an exercise is in ``why_refused``.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from schemas import canonical
from schemas.events.authority import Profile
from schemas.events.control import Posture
from schemas.events.desk import EocView
from schemas.events.requests import Picture, PlatformContent
from schemas.platforms import LIMITS
from services.desk.views.state.rehearsal import RehearsalStep, Rehearsed, StepName, StepResult
from services.fanout.connectors.contract import (
    Absent,
    Altered,
    Cause,
    Connector,
    Intent,
    Posted,
    PublishResult,
    ReadsBack,
    Retracted,
    Retryable,
    Unknown,
)
from services.fanout.connectors.registry import connectors
from services.kernel.base.city import City
from services.kernel.base.text_card import card_picture, text_card
from services.kernel.base.zones import utc_text

AT_ONCE = 8
CALL_SECONDS = 30.0
LOOK_SECONDS = 10.0
TRIES, PAUSE = 3, 1.0
"""So often, so many seconds apart, it is looked and deleted: a platform may show a post a moment later."""
LONGEST = 2 * CALL_SECONDS + LOOK_SECONDS * (1 + 3 * TRIES)
"""Seconds: one profile's rehearsal where everything is as slow as it may be."""
TEXT = (
    "EXERCISE. This is a rehearsal: it only tries whether this account can post. "
    "Nothing has happened, and there is nothing to do. ({at}, {name})"
)

Result = TypeVar("Result")


def why_refused(view: EocView) -> str | None:
    """Say why nothing may be rehearsed now: what is posted during an exercise has to pass the gate."""
    if view.hold:
        return "a hold is on: nothing is posted"
    if view.posture is not Posture.ROUTINE:
        return f"an exercise is going on (posture {view.posture.value}): a rehearsal would be taken for a part of it"
    return None


@asynccontextmanager
async def opened(city: City) -> AsyncIterator[Mapping[str, Connector]]:
    """Open this city's connectors, by platform."""
    tools = connectors(city, city.settings.city.website)
    try:
        yield tools
    finally:
        await asyncio.gather(*(connector.close() for connector in tools.values()))


def staying(tools: Mapping[str, Connector], profiles: Sequence[Profile]) -> tuple[str, ...]:
    """Return the profiles whose connector deletes nothing."""
    return tuple(one.id for one in profiles if one.platform in tools and not tools[one.platform].declaration.delete)


async def rehearse(
    tools: Mapping[str, Connector],
    profiles: Sequence[Profile],
    unsound: Mapping[str, str],
    now: datetime,
    on_posted: Callable[[str, str], None],
) -> tuple[Rehearsed, ...]:
    """Post a rehearsal on each profile, read it back and delete it; ``on_posted`` hears profile and address at once.

    Args:
        tools: the connectors, by platform.
        profiles: profiles of realm exercise.
        unsound: what keeps a profile from being posted to, as seen from here; nothing is posted there.
        now: is in the post.
        on_posted: is told of each post, so that a person finds what a stopped command leaves behind.
    """
    few = asyncio.Semaphore(AT_ONCE)

    async def one(profile: Profile) -> Rehearsed:
        connector = tools.get(profile.platform)
        problem = unsound.get(profile.id) or ("" if connector else f"this city has no connector for {profile.platform}")
        if problem or connector is None:
            return _done(profile.id, [_failed(StepName.CREDENTIAL, problem)])
        async with few:
            return await _Rehearsal(connector, *_intent(profile, now), on_posted).run()

    return tuple(await asyncio.gather(*map(one, profiles)))


def _intent(profile: Profile, now: datetime) -> tuple[Intent, dict[str, bytes]]:
    """Return what is posted, other words each time (X refuses the same ones), and its pictures' bytes."""
    name = f"r{secrets.token_hex(6)}"
    text = TEXT.format(at=utc_text(now), name=name)
    shown: dict[str, bytes] = {}
    pictures: tuple[Picture, ...] = ()
    if LIMITS[profile.platform].card:
        card = text_card(text)
        pictures = (card_picture(text, card),)
        shown[pictures[0].sha256] = card
    content = PlatformContent(
        platform=profile.platform, parts=(text,), pictures=pictures, language="en", created_at=now
    )
    intent = Intent(
        request_id=name,
        revision=1,
        profile=profile,
        content=content,
        rendering_sha256=canonical.sha256(content.to_bytes()),
        idempotency_key=f"{name}-1-{profile.id}",
        author_time=now,
        call_timeout=CALL_SECONDS,
    )
    return intent, shown


@dataclass
class _Rehearsal:
    """One profile's rehearsal under way."""

    connector: Connector
    intent: Intent
    pictures: dict[str, bytes]
    on_posted: Callable[[str, str], None]
    steps: list[RehearsalStep] = field(default_factory=list)
    posted: Posted | None = None
    url: str = ""
    left: bool = False

    async def run(self) -> Rehearsed:
        """Take the steps; whatever happens after the post, Ctrl-C too, it is deleted."""
        try:
            if await self._credential() and (posted := await self._post()) is not None:
                await self._read_back(posted)
        finally:
            if self.posted is not None:
                await self._delete(self.posted)
        return _done(self.intent.profile.id, self.steps, self.url, self.left)

    async def _credential(self) -> bool:
        health = await _answer(self.connector.check(self.intent.profile), LOOK_SECONDS)
        if isinstance(health, Unknown):
            self.steps.append(_failed(StepName.CREDENTIAL, health.reason, health.cause))
            return False
        if not health.ok:
            self.steps.append(_failed(StepName.CREDENTIAL, health.detail, health.cause))
            return False
        self.steps.append(RehearsalStep(StepName.CREDENTIAL, StepResult.WORKED))
        return True

    async def _post(self) -> Posted | None:
        self.left = True  # until the platform says otherwise
        result: PublishResult = await _answer(self.connector.publish(self.intent, self._fetch), CALL_SECONDS)
        found = await self._find(result) if isinstance(result, Unknown) else result
        if isinstance(found, Posted):
            self.posted, self.url = found, found.url
            self.on_posted(self.intent.profile.id, found.url)
            self.steps.append(RehearsalStep(StepName.POST, StepResult.WORKED, found.note))
            return found
        if isinstance(found, Unknown):
            reason = f"nobody knows whether it was posted: {found.reason}"
            self.steps.append(_failed(StepName.POST, reason, found.cause))
            return None
        self.left = False
        reason = getattr(found, "reason", "") or "the platform did not post it"
        self.steps.append(_failed(StepName.POST, reason, getattr(found, "cause", None)))
        return None

    async def _find(self, lost: Unknown) -> PublishResult:
        """Look for a post whose answer was lost; one that is not there may come yet, so it stays unknown."""
        look = replace(self.intent, call_timeout=LOOK_SECONDS, repeat=True)
        found = await _until(lambda: self.connector.reconcile(look), Posted)
        return (
            replace(found, note=f"found after its answer was lost: {lost.reason}")
            if isinstance(found, Posted)
            else lost
        )

    async def _read_back(self, posted: Posted) -> None:
        if not isinstance(self.connector, ReadsBack):
            self.steps.append(RehearsalStep(StepName.READ_BACK, StepResult.NOT_OFFERED))
            return
        found = await self._look(self.connector, posted, Posted)
        if isinstance(found, Posted):
            self.steps.append(RehearsalStep(StepName.READ_BACK, StepResult.WORKED))
        elif isinstance(found, Altered):
            differences = "; ".join(words for _, words in found.differences)
            self.steps.append(_failed(StepName.READ_BACK, f"it stands otherwise than it was sent: {differences}"))
        elif isinstance(found, Absent):
            self.steps.append(_failed(StepName.READ_BACK, "the platform took it, and does not show it"))
        else:
            self.steps.append(_failed(StepName.READ_BACK, found.reason, found.cause))

    async def _delete(self, posted: Posted) -> None:
        if not self.connector.declaration.delete:
            self.steps.append(RehearsalStep(StepName.DELETE, StepResult.NOT_OFFERED))
            return
        call = replace(self.intent, call_timeout=LOOK_SECONDS)
        result = await _until(lambda: self.connector.retract(call, posted.remote_id), Retracted)
        if not isinstance(result, Retracted):
            cause = result.cause if isinstance(result, Retryable | Unknown) else None
            self.steps.append(_failed(StepName.DELETE, result.reason, cause))
            return
        gone: Any = Absent()
        if isinstance(self.connector, ReadsBack):
            gone = await self._look(self.connector, posted, Absent)
        if isinstance(gone, Posted | Altered):
            self.steps.append(_failed(StepName.DELETE, "the platform says that it is deleted, and still shows it"))
            return
        self.left = False
        remark = "" if isinstance(gone, Absent) else f"whether it is gone cannot be seen: {gone.reason}"
        self.steps.append(RehearsalStep(StepName.DELETE, StepResult.WORKED, remark))

    async def _look(self, connector: ReadsBack, posted: Posted, wanted: type) -> Any:
        call = replace(self.intent, call_timeout=LOOK_SECONDS)
        return await _until(lambda: connector.read_back(call, posted.remote_id), wanted)

    async def _fetch(self, sha256: str) -> bytes:
        return self.pictures[sha256]


async def _until(ask: Callable[[], Awaitable[Result]], wanted: type) -> Result | Unknown:
    """Ask until the answer is the wanted one, a few times."""
    for number in range(TRIES):
        if number:
            await asyncio.sleep(PAUSE)
        found = await _answer(ask(), LOOK_SECONDS)
        if isinstance(found, wanted):
            break
    return found


async def _answer(call: Awaitable[Result], seconds: float) -> Result | Unknown:
    """Wait for a connector's answer; an exception out of it is a bug of it, and nobody knows what it did."""
    try:
        async with asyncio.timeout(seconds + 1):
            return await call
    except TimeoutError:
        return Unknown(f"no answer within {seconds:.0f} s", Cause.HOST)
    except Exception as error:  # noqa: BLE001 - whatever a connector does, the others are rehearsed
        return Unknown(f"the connector failed ({type(error).__name__}: {error})")


def _failed(name: StepName, detail: str, cause: Cause | None = None) -> RehearsalStep:
    return RehearsalStep(name, StepResult.FAILED, detail, unreachable=cause is Cause.HOST)


def _done(profile: str, steps: list[RehearsalStep], url: str = "", left: bool = False) -> Rehearsed:
    """Return the rehearsal with all its steps: those that were not reached were not tried."""
    rest = [RehearsalStep(name, StepResult.NOT_TRIED) for name in list(StepName)[len(steps) :]]
    return Rehearsed(profile, (*steps, *rest), url, left)
