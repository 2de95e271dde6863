"""Lets messages of the desk in, as far as their sender's quota goes."""

from __future__ import annotations

from schemas import flow
from services.intake.domain.quotas import Quotas, SenderQuota, check_open
from services.kernel.runtime.service import Runtime

PAGES = 5
"""So many times an officer's quota have the pages, whose one sender stands for all officers at browsers."""


class SenderQuotas:
    """The quotas of one copy of intake, as city.toml sets them ([quota])."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        section = runtime.city.settings.quota
        self._system_open = section.system_open
        officer = SenderQuota(section.officer_messages, section.officer_bytes, section.officer_pixels)
        self._quotas = Quotas(
            {
                "officer": officer,
                "system": SenderQuota(section.system_messages, section.system_bytes),
                "pages": SenderQuota(officer.messages * PAGES, officer.bytes * PAGES, officer.pixels * PAGES),
            }
        )

    def admit(self, sender: str, size: int) -> None:
        """Take a message of so many bytes from its sender's quota; raises Refused ``quota.exceeded``."""
        self._quotas.take(self._kind(sender), sender, self._runtime.clock.monotonic(), messages=1, bytes=size)

    def admit_typing(self, sender: str, size: int) -> None:
        """As ``admit``, of what is previewed while people type: it uses up nothing of what they send."""
        self._quotas.take(
            self._kind(sender), f"{sender}, typing", self._runtime.clock.monotonic(), messages=1, bytes=size
        )

    def take_pixels(self, sender: str, pixels: int) -> None:
        """Take a picture from its sender's quota before it is decoded; raises Refused ``quota.exceeded``."""
        self._quotas.take(self._kind(sender), sender, self._runtime.clock.monotonic(), pixels=pixels)

    def check_open(self, sender: str) -> None:
        """Check that a system has not too many open requests; raises Refused ``quota.open``. People are not counted."""
        if self._kind(sender) == "system":
            authors = [one.request.author for one in self._runtime.fold.requests.values()]
            check_open(sender, authors, self._system_open)

    def _kind(self, sender: str) -> str:
        if sender == flow.WEB:
            return "pages"
        return "system" if sender in self._runtime.control.systems else "officer"
