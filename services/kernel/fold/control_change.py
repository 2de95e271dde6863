"""What an entry on ``ledger.control`` makes of the state of control. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.events.control import ControlEvent
from services.kernel.control.control_fold import fold
from services.kernel.control.control_state import ControlFault, ControlState
from services.kernel.fold.applied import LostRace, Void
from services.kernel.fold.overtaken import came_too_late
from services.kernel.fold.reading import parse_control_event
from services.kernel.ledger.entry import Entry


@dataclass(frozen=True)
class Authority:
    """The pinned keys of the realm."""

    realm: str
    root_keys: frozenset[str]
    threshold: int


def changed_by(
    entry: Entry, control: ControlState, authority: Authority, orders: Mapping[str, int]
) -> tuple[ControlEvent, ControlState]:
    """Return the event and the state after it; ``orders`` are those that were carried out, by their hash.

    Raises:
        Void: it cannot be read, or may not be done; LostRace where it came too late.
    """
    try:
        event = parse_control_event(entry.data)
        return event, fold(
            control,
            event,
            entry.seq,
            root_keys=authority.root_keys,
            threshold=authority.threshold,
            realm=authority.realm,
            stored_at=entry.at,
            carried_out=orders,
        )
    except (ControlFault, ValueError) as error:
        # What protects is appended without a condition, so that two of a kind may meet: one came too late.
        raise (LostRace if came_too_late(entry, error) else Void)(f"control event: {error}"[:300]) from error
