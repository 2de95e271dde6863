"""nats-py without its WebSocket transport, which the desk never uses.

nats-py imports aiohttp when it is there, and that costs more than all else that a command imports. The import is
answered with "not installed" for that one moment; whoever wants aiohttp afterwards gets it.
"""

from __future__ import annotations

import sys
from typing import Any, cast

_modules = cast(dict[str, Any], sys.modules)
_hidden = "aiohttp" not in _modules and "nats" not in _modules
if _hidden:
    _modules["aiohttp"] = None
try:
    from nats import errors
    from nats.aio.client import Client
    from nats.aio.msg import Msg
finally:
    if _hidden:
        del _modules["aiohttp"]

__all__ = ["Client", "Msg", "errors"]
