"""Each measure by its name: what it says, in which unit, and whether it only grows. Pure data.

The dashboard, the alert rules and the tests take their names from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Measure:
    """One value; ``labels`` tell it from others of its name."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


GAUGES: dict[str, tuple[str, tuple[str, ...]]] = {
    "onevoice_service": ("1 while the service runs in this process", ("service", "version")),
    "onevoice_service_trouble": ("1 while the service reports a trouble; doctor says which", ("service",)),
    "onevoice_posture": ("1 for the posture in force: routine, crisis, eoc_activating or eoc_active", ("posture",)),
    "onevoice_hold": ("1 while the stop button holds everything back", ()),
    "onevoice_control_revision": ("the last sequence of ledger.control", ()),
    "onevoice_ledger_sequence": ("the newest sequence that is folded", ("service",)),
    "onevoice_projection_lag_entries": ("entries that the leader has and this projection has not", ("service",)),
    "onevoice_projection_silence_seconds": ("since the leader was last asked for its newest sequence", ("service",)),
    "onevoice_ledger_fault": ("1 while the ledger contradicts what was seen: nothing is decided or posted", ()),
    "onevoice_requests": ("requests that are not over, by phase", ("phase",)),
    "onevoice_oldest_waiting_seconds": ("age of the oldest request that waits for a verdict or an approval", ()),
    "onevoice_oldest_undelivered_seconds": ("since the oldest clearance that is not delivered everywhere", ()),
    "onevoice_posts_in_flight": ("posts that may be under way at this moment", ()),
    "onevoice_posts_unknown": ("posts of which nobody knows whether they stand", ()),
    "onevoice_posts_waiting": ("posts that wait for a platform, its quota or a credential", ("service",)),
    "onevoice_host_shut": ("1 while a platform's host does not answer and posts to it wait", ("host",)),
    "onevoice_host_quota_left": ("posts that the host's quota still gives, the reserve included", ("host",)),
    "onevoice_account_quota_left_ratio": (
        "what a platform itself says is left of a profile's quota, 0 to 1",
        ("profile",),
    ),
    "onevoice_credit_left_usd": ("what is left of the month's prepaid credit, the reserve included", ("platform",)),
    "onevoice_role_days_left": ("days until the earliest of an officer's roles ends", ("officer",)),
    "onevoice_authority_days_left": ("days until the authority manifest in force ends; keys and roles end with it", ()),
    "onevoice_certificate_days_left": ("days until the certificate of a broker's server ends", ("server",)),
    "onevoice_token_days_left": (
        "days until a profile's token ends, as city.toml says or was noted beside it",
        ("profile",),
    ),
    "onevoice_checkpoint_age_seconds": ("age of the newest signed checkpoint of the second copy", ()),
    "onevoice_second_copy_sequence": ("the newest sequence that the second copy holds", ()),
    "onevoice_store_used_ratio": ("how much of what the ledger's disk gives is used; at 1 nothing is stored", ()),
    "onevoice_store_free_bytes": ("what is free on the ledger's disk", ()),
    "onevoice_outside_posts": ("posts from outside of the gate that no officer has acknowledged", ("profile",)),
    "onevoice_alarms": ("alarms on the record that nobody has closed", ()),
}
"""Name: what it says, and its labels."""

COUNTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "onevoice_entries": ("entries folded since the start, by kind", ("service", "kind")),
    "onevoice_void_entries": ("entries of the ledger that count for nobody, since the start", ("service",)),
}
"""What only grows; Prometheus adds ``_total`` to the name."""
