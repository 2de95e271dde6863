"""What the fold holds of one request on one profile, for who decides what is next there."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.subjects import place_of
from services.fanout.connectors.contract import Connector
from services.fanout.delivery.given_up import GivenUpAttempts
from services.fanout.domain.step import Busy, Place, Step, next_step
from services.kernel.fold.applied import Applied
from services.kernel.fold.ledger_fold import LedgerFold
from services.kernel.fold.state import RequestState
from services.kernel.ledger.entry import Entry
from services.kernel.runtime.service import Runtime


def declared_leads(leads: Mapping[str, str], connectors: Mapping[str, Connector]) -> dict[str, str]:
    """Return the leads, by platform, where the connector declares ``repost``; elsewhere each profile posts itself."""
    reposting = {name for name, connector in connectors.items() if connector.declaration.repost}
    return {platform: lead for platform, lead in leads.items() if platform in reposting}


class Places:
    """Reads places from the fold. ``lease``: how long an attempt may be under way, in seconds.

    ``leads``: by platform the profile that posts for the others, which show its post. ``given_up``: the attempts that
    this process made and surely did not call.
    """

    def __init__(self, runtime: Runtime, lease: float, leads: Mapping[str, str] | None = None) -> None:
        self._runtime = runtime
        self._lease = lease
        self._leads = dict(leads or {})
        self.given_up = GivenUpAttempts()
        runtime.projection.listen(self._on_folded, "receipt")

    def of(self, request_id: str, verdict_seq: int, profile: str) -> Place | None:
        """Return the facts as they are now; None when the request is over everywhere, and has left memory."""
        state = self._runtime.fold.requests.get(request_id)
        return self.in_state(state, profile, verdict_seq) if state is not None else None

    def in_state(self, state: RequestState, profile: str, verdict_seq: int | None = None) -> Place:
        """Return the facts of a request, also of one that has left memory; without a verdict those on its newest."""
        fold, lead, target = self._runtime.fold, self._lead(state, profile), state.target(profile)
        return Place(
            verdict_seq=state.verdict_seq if verdict_seq is None else verdict_seq,
            profile=profile,
            state=state,
            target=target,
            control_seq=fold.control.seq,
            busy=_busy(fold, state.request_id, profile),
            out_of_order=fold.chain.out_of_order(state.request, profile, fold.requests),
            lead=lead,
            lead_target=state.target(lead) if lead else None,
            folded=fold.seq,
            given_up=target.is_open and self.given_up.holds(target),
        )

    def _lead(self, state: RequestState, profile: str) -> str:
        """Return the profile that posts the request for this one; empty: it posts for itself."""
        if not self._leads:
            return ""
        known = self._runtime.fold.control.profiles.get(profile)
        lead = self._leads.get(known.platform, "") if known is not None else ""
        return lead if lead != profile and lead in state.wanted and state.request.act != "recall" else ""

    def _on_folded(self, entry: Entry, applied: Applied) -> None:
        _, request_id, profile = place_of(entry.subject)
        state = self._runtime.fold.requests.get(request_id)
        if not applied.void and (state is None or state.target(profile).is_final):
            self.given_up.over(request_id, profile)

    def newest(self, place: Place) -> Place | None:
        """Return the same place as it is now."""
        if place.folded == self._runtime.fold.seq:
            return place
        return self.of(place.request_id, place.verdict_seq, place.profile)

    def next_step(self, place: Place) -> Step:
        """Return what is next now."""
        runtime, clock = self._runtime, self._runtime.clock
        return next_step(place, runtime.present(), clock.monotonic(), self._lease, clock.now())


def _busy(fold: LedgerFold, request_id: str, profile: str) -> Busy | None:
    seq, other = fold.busy.get(profile, (0, ""))
    if not seq or other == request_id:
        return None
    state = fold.requests.get(other)
    if state is None:
        return None
    target = state.target(profile)
    return Busy(other, target.attempt, seq, target.folded_at) if target.attempt is not None else None
