"""A change of authority that waits for a second officer, as people are shown it."""

from __future__ import annotations

from schemas.events.base import Contract, Id, Sha256, Utc
from schemas.events.control import ProposedAction


class ProposalView(Contract):
    """A change that waits: ``asked`` have asked for it, the proposer first, and ``needed`` have to."""

    proposal: int
    order: Sha256
    action: ProposedAction
    asked: tuple[Id, ...]
    needed: int
    until: Utc
