"""The audit service's desk handler: does the ledger hold what the second copy holds?"""

from __future__ import annotations

from datetime import timedelta

from schemas.events.audit import CompareQuery, LedgerIntegrity
from services.audit.copy_service import CopyService
from services.kernel.base.errors import Unreachable
from services.kernel.runtime.messages.dependencies import Sender
from services.kernel.runtime.service import Runtime

LATELY = timedelta(seconds=10)
"""How old the writing process's report may be for a standby to repeat it."""


class AuditHandlers:
    """Answers from the checker of the record that this process writes, or from the report of who writes it."""

    def __init__(self, runtime: Runtime, service: CopyService) -> None:
        self._runtime, self._service = runtime, service

    async def on_compare(self, query: CompareQuery, sender: Sender) -> LedgerIntegrity:
        """Hasten the comparison, wait for its end as long as the query says, and answer with the report.

        Raises:
            Unreachable: ``audit.not_open``, nobody compares at this moment.
        """
        if self._service.checker is not None:
            return await self._service.checker.answer(query.seconds)
        report = self._runtime.watch.report
        if report is None or self._runtime.clock.now() - report.at > LATELY:
            raise Unreachable(
                "audit.not_open",
                self._runtime.health.trouble or "the record is not open yet",
                "look into the log of audit",
            )
        return report
