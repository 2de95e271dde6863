"""Hosts that seem to be another one's, anywhere in a text: a phishing address under an official text.

Found are a user name before a host (``https://mission.ca@evil.example``), labels of mixed scripts or of another script
that looks like ASCII, the city's whole host inside another one (``mission.ca.evil.example``), and the city's name, or
what reads like it, as another host's (``mission-alerts.info``, ``rnission.ca``). Addresses without ``https://`` count,
since platforms make links of them. Pure. Source: UTS 39 (restriction levels, confusables).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import regex

from schemas import links

_USERINFO = regex.compile(r"https?://[^\s/?#<>\"]*@[^\s/?#<>\"]+", regex.IGNORECASE)
_LABEL = r"[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}\-]{0,61}[\p{L}\p{M}\p{N}])?"
_UNSPACED = r"(?!\p{Lisu})\p{Lo}"
_BARE = regex.compile(
    rf"(?<![\p{{L}}\p{{M}}\p{{N}}@.\-_/])(?:(?:{_UNSPACED}|[\p{{M}}\p{{Lm}}])++(?=[a-z0-9]))?+(?P<host>(?:{_LABEL}[.。．｡]){{1,8}}"
    rf"(?:[a-z]{{2,24}}(?={_UNSPACED})|(?:xn--[a-z0-9\-]{{2,59}}|\p{{L}}{{2,24}})(?![\p{{L}}\p{{N}}@\-])))",
    regex.IGNORECASE,
)
"""A host without a scheme. Letters without capitals beside its ASCII ones are text that is written without spaces, as
platforms take it; Lisu's look like Latin ones."""
_DOTS = str.maketrans("。．｡", "...")
_SCRIPTS = {
    name: regex.compile(rf"\p{{Script={name}}}")
    for name in [
        "Latin",
        "Cyrillic",
        "Greek",
        "Armenian",
        "Hebrew",
        "Arabic",
        "Devanagari",
        "Cherokee",
        "Georgian",
        "Coptic",
        "Han",
        "Hiragana",
        "Katakana",
        "Hangul",
        "Bopomofo",
        "Thai",
        "Lisu",
    ]
}
_TOGETHER = (
    frozenset({"Latin", "Han", "Hiragana", "Katakana"}),
    frozenset({"Latin", "Han", "Bopomofo"}),
    frozenset({"Latin", "Han", "Hangul"}),
)
"""Scripts that are written together (UTS 39, "highly restrictive")."""

_SEEMS = {
    ord(letter): seems
    for seems, letters in {
        "a": "\u0430\u0251\u03b1",
        "b": "\u044c\u13cf",
        "c": "\u0441\u03f2\u1d04",
        "d": "\u0501\u0257",
        "e": "\u0435\u0454\u1d07\u212e3",
        "g": "\u0261\u0581",
        "h": "\u04bb\u0570",
        "i": "\u0456\u0131\u03b9\u0269",
        "j": "\u0458\u03f3",
        "k": "\u043a\u03ba",
        "l": "\u04cf\u01c01|",
        "m": "\u043c",
        "n": "\u0578\u03b7",
        "o": "\u043e\u03bf\u0585\u1d0f\u0c660",
        "p": "\u0440\u03c1",
        "q": "\u051b",
        "r": "\u0433",
        "s": "\u0455\ua7315",
        "t": "\u0442\u03c4",
        "u": "\u03c5\u057d\u1d1c",
        "v": "\u03bd\u0475\u1d20",
        "w": "\u051d\u0461\u1d21",
        "x": "\u0445\u03c7",
        "y": "\u0443\u04af\u03b3",
    }.items()
    for letter in letters
}
"""Letters by the ASCII letter that they look like; case is folded before."""

_PUBLIC = frozenset(
    [
        "ab",
        "bc",
        "mb",
        "nb",
        "nl",
        "ns",
        "nt",
        "nu",
        "on",
        "pe",
        "qc",
        "sk",
        "yk",
        "gov",
        "gc",
        "govt",
        "gob",
        "gouv",
        "co",
        "com",
        "org",
        "net",
        "ac",
        "edu",
        "mil",
        "state",
        "us",
        "uk",
    ]
)
"""Labels before the top that are nobody's name: bc.ca, gov.uk."""

_GENERIC = frozenset(
    [
        "city",
        "town",
        "village",
        "district",
        "municipality",
        "township",
        "regional",
        "county",
        "of",
        "the",
        "corporation",
    ]
)
_DECOY = regex.compile(
    r"(?:city|town|village|district|municipality|township|county|of|the|my|our|visit|official|gov|govt|bc|ca|canada|"
    r"www|web|site|online|info|news|live|now|today|app|portal|service|services|alert|alerts|emergency|eoc|evac|"
    r"evacuation|evacuee|evacuees|fire|flood|wildfire|warning|warnings|update|updates|help|relief|aid|fund|funds|donate|"
    r"donation|donations|support|pay|payment|payments|bill|bills|tax|taxes|refund|secure|login|account|register|\d)*"
)
_SHORTEST = 4
"""A name of fewer letters is looked for as a whole label only; one more than this is compared letter by letter too."""


