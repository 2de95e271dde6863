"""What in a text is a link, a hashtag or a mention, as AT Protocol wants it said: by offsets in UTF-8 bytes. Pure.

Without a facet a link in a text is no link (atproto.com/lexicons/app-bsky-richtext). Nothing within a link is a hashtag
or a mention.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import regex

from schemas import links

_TAG = regex.compile(r"(?:^|(?<=\s))[#＃]((?!\ufe0f)\S*[^\d\s\p{P}]\S*)")
_TAG_END = regex.compile(r"\p{P}+$")
_TAG_CHARACTERS = 64
_MENTION = regex.compile(
    r"(?<![\p{L}\p{N}_@./-])@((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)(?![\w@-])",
    regex.IGNORECASE,
)
_TYPE = "app.bsky.richtext.facet"

Span = tuple[int, int]


def mentioned(parts: Iterable[str]) -> set[str]:
    """Return the handles that texts mention, without ``@``, in lower case."""
    return {handle.lower() for text in parts for _, _, handle in _mentions(text, _links(text))}


def facets(text: str, dids: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the facets of a text in their order.

    Args:
        text: of one post.
        dids: the accounts (DID) of mentioned handles; one that is not there stays plain text.
    """
    spans = _links(text)
    found = [(start, end, {"$type": f"{_TYPE}#link", "uri": text[start:end]}) for start, end in spans]
    found += [(start, end, {"$type": f"{_TYPE}#tag", "tag": tag}) for start, end, tag in _tags(text, spans)]
    for start, end, handle in _mentions(text, spans):
        if did := dids.get(handle.lower()):
            found.append((start, end, {"$type": f"{_TYPE}#mention", "did": did}))
    return [_facet(text, start, end, feature) for start, end, feature in sorted(found, key=lambda one: one[:2])]


def mentions_of(text: str, found: Any) -> dict[str, str]:
    """Return the accounts by handle that the facets of an existing record name for the mentions in a text."""
    said = {}
    for facet in found if isinstance(found, list) else []:
        feature = _only_feature(facet)
        if feature.get("$type") == f"{_TYPE}#mention" and isinstance(feature.get("did"), str):
            said[_place(facet.get("index"))] = feature["did"]
    result = {}
    for start, end, handle in _mentions(text, _links(text)):
        if did := said.get(_place(_index(text, start, end))):
            result[handle.lower()] = did
    return result


def _place(index: Any) -> tuple[Any, Any]:
    return (index.get("byteStart"), index.get("byteEnd")) if isinstance(index, dict) else (None, None)


def _only_feature(facet: Any) -> dict[str, Any]:
    features = facet.get("features") if isinstance(facet, dict) else None
    one = features[0] if isinstance(features, list) and len(features) == 1 else None
    return one if isinstance(one, dict) else {}


def _links(text: str) -> list[Span]:
    return [(link.start, link.end) for link in links.find(text)]


def _tags(text: str, spans: list[Span]) -> Iterator[tuple[int, int, str]]:
    for match in _TAG.finditer(text):
        tag = _TAG_END.sub("", match.group(1))
        if tag and len(tag) <= _TAG_CHARACTERS and not _within(match.start(), spans):
            yield match.start(), match.start(1) + len(tag), tag


def _mentions(text: str, spans: list[Span]) -> Iterator[tuple[int, int, str]]:
    for match in _MENTION.finditer(text):
        if not _within(match.start(), spans):
            yield match.start(), match.end(), match.group(1)


def _within(index: int, spans: list[Span]) -> bool:
    return any(start <= index < end for start, end in spans)


def _facet(text: str, start: int, end: int, feature: dict[str, Any]) -> dict[str, Any]:
    return {"index": _index(text, start, end), "features": [feature]}


def _index(text: str, start: int, end: int) -> dict[str, int]:
    begin = len(text[:start].encode())
    return {"byteStart": begin, "byteEnd": begin + len(text[start:end].encode())}
