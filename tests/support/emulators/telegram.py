"""Telegram's Bot API (core.telegram.org/bots/api), as far as a bot that posts into channels meets it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, ClassVar

from aiohttp import web

from tests.support.emulators.base import Emulator, Kind, Post, Refused

TOKEN = "123456:ABC-DEF1234ghIkl"
_KINDS: dict[str, Kind] = {"sendMessage": "post", "sendPhoto": "media", "deleteMessage": "delete"}


class TelegramEmulator(Emulator):
    """One bot, an administrator of the channels that are asked for, but of ``@elsewhere``."""

    document: ClassVar = "telegram"

    errors: ClassVar = {
        "unauthorized": (401, "Unauthorized"),
        "not_found": (404, "Not Found"),
        "chat": (400, "Bad Request: chat not found"),
        "empty": (400, "Bad Request: message text is empty"),
        "too_long": (400, "Bad Request: message is too long"),
        "caption": (400, "Bad Request: message caption is too long"),
        "photo": (400, "Bad Request: IMAGE_PROCESS_FAILED"),
        "reply": (400, "Bad Request: message to be replied not found"),
        "delete": (400, "Bad Request: message to delete not found"),
        "too_old": (400, "Bad Request: message can't be deleted for everyone"),
        "kicked": (403, "Forbidden: bot was kicked from the channel chat"),
        "not_member": (403, "Forbidden: bot is not a member of the channel chat"),
        "rights": (400, "Bad Request: need administrator rights in the channel chat"),
    }

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/bot{token}/{name}", self.call)

    def kind_of(self, request: web.Request) -> Kind:
        return _KINDS.get(request.match_info["name"], "read")

    def refuse(self, code: str, seconds: float = 0.0) -> web.Response:
        if code == "rate_limit":
            wait = int(seconds)
            said: dict[str, Any] = {"ok": False, "error_code": 429, "parameters": {"retry_after": wait}}
            said["description"] = f"Too Many Requests: retry after {wait}"
            return web.json_response(said, status=429)
        status, words = self.errors[code]
        return web.json_response({"ok": False, "error_code": status, "description": words}, status=status)

    async def call(self, request: web.Request) -> web.Response:
        if request.match_info["token"] != TOKEN:
            raise Refused("unauthorized" if ":" in request.match_info["token"] else "not_found")
        name = request.match_info["name"]
        if request.content_type == "multipart/form-data":
            form = await request.post()
            body: dict[str, Any] = dict(form)
            body["reply_parameters"] = json.loads(str(body.get("reply_parameters", "{}")))
        else:
            body = json.loads(await request.read() or b"{}")
        calls = {"sendMessage": self.send, "sendPhoto": self.photo, "deleteMessage": self.delete}
        calls |= {"getMe": self.me, "getChatMember": self.member}
        if name not in calls:
            raise Refused("not_found")
        return web.json_response({"ok": True, "result": calls[name](body)})

    def send(self, body: dict[str, Any]) -> Any:
        text = body["text"]
        if not text.strip():
            raise Refused("empty")
        if len(text.encode("utf-16-le")) // 2 > 4_096:
            raise Refused("too_long")
        return self._store(body, Post(self.next_id(), body["chat_id"], text))

    def photo(self, body: dict[str, Any]) -> Any:
        if len(body["caption"].encode("utf-16-le")) // 2 > 1_024:
            raise Refused("caption")
        return self._store(body, Post(self.next_id(), body["chat_id"], "", (body["caption"],)))

    def delete(self, body: dict[str, Any]) -> Any:
        found = [post for post in self.posts if post.id == str(body["message_id"])]
        if not found or found[0].account != body["chat_id"]:
            raise Refused("delete")
        self.posts.remove(found[0])
        return True

    def me(self, body: dict[str, Any]) -> Any:
        return {"id": 123456, "is_bot": True, "first_name": "City of Mission", "username": "MissionBot"}

    def member(self, body: dict[str, Any]) -> Any:
        if body["chat_id"] == "@elsewhere":
            return {"status": "left", "user": self.me(body)}
        may = {"can_post_messages": True, "can_delete_messages": True, "can_invite_users": False}
        return {"status": "administrator", **may, "user": self.me(body)}

    def _store(self, body: dict[str, Any], post: Post) -> Any:
        if not post.account.startswith("@"):
            raise Refused("chat")
        reply = body.get("reply_parameters") or {}
        if reply:
            under, channel = str(reply["message_id"]), reply.get("chat_id", body["chat_id"])
            if not any(one.id == under and one.account.casefold() == channel.casefold() for one in self.posts):
                raise Refused("reply")
            post = replace(post, under=under)
        self.posts.append(post)
        chat = {"id": -1001234, "type": "channel", "title": "City", "username": post.account.removeprefix("@")}
        words, caption = {"text": self.alters(post.text)}, {"caption": "".join(post.alts), "photo": []}
        shown: dict[str, Any] = words if post.text else caption
        return {"message_id": int(post.id), "date": 1_770_000_000, "chat": chat} | shown
