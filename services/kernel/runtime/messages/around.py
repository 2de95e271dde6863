"""What surrounds the handlers of one service instance, whatever bus brings their messages."""

from __future__ import annotations

from typing import NamedTuple

from services.kernel.runtime.messages.bus import Routes
from services.kernel.runtime.messages.consuming import Consuming
from services.kernel.runtime.messages.serving import Serving, Subscribing


class Around(NamedTuple):
    """One for each kind of message; ``routes``: the durables that are consumed."""

    routes: Routes
    consuming: Consuming
    serving: Serving
    subscribing: Subscribing
