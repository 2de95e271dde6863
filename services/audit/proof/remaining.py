"""What a verification that goes on later has to remember: all but the requests that were over for hours. Pure.

Whatever comes back to one that is not remembered is judged with all of the record. So what is kept grows with what is
going on and with the number of requests, and not with their content.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from services.audit.proof.effective import Progress
from services.audit.proof.packing import has_ended, quiet_since
from services.audit.proof.replay_state import ReplayState

REMEMBERED = timedelta(hours=6)
"""How long a request stays remembered after it came in: corrections and late receipts mostly come sooner."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class NeedsWholeError(Exception):
    """An entry is about something that is not remembered."""


class Remaining(dict[_Key, _Value]):
    """A dictionary that some keys were taken from: asking for one of them raises NeedsWholeError."""

    def __init__(self, values: dict[_Key, _Value], gone: AbstractSet[_Key]) -> None:
        super().__init__(values)
        self.gone = gone

    def get(self, key: Any, default: Any = None) -> Any:
        """Return a value, or the default where there never was one."""
        if key in self.gone:
            raise NeedsWholeError(str(key))
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        if key in self.gone:
            raise NeedsWholeError(str(key))
        return super().__contains__(key)


def slimmed(state: ReplayState, newest: datetime) -> ReplayState:
    """Return what has to be remembered; ``newest`` is the time of the newest entry."""
    horizon = newest - REMEMBERED
    loose = {name for name, one in state.contexts.items() if has_ended(one) and quiet_since(one) < horizon}
    over = loose | {name for name, one in state.packed.items() if one.quiet_since < horizon}
    before = state.contexts.gone if isinstance(state.contexts, Remaining) else frozenset[str]()
    attempts = {seq: one for seq, one in state.attempts.items() if one.event.request_id not in loose}
    kept = replace(
        state,
        contexts=Remaining({name: one for name, one in state.contexts.items() if name not in over}, over | before),
        packed={name: one for name, one in state.packed.items() if name not in over},
        attempts=attempts,
        verdicts={name: seq for name, seq in state.verdicts.items() if name not in over},
        progress=Progress(
            {name: one for name, one in state.progress.at.items() if name not in over}, state.progress.under_way
        ),
    )
    kept.gone_attempts += state.counted_attempts() - kept.counted_attempts()
    return kept
