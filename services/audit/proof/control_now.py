"""The state of control as the second copy has it: read without the rest of the record, and proving nothing."""

from __future__ import annotations

from contextlib import suppress

from services.audit.proof.replay_state import PinnedKeys, ReplayState
from services.audit.proof.rules import people
from services.audit.record.audit_keys import AuditKeys
from services.audit.record.folder import LEDGER
from services.audit.record.format import LineError, read_line
from services.kernel.base.city import City
from services.kernel.base.line_files import lines_with
from services.kernel.control.control_state import ControlState

_CONTROL = b'"subject":"ledger.control"'


def control_now(city: City) -> ControlState:
    """Return the state of control at the end of a realm's second copy; an empty one where there is no copy here.

    Raises OSError.
    """
    pinned = city.authority
    keys = PinnedKeys(city.realm, frozenset(pinned.root_keys), pinned.threshold, AuditKeys(pinned.audit_key))
    state = ReplayState(keys)
    for raw in lines_with(city.audit_folder / LEDGER, _CONTROL):
        with suppress(LineError):
            entry = read_line(raw)
            if entry.subject == "ledger.control":
                for _ in people.control(state, entry, []):
                    pass  # what is wrong with it says ``audit verify``
    return state.control
