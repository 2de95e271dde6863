"""Each platform host: its line, its quota, its circuit breaker, and what is reported of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from schemas.events.authority import Profile
from services.fanout.connectors.contract import (
    Absent,
    Altered,
    Cause,
    HandedOver,
    Health,
    Permanent,
    Posted,
    PublishResult,
    ReadBackResult,
    ReconcileResult,
    Retracted,
)
from services.fanout.domain.breaker import Breaker, Pass, Stop
from services.fanout.domain.limits import HostLimit, Quota, host_of, limit_of
from services.fanout.hosts.line import HostLine
from services.kernel.base.zones import utc_text
from services.kernel.measures.catalogue import Measure
from services.kernel.runtime.service import Runtime

Limits = Callable[[str, str], HostLimit]
"""Returns the limit of a platform's host, by its name; as ``domain.limits.limit_of``."""

Said = PublishResult | ReadBackResult | ReconcileResult | Health
"""Whatever a call to a platform ends with."""


class Host:
    """One host."""

    def __init__(self, name: str, limit: HostLimit, runtime: Runtime) -> None:
        self.name = name
        self.line = HostLine(limit)
        self.quota = Quota(limit)
        self.breaker = Breaker()
        self._runtime = runtime

    def ask(self, profile: str) -> Pass | Stop:
        """Return whether a new attempt for a profile may be made now."""
        return self.breaker.ask(profile, self._runtime.clock.monotonic())

    def note_answer(self, profile: str, said: Said) -> None:
        """Note what a call says of the host: it failed, or it lives."""
        cause = _cause(said)
        if cause is Cause.HOST:
            self._failed(profile, _reason(said))
        elif cause is not Cause.OWN and self.breaker.answered(profile):
            self._runtime.log.warning("the host answers again", host=self.name)
        self._report()

    def note_trial(self, profile: str, said: Health) -> None:
        """Note what a harmless question said: that it failed counts, that it was answered is no proof for posts yet."""
        if _cause(said) is Cause.HOST:
            self.note_answer(profile, said)

    def _failed(self, profile: str, reason: str) -> None:
        if self.breaker.failed(profile, self._runtime.clock.monotonic(), reason):
            self._runtime.log.error("the host does not answer, posts to it wait", host=self.name, reason=reason)

    def _report(self) -> None:
        key = f"host {self.name}"
        if not self.breaker.is_open:
            self._runtime.health.troubles.pop(key, None)
            return
        self._runtime.health.troubles[key] = (
            f"{self.name} does not answer ({self.breaker.failures} failures in a row, the last at "
            f"{utc_text(self._runtime.clock.now())}: {self.breaker.last_reason}); posts to it wait"
        )


def _cause(said: Said) -> Cause | None:
    """Return whose trouble it is, None for a sign of life; what does not show that the host was asked is our own."""
    if isinstance(said, Posted | Altered | Absent | Retracted | HandedOver):
        return None
    if isinstance(said, Permanent):
        return Cause.OWN
    if isinstance(said, Health) and said.ok:
        return None
    return said.cause or Cause.OWN


def _reason(said: Said) -> str:
    return said.detail if isinstance(said, Health) else getattr(said, "reason", "")


class HostRegistry:
    """All hosts, by name; ``limits`` says how much a platform's host is asked for."""

    def __init__(self, runtime: Runtime, limits: Limits = limit_of) -> None:
        self._runtime, self._limits = runtime, limits
        self._hosts: dict[str, Host] = {}

    def idle(self) -> list[Host]:
        """Return the hosts that are shut although nothing waits for them: nobody would find out that they are back."""
        now = self._runtime.clock.monotonic()
        return [host for host in self._hosts.values() if host.breaker.is_idle(now)]

    def measures(self) -> Iterator[Measure]:
        """Yield whether each host that was asked is shut, and what its quota still gives."""
        now = self._runtime.clock.monotonic()
        for host in self._hosts.values():
            yield Measure("onevoice_host_shut", float(host.breaker.is_open), {"host": host.name})
            left = host.quota.left(now)
            if left is not None:
                yield Measure("onevoice_host_quota_left", left, {"host": host.name})
            for profile, part in host.quota.left_of(now).items():
                yield Measure("onevoice_account_quota_left_ratio", part, {"profile": profile})

    def quotas_left(self) -> dict[str, float]:
        """Return what is left of each profile's posts by its platform's own word (0 to 1)."""
        now = self._runtime.clock.monotonic()
        return {name: left for host in self._hosts.values() for name, left in host.quota.left_of(now).items()}

    def of(self, profile: Profile) -> Host:
        """Return the host that a profile's posts go to."""
        name = host_of(profile)
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = Host(name, self._limits(profile.platform, name), self._runtime)
        return host
