"""Messages as CloudEvents 1.0 (structured JSON), signed as Standard Webhooks 1.0 asks. Idempotency class A.

The event's id follows from the message and the profile, and is the same at each repeat: a receiver takes an id that it
knows for the same event (CloudEvents 1.0.2, ``id``; docs/platforms/webhook.md). So what was not answered is sent again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.events.authority import Profile
from services.fanout.connectors.calls.http import Answer, Endpoint
from services.fanout.connectors.calls.refusals import has_it_already
from services.fanout.connectors.contract import (
    Cause,
    Correction,
    Declaration,
    FetchMedia,
    Health,
    Intent,
    PublishResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.connectors.credentials.tokens import TokenFault
from services.fanout.connectors.send_only import SendOnlyConnector, credential_refused, delivered, is_page

EVENT_TYPE = "onevoice.message.published"
_PREFIX = "whsec_"
_LEAST_SECRET = 24
"""Bytes, as Standard Webhooks asks."""


class WebhookConnector(SendOnlyConnector):
    """Posts to endpoints by their name (the account); ``url_of`` gives an endpoint's address or raises LookupError.

    It is asked for each call. What has no address is held back until a person has written it down.
    ``source`` is the city's website: the event's source. A profile's credential is the secret that it shares with the
    endpoint, ``whsec_`` and base64.
    """

    platform = "webhook"
    declaration = Declaration(WhenUnknown.REPEAT, Correction.NEW_POST)

    def __init__(
        self,
        url_of: Callable[[str], str],
        token_path: Callable[[str], Path],
        *,
        source: str,
        realm: str,
    ) -> None:
        super().__init__(token_path)
        self._url_of = url_of
        self._source = source
        self._realm = realm

    async def _send(self, intent: Intent, credential: str, deadline: float, fetch_media: FetchMedia) -> PublishResult:
        secret = read_secret(credential)
        try:
            url = self._url_of(intent.profile.account)
        except LookupError:
            return Retryable(_nowhere(intent.profile), cause=Cause.OWN)
        body = json.dumps(self.event(intent), ensure_ascii=False, separators=(",", ":")).encode()
        headers = signature(secret, intent.idempotency_key, int(self._clock.now().timestamp()), body)
        headers["Content-Type"] = "application/cloudevents+json; charset=utf-8"
        outcome = await self._http.call(Endpoint(url, "", deadline), "POST", "", data=body, headers=headers)
        if not isinstance(outcome, Answer):
            return self._failed(outcome)
        if 200 <= outcome.status < 300:
            if is_page(outcome):
                return Unknown("the server answered with a page, not as a receiver of events does", Cause.HOST)
            return delivered(intent)
        # What is sent for the first time is nowhere yet: another status may say that of a field or a header, too.
        if outcome.status != 403 and (intent.repeat or outcome.status == 409) and has_it_already(outcome):
            return delivered(intent, "the receiver says that it has the event already")
        if outcome.status == 403:
            return credential_refused(outcome, "the receiver refuses the signature")
        return self._failed(outcome)

    async def _check(self, profile: Profile, credential: str, deadline: float) -> Health:
        """Look at the secret and the address: a receiver has nothing else to be asked for."""
        read_secret(credential)
        try:
            self._url_of(profile.account)
        except LookupError:
            return Health(False, _nowhere(profile), Cause.OWN)
        return Health(True, f"{profile.account} has an address and a secret; only a message shows whether they work")

    def event(self, intent: Intent) -> dict[str, Any]:
        """Return the event, the same at each repeat. Its data holds what was approved, word for word."""
        content = intent.content
        return {
            "specversion": "1.0",
            "id": intent.idempotency_key,
            "source": self._source,
            "type": EVENT_TYPE,
            "subject": intent.profile.id,
            "time": content.created_at.isoformat(),
            "datacontenttype": "application/json",
            "data": {
                "realm": self._realm,
                "request_id": intent.request_id,
                "revision": intent.revision,
                "profile": intent.profile.id,
                "department": intent.profile.department,
                "text": "\n\n".join(content.parts),
                "link": str(content.link) if content.link is not None else None,
                "severity": content.severity,
                "pictures": [
                    {"sha256": one.sha256, "media_type": one.media_type, "description": one.alt}
                    for one in content.pictures
                ],
                "rendering_sha256": intent.rendering_sha256,
                "follows": intent.follows or None,
            },
        }


def _nowhere(profile: Profile) -> str:
    return f"city.toml, [webhook.endpoints], has no address for {profile.account!r}"


def read_secret(credential: str) -> bytes:
    """Return the secret's bytes; raises TokenFault for what is not ``whsec_`` and base64 of at least 24 bytes."""
    try:
        secret = base64.b64decode(credential.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        secret = b""
    if not credential.startswith(_PREFIX) or len(secret) < _LEAST_SECRET:
        raise TokenFault(f"the credential is not a secret: {_PREFIX} and base64 of {_LEAST_SECRET} bytes or more")
    return secret


def signature(secret: bytes, event_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers that sign a body: HMAC-SHA256 over id, timestamp (seconds) and body, with dots between."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    mac = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": event_id, "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{mac}"}
