"""The townsquare: a small platform for demonstrations and drills that speaks the part of the Mastodon API that is used.

It is a platform, not part of the pipeline: it reads no ledger, decides nothing, and knows OneVoice only as a client
with tokens. It keeps posts on disk (``posts``), shows them to the public (``pages``) and can inject faults
(``faults``; how: docs/platforms.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.townsquare.accounts import make_accounts

if TYPE_CHECKING:
    from services.townsquare.server import start

__all__ = ["make_accounts", "start"]


def __getattr__(name: str) -> Any:
    """Load the server only where it is started: whoever makes a city needs the accounts alone."""
    if name == "start":
        from services.townsquare.server import start

        return start
    raise AttributeError(name)
