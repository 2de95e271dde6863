"""Workflows webhooks of Microsoft Teams ("Create incoming webhooks with Workflows"). Idempotency class E.

The address, with its signature, is the credential. A 202 says that the workflow has taken the message; it posts a
moment later, and does not tell how that went.
"""

from __future__ import annotations

import json
import re
from typing import Any

from schemas import links
from schemas.events.authority import Profile
from services.fanout.connectors.calls.hiding import secrets_in
from services.fanout.connectors.calls.http import Answer, Endpoint
from services.fanout.connectors.contract import (
    Cause,
    Correction,
    Declaration,
    FetchMedia,
    Health,
    Intent,
    Permanent,
    PublishResult,
    Unknown,
    WhenUnknown,
)
from services.fanout.connectors.credentials.hooks import NEW_ADDRESS, read_hook
from services.fanout.connectors.send_only import (
    SendOnlyConnector,
    credential_refused,
    delivered,
    is_page,
    with_pictures_in_words,
)

MOST_BYTES = 28 * 1024
"""Of a message, all included (Microsoft's limits of webhooks and connectors)."""
_ITEM = re.compile(r"^([ \t]*[0-9]{0,9})([.)+>])(?=\s|$)", re.MULTILINE)
"""What begins an item of a list or a quotation: a list is numbered anew, and a plus becomes a dot."""
_TAKEN = frozenset({"1", "true", "ok", "accepted"})
"""What a workflow's own answer says where it is a word."""
_NEWLINE = re.compile(r"(?<!\n)\n(?!\n)")
_MARKUP = str.maketrans({char: f"\\{char}" for char in "\\`*_[]()#-~"})


class TeamsConnector(SendOnlyConnector):
    """Posts where a profile's workflow posts; the account is the channel's name, for people."""

    platform = "teams"
    _moved = NEW_ADDRESS
    declaration = Declaration(WhenUnknown.PERSON, Correction.NEW_POST)

    async def _send(self, intent: Intent, credential: str, deadline: float, fetch_media: FetchMedia) -> PublishResult:
        base, path = read_hook(credential)
        text, note = with_pictures_in_words(intent)
        body = json.dumps(card(text), ensure_ascii=False).encode()
        if len(body) > MOST_BYTES:
            return Permanent(f"the message has {len(body)} bytes, Teams takes {MOST_BYTES}")
        headers = {"Content-Type": "application/json"}
        endpoint = Endpoint(base, "", deadline, secrets_in(path))
        outcome = await self._http.call(endpoint, "POST", path, data=body, headers=headers)
        if not isinstance(outcome, Answer):
            return self._failed(outcome)
        if outcome.status in (200, 202) and _says_taken(outcome):
            return delivered(intent, "; ".join(filter(None, ("the workflow has taken it, and posts it", note))))
        if not is_page(outcome) and (outcome.status in (401, 403, 404, 410) or _is_off(outcome)):
            return credential_refused(outcome, "the workflow is no more, is off, or its address is not right")
        if outcome.status < 300:
            cause = Cause.HOST if is_page(outcome) else None
            return Unknown(f"the server does not say that it has taken the message: {outcome.words}", cause)
        return self._failed(outcome)

    async def _check(self, profile: Profile, credential: str, deadline: float) -> Health:
        """Look at the address only: whatever is sent to a workflow starts it."""
        read_hook(credential)
        return Health(True, f"the address for {profile.account} is in place; only a message shows whether it works")


def _says_taken(outcome: Answer) -> bool:
    """Say whether an answer is a success: Teams' webhooks have told of errors with 200, in a line of text."""
    if isinstance(outcome.body, dict):
        return "error" not in outcome.body
    said = outcome.line if outcome.body is None else str(outcome.body)
    return outcome.empty or said.lower() in _TAKEN


def _is_off(outcome: Answer) -> bool:
    """Say whether somebody has turned the workflow off."""
    said = outcome.body.get("error") if isinstance(outcome.body, dict) else None
    return isinstance(said, dict) and said.get("code") == "WorkflowTriggerIsNotEnabled"


def card(text: str) -> dict[str, Any]:
    """Return the message that holds a text: an adaptive card with one text block."""
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [{"type": "TextBlock", "text": literal(text), "wrap": True}],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def literal(text: str) -> str:
    """Return a text in which a card takes nothing for its Markdown, but addresses; lines stay lines."""
    marked = "".join(piece if is_link else piece.translate(_MARKUP) for piece, is_link in links.pieces(text))
    return _NEWLINE.sub("\n\n", _ITEM.sub(r"\1\\\2", marked))
