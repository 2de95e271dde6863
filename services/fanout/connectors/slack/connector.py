"""Slack's incoming webhooks (docs.slack.dev, "Sending messages using incoming webhooks"). Idempotency class E.

The address is the credential, and belongs to one channel. A message that it took is answered with ``ok`` and nothing
else: no id, and nothing to look at afterwards.
"""

from __future__ import annotations

import re
from dataclasses import replace

from schemas.events.authority import Profile
from services.fanout.connectors.calls.hiding import secrets_in
from services.fanout.connectors.calls.http import Answer, Endpoint, Outcome
from services.fanout.connectors.contract import (
    Cause,
    Correction,
    Declaration,
    FetchMedia,
    Health,
    Intent,
    Permanent,
    PublishResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.connectors.credentials.hooks import NEW_ADDRESS, read_hook
from services.fanout.connectors.one_at_a_time import unhealthy
from services.fanout.connectors.send_only import (
    SendOnlyConnector,
    credential_refused,
    delivered,
    with_pictures_in_words,
)

_NAME = re.compile(r"[a-z_]{1,60}")
"""How Slack names its errors, in plain text."""
_GONE = frozenset({"invalid_token", "no_service", "no_service_id", "no_active_hooks", "no_team", "team_disabled"})
"""The webhook is no more: another address mends it."""
_SHUT = frozenset(
    {
        "action_prohibited",
        "channel_is_archived",
        "channel_not_found",
        "posting_to_general_channel_denied",
        "team_access_not_granted",
    }
)
"""Its channel takes nothing from it: somebody opens it, or gives another address. All others are about the message."""


class SlackConnector(SendOnlyConnector):
    """Posts to the channel that a profile's webhook belongs to; the account is the channel's name, for people."""

    platform = "slack"
    _moved = NEW_ADDRESS
    declaration = Declaration(WhenUnknown.PERSON, Correction.NEW_POST)

    async def _send(self, intent: Intent, credential: str, deadline: float, fetch_media: FetchMedia) -> PublishResult:
        base, path = read_hook(credential)
        text, note = with_pictures_in_words(intent)
        value = {"text": escaped(text), "mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
        outcome = await self._http.call(Endpoint(base, "", deadline, secrets_in(path)), "POST", path, value=value)
        if isinstance(outcome, Answer) and outcome.status == 200:
            if outcome.line == "ok":
                return delivered(intent, note)
            return Unknown(f"the server answered with something that is not Slack's: {outcome.words}", Cause.HOST)
        return self._meaning(outcome)

    def _meaning(self, outcome: Outcome) -> Retryable | Permanent | Unknown:
        if isinstance(outcome, Answer) and 400 <= outcome.status < 500 and outcome.line in _GONE:
            return credential_refused(outcome, "the webhook is no more")
        if isinstance(outcome, Answer) and 400 <= outcome.status < 500 and outcome.line in _SHUT:
            return credential_refused(outcome, "the channel takes nothing from this webhook")
        if isinstance(outcome, Answer) and 400 <= outcome.status < 500 and _NAME.fullmatch(outcome.line):
            return self._failed(replace(outcome, body={"error": outcome.line}))
        return self._failed(outcome)

    async def _check(self, profile: Profile, credential: str, deadline: float) -> Health:
        """Send an empty message, which is refused with ``no_text`` by a webhook that lives."""
        base, path = read_hook(credential)
        outcome = await self._http.call(Endpoint(base, "", deadline, secrets_in(path)), "POST", path, value={})
        if isinstance(outcome, Answer) and outcome.status == 400 and outcome.line not in _GONE | _SHUT:
            return Health(True, f"{profile.account} can be posted to")
        return unhealthy(self._meaning(outcome))


def escaped(text: str) -> str:
    """Return a text in which Slack takes nothing for a link or a mention ("Formatting text for app surfaces").

    Its marks of emphasis cannot be escaped: ``mrkdwn`` turns them off.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
