"""What has no interface for programs: each message is a task that an officer does by hand and confirms.

Nothing is called. The attempt and its ``unconfirmed`` receipt are on record at once, so that no lease and no activation
waits for a person; the officer's signed resolution (``onevoice resolve --done``) is the receipt of what was done.
"""

from __future__ import annotations

from schemas.events.authority import Profile
from schemas.events.resolutions import post_url
from services.fanout.connectors.contract import (
    Connector,
    Correction,
    Declaration,
    FetchMedia,
    HandedOver,
    Health,
    Intent,
    Permanent,
    PublishResult,
    ReconcileResult,
    RetractResult,
    WhenUnknown,
)
from services.fanout.connectors.one_at_a_time import too_much


class ManualConnector(Connector):
    """Hands messages to people; a profile's account is the address (https) of the place where they enter them."""

    platform = "manual"
    declaration = Declaration(WhenUnknown.PERSON, Correction.NEW_POST)

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Make it a task."""
        refused = too_much(intent)
        return _task(intent) if refused is None else Permanent(refused)

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """A task that was made and not confirmed is one still, whoever asks."""
        return _task(intent)

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Refuse: a recall is a task of its own."""
        return Permanent("only a person can take it back there: onevoice recall makes that a task")

    async def check(self, profile: Profile) -> Health:
        """Say whether a person is told where to enter it."""
        try:
            post_url(profile.account)
        except ValueError as error:
            return Health(False, f"the account has to be the address of the place where it is entered: {error}")
        return Health(True, f"an officer enters messages at {profile.account}")

    async def close(self) -> None:
        """Nothing is open."""


def _task(intent: Intent) -> HandedOver:
    what = {"recall": "to be taken back", "correct": "to be put right"}.get(intent.content.act or "", "to be entered")
    return HandedOver(f"{what} by hand at {intent.profile.account}: onevoice tasks")
