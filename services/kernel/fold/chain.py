"""Which request comes after which, and what of it replaces another: the order that a message's own chain has. Pure.

A correction, an update, a recall or an all-clear goes out on a profile only after what it comes after is settled there,
and what was replaced is posted nowhere any more. Kept for ever, two names for each such request: a request that is over
has left memory, and must not come back after its correction. The audit has the same rule in code of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from schemas.events.requests import Request
from services.kernel.fold.state import RequestState, set_of


@dataclass
class Chain:
    """``earlier`` maps a request to the one that it comes after, ``replaced`` a request to the one that replaces it.

    The first of its corrections or recalls to be cleared replaces a request, for good.
    """

    earlier: dict[str, str] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)

    def note_request(self, request: Request) -> None:
        """Note what a request comes after; the newest revision says."""
        if request.earlier is not None:
            self.earlier[request.request_id] = request.earlier
        else:
            self.earlier.pop(request.request_id, None)

    def note_cleared(self, request: Request) -> None:
        """Note that a request is cleared: what it replaces is replaced from here on."""
        if request.replaces is not None:
            self.replaced.setdefault(request.replaces, request.request_id)

    def before(self, request_id: str) -> Iterator[str]:
        """Yield what a request comes after, the nearest first."""
        seen = {request_id}
        while (earlier := self.earlier.get(request_id)) is not None and earlier not in seen:
            seen.add(earlier)
            yield earlier
            request_id = earlier

    def replacing(self, request_id: str) -> Iterator[str]:
        """Yield what replaces a request, and what replaces that in its turn."""
        seen = {request_id}
        while (later := self.replaced.get(request_id)) is not None and later not in seen:
            seen.add(later)
            yield later
            request_id = later

    def family(self, request_id: str) -> tuple[str, ...]:
        """Return a request with all that it comes after, and all that came after any of these."""
        found = dict.fromkeys((*reversed(list(self.before(request_id))), request_id))
        for later, earlier in self.earlier.items():  # in the ledger's order, so each comes behind what it is about
            if earlier in found:
                found[later] = None
        return tuple(found)

    def out_of_order(self, request: Request, profile: str, requests: Mapping[str, RequestState]) -> str:
        """Return why a request may not be posted on a profile yet, or any more; the empty text when it may.

        Args:
            request: the request.
            profile: the profile.
            requests: all that are not over; what is over is settled everywhere.
        """
        later = self.replaced.get(request.request_id)
        if later is not None:
            return f"{later} replaces it"
        if request.replaces is not None and (rival := self.replaced.get(request.replaces)) != request.request_id:
            return f"{rival or 'nothing'} replaces {request.replaces}"
        if request.request_id not in self.earlier:
            return ""
        for earlier in self.before(request.request_id):
            state = requests.get(earlier)
            if state is not None and not _is_settled(state, profile):
                return f"{earlier}, which it comes after, is not settled there"
        return ""


def _is_settled(state: RequestState, profile: str) -> bool:
    """Return whether nothing is open of a request on a profile, and nothing comes there any more."""
    target = state.target(profile)
    return not target.is_open and (target.is_final or profile not in set_of(state.wanted))
