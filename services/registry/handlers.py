"""Handlers of the registry: orders about officers and profiles, and the first control event."""

from __future__ import annotations

from pydantic import ValidationError

from schemas import subjects
from schemas.canonical import StrictJsonError
from schemas.events.authority import Manifest
from schemas.events.control import Genesis
from schemas.events.desk import OrderReply
from schemas.events.envelope import Envelope
from services.kernel.authority.orders import carry_out
from services.kernel.base.crashpoints import crash_point
from services.kernel.base.errors import BadInput
from services.kernel.control.control_state import ControlFault, ControlState, fold
from services.kernel.ledger.client import Conflict
from services.kernel.runtime.service import Runtime, Sender

ACTIONS = frozenset({"designate", "revoke", "profile_add", "profile_suspend"})


class Handlers:
    """What the registry answers."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    async def on_order(self, order: Envelope, sender: Sender) -> OrderReply:
        """Designate, revoke, add or suspend (policy 2(ii); section 1, Oversight (ii) and (iii))."""
        state, signed = await carry_out(self.runtime, order, sender, ACTIONS)
        self.runtime.log.info("control changed", action=signed.action.action, by=sender, control_seq=state.seq)
        return OrderReply(control_seq=state.seq, posture=state.posture)


async def begin_ledger(runtime: Runtime) -> None:
    """Append the authority manifest as the first control event; another copy may be quicker.

    Raises:
        BadInput: ``manifest.missing``, or the manifest is not signed by the pinned root keys.
    """
    event = Genesis(at=runtime.clock.now(), manifest=read_manifest(runtime), rule=2)
    check_manifest(runtime, event)
    try:
        appended = await runtime.ledger.append(subjects.CONTROL, event, expect_last=0)
    except Conflict:
        return
    crash_point("registry.genesis.stored")
    runtime.log.info("the ledger begins with the authority manifest", control_seq=appended.seq)


def read_manifest(runtime: Runtime) -> Envelope:
    """Read the signed manifest of the city folder."""
    path = runtime.city.manifest_path
    try:
        return Envelope.from_bytes(path.read_bytes())
    except OSError as error:
        raise BadInput(
            "manifest.missing", f"{path}: {error.strerror}", "make the city folder anew: onevoice init"
        ) from error
    except (StrictJsonError, ValidationError) as error:
        raise BadInput("manifest.malformed", f"{path} is not a signed manifest", "restore it from a copy") from error


def check_manifest(runtime: Runtime, event: Genesis) -> Manifest:
    """Check a manifest against the pinned keys before it becomes the beginning of everything."""
    authority = runtime.city.authority
    try:
        fold(
            ControlState(),
            event,
            1,
            root_keys=frozenset(authority.root_keys),
            threshold=authority.threshold,
            realm=runtime.city.realm,
        )
    except ControlFault as fault:
        raise BadInput(fault.code, fault.message, "have the manifest signed by the root keys of city.toml") from fault
    return Manifest.from_bytes(event.manifest.payload_bytes())
