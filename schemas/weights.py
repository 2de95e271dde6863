"""How X weighs a text, and never too little: Latin and its neighbours one, all else two, an emoji two, a link 23.

X takes for a link what has a top of its own list, in ASCII or as a whole address, and of a path mostly what is ASCII.
Of each link no more than surely counts as one counts 23, what follows counts for itself; where it is not known whether
X takes a host for a link, the larger reading counts. Emoji that are newer than X's list count each of their parts.

Pure. Source: docs.x.com, "Counting characters"; twitter-text 3, configuration v3 (compared with it by
``make test-platforms``).
"""

from __future__ import annotations

import unicodedata

import regex

from schemas import links

_LIGHT = regex.compile("[\u0000-\u10ff\u2000-\u200d\u2010-\u201f\u2032-\u2037]")
"""What counts one (twitter-text's configuration v3); all else counts two."""

_GRAPHEME = regex.compile(r"\X")
_SKIN = "[\U0001f3fb-\U0001f3ff]"
_TOOLS = (
    "(?:[\u2695\u2696\u2708]\ufe0f|[\U0001f33e\U0001f373\U0001f393\U0001f3a4\U0001f3a8\U0001f3eb\U0001f3ed"
    "\U0001f4bb\U0001f4bc\U0001f527\U0001f52c\U0001f680\U0001f692])"
)
_OLD = "(?![\U0001fa70-\U0001faff\U0001f90c\U0001f972\U0001f977\U0001f9a3-\U0001f9ad\U0001f9cb])"
_ALONE = (
    "(?![\U0001f46a-\U0001f46d\U0001f46f\U0001f48f\U0001f491\U0001f90f\U0001f91d\U0001f93c\U0001f9bb"
    "\U0001f9cd-\U0001f9cf])"
)
_FAMILY = (
    "(?:\U0001f468\u200d[\U0001f468\U0001f469]|\U0001f469\u200d\U0001f469|[\U0001f468\U0001f469])\u200d"
    "(?:\U0001f467(?:\u200d[\U0001f466\U0001f467])?|\U0001f466(?:\u200d\U0001f466)?)"
)
_EMOJI = regex.compile(
    rf"(?:{_OLD}\p{{Emoji_Presentation}}|{_OLD}(?![\x00-\x7f\p{{Emoji_Presentation}}\u267e\u26a7])\p{{Emoji}}\ufe0f"
    rf"|{_OLD}{_ALONE}\p{{Emoji_Modifier_Base}}{_SKIN}"
    rf"|[0-9#*]\ufe0f?\u20e3|[\U0001f468\U0001f469]{_SKIN}?\u200d{_TOOLS}|{_FAMILY}"
    r"|\U0001f3f3\ufe0f\u200d\U0001f308"
    r"|(?:\U0001f1e8[\U0001f1e6\U0001f1e8\U0001f1ed\U0001f1f3\U0001f1f4\U0001f1fa]|\U0001f1fa[\U0001f1e6\U0001f1f8]"
    r"|\U0001f1ee[\U0001f1f3\U0001f1f9\U0001f1ea]|\U0001f1eb\U0001f1f7|\U0001f1ec\U0001f1e7|\U0001f1f2\U0001f1fd"
    r"|\U0001f1f5[\U0001f1ed\U0001f1f0\U0001f1f1\U0001f1f9]|\U0001f1e9\U0001f1ea|\U0001f1ea\U0001f1f8|\U0001f1ef\U0001f1f5"
    r"|\U0001f1f0\U0001f1f7))"
)
"""Emoji that are surely one for X: older than 2019, people at work, families, and the flags of some countries."""


