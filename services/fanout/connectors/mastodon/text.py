"""The text of a status as a person reads it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

from services.fanout.connectors.chains import Status
from services.fanout.connectors.fields import text_in, time_in
from services.fanout.connectors.mastodon.ids import id_of

_MENTION = re.compile(r"@([\w.-]+)@[\w.-]+\w")


def read_status(value: Mapping[str, Any]) -> Status:
    """Read a Status entity; raises KeyError, TypeError or ValueError where it is not one."""
    created = time_in(value, "created_at")
    reply = value.get("in_reply_to_id")
    url = value.get("url") or value.get("uri") or ""
    text = plain_text(text_in(value, "content", needed=True))
    if reply in (None, ""):
        return Status(id_of(value["id"]), str(url), created, text, None)
    if not id_of(reply):
        raise ValueError("it answers what is no post")
    return Status(id_of(value["id"]), str(url), created, text, id_of(reply))


def plain_text(content: str) -> str:
    """Return the text of a status' HTML: paragraphs and breaks as line breaks, links as their address."""
    reader = _Reader()
    reader.feed(content)
    reader.close()
    return "".join(reader.pieces).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self.pieces.append("\n")
        elif tag == "img":  # a custom emoji: its name is in alt
            self.pieces.append(dict(attrs).get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "p":
            self.pieces.append("\n\n")


def short(text: str) -> str:
    """Return a text with its mentions as servers show them: without their host."""
    return _MENTION.sub(r"@\1", text)
