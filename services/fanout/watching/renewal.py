"""Credentials that end are renewed long before, by what their platform gives for that.

The new one is kept in a folder of fan-out's own: where the credentials are, it may read and no more. A person is told
only of what cannot be renewed here. The old credential stays good until its own end, so a renewal that fails, or a
machine whose copy renews its own, harms nobody.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from schemas.events.authority import Profile
from services.fanout.connectors.contract import Connector
from services.fanout.connectors.credentials.keeping import keep_renewed, renewal_lock
from services.fanout.connectors.credentials.renewed import renewed_path
from services.fanout.connectors.credentials.renewing import NotRenewed, RenewsCredentials
from services.fanout.connectors.credentials.tokens import TokenFault, expiry_of, reference_of, token_of
from services.fanout.domain.renewal import is_due
from services.kernel.base.city import City
from services.kernel.base.clock import Clock
from services.kernel.base.files import ExclusiveLock

FIRST_SECONDS = 60.0
TURN_SECONDS = 60.0
CALL_SECONDS = 20.0


class CredentialRenewal:
    """Renews credentials, as long as ``run`` runs; ``not_renewed`` says why one was not, by profile."""

    def __init__(self, city: City, clock: Clock, log: Any, connector_of: Callable[[str], Connector | None]) -> None:
        self._city, self._clock, self._log = city, clock, log
        self._connector_of = connector_of
        self._lock_path = renewal_lock(city)
        self._tried: dict[str, datetime] = {}
        self.not_renewed: dict[str, str] = {}

    async def run(self, profiles: Callable[[], Iterable[Profile]]) -> None:
        """Renew what is due, once a minute, until cancelled."""
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            await self.turn(list(profiles()))
            await asyncio.sleep(TURN_SECONDS)

    async def turn(self, profiles: Iterable[Profile]) -> None:
        """Renew what is due of some profiles, one after the other."""
        for profile in profiles:
            connector = self._connector_of(profile.platform)
            if not profile.official or not isinstance(connector, RenewsCredentials):
                continue
            if not self._due(profile):
                continue
            lock = ExclusiveLock(self._lock_path)
            try:
                # Another copy on this machine may just have renewed it, so that it is not due any more.
                if lock.take(wait=False) and self._due(profile):
                    await self._one(connector, profile)
            finally:
                lock.close()

    def _due(self, profile: Profile) -> bool:
        end = expiry_of(self._city.token_path(profile.id))
        return is_due(end, self._clock.now(), self._tried.get(profile.id))

    async def _one(self, connector: RenewsCredentials, profile: Profile) -> None:
        self._tried[profile.id] = self._clock.now()
        try:
            why = await self._renew(connector, profile)
        except TimeoutError:
            why = "the platform did not answer in time"
        except Exception as error:  # noqa: BLE001 - the next ones are renewed all the same
            why = f"it failed: {type(error).__name__}"
        if why:
            if self.not_renewed.get(profile.id) != why:
                self._log.warning("a credential was not renewed", profile=profile.id, reason=why)
            self.not_renewed[profile.id] = why
            return
        self.not_renewed.pop(profile.id, None)
        self._log.info("a credential was renewed ahead of its end", profile=profile.id)

    async def _renew(self, connector: RenewsCredentials, profile: Profile) -> str:
        """Renew one; return why not, empty when it was."""
        path = self._city.token_path(profile.id)
        try:
            elsewhere = reference_of(path)
            if elsewhere:
                return f"it is kept elsewhere ({elsewhere}:), and has to be renewed there"
            old = await token_of(path)
        except TokenFault as fault:
            return str(fault)
        folder = renewed_path(path).parent
        folder.mkdir(mode=0o700, exist_ok=True)
        if not os.access(folder, os.W_OK):
            return "var/website cannot be written here: a person connects it again"
        async with asyncio.timeout(CALL_SECONDS):
            found = await connector.renew(profile)
        if isinstance(found, NotRenewed):
            return found.reason
        if await token_of(path) != old:
            return ""  # a person has connected it meanwhile: that one counts
        try:
            await asyncio.to_thread(keep_renewed, path, found.credential, found.expires, found.renews)
        except (OSError, TokenFault) as error:
            return f"the new one cannot be stored: {getattr(error, 'strerror', None) or error}"
        return ""
