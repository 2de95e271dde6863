"""The attempts that this process gave up before their call, as no ack of them came: any of them may stand all the same.

Only this process knows that nothing was sent for them. What it does not name may have been called, whoever made it.
"""

from __future__ import annotations

from collections import OrderedDict

from schemas.events.deliveries import Attempt
from services.kernel.fold.state import TargetState

KEPT = 10_000
"""Requests on profiles; an attempt that is forgotten is looked for on its platform, as one of a process that died."""


OF_A_PLACE = 8
"""Attempts on one profile of one request, the newest: a broker that does not answer has one made each second or so."""


class GivenUpAttempts:
    """Holds the newest, each as it was written; what another wrote under the name of this process is none of them."""

    def __init__(self) -> None:
        self._at: OrderedDict[tuple[str, str], tuple[Attempt, ...]] = OrderedDict()

    def note(self, attempt: Attempt) -> None:
        """Note an attempt that nothing here can call any more."""
        place = (attempt.request_id, attempt.profile)
        self._at[place] = (*self._at.pop(place, ()), attempt)[-OF_A_PLACE:]
        while len(self._at) > KEPT:
            self._at.popitem(last=False)

    def take_back(self, attempt: Attempt) -> None:
        """Forget an attempt that is being put on record (again), and may be called then."""
        place = (attempt.request_id, attempt.profile)
        left = tuple(one for one in self._at.pop(place, ()) if one != attempt)
        if left:
            self._at[place] = left

    def over(self, request_id: str, profile: str) -> None:
        """Forget what there is of a request on a profile: it has its final receipt, and no attempt counts there."""
        self._at.pop((request_id, profile), None)

    def holds(self, target: TargetState) -> bool:
        """Return whether what is open on a profile is one of them."""
        attempt = target.attempt
        if attempt is None or not self._at:
            return False
        return attempt in self._at.get((attempt.request_id, attempt.profile), ())
