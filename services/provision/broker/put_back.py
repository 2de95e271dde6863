"""Up to where a restore has put entries back: said by the stream of the ledger, written by the provisioning user alone.

Up to there an entry's own word counts for when it was stored first; a service's key that is stolen appends behind it.
"""

from __future__ import annotations

from schemas import streams
from services.kernel.base.city import City
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.entry import is_restored
from services.provision.broker.connection import as_provisioner

CHUNK = 512


async def say_restored(city: City, url: str, last: int) -> None:
    """Have the ledger say that what a restore puts back ends at a sequence.

    Raises:
        Unreachable: the broker does not answer.
    """
    async with as_provisioner(city, url) as client:
        js = client.jetstream()
        present = (await js.stream_info(streams.LEDGER)).config
        await js.update_stream(present.evolve(metadata={**(present.metadata or {}), streams.RESTORED: str(last)}))


async def found_restored(ledger: Ledger) -> int:
    """Return up to where a ledger was put back by a version that did not say it: as far as each entry looks so.

    A restore puts back all from the first on. What somebody appended behind it with an older time is not among them.
    """
    count, last = 0, (await ledger.shape()).last
    while count < last:
        for entry in await ledger.get_many(range(count + 1, min(count + CHUNK, last) + 1)):
            if entry is None or not is_restored(entry.seq, entry.headers):
                return count
            count += 1
    return count
