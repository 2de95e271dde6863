"""The control fold of a realm, caught up with the ledger on demand."""

from __future__ import annotations

import asyncio

from pydantic import TypeAdapter, ValidationError

from schemas import canonical, subjects
from schemas.events.control import ControlEvent
from services.kernel.city import City
from services.kernel.control import ControlFault, ControlState, fold
from services.kernel.errors import Refused
from services.kernel.ledger import Entry, Ledger

_EVENTS: TypeAdapter[ControlEvent] = TypeAdapter(ControlEvent)


def parse_control_event(raw: bytes) -> ControlEvent:
    """Read a control event strictly; raises StrictJsonError or pydantic.ValidationError."""
    return _EVENTS.validate_python(canonical.loads(raw))


class ControlView:
    """The state of control, folded up to the last ``refresh``.

    An event that may not be stops the fold for good: whoever asks is refused, and the log says why.
    """

    def __init__(self, city: City, ledger: Ledger) -> None:
        self.state = ControlState()
        self._city = city
        self._ledger = ledger
        self._lock = asyncio.Lock()

    async def refresh(self) -> ControlState:
        """Return the state as the ledger has it now.

        Raises:
            Refused: ``control.broken``, the record of control does not follow its own rules.
            Unreachable: the ledger cannot be read.
        """
        async with self._lock:
            while (entry := await self._ledger.next(subjects.CONTROL, self.state.seq)) is not None:
                self.state = self._after(entry)
            return self.state

    def _after(self, entry: Entry) -> ControlState:
        authority = self._city.authority
        try:
            return fold(
                self.state,
                parse_control_event(entry.data),
                entry.seq,
                root_keys=frozenset(authority.root_keys),
                threshold=authority.threshold,
                realm=self._city.realm,
            )
        except (ControlFault, ValidationError, canonical.StrictJsonError) as error:
            raise Refused(
                "control.broken",
                f"control event {entry.seq} may not be: {error}",
                "nothing is decided until a person has looked: onevoice audit verify",
            ) from error
