"""What a verification that goes on later has to remember: all but the requests that were over for hours. Pure.

Whatever comes back to one that is not remembered is judged with all of the record. So what is kept grows with what is
going on and with the number of requests, and not with their content.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from schemas.events.deliveries import ReceiptOutcome
from services.audit.proof.effective import Progress
from services.audit.proof.replay_state import DeliveryContext, ReplayState

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


def gone_from(values: dict[_Key, _Value]) -> AbstractSet[_Key]:
    """Return the keys that were taken from a dictionary."""
    return values.gone if isinstance(values, Remaining) else frozenset()


def slimmed(state: ReplayState, newest: datetime) -> ReplayState:
    """Return what has to be remembered; ``newest`` is the time of the newest entry."""
    over = {name for name, one in state.contexts.items() if _is_over(state, one, newest - REMEMBERED)}
    gone = {seq for seq, one in state.attempts.items() if one.event.request_id in over}
    at = {place: one for place, one in state.progress.at.items() if place[0] not in over}
    contexts = {name: one for name, one in state.contexts.items() if name not in over}
    attempts = {seq: one for seq, one in state.attempts.items() if seq not in gone}
    return replace(
        state,
        contexts=Remaining(contexts, over | gone_from(state.contexts)),
        attempts=Remaining(attempts, gone | gone_from(state.attempts)),
        verdicts={name: seq for name, seq in state.verdicts.items() if name not in over},
        progress=Progress(at, state.progress.under_way),
    )


def _is_over(state: ReplayState, context: DeliveryContext, horizon: datetime) -> bool:
    verdict = context.counted.verdict if state.ruled else context.verdict
    if context.request_at >= horizon or (context.changed_at or context.request_at) >= horizon or verdict is None:
        return False
    attempts = (one for target in context.targets.values() for one in target.attempts)
    return all(one.receipt_seq and one.outcome is not ReceiptOutcome.UNCONFIRMED for one in attempts)
