"""What a post in a channel answers (core.telegram.org/bots/api, ReplyParameters; /api/links, messages). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.places import is_comment_on_telegram, named_post
from services.fanout.connectors.answers import NOT_OURS, OTHER_TEXT, joined
from services.fanout.connectors.chains import same
from services.fanout.connectors.contract import Intent, Permanent

_DISCUSSED = Permanent("it is a comment in a channel's discussion, where the bot cannot speak for the channel")


def reply_parameters(intent: Intent, site: str) -> dict[str, Any] | Permanent | None:
    """Return what a post answers: an earlier one of the channel, or one by its address; None: nothing."""
    if intent.follows:
        parent = intent.follows.partition(",")[0]
        return _to(int(parent)) if parent.isdigit() else NOT_OURS
    if intent.content.answers is None:
        return None
    post = named_post("telegram", intent.content.answers, site)
    if post is None:
        return NOT_OURS
    if is_comment_on_telegram(post):
        return _DISCUSSED
    channel, number = f"@{post.path[1]}", int(post.path[2])
    own = channel.casefold() == intent.profile.account.casefold()
    return _to(number) if own else _to(number) | {"chat_id": channel}


def remark_on(asked: Mapping[str, Any], made: Mapping[str, Any]) -> str:
    """Say in what the Message of an answer differs from what was asked; what it does not say is not looked at."""
    found, text, chat = [], made.get("text"), made.get("chat")
    if isinstance(text, str) and not same(text, str(asked["text"])):
        found.append(OTHER_TEXT)
    name = chat.get("username") if isinstance(chat, Mapping) else None
    if isinstance(name, str) and f"@{name}".casefold() != str(asked["chat_id"]).casefold():
        found.append(f"it is in the channel @{name[:40]}")
    return joined(*found)


def _to(message: int) -> dict[str, Any]:
    return {"message_id": message, "allow_sending_without_reply": False}
