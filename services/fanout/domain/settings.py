"""The times that a city chooses for its deliveries, and the usual pace of what is tried again."""

from __future__ import annotations

from dataclasses import dataclass

from services.fanout.domain.retry import USUAL_PACE, DeliveryPace

ASK_SECONDS = 120.0
"""How long a platform that answers is asked how an attempt ended, before a person has to look."""


@dataclass(frozen=True)
class FanoutSettings:
    """In seconds: ``lease`` of an attempt, ``ask_seconds`` until an unknown outcome goes to a person."""

    lease: float
    ask_seconds: float = ASK_SECONDS
    pace: DeliveryPace = USUAL_PACE
