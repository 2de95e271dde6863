"""The audit service's own keys: the one in its place, and the one that waits for the root to name it."""

from __future__ import annotations

from pathlib import Path

from services.audit.record.audit_keys import pinned_succession
from services.kernel.authority.signing import Signer, load_key
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput


def next_key_path(city: City) -> Path:
    """Return the file of the key that waits until the root names it, there or not."""
    return city.service_key_path("audit").with_name("audit.next.nk")


def sealing_key(city: City, public: str) -> Signer:
    """Return the audit key of a public half; raises BadInput ``audit.key``, and as ``load_key``."""
    for path in (city.service_key_path("audit"), next_key_path(city)):
        if path.exists() and (found := load_key(path)).public_key == public:
            return found
    what = f"the root names the audit key {public}, and it is not in {city.service_key_path('audit').parent}"
    raise BadInput("audit.key", what, f"put it there as {next_key_path(city).name}, or have the root name another one")


def key_in_force(city: City) -> Signer:
    """Return the key that seals now, by what the record says; raises as ``sealing_key``."""
    return sealing_key(city, pinned_succession(city).keys.newest)


def key_here(city: City) -> Signer | None:
    """Return the key that seals now, where it can be read here."""
    try:
        return key_in_force(city)
    except BadInput:
        return None
