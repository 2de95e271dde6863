"""What a post in a channel answers (core.telegram.org/bots/api, ReplyParameters; /api/links, messages). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from schemas.places import TELEGRAM_POST
from services.fanout.connectors.answers import NOT_OURS, OTHER_TEXT, joined, split_on
from services.fanout.connectors.chains import same
from services.fanout.connectors.contract import Intent, Permanent

_ALSO = ("https://t.me", "https://telegram.me")
_DISCUSSED = Permanent("it is a comment in a channel's discussion, where the bot cannot speak for the channel")


def reply_parameters(intent: Intent, site: str) -> dict[str, Any] | Permanent | None:
    """Return what a post answers: an earlier one of the channel, or one by its address; None: nothing."""
    if intent.follows:
        parent = intent.follows.partition(",")[0]
        return _to(int(parent)) if parent.isdigit() else NOT_OURS
    if intent.content.answers is None:
        return None
    split = split_on(intent.content.answers, site, *_ALSO)
    named = TELEGRAM_POST.fullmatch(split.path) if split is not None else None
    if split is None or named is None:
        return NOT_OURS
    if "comment" in dict(parse_qsl(split.query)):
        return _DISCUSSED
    channel = f"@{named[1]}"
    own = channel.casefold() == intent.profile.account.casefold()
    return _to(int(named[2])) if own else _to(int(named[2])) | {"chat_id": channel}


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
