"""The mirror: what stands on another platform is on the city's website too (section 1, Transparency (ii))."""

from __future__ import annotations

from typing import Protocol

from schemas.events.authority import Profile
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.requests import Request
from services.fanout.reader import Reader
from services.kernel.service import Runtime

WEBSITE = "website"


class Website(Protocol):
    """What the mirror needs of the website connector."""

    async def mirror(self, request: Request, profile: Profile, url: str) -> None:
        """Write or update the message's page: it stands on this profile at this address. Repeating is harmless."""
        ...


class Mirror:
    """Writes the message's page of the website for each delivered receipt of another platform."""

    def __init__(self, runtime: Runtime, website: Website | None) -> None:
        self._runtime = runtime
        self._website = website
        self._reader = Reader(runtime)

    async def show(self, receipt: Receipt) -> None:
        """Mirror one receipt; what was not delivered, or stands on the website itself, needs none.

        Raises:
            Unreachable: the ledger cannot be read.
            OSError: the website's folder cannot be written; the receipt is handled again later.
        """
        if receipt.outcome is not ReceiptOutcome.DELIVERED or receipt.platform == WEBSITE or receipt.url is None:
            return
        if self._website is None:
            return
        request = await self._reader.request(receipt.request_id)
        control = await self._runtime.control.refresh()
        profile = control.profiles.get(receipt.profile)
        if request is None or profile is None or request.revision != receipt.revision:
            self._runtime.log.warning("not mirrored", profile=receipt.profile, reason="a newer revision stands")
            return
        try:
            await self._website.mirror(request, profile, receipt.url)
        except LookupError as error:  # it will not come by itself, and the next messages are not to wait for it
            self._runtime.log.error("not mirrored", profile=receipt.profile, reason=str(error))
