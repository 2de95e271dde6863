"""Feeds: Atom (RFC 4287) and JSON Feed 1.1 (jsonfeed.org), whose entries keep their ids. Pure.

A withdrawn message keeps its entry with a notice in place of the text: a reader that has the old text replaces it,
which leaving it out would not do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from markupsafe import Markup

from services.fanout.connectors.website.views import MessageView

_KEPT = 2_000
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Feed:
    """A feed: ``home`` is its page's URL, ``base`` the site's, without a slash at the end; entries newest first."""

    title: str
    home: str
    base: str
    author: str
    language: str
    entries: Sequence[MessageView]


def atom(feed: Feed) -> bytes:
    """Return the feed as an Atom document."""
    updated = max((entry.changed.iso for entry in feed.entries), default="1970-01-01T00:00:00Z")
    pieces = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang={_quoted(feed.language)}>',
        _element("id", feed.home),
        _element("title", feed.title),
        _element("updated", updated),
        _empty("link", rel="self", type="application/atom+xml", href=f"{feed.home}feed.atom"),
        _empty("link", rel="alternate", type="text/html", href=feed.home),
        f"<author>{_element('name', feed.author)}</author>",
        _element("generator", "OneVoice"),
        *(_entry(entry, feed.base) for entry in feed.entries),
        "</feed>",
    ]
    return ("\n".join(pieces) + "\n").encode("utf-8", "replace")


@lru_cache(_KEPT)
def _entry(message: MessageView, base: str) -> str:
    address = f"{base}/{message.path}"
    pieces = [
        f"<entry{f' xml:lang={_quoted(message.language)}' if message.language else ''}>",
        _element("id", address),
        _element("title", title_in_feed(message)),
        _element("published", message.listed.iso),
        _element("updated", message.changed.iso),
        _empty("link", rel="alternate", type="text/html", href=address),
        f"<author>{_element('name', message.by)}</author>",
        _empty("category", term=message.severity, label=message.severity_word or "") if message.severity else "",
        f'<content type="html">{_escaped(content_html(message, base))}</content>',
        "</entry>",
    ]
    return "\n".join(piece for piece in pieces if piece)


def _element(name: str, text: str) -> str:
    return f"<{name}>{_escaped(text)}</{name}>"


def _empty(name: str, **attributes: str) -> str:
    return f"<{name} {' '.join(f'{key}={_quoted(value)}' for key, value in attributes.items())}/>"


def _escaped(text: str) -> str:
    escaped: str = escape(_NOT_XML.sub("\ufffd", text))
    return escaped


def _quoted(text: str) -> str:
    quoted: str = quoteattr(_NOT_XML.sub("\ufffd", text))
    return quoted


def json_feed(feed: Feed) -> bytes:
    """Return the feed as a JSON Feed 1.1 document; ``_onevoice`` holds what the format has no name for."""
    value = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": f"{feed.home}feed.json",
        "language": feed.language,
        "authors": [{"name": feed.author, "url": f"{feed.base}/"}],
        "items": [_item(entry, feed.base) for entry in feed.entries],
    }
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


@lru_cache(_KEPT)
def _item(message: MessageView, base: str) -> dict[str, Any]:
    address = f"{base}/{message.path}"
    item: dict[str, Any] = {
        "id": address,
        "url": address,
        "title": title_in_feed(message),
        "content_html": content_html(message, base),
        "content_text": message.text,
        "date_published": message.listed.iso,
        "date_modified": message.changed.iso,
        "authors": [{"name": message.by}],
        "_onevoice": {"severity": message.severity, "withdrawn": message.withdrawn is not None},
    }
    if message.language is not None:
        item["language"] = message.language
    if message.severity is not None:
        item["tags"] = [message.severity]
    if message.link is not None:
        item["external_url"] = message.link
    if message.pictures:
        item["image"] = f"{base}/{message.pictures[0][0]}"
    return item


def title_in_feed(message: MessageView) -> str:
    """Return an entry's title, led by the severity's word."""
    return f"{message.severity_word}: {message.title}" if message.severity_word else message.title


@lru_cache(_KEPT)
def content_html(message: MessageView, base: str) -> str:
    """Return an entry's content with absolute addresses."""
    pieces = [message.html]
    if message.link is not None:
        pieces.append(Markup('<p><a href="{0}">{0}</a></p>').format(message.link))
    pieces += [Markup('<p><img src="{}/{}" alt="{}"></p>').format(base, path, alt) for path, alt in message.pictures]
    whole = Markup("\n").join(pieces)
    return str(whole if message.language is None else Markup('<div lang="{}">{}</div>').format(message.language, whole))
