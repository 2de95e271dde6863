"""Feeds: Atom (RFC 4287) and JSON Feed 1.1 (jsonfeed.org), whose entries keep their ids. Pure.

Ids are made of the first address that the site had. A feed holds the newest messages, at least those that are in no
complete part of the archive; each part is a document of its own that leads to the one before (RFC 5005, ``next_url``),
so that a reader misses none however seldom it asks. A withdrawn message keeps its entry with a notice in place of the
text: a reader that has the old text replaces it, which leaving it out would not do.
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

from services.fanout.connectors.website.views import MessageView, NoticeView

_KEPT = 2_000
_HISTORY = "http://purl.org/syndication/history/1.0"
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Feed:
    """A feed: ``home`` is its page's URL, ``base`` the site's, without a slash at the end; entries newest first.

    ``ids`` is the address that the site had first: ids are made of it, whatever the address becomes. ``archive`` is the
    URL of the part of the archive that this document holds, None for the feed itself; ``older`` is that of the part
    before it, if any (RFC 5005, 4).
    """

    title: str
    home: str
    base: str
    author: str
    language: str
    entries: Sequence[MessageView]
    ids: str
    archive: str | None = None
    older: str | None = None

    @property
    def here(self) -> str:
        """The URL of the folder that this document lies in."""
        return self.archive or self.home

    @property
    def id(self) -> str:
        """The feed's id, the same in all its documents."""
        return self.ids + self.home.removeprefix(self.base)


def atom(feed: Feed) -> bytes:
    """Return the feed as an Atom document."""
    updated = max((entry.changed.exact for entry in feed.entries), default="1970-01-01T00:00:00Z")
    pieces = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:fh="{_HISTORY}" xml:lang={_quoted(feed.language)}>',
        _element("id", feed.id),
        _element("title", feed.title),
        _element("updated", updated),
        _empty("link", rel="self", type="application/atom+xml", href=f"{feed.here}feed.atom"),
        *_history(feed),
        _empty("link", rel="alternate", type="text/html", href=feed.home),
        f"<author>{_element('name', feed.author)}</author>",
        _element("generator", "OneVoice"),
        *(_entry(entry, feed.base, feed.ids) for entry in feed.entries),
        "</feed>",
    ]
    return ("\n".join(pieces) + "\n").encode("utf-8", "replace")


def _history(feed: Feed) -> list[str]:
    """Return what leads a reader that was away through the archive (RFC 5005, 4)."""
    found = []
    if feed.archive is not None:
        found += ["<fh:archive/>", _empty("link", rel="current", href=f"{feed.home}feed.atom")]
    if feed.older is not None:
        found.append(_empty("link", rel="prev-archive", type="application/atom+xml", href=f"{feed.older}feed.atom"))
    return found


@lru_cache(_KEPT)
def _entry(message: MessageView, base: str, ids: str) -> str:
    address = f"{base}/{message.path}"
    pieces = [
        f"<entry{f' xml:lang={_quoted(message.language)}' if message.language else ''}>",
        _element("id", f"{ids}/{message.path}"),
        _element("title", title_in_feed(message)),
        _element("published", message.listed.exact),
        _element("updated", message.changed.exact),
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
    value: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": f"{feed.here}feed.json",
        "language": feed.language,
        "authors": [{"name": feed.author, "url": f"{feed.base}/"}],
        "items": [_item(entry, feed.base, feed.ids) for entry in feed.entries],
    }
    if feed.older is not None:
        value["next_url"] = f"{feed.older}feed.json"
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


@lru_cache(_KEPT)
def _item(message: MessageView, base: str, ids: str) -> dict[str, Any]:
    address = f"{base}/{message.path}"
    item: dict[str, Any] = {
        "id": f"{ids}/{message.path}",
        "url": address,
        "title": title_in_feed(message),
        "content_html": content_html(message, base),
        "content_text": "\n\n".join((*(_plain(one, base) for one in message.notices), message.text)),
        "date_published": message.listed.exact,
        "date_modified": message.changed.exact,
        "authors": [{"name": message.by}],
        "_onevoice": {
            "severity": message.severity,
            "withdrawn": message.withdrawn is not None,
            "holds": message.holds,
        },
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
    """Return an entry's title, led by what became of it, else by the severity's word."""
    before = message.standing if message.standing and message.withdrawn is None else message.severity_word
    return f"{before}: {message.title}" if before else message.title


@lru_cache(_KEPT)
def content_html(message: MessageView, base: str) -> str:
    """Return an entry's content with absolute addresses."""
    pieces = [_notice(one, base) for one in message.notices]
    pieces.append(message.html)
    if message.link is not None:
        pieces.append(Markup('<p><a href="{0}">{0}</a></p>').format(message.link))
    pieces += [Markup('<p><img src="{}/{}" alt="{}"></p>').format(base, path, alt) for path, alt in message.pictures]
    whole = Markup("\n").join(pieces)
    return str(whole if message.language is None else Markup('<div lang="{}">{}</div>').format(message.language, whole))


def _notice(notice: NoticeView, base: str) -> Markup:
    words = Markup("<strong>{}</strong>").format(notice.words)
    if notice.path is not None:
        words = Markup('<strong><a href="{}/{}">{}</a></strong>').format(base, notice.path, notice.words)
    if notice.language is None:
        return Markup("<p>{}</p>").format(words)
    return Markup('<p lang="{}" dir="auto">{}</p>').format(notice.language, words)


def _plain(notice: NoticeView, base: str) -> str:
    return notice.words if notice.path is None else f"{notice.words}: {base}/{notice.path}"
