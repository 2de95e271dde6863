"""Compares the ledger with its second copy before services take up work."""

from __future__ import annotations

from services.audit.proof.compare import CHUNK, EndComparison, compare_end
from services.desk.city.restore import store_of
from services.kernel.base.city import City
from services.kernel.base.clock import monotonic
from services.kernel.base.errors import Unproven
from services.kernel.ledger.client import Ledger
from services.provision.broker.connection import connected

NEWEST = 2_048
"""Entries that a start compares in any case, the newest first: what a crash or an old store changes is there."""

START_SECONDS = 1.0
"""How long it goes on with older ones. The audit service compares them all, and what it finds stops every service."""


async def check_ledger(city: City, url: str, newest: int = NEWEST, seconds: float = START_SECONDS) -> EndComparison:
    """Compare the ledger with the second copy, from the newest entry back: so many, and on for so many seconds.

    What the stream itself counts is compared too, so entries that the server lost are found wherever they stood.

    Raises:
        Unproven: ``ledger.contradicted``, naming the first difference that was found.
        Unreachable: the broker does not answer.
    """
    end = monotonic() + seconds
    ledger, looked = Ledger(), 0

    def enough() -> bool:
        nonlocal looked
        looked += CHUNK
        return looked >= newest and monotonic() > end

    async with connected(city, url, city.service_key_path("audit"), "audit") as client:
        ledger.bind(client)
        found = await compare_end(city, ledger, enough)
    if found.differences:
        first = found.differences[0]
        more = f" {len(found.differences) - 1} more places differ." if len(found.differences) > 1 else ""
        raise Unproven(
            "ledger.contradicted",
            f"the ledger contradicts its second copy, first at {first.seq}: {first.message}{more} Nothing was started",
            _hint(city),
        )
    return found


def _hint(city: City) -> str:
    """Return how the ledger comes back: from another broker that has it still, else from the copy."""
    if city.settings.nats.embedded:
        moved = "is it on another broker still? onevoice ledger move --from URL takes it here; else "
        return f"{moved}onevoice audit restore --into-new-store rebuilds it from the copy (the damaged store is kept)"
    here = store_of(city).is_dir()
    moved = "onevoice ledger move takes along the one of onevoice up, which is still here; else " if here else ""
    return f"stop all services; {moved}onevoice audit restore rebuilds it from the copy (deploy/README.md, Restoring)"
