"""Prepares a request out of a submission: checks its pictures, renders it for each platform, screens it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TypeVar

from schemas.events.requests import Picture, Request, SubmissionEvent
from schemas.platforms import LIMITS
from services.intake.domain.findings import screening
from services.intake.domain.findings.twins import Twins
from services.intake.domain.identity import Identity
from services.intake.domain.pictures.media import media_type_of
from services.intake.domain.places import check_address
from services.intake.domain.rendering import drawn, render
from services.intake.domain.servers import limits_for
from services.intake.domain.submission import Draft, draft_of, request_of
from services.intake.earlier import EarlierRequests
from services.kernel.authority.judged import judged
from services.kernel.base.errors import BadInput
from services.kernel.base.settings.settings_now import settings_now
from services.kernel.control.control_state import ControlState
from services.kernel.fold.ledger_fold import Applied
from services.kernel.ledger.entry import Entry
from services.kernel.projection.server_time import ServerTime
from services.kernel.runtime.service import Runtime

T = TypeVar("T")


class Preparation:
    """Prepares requests. ``twins`` knows what was asked for just now.

    What computes runs in threads: one for people's messages, one for systems', one for pictures, so that none of these
    waits for another.
    """

    def __init__(self, runtime: Runtime, earlier: EarlierRequests) -> None:
        self._runtime = runtime
        self.twins = Twins()
        self._earlier = earlier
        self._server_time = ServerTime(runtime.clock)
        runtime.projection.listen(self._server_time.on_folded)
        # Word lists and decoders take long enough to hold up the event loop.
        self._people = ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake")
        self._systems = ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake-systems")
        self._pictures = ThreadPoolExecutor(max_workers=1, thread_name_prefix="intake-pictures")

    async def prepare(
        self, identity: Identity, event: SubmissionEvent, sender: str, control: ControlState
    ) -> tuple[Request, Draft]:
        """Return the request that a submission becomes, and its draft.

        Raises:
            BadInput, Refused: as ``draft_of``, ``check_address`` and ``render``; ``picture.unknown``, ``picture.type``.
        """
        about = identity.submission.about
        act = identity.submission.act
        earlier = await self._earlier.find(about, act) if about is not None else None

        async def drafted(now: datetime) -> tuple[Draft, datetime]:
            return draft_of(identity, event, sender, control, now, earlier), now

        ask = self._runtime.ledger.server_time
        draft, now = await judged(await self._server_time.now(ask), ask, drafted)
        # By the settings of the start, as the connectors have them.
        check_address(draft.answers, draft.targets, control, self._runtime.city.settings.page_of)
        await self._check_pictures(draft.pictures)
        rules = self._rules(control)
        profiles = (control.profiles[target] for target in draft.targets)
        accounts = [one.account for one in profiles if one.platform == "mastodon"]
        limits = limits_for(accounts, settings_now(self._runtime.city).mastodon.limits)

        def work() -> Request:
            renderings = render(draft, limits, rules.language)
            departments = {target: control.profiles[target].department for target in draft.targets}
            findings = screening.screen(draft, renderings, rules, departments)
            return request_of(draft, control, now, renderings, findings)

        request = await _run(self._systems if sender in control.systems else self._people, work)
        return request.model_copy(update={"screening": request.screening + self.twins.find(request)}), draft

    def on_folded(self, entry: Entry, applied: Applied) -> None:
        """Remember what other copies of intake took."""
        if not applied.void:
            state = self._runtime.fold.requests.get(entry.subject.rpartition(".")[2])
            if state is not None:
                self.twins.note(state.request)

    def remember_open(self) -> None:
        """Remember what is open, after a start."""
        for state in sorted(self._runtime.fold.requests.values(), key=lambda one: one.seq):
            self.twins.note(state.request)

    async def compute(self, work: Callable[[], T]) -> T:
        """Run what computes in the thread of people's messages, and return its result."""
        return await _run(self._people, work)

    async def decode(self, work: Callable[[], T]) -> T:
        """Run what looks at a picture in the thread for that, and return its result."""
        return await _run(self._pictures, work)

    def _rules(self, control: ControlState) -> screening.ScreeningRules:
        settings = self._runtime.city.settings
        official = [profile for profile in control.profiles.values() if profile.official]
        return screening.ScreeningRules(
            website=control.website,
            region=settings.city.region,
            topics=dict(settings.screening_topics),
            published_numbers=settings.screening_numbers,
            published_addresses=settings.screening_addresses,
            names=settings.screening_names,
            language=settings.city.language.partition("-")[0],
            city=control.city,
            own_hosts=tuple(one.account.rpartition("@")[2] for one in official if "@" in one.account),
        )

    async def keep_pictures(self, request: Request, draft: Draft) -> None:
        """Keep for good what a request shows, before it is on record; a preview keeps nothing.

        Raises:
            BadInput: ``picture.unknown``.
        """
        ledger = self._runtime.ledger
        for number, picture in enumerate(draft.pictures, 1):
            await ledger.put_media(await self._picture(number, picture))
        if not draft.pictures:
            for rendering in request.renderings:
                if LIMITS[rendering.platform].card:
                    parts = rendering.content().parts
                    _, card = await self.compute(partial(drawn, parts, LIMITS[rendering.platform]))
                    await ledger.put_media(card)

    async def _check_pictures(self, pictures: tuple[Picture, ...]) -> None:
        for number, picture in enumerate(pictures, 1):
            raw = await self._picture(number, picture)
            if media_type_of(raw) != picture.media_type:
                raise BadInput(
                    "picture.type",
                    f"picture {number} is {media_type_of(raw)}, not {picture.media_type}",
                    "use the media type from the reply to desk.media.put",
                )

    async def _picture(self, number: int, picture: Picture) -> bytes:
        try:
            return await self._runtime.ledger.get_upload(picture.sha256)
        except LookupError as error:
            raise BadInput(
                "picture.unknown",
                f"picture {number} ({picture.sha256[:12]}…) is not there; one that no message names goes after a day",
                "add the picture again (desk.media.put), and use the hash from the reply",
            ) from error


async def _run(thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, work)
