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
from xml.etree import ElementTree as Xml

from markupsafe import Markup

from services.fanout.connectors.site.views import MessageView

_ATOM = "http://www.w3.org/2005/Atom"
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
    Xml.register_namespace("", _ATOM)
    root = Xml.Element(f"{{{_ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": feed.language})
    _add(root, "id", feed.home)
    _add(root, "title", feed.title)
    _add(root, "updated", max((entry.changed.iso for entry in feed.entries), default="1970-01-01T00:00:00Z"))
    _add(root, "link", rel="self", type="application/atom+xml", href=f"{feed.home}feed.atom")
    _add(root, "link", rel="alternate", type="text/html", href=feed.home)
    _add(_add(root, "author"), "name", feed.author)
    _add(root, "generator", "OneVoice")
    for entry in feed.entries:
        _entry(root, entry, feed)
    document: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _entry(root: Xml.Element, message: MessageView, feed: Feed) -> None:
    element = _add(root, "entry")
    address = f"{feed.base}/{message.path}"
    _add(element, "id", address)
    _add(element, "title", title_in_feed(message))
    _add(element, "published", message.listed.iso)
    _add(element, "updated", message.changed.iso)
    _add(element, "link", rel="alternate", type="text/html", href=address)
    _add(_add(element, "author"), "name", message.by)
    if message.severity is not None:
        _add(element, "category", term=message.severity, label=message.severity_word or "")
    _add(element, "content", content_html(message, feed.base), type="html")


def _add(parent: Xml.Element, name: str, text: str | None = None, **attributes: str) -> Xml.Element:
    clean = {key: _NOT_XML.sub("\ufffd", value) for key, value in attributes.items()}
    element = Xml.SubElement(parent, f"{{{_ATOM}}}{name}", clean)
    element.text = None if text is None else _NOT_XML.sub("\ufffd", text)
    return element


def json_feed(feed: Feed) -> bytes:
    """Return the feed as a JSON Feed 1.1 document; ``_onevoice`` holds what the format has no name for."""
    value = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": f"{feed.home}feed.json",
        "language": feed.language,
        "authors": [{"name": feed.author, "url": f"{feed.base}/"}],
        "items": [_item(entry, feed) for entry in feed.entries],
    }
    return json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "replace") + b"\n"


def _item(message: MessageView, feed: Feed) -> dict[str, Any]:
    address = f"{feed.base}/{message.path}"
    item: dict[str, Any] = {
        "id": address,
        "url": address,
        "title": title_in_feed(message),
        "content_html": content_html(message, feed.base),
        "content_text": message.text,
        "date_published": message.listed.iso,
        "date_modified": message.changed.iso,
        "authors": [{"name": message.by}],
        "_onevoice": {"severity": message.severity, "withdrawn": message.withdrawn is not None},
    }
    if message.severity is not None:
        item["tags"] = [message.severity]
    if message.link is not None:
        item["external_url"] = message.link
    if message.pictures:
        item["image"] = f"{feed.base}/{message.pictures[0][0]}"
    return item


def title_in_feed(message: MessageView) -> str:
    """Return an entry's title, led by the severity's word."""
    return f"{message.severity_word}: {message.title}" if message.severity_word else message.title


@lru_cache(2_000)
def content_html(message: MessageView, base: str) -> str:
    """Return an entry's content with absolute addresses."""
    pieces = [message.html]
    if message.link is not None:
        pieces.append(Markup('<p><a href="{0}">{0}</a></p>').format(message.link))
    pieces += [Markup('<p><img src="{}/{}" alt="{}"></p>').format(base, path, alt) for path, alt in message.pictures]
    return str(Markup("\n").join(pieces))
