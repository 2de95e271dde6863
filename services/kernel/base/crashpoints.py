"""Named crash points: where a service can be told to die or stop, so that what a crash leaves can be tested.

Off unless ``ONEVOICE_CRASH_AT`` names points when the process starts::

    ONEVOICE_CRASH_AT=fanout.attempt.stored            kill -9 of this process, the first time it gets there
    ONEVOICE_CRASH_AT=fanout.attempt.stored@3          the third time
    ONEVOICE_CRASH_AT=fanout.attempt.stored=stop       SIGSTOP instead; whoever watches wakes it with SIGCONT
    ONEVOICE_CRASH_AT=a,b@2=stop                       several, each once

A point is behind each durable step, and before those whose order matters. ``POINTS`` names them all; a test
compares it with the code, and the fault suite kills each service at each of its points.
"""

from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass
from typing import Literal

from services.kernel.base.errors import BadInput

VARIABLE = "ONEVOICE_CRASH_AT"

POINTS: dict[str, str] = {
    "intake.request.checked": "a request is rendered and screened, nothing is stored",
    "intake.request.stored": "a request is in the ledger, its sender has no answer",
    "intake.approval.stored": "a decision is in the ledger, its officer has no answer",
    "intake.media.stored": "a picture is stored, its sender has no answer",
    "gatekeeper.verdict.decided": "a verdict is decided, not stored",
    "gatekeeper.verdict.stored": "a verdict is in the ledger, what asked for it is not acknowledged",
    "fanout.attempt.authorized": "a post is judged, its attempt is not stored",
    "fanout.attempt.stored": "an attempt is in the ledger, the platform is not called",
    "fanout.call.ended": "the platform has answered, no receipt is stored",
    "fanout.receipt.stored": "a receipt is in the ledger, its verdict is not acknowledged",
    "fanout.resolution.stored": "an officer's resolution is in the ledger, its officer has no answer",
    "fanout.resolution.done": "what a resolution asks for is in the ledger, the resolution is not acknowledged",
    "eoc_state.order.stored": "an order is in the ledger, its officer has no answer",
    "eoc_state.barrier.passed": "nothing older is in flight, eoc_active is not stored",
    "eoc_state.active.stored": "eoc_active is in the ledger, nobody was told",
    "registry.genesis.stored": "the manifest is in the ledger, the registry does not serve yet",
    "registry.order.stored": "an order is in the ledger, its officer has no answer",
    "audit.entries.written": "entries are in the copy, without a checkpoint",
    "audit.checkpoint.written": "entries and their checkpoint are in the copy, not acknowledged",
    "audit.seal.stored": "a seal is in the ledger, the copier does not know",
}
"""Each point, and how things stand there."""

_SPEC = re.compile(r"(?P<point>[a-z_.]+)(?:@(?P<time>[1-9][0-9]*))?(?:=(?P<action>kill|stop))?")
_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


@dataclass
class _Armed:
    action: Literal["kill", "stop"]
    left: int


_armed: dict[str, _Armed] = {}


def arm(spec: str) -> tuple[str, ...]:
    """Arm the points that a text names, instead of those that are armed; return their names (empty text: none).

    Raises:
        BadInput: ``crash.spec``, ``crash.unknown``.
    """
    wanted: dict[str, _Armed] = {}
    for part in (one.strip() for one in spec.split(",") if one.strip()):
        found = _SPEC.fullmatch(part)
        if found is None:
            raise BadInput("crash.spec", f"{VARIABLE}: {part!r} is not POINT[@TIME][=kill|stop]", f"unset {VARIABLE}")
        if found["point"] not in POINTS:
            raise BadInput(
                "crash.unknown",
                f"{VARIABLE}: there is no crash point {found['point']}",
                f"unset {VARIABLE}, or name one of {', '.join(POINTS)}",
            )
        wanted[found["point"]] = _Armed("stop" if found["action"] == "stop" else "kill", int(found["time"] or 1))
    _armed.clear()
    _armed.update(wanted)
    return tuple(wanted)


def arm_from_environment() -> tuple[str, ...]:
    """Arm what ``ONEVOICE_CRASH_AT`` names; raises as ``arm`` does."""
    return arm(os.environ.get(VARIABLE, ""))


def crash_point(point: str) -> None:
    """Die or stop here if this point is armed; costs one lookup in an empty dictionary otherwise."""
    armed = _armed.get(point)
    if armed is None:
        return
    armed.left -= 1
    if armed.left == 0:
        del _armed[point]
        os.kill(os.getpid(), _SIGNALS[armed.action])
