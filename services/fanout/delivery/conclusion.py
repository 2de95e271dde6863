"""Writes how a delivery ended, says so in the log, and has what was delivered looked after."""

from __future__ import annotations

from schemas.events.deliveries import Receipt, ReceiptOutcome
from services.fanout.delivery.readback import ReadBack
from services.fanout.delivery.records import Records, Written
from services.kernel.runtime.service import Runtime


class Conclusion:
    """Puts receipts on record."""

    def __init__(self, runtime: Runtime, records: Records, read_back: ReadBack) -> None:
        self._runtime = runtime
        self._records = records
        self._read_back = read_back

    async def write(self, receipt: Receipt, known: int) -> Written | None:
        """Write a receipt down, unless another worker's is there.

        Args:
            receipt: how it ended.
            known: the sequence of the last receipt on the place when the work on this one began. Whatever came since
                is looked at before ours follows on it; the fold, which knows it by now, must not be asked.

        Returns:
            What was written, or None where another worker's makes it superfluous.
        """
        written = await self._records.receipt(receipt, known)
        if written is not None:
            receipt = written.receipt
            self._read_back.watch(receipt, written.seq, self._runtime.clock.now())
        said = {"url": receipt.url, "reason": receipt.reason}
        delivered = written is not None and receipt.outcome is ReceiptOutcome.DELIVERED
        log = self._runtime.log.debug if delivered else self._runtime.log.info
        log(
            "another worker's receipt stands" if written is None else str(receipt.outcome),
            request_id=receipt.request_id,
            profile=receipt.profile,
            **{name: value for name, value in said.items() if value},
        )
        return written
