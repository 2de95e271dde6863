"""Which deliveries of a request people are shown first, and how the others are counted."""

from __future__ import annotations

from schemas.events.base import Contract

DONE = frozenset({"delivered", "recalled"})
"""The outcomes of a profile that has what was asked for: the post, or the earlier one taken back."""

LOOK_FIRST = {"unconfirmed": 0, "failed": 1, "put_aside": 1, "withheld": 2, "posting": 3, "queued": 4}
"""In which order deliveries are shown: what needs a look first; outcomes that are not named come last."""


class DeliveryCounts(Contract):
    """How many deliveries a request has, the website's mirror aside, and on how many wanted profiles it is out."""

    every: int
    done: int
