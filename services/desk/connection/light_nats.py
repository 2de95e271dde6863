"""nats-py without its WebSocket transport, which the desk never uses.

nats-py imports aiohttp when it is there, and that costs more than all else that a command imports. The import is
answered with "not installed" for that one moment; whoever wants aiohttp afterwards gets it.
"""

from __future__ import annotations

import base64
import sys
from typing import Any, cast

from services.kernel.authority.signing import Signer
from services.kernel.base.network.encrypted import OnlyEncrypted
from services.kernel.base.network.header_lines import QuickHeaders

_modules = cast(dict[str, Any], sys.modules)
_hidden = "aiohttp" not in _modules and "nats" not in _modules
if _hidden:
    _modules["aiohttp"] = None
try:
    from nats import errors
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription
finally:
    if _hidden:
        del _modules["aiohttp"]


class SigningClient(OnlyEncrypted, QuickHeaders, Client):
    """nats-py's client, whose answer to the server's challenge is signed by a key that may be an agent's."""

    def __init__(self, signer: Signer) -> None:
        super().__init__()
        self._signer = signer

    def _setup_nkeys_seed_connect(self) -> None:
        """Take the signer's key in place of a seed: nats-py has no public way."""
        self._public_nkey = self._signer.public_key
        self._signature_cb = lambda nonce: base64.b64encode(self._signer.raw_signature(nonce.encode()))


__all__ = ["Client", "Msg", "SigningClient", "Subscription", "errors"]
