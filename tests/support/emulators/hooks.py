"""Slack's incoming webhooks, a Teams workflow, and a receiver of signed events."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import re
import time
from typing import Any, ClassVar

from aiohttp import web

from tests.support.emulators.base import Emulator, Kind, Post, Refused

SECRET = "whsec_" + base64.b64encode(b"a secret that is long enough").decode()


class SlackEmulator(Emulator):
    """A webhook for each channel at ``/services/T0/B0/<channel>`` (docs.slack.dev, incoming webhooks)."""

    document: ClassVar = "slack"

    errors: ClassVar = {
        "no_text": 400,
        "invalid_payload": 400,
        "invalid_token": 403,
        "action_prohibited": 403,
        "channel_not_found": 404,
        "no_service": 404,
        "no_active_hooks": 404,
        "no_team": 404,
        "channel_is_archived": 410,
        "rollup_error": 500,
    }

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/services/T0/B0/{channel}", self.post)

    def kind_of(self, request: web.Request) -> Kind:
        return "post"

    def refuse(self, code: str, seconds: float = 0.0) -> web.Response:
        if code == "rate_limit":
            return web.Response(status=429, text="rate_limited", headers={"Retry-After": str(int(seconds))})
        return web.Response(status=self.errors[code], text=code)

    async def post(self, request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.read())
        except ValueError:
            raise Refused("invalid_payload") from None
        if not isinstance(body, dict) or not set(body) <= {"text", "mrkdwn", "unfurl_links", "unfurl_media"}:
            raise Refused("invalid_payload")
        text = body.get("text")
        if not text:
            raise Refused("no_text")
        shown = text[:40_000]  # "will truncate messages containing more than 40,000 characters"
        assert not re.search(r"<|>|&(?!amp;|lt;|gt;)", shown), "markup that was not meant"
        if body.get("mrkdwn", True):
            shown = _EMPHASIS.sub(r"\2", shown)
        self.posts.append(Post(self.next_id(), request.match_info["channel"], html.unescape(shown)))
        return web.Response(text="ok")


class TeamsEmulator(Emulator):
    """A workflow that posts the card it gets ("When a Teams webhook request is received")."""

    document: ClassVar = "teams"

    errors: ClassVar = {
        "TriggerInputSchemaMismatch": 400,
        "RequestEntityTooLarge": 413,
        "AuthorizationFailed": 401,
        "DirectApiAuthorizationRequired": 401,
        "WorkflowNotFound": 404,
        "WorkflowTriggerIsNotEnabled": 400,
        "BadGateway": 502,
    }

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/workflows/{channel}/triggers/manual/paths/invoke", self.post)

    def kind_of(self, request: web.Request) -> Kind:
        return "post"

    def refuse(self, code: str, seconds: float = 0.0) -> web.Response:
        if code == "rate_limit":
            body = {"error": {"code": "TooManyRequests", "message": "Rate limit is exceeded."}}
            return web.json_response(body, status=429, headers={"Retry-After": str(int(seconds))})
        return web.json_response({"error": {"code": code, "message": f"{code}."}}, status=self.errors[code])

    async def post(self, request: web.Request) -> web.Response:
        if request.query.get("sig") != "a+b/c=":
            raise Refused("AuthorizationFailed")
        raw = await request.read()
        if len(raw) > 28 * 1024:
            raise Refused("RequestEntityTooLarge")
        try:
            card = _card(json.loads(raw))
        except (ValueError, KeyError, TypeError):
            raise Refused("TriggerInputSchemaMismatch") from None
        self.posts.append(Post(self.next_id(), request.match_info["channel"], _as_markdown(card)))
        return web.Response(status=202)


_EMPHASIS = re.compile(r"(?<![\w\\])([*_~`])(?!\s)([^*_~`\n]*[^*_~`\s\\])\1(?!\w)")
"""Slack's, and Markdown's as far as it matters here: the marks are gone, and what stood in them is shown."""


def _as_markdown(card: str) -> str:
    """Return what people read of a card: a link by its words, items of a list without their sign."""
    shown = re.sub(r"(?<!\\)\[([^\]\\]*)\]\([^)\s]*\)", r"\1", card)
    shown = re.sub(r"(?m)^[ \t]*(?:[0-9]+[.)]|[-+>*])(?=\s)", "", _EMPHASIS.sub(r"\2", shown))
    return re.sub(r"\\([\\`*_\[\]()#~.+>-])", r"\1", shown)


def _card(body: Any) -> str:
    (attachment,) = body["attachments"]
    if body["type"] != "message" or attachment["contentType"] != "application/vnd.microsoft.card.adaptive":
        raise ValueError("no card")
    content = attachment["content"]
    if content["type"] != "AdaptiveCard" or not content["version"]:
        raise ValueError("no card")
    return "\n\n".join(block["text"] for block in content["body"] if block["type"] == "TextBlock")


class ReceiverEmulator(Emulator):
    """A system that takes signed events: checks as Standard Webhooks says, and takes an id that it knows once."""

    document: ClassVar = "webhook"

    errors: ClassVar = {"invalid": 400, "signature": 401, "forbidden": 403, "gone": 410}

    def __init__(self) -> None:
        super().__init__()
        self.events: dict[str, dict[str, Any]] = {}

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/in/{name}", self.post)

    def kind_of(self, request: web.Request) -> Kind:
        return "post"

    def refuse(self, code: str, seconds: float = 0.0) -> web.Response:
        if code == "rate_limit":
            return web.Response(status=429, headers={"Retry-After": str(int(seconds))})
        return web.json_response({"error": code}, status=self.errors[code])

    async def post(self, request: web.Request) -> web.Response:
        raw = await request.read()
        key, stamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
        secret = base64.b64decode(SECRET.removeprefix("whsec_"))
        wanted = hmac.new(secret, f"{key}.{stamp}.".encode() + raw, hashlib.sha256).digest()
        given = request.headers["webhook-signature"].removeprefix("v1,")
        if not hmac.compare_digest(wanted, base64.b64decode(given)) or abs(time.time() - int(stamp)) > 300:
            raise Refused("signature")
        event = json.loads(raw)
        if event.get("specversion") != "1.0" or event["id"] != key or not event["source"] or not event["type"]:
            raise Refused("invalid")
        if key not in self.events:
            self.events[key] = event
            alts = tuple(one["description"] for one in event["data"]["pictures"])
            self.posts.append(Post(key, request.match_info["name"], event["data"]["text"], alts))
        return web.Response(status=204)
