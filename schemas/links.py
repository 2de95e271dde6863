"""Links in a text: where one begins and ends, whose host it names, and how much of it every platform takes for one.

    link   = edge ( "http" / "https" ) "://" host [ ":" port ] [ ( "/" / "?" / "#" ) *inside ]
    edge   = the beginning, or after anything but an ASCII letter or digit, "@", "$", "#"
    host   = 1*( label "." ) top / "localhost" / IPv4 / "[" IPv6 "]"; not before an ASCII letter or digit, "@", "+", "-"
    label  = 1 to 63 letters, digits, marks and symbols of any script, of ASCII letters, digits, and within it "-", "_"
    top    = 2 or more ASCII letters, or "xn--" ..., or 2 or more letters of other scripts; never a mixture
    inside = letters, marks and digits of any script, and ASCII signs but for white space, "<", ">", '"', "`"

A link ends before punctuation, quotes, brackets and symbols (``●``, a full-width ``|``) of every script but ASCII,
before an ASCII sign of punctuation that nothing follows or that another link follows, before ``'s``, before a bracket
without its partner, before the sign of emphasis that it is in (``_``, ``~``), and where a pictograph, an arrow or a
script that is written without spaces, or whose particles are joined to a word, goes on after an ASCII letter or digit:
``https://mission.example/floodをご覧``.

Pure. Source: RFC 3986 and 3987; twitter-text's rules as Mastodon uses them (config/initializers/twitter_regex.rb).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import regex

_ANY = r"\p{L}\p{M}\p{N}"
_JOINERS = r"\u200c\u200d"
_NAME = r"[^\x00-/:-@\[-`{-\x7f\p{P}\p{Z}\p{C}]"
_LABEL = rf"{_NAME}(?:(?:{_NAME}|[_\-{_JOINERS}]){{0,61}}{_NAME})?"
_OTHER = rf"(?![a-z])[\p{{L}}\p{{M}}{_JOINERS}]"
_TOP = rf"(?!https?://)(?:xn--[a-z0-9\-]{{2,59}}|[a-z]{{2,63}}|(?:{_OTHER}){{2,63}})"
_ENDS = r"(?![A-Za-z0-9@+\-])"
_NUMBERED = r"(?:localhost|\d{1,3}(?:\.\d{1,3}){3}(?!\.\d)|\[[0-9a-f:.]{2,45}\])"
_HOST = rf"(?:(?:{_LABEL}\.){{1,126}}{_TOP}{_ENDS}|{_NUMBERED}{_ENDS})"
_HEAD = regex.compile(rf"(?<![A-Za-z0-9@＠$#＃])https?://{_HOST}(?::\d{{1,5}})?", regex.IGNORECASE)
_JOINED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}\u30fc\uff70"
_ASCII_INSIDE = r"!#$%&'()*+,\-./0-9:;=?@A-Z\[\\\]\^_a-z{|}~"
_NEXT = r"[!'*,.;:|](?=https?://)|['’]s(?!\.?[\p{L}\p{M}\p{N}/_\-])"
_PICTURED = r"\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}\u2190-\u21ff"
_INSIDE = (
    rf"(?!{_NEXT})(?:[{_ASCII_INSIDE}]|(?<![A-Za-z0-9])[{_JOINED}{_PICTURED}]"
    rf"|(?![{_JOINED}{_PICTURED}\x00-\x7f])[{_ANY}{_JOINERS}]"
    rf"|(?<=[\p{{L}}\p{{N}}])[–’](?=(?![{_JOINED}])[\p{{L}}\p{{N}}])|(?<=\p{{Latin}})·(?=\p{{Latin}}))"
)
_TAIL = regex.compile(rf"[/?#](?:{_INSIDE})*+")
_AFTER = ".,;:!?'*|@$&%\\^"
_EMPHASIS = "_~"
_OPENING, _CLOSING = "([{", ")]}"

# What Mastodon surely takes when it knows the top: no fragment without a path, a query only right after the path, and
# nothing but ASCII is relied on. When it does not, it may end the host at any earlier label that is a top.
_GENERAL = r"!#$%&'*+,\-./0-9:;=@A-Z\[\\\]\^_a-z{|}~"
_BRACKETS = rf"\((?:[{_GENERAL}]++|[{_GENERAL}]*+\([{_GENERAL}]++\)[{_GENERAL}]*+)\)"
_SURE_PATH = rf"/(?:(?:[{_GENERAL}]|{_BRACKETS})*(?:[A-Za-z0-9_\-#+/]|{_BRACKETS}))?"
_SURE_QUERY = r"\?[A-Za-z0-9!?*'();:&=+$/%#\[\]\-_.,~|@^]*[A-Za-z0-9_&=#/\-]"
_SURE_LABEL = rf"{_NAME}(?:(?:{_NAME}|[\-{_JOINERS}]){{0,61}}{_NAME})?\."
_SURE = regex.compile(
    rf"https?://(?:{_LABEL}\.){{0,125}}{_SURE_LABEL}(?:[a-z]{{2,63}}){_ENDS}"
    rf"(?::\d{{1,5}})?(?:{_SURE_PATH})?(?:{_SURE_QUERY})?",
    regex.IGNORECASE,
)
_LEAST = regex.compile(rf"https?://(?:{_LABEL}\.){{0,125}}?{_SURE_LABEL}[\p{{L}}\p{{M}}]{{2}}", regex.IGNORECASE)

_TOPS = """
com org net edu gov mil int info biz name pro aero coop museum jobs mobi travel tel cat asia post
app blog city community dev live news online page site social tech today vancouver website world
example
"""
_COUNTRIES = """
ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv bw by bz ca
cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr
ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm
jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq
mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa
re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn
to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw
"""
KNOWN_TOPS = frozenset(_TOPS.split()) | frozenset(_COUNTRIES.split())
"""Tops that every platform's list has: countries' (IANA) and others; ``example`` is that of drills (RFC 2606)."""


class FoundLink(NamedTuple):
    """A link in a text: ``text[start:end]`` is its address."""

    start: int
    end: int
    address: str


def find(text: str) -> Iterator[FoundLink]:
    """Yield the links of a text, in order. Takes time in proportion to the text, whatever is in it."""
    end = stop = 0
    partners: dict[int, int] = {}
    while head := _HEAD.search(text, end):
        end = head.end()
        if end >= stop and (tail := _TAIL.match(text, end)):
            stop = tail.end()
            partners = _partners(text, end, stop)
        if text[end : end + 1] in ("/", "?", "#"):
            end = _cut(text, end, stop, partners)
        while text[end - 1] in _AFTER:
            end -= 1
        before = head.start()
        while before > 0 and text[end - 1] in _EMPHASIS and text[before - 1] == text[end - 1]:
            before, end = before - 1, end - 1
        yield FoundLink(head.start(), end, text[head.start() : end])


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield a text in pieces that make it up, none of them empty, each with whether it is a link."""
    end = 0
    for link in find(text):
        if link.start > end:
            yield text[end : link.start], False
        yield link.address, True
        end = link.end
    if end < len(text):
        yield text[end:], False


