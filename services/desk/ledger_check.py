"""Before services take up work: is the ledger still what its second copy says?"""

from __future__ import annotations

from services.audit.verify.compare import Look, compare_end
from services.kernel.base.city import City
from services.kernel.base.clock import monotonic
from services.kernel.base.errors import Unproven
from services.kernel.ledger.client import Ledger
from services.provision.broker.connection import connected

START_SECONDS = 8.0
"""How long a start waits for the comparison at most; the audit service goes on with the rest."""


async def check_ledger(city: City, url: str, seconds: float = START_SECONDS) -> Look:
    """Compare the ledger with the second copy, from the newest entry back, for at most so many seconds.

    Raises:
        Unproven: ``ledger.contradicted``, naming the first difference that was found.
        Unreachable: the broker does not answer.
    """
    end = monotonic() + seconds
    ledger = Ledger()
    async with connected(city, url, city.service_key_path("audit"), "audit") as client:
        ledger.bind(client)
        look = await compare_end(city, ledger, lambda: monotonic() > end)
    if look.differences:
        first = look.differences[0]
        more = f" {len(look.differences) - 1} more places differ." if len(look.differences) > 1 else ""
        raise Unproven(
            "ledger.contradicted",
            f"the ledger contradicts its second copy, first at {first.seq}: {first.message}{more} Nothing was started",
            "onevoice audit restore --into-new-store rebuilds the ledger from the copy (the damaged store is kept)"
            if city.settings.nats.embedded
            else "stop all services; onevoice audit restore rebuilds the ledger (deploy/README.md, Restoring)",
        )
    return look
