"""Lets messages of the desk in, as far as their sender's quota goes."""

from __future__ import annotations

from services.intake.domain.quotas import Quotas, SenderQuota
from services.kernel.runtime.service import Runtime


class SenderQuotas:
    """The quotas of one copy of intake, as city.toml sets them ([quota])."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        section = runtime.city.settings.quota
        self._quotas = Quotas(
            {
                "officer": SenderQuota(section.officer_messages, section.officer_bytes, section.officer_pixels),
                "system": SenderQuota(section.system_messages, section.system_bytes),
            }
        )

    def admit(self, sender: str, size: int) -> None:
        """Take a message of so many bytes from its sender's quota; raises Refused ``quota.exceeded``."""
        self._quotas.take(self._kind(sender), sender, self._runtime.clock.monotonic(), messages=1, bytes=size)

    def take_pixels(self, sender: str, pixels: int) -> None:
        """Take a picture from its sender's quota before it is decoded; raises Refused ``quota.exceeded``."""
        self._quotas.take(self._kind(sender), sender, self._runtime.clock.monotonic(), pixels=pixels)

    def _kind(self, sender: str) -> str:
        return "system" if sender in self._runtime.control.systems else "officer"