def without(text: str) -> str:
    """Return a text with a space in place of each link."""
    return "".join(" " if is_link else piece for piece, is_link in pieces(text))


def stands_in(text: str, address: str) -> bool:
    """Say whether exactly this address is in a text, not only a longer one that begins like it."""
    return any(text.startswith(address, link.start) and link.end <= link.start + len(address) for link in find(text))


def surely(address: str) -> int:
    """Return how many characters of a link are of it wherever it is taken for one; 0 when it may be taken nowhere."""
    match = (_SURE if is_known(address) else _LEAST).match(address)
    return match.end() if match else 0


def is_known(address: str) -> bool:
    """Say whether every platform takes an address for a link: some keep lists of the tops that there are."""
    top = host_of(address).rpartition(".")[2]
    return top in KNOWN_TOPS


def host_of(address: str) -> str:
    """Return the host of an address in ASCII, without a leading ``www.``; empty when it has none."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        return ""
    host = host.rstrip(".")
    with contextlib.suppress(UnicodeError):  # what IDNA does not take is compared as it stands
        host = host.encode("idna").decode("ascii")
    return host.casefold().removeprefix("www.")


def leads_to(home: str, text: str) -> bool:
    """Say whether a link of a text goes to a host (as ``host_of`` returned it) or to a part of it."""
    hosts = (host_of(link.address) for link in find(text))
    return bool(home) and any(host == home or host.endswith(f".{home}") for host in hosts)


def _partners(text: str, start: int, stop: int) -> dict[int, int]:
    """Return for each bracket that has a partner where that is."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for index in range(start, stop):
        if text[index] in _OPENING:
            opened.append(index)
        elif opened and _CLOSING.find(text[index]) == _OPENING.index(text[opened[-1]]):
            found[index] = opened.pop()
            found[found[index]] = index
    return found


def _cut(text: str, start: int, stop: int, partners: dict[int, int]) -> int:
    """Return where the first bracket without a partner stands that is of the link too, else ``stop``."""
    for index in range(start, stop):
        if text[index] in _OPENING and index not in partners:
            return index
        if text[index] in _CLOSING and partners.get(index, -1) < start:
            return index
    return stop