class Lookalike(NamedTuple):
    """A host or address as it is in the text, and why it is not what it seems to be."""

    seen: str
    why: str


def find(text: str, home: str, city: str, allowed: tuple[str, ...] = ()) -> Iterator[Lookalike]:
    """Yield what looks like another host, each once.

    Args:
        text: any text in its final form.
        home: the host of the city's website, as ``links.host_of`` returns it.
        city: the city's name, as in "City of Mission".
        allowed: hosts that the city uses or publishes; with all below them.
    """
    for address in dict.fromkeys(match.group() for match in _USERINFO.finditer(text)):
        yield Lookalike(address, "it has a user name before its host, so it leads elsewhere than it seems to")
    names = _names(home, city)
    hosts = [link.address.partition("://")[2] for link in links.find(text)]
    hosts += [match["host"] for match in _BARE.finditer(text)]
    for host in dict.fromkeys(_readable(one) for one in hosts):
        if any(host == one or host.endswith(f".{one}") for one in (home, *allowed) if one):
            continue
        if why := _mixed(host) or _like_home(host, home, names):
            yield Lookalike(host, why)


def _readable(address: str) -> str:
    """Return the host of an address without a scheme as its letters: no port, no punycode, no ``www.``."""
    host = regex.split(r"[/?#:]", unicodedata.normalize("NFKC", address).translate(_DOTS).casefold(), maxsplit=1)[0]
    return ".".join(_decoded(label) for label in host.rstrip(".").removeprefix("www.").split("."))


def _decoded(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return label


def _mixed(host: str) -> str:
    """Say why a host's letters are not what they seem to be; empty where they are."""
    *labels, top = host.split(".")
    for label in (*labels, top):
        scripts = frozenset(name for name, letters in _SCRIPTS.items() if letters.search(label))
        if len(scripts) > 1 and not any(scripts <= allowed for allowed in _TOGETHER):
            return f"{label} mixes letters of {' and '.join(sorted(scripts))}"
        if top.isascii() and not label.isascii() and "Latin" not in scripts and _skeleton(label).isascii():
            return f"{label} looks like {_skeleton(label)}, and is written in other letters"
    return ""


def _like_home(host: str, home: str, names: frozenset[str]) -> str:
    """Say why a host that is not the city's reads as if it were; empty where it does not."""
    flat, own = _skeleton(host), _skeleton(home)
    if home and (own in flat or own.replace(".", "-") in flat):
        return f"it holds {home}, and is not the city's"
    for label in host.split(".")[:-1]:
        forms = {label, _skeleton(label)}
        for name in names:
            if any(_reads_like(form.replace("-", ""), name) or name in form.split("-") for form in forms):
                return f"{label} reads like the city's name, and {home or 'the city'} is another host"
    return ""


def _reads_like(label: str, name: str) -> bool:
    if label == name:
        return True
    if len(name) >= _SHORTEST:
        for at in range(len(label) - len(name) + 1):
            before, behind = label[:at], label[at + len(name) :]
            if label.startswith(name, at) and _DECOY.fullmatch(before) and _DECOY.fullmatch(behind):
                return True
    return len(name) > _SHORTEST and _one_off(label, name)


def _one_off(one: str, other: str) -> bool:
    """Say whether two words differ by one letter: changed, added, left out, or two next to each other swapped."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    if len(one) == len(other):
        wrong = [at for at, (left, right) in enumerate(zip(one, other, strict=True)) if left != right]
        swapped = len(wrong) == 2 and wrong[1] == wrong[0] + 1 and one[wrong[0]] == other[wrong[1]]
        return len(wrong) == 1 or (swapped and one[wrong[1]] == other[wrong[0]])
    longer, shorter = (one, other) if len(one) > len(other) else (other, one)
    return any(longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer)))


def _skeleton(text: str) -> str:
    """Return what a text looks like in ASCII letters."""
    plain = "".join(one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one))
    return plain.translate(_SEEMS).replace("rn", "m").replace("vv", "w")


def _names(home: str, city: str) -> frozenset[str]:
    """Return the names that the city goes by, as they look: that of its host, and that of the city itself."""
    labels = home.split(".")[:-1]
    while len(labels) > 1 and labels[-1] in _PUBLIC:
        labels.pop()
    words = [word for word in regex.findall(r"[\p{L}\p{N}]+", city.casefold()) if word not in _GENERIC]
    found = {labels[-1].replace("-", "") if labels else "", "".join(words)}
    return frozenset(_skeleton(name) for name in found if name)
