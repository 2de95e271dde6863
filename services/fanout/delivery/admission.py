"""Whether a new attempt may begin now: the host's breaker, the profile's credential, and the quota.

Whoever is not let through waits without an attempt on record, so that a host that is away, or a token that was
revoked, costs the ledger nothing however long it takes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

from schemas.events.authority import Profile
from schemas.events.control import Posture
from schemas.events.deliveries import Attempt, Receipt, ReceiptOutcome
from schemas.events.requests import Request
from services.fanout.connectors.contract import Cause, Connector, Permanent, Posted, PublishResult, Retracted, Retryable
from services.fanout.delivery.caller import AfterAnswer, Caller
from services.fanout.delivery.credentials import Credentials
from services.fanout.domain import retry
from services.fanout.domain.breaker import Stop
from services.fanout.domain.reported_quota import ReportedQuota
from services.fanout.domain.step import Wait
from services.fanout.hosts.credits import PrepaidCredit
from services.fanout.hosts.host import Host, HostRegistry
from services.fanout.hosts.line import HostSlot
from services.kernel.authority.post_authorization import content_of, rendering_for
from services.kernel.fold.ledger_fold import Applied
from services.kernel.fold.reading import parse
from services.kernel.ledger.entry import Entry
from services.kernel.runtime.service import Runtime

LONGEST_WAIT = 5.0
"""Seconds after which a post that waits for a host or its quota is judged again."""

IDLE_LOOK_SECONDS = 5.0

FILES_SECONDS = 1.0
"""Between two looks at the files of credentials that were refused."""

_EOC = frozenset({Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE})
_CREDENTIAL = frozenset({Cause.CREDENTIAL, Cause.OWN})


def weight_of(request: Request, platform: str) -> float:
    """Return how much of the quota a request takes on a platform: its parts and its pictures."""
    rendering = rendering_for(request, platform)
    content = content_of(rendering) if rendering is not None else None
    return float(len(content.parts) + len(content.pictures)) if content is not None else 1.0


class Admission:
    """Lets new attempts through; ``credentials`` are those that were refused."""

    def __init__(
        self,
        runtime: Runtime,
        hosts: HostRegistry,
        caller: Caller,
        credentials: Credentials,
        credit: PrepaidCredit,
        pace: retry.DeliveryPace = retry.USUAL_PACE,
    ) -> None:
        self._pace = pace
        self.credentials = credentials
        self._hosts = hosts
        self._runtime = runtime
        self._caller = caller
        self._credit = credit

    async def enter(
        self, request: Request, profile: Profile, connector: Connector, host: Host, slot: HostSlot
    ) -> Wait | None:
        """Return None when a new attempt may begin, else for what it waits; nothing was sent then."""
        entered = host.ask(profile.id)
        if isinstance(entered, Stop):
            wait = min(entered.seconds, LONGEST_WAIT) * (1.0 + retry.SPREAD * _chance())
            return Wait(wait, f"{host.name} does not answer: {host.breaker.last_reason}", shown=True)
        if not entered.trial and (told := self.credentials.wait_for(profile.id)) is not None:
            return _not_let_in(*told)
        if entered.trial or profile.id in self.credentials:
            refused = await self._try_the_host(profile, connector, host, slot)
            if refused is not None:
                return refused
        return self._pay(request, profile, host)

    def not_sent(self, request: Request, profile: Profile, host: Host) -> None:
        """Give back what ``enter`` took for a post that did not begin."""
        host.quota.give_back(profile.id, amount=weight_of(request, profile.platform))
        self._credit.give_back(request, profile)

    def on_folded(self, entry: Entry, applied: Applied) -> None:
        """Count what other copies post: a platform counts all of them together."""
        if applied.void:
            return
        attempt = parse(Attempt, entry.data)
        if attempt.worker == self._runtime.instance:
            return
        state = self._runtime.fold.requests.get(attempt.request_id)
        profile = self._runtime.control.profiles.get(attempt.profile)
        if state is None or profile is None:
            return
        age = self._runtime.clock.now() - entry.at
        at = self._runtime.clock.monotonic() - max(age.total_seconds(), 0.0)
        weight = weight_of(state.request, profile.platform)
        self._hosts.of(profile).quota.spent(profile.id, at, amount=weight)
        self._credit.note_attempt(attempt, state.request, profile)

    def on_receipt(self, entry: Entry, applied: Applied) -> None:
        """Note of a profile where a post was refused that a later one is there: another copy's, or found by a look."""
        if applied.void or not self.credentials:
            return
        receipt = parse(Receipt, entry.data)
        profile = self._runtime.control.profiles.get(receipt.profile)
        stands = receipt.outcome is ReceiptOutcome.DELIVERED and receipt.resolution_seq is None
        if stands and profile is not None and self.credentials.refused_a_post(profile.id, receipt.attempt_seq):
            self._let_in(profile.id, self._hosts.of(profile))

    def note_answer(self, profile: str, result: PublishResult, host: Host) -> AfterAnswer:
        """Note what a call says of the host and the credential."""
        host.note_answer(profile, result)
        cause = result.cause if isinstance(result, Retryable) else None
        if cause in _CREDENTIAL and isinstance(result, Retryable):
            self.credentials.lose(profile, result.reason, at_post=True)
            return AfterAnswer.LEAVE_IT
        if isinstance(result, Posted | Permanent | Retracted):
            self._let_in(profile, host)
        return AfterAnswer.LEAVE_IT if host.breaker.is_open else AfterAnswer.MAY_REPEAT

    async def look_after_idle_hosts(self, connectors: Mapping[str, Connector]) -> None:
        """Ask hosts that are shut, and that nothing waits for, whether they are back: else nobody would find out."""
        while True:
            await asyncio.sleep(IDLE_LOOK_SECONDS)
            for host in self._hosts.idle():
                profile = self._runtime.control.profiles.get(host.breaker.last_who)
                connector = connectors.get(profile.platform) if profile is not None else None
                if profile is not None and connector is not None:
                    host.breaker.ask(profile.id, self._runtime.clock.monotonic())
                    host.note_answer(profile.id, await self._caller.check(connector, profile))
                    host.breaker.gave_up(profile.id)

    async def _try_the_host(self, profile: Profile, connector: Connector, host: Host, slot: HostSlot) -> Wait | None:
        """Ask something harmless first: a trial is to cost no attempt."""
        slot.calling()
        files = self.credentials.files_of(profile.id)
        health = await self._caller.check(connector, profile)
        host.note_trial(profile.id, health)
        if health.cause in _CREDENTIAL:
            lost = len(self.credentials) + (profile.id not in self.credentials)
            delay = retry.credential_look(lost, _chance(), self._pace.credential_look)
            self.credentials.lose(profile.id, health.detail, files, delay)
            return _not_let_in(delay, health.detail)
        if health.cause is not None:
            return Wait(retry.BASE_SECONDS, f"{host.name} does not answer: {health.detail}", shown=True)
        if not self.credentials.refused_a_post(profile.id):
            self._let_in(profile.id, host)
        return None

    async def watch_credential_files(self) -> None:
        """Have the posts of a profile look again at once when its refused credential was changed."""
        while True:
            await asyncio.sleep(FILES_SECONDS)
            self._wake(self.credentials.changed())

    def _let_in(self, profile: str, host: Host) -> None:
        """Note that a profile is let in: all its posts look again, and so do some of its host's other ones."""
        if not self.credentials.found(profile):
            return
        profiles = self._runtime.control.profiles
        others = self.credentials.next_ones(lambda name: name in profiles and self._hosts.of(profiles[name]) is host)
        self._wake([profile, *others])

    def _wake(self, profiles: list[str]) -> None:
        self._runtime.projection.signals.ring([f"@{profile}" for profile in profiles])

    def _pay(self, request: Request, profile: Profile, host: Host) -> Wait | None:
        """Take from the quota, also from its reserve where it cannot wait."""
        now, weight = self._runtime.clock.monotonic(), weight_of(request, profile.platform)
        urgent = request.crisis or self._runtime.control.posture in _EOC
        wait = host.quota.take(profile.id, now, amount=weight, urgent=urgent)
        if wait > 0:
            reason = f"the quota of {host.name} is used up"
            return Wait(min(wait, LONGEST_WAIT), reason, shown=True, over_in=wait)
        held = self._credit.take(request, profile, urgent=urgent)
        if held is not None:
            host.quota.give_back(profile.id, amount=weight)
            return Wait(LONGEST_WAIT, held, shown=True)
        return None

    def on_reported(self, profile: Profile, reported: ReportedQuota) -> None:
        """Note what a platform says is left of a profile's quota."""
        self._hosts.of(profile).quota.on_reported(profile.id, reported, self._runtime.clock.monotonic())


def _not_let_in(delay: float, why: str) -> Wait:
    # It stays in hand however long that is: only this copy notices when the next look is worth while.
    return Wait(delay, f"it is not let in: {why}", shown=True, hold=True)


def _chance() -> float:
    return random.random()  # noqa: S311 - jitter, no secret