_LABEL = r"[\-a-z0-9\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff]{1,63}"
_BARE_HOST = regex.compile(
    rf"(?<![A-Za-z0-9@$#])(?:{_LABEL}\.){{1,30}}(?:[a-z]{{2,63}}(?![0-9a-z@+\-])|[^\W\d_a-z]{{2}})", regex.IGNORECASE
)
_ACCENTED = regex.compile(r"^.*[^\x00-\x7f](?=[a-z0-9\-]+\.)", regex.IGNORECASE)
_NAME = r"[^\x00-,./:-@\[-`{-\x7f\p{P}\p{Z}\p{C}\p{S}]"
_GENERAL = r"!#$%&'*+,\-./0-9:;=@A-Z_a-z|~"
_ROUND = rf"\((?:[{_GENERAL}]++|[{_GENERAL}]*+\([{_GENERAL}]++\)[{_GENERAL}]*+)\)"
_END = r"[A-Za-z0-9_\-#+/=]"
_SURE = regex.compile(
    rf"https?://(?:{_NAME}(?:(?:{_NAME}|-)*{_NAME})?\.)+[a-z]{{2,63}}(?![a-z0-9@+\-])(?::\d{{1,5}})?"
    rf"(?:/(?:[{_GENERAL}]*{_END}(?:{_ROUND}[{_GENERAL}]*{_END})*(?:{_ROUND})?)?)?"
    r"(?:\?[A-Za-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[A-Za-z0-9\-_&=#/])?",
    regex.IGNORECASE,
)
_SHORTENED = regex.compile(r"https?://t\.co/[a-z0-9]{1,40}", regex.IGNORECASE)
_NOT_ON_THE_LIST = frozenset({"example", "vancouver"})
"""Of ``links.KNOWN_TOPS``."""


def weighed(piece: str, link_length: int, *, is_link: bool, glued: bool = False) -> int:
    """Return what a piece of a text weighs: a link (``schemas.links``), or what is between two.

    X takes bare host names for links, too: each counts the larger of both. ``glued``: what a link follows without a
    space may make X take it for a part of something else.
    """
    text = unicodedata.normalize("NFC", piece)
    if not is_link:
        return _as_text(text, link_length)
    sure, least = _surely(text), links.surely(text)
    readings = [_linked(text, sure, link_length)]
    if not sure or glued or not _is_known(links.host_of(text)):
        readings += [_as_text(text, link_length), _linked(text, least, link_length)]
    return max(readings)


def _linked(text: str, end: int, link_length: int) -> int:
    """Return what an address weighs of which X takes the first characters for a link; 0: none."""
    rest = text[end:]
    return (link_length if end else 0) + _as_text(rest, link_length) + rest.count("://") * link_length


def _as_text(text: str, link_length: int) -> int:
    """Return what a text weighs of which nothing, or only bare hosts, may be taken for links."""
    return _weight(text) + _bare_hosts(text, link_length)


def _surely(address: str) -> int:
    match = _SHORTENED.match(address) or _SURE.match(address)
    return match.end() if match else 0


def _is_known(host: str) -> bool:
    """Say whether the top of a host, in ASCII, is surely on X's list."""
    top = host.rpartition(".")[2]
    return host.isascii() and top not in _NOT_ON_THE_LIST and top in links.KNOWN_TOPS


def _bare_hosts(text: str, link_length: int) -> int:
    """Return how much more a text may weigh for the hosts in it that X takes for links."""
    if "." not in text:
        return 0
    more = 0
    for match in _BARE_HOST.finditer(text):
        # X may begin it behind a letter with an accent, and end it at any earlier label that is a top.
        host = _ACCENTED.sub("", match.group())
        least = host if _is_known(host.casefold()) else ".".join(host.split(".")[:2])
        more += max(link_length - _weight(least), 0)
    return more


def _weight(text: str) -> int:
    if text.isascii():
        return len(text)
    total = 0
    for grapheme in _GRAPHEME.findall(text):
        emoji = _EMOJI.fullmatch(grapheme)
        total += 2 if emoji else sum(1 if _LIGHT.fullmatch(char) else 2 for char in grapheme)
    return total
