"""What a page or feed shows of a message, in the public's words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from urllib.parse import urlsplit

import regex
from markupsafe import Markup, escape

from schemas import links
from schemas.events.authority import Profile
from schemas.events.requests import PlatformContent
from services.fanout.connectors.website.labels import SEVERITIES, Labels, labels_in
from services.fanout.connectors.website.state import Message, MessagePlace
from services.kernel.base.zones import in_words

_GRAPHEME = regex.compile(r"\X")
_LETTER = regex.compile(r"\p{L}")
_TO_LEFT = regex.compile(r"[\p{bc=R}\p{bc=AL}]")
_TITLE = 80
_EXCERPT = 1_200


@dataclass(frozen=True)
class Shown:
    """A point in time: ``iso`` for pages, in UTC, ``exact`` for feeds, to the microsecond; ``words`` for people, in the
    city's time zone.
    """

    iso: str
    exact: str
    words: str

    @classmethod
    def of(cls, time: datetime, zone: tzinfo) -> Shown:
        """Show a time."""
        return _shown(time, zone)


@lru_cache(256)  # a thousand places of a message have the same one
def _shown(time: datetime, zone: tzinfo) -> Shown:
    iso, exact = (time.isoformat(timespec=to).replace("+00:00", "Z") for to in ("seconds", "microseconds"))
    return Shown(iso, exact, in_words(time, zone))


@dataclass(frozen=True)
class PlaceView:
    """Where a message is: ``path`` from the site's root for a profile's page, ``url`` elsewhere."""

    anchor: str
    name: str
    where: str
    path: str | None
    url: str | None
    since: Shown
    taken_back: Shown | None


@dataclass(frozen=True)
class NoticeView:
    """What came of a message, or what it comes after: in words of a language, with the path of the other
    message if there is one.
    """

    words: str
    path: str | None = None
    language: str | None = None


@dataclass(frozen=True, eq=False)  # equal by identity: what is remembered of a view must not weigh a thousand places
class MessageView:
    """A message as the public sees it; a withdrawn one shows no text. ``language`` is that of its text; None: the
    site's; ``label_language``, likewise, is that of what is said about it. ``holds``: nothing later has ended it.
    """

    id: str
    path: str
    title: str
    severity: str | None
    severity_word: str | None
    listed: Shown
    changed: Shown
    language: str | None
    label_language: str | None
    html: Markup
    text: str
    excerpt: Markup | None
    pictures: tuple[tuple[str, str], ...]
    link: str | None
    withdrawn: Shown | None
    by: str
    places: tuple[PlaceView, ...]
    notices: tuple[NoticeView, ...]
    standing: str | None
    holds: bool


def view_of(
    message: Message, city: str, zone: tzinfo, profile: str | None = None, *, language: str = "en"
) -> MessageView:
    """Return what is shown of a message, on the pages of a profile or (None) of the city.

    Where it was taken back, a notice is in place of its text. What is said about it is in its own language, or in
    ``language``, the site's.
    """
    place = message.places.get(profile) if profile is not None else None
    withdrawn = message.withdrawn_at or (place.taken_back_at if place is not None else None)
    content = message.content
    labels, usual = labels_in(content.language, language), labels_in(language)
    text = "\n\n".join(content.parts)
    # Nothing of what was withdrawn is shown, not its title, severity, pictures or link: somebody would act on it.
    if withdrawn is not None:
        said = labels.taken_off if message.withdrawn_at is None else labels.withdrawn_text
        text = said.format(labels.time(withdrawn, zone))
    places = tuple(
        sorted((_place(one, city, zone) for one in message.places.values()), key=lambda one: _rank(one, city))
    )
    return MessageView(
        id=message.request_id,
        path=f"messages/{message.request_id}/",
        title=labels.withdrawn_title if withdrawn else title_of(text),
        severity=None if withdrawn else content.severity,
        severity_word=None if withdrawn else labels.severity(content.severity),
        listed=Shown.of(message.listed_at, zone),
        changed=Shown.of(message.changed_at, zone),
        language=labels.language if withdrawn else content.language,
        label_language=None if labels is usual else labels.language,
        html=to_html(text) if withdrawn else _passages(content),
        text=text,
        excerpt=to_html(_cut(text, _EXCERPT)) if len(text) > _EXCERPT + 200 else None,
        pictures=() if withdrawn else tuple(_pictures(message)),
        link=None if withdrawn or content.link is None or content.link in text else content.link,
        withdrawn=None if withdrawn is None else Shown.of(withdrawn, zone),
        by=_by(places, city),
        places=places,
        notices=tuple(_notices(message, zone, labels, None if labels is usual else labels.language)),
        standing=labels.withdrawn if withdrawn else _standing(message, labels),
        holds=withdrawn is None and message.in_force,
    )


def _standing(message: Message, labels: Labels) -> str | None:
    said = (labels.ending(one.act) for one in reversed(message.followed))
    return next(filter(None, said), None) or (labels.over if message.ended_at is not None else None)


def _notices(message: Message, zone: tzinfo, labels: Labels, language: str | None) -> Iterator[NoticeView]:
    content = message.content
    for one in message.followed:
        words = labels.followed(one.act, labels.time(one.at, zone))
        yield NoticeView(words, f"messages/{one.request_id}/", language)
    if message.ended_at is not None and content.expires is not None and not message.ended_by_another:
        words = labels.in_force_until.format(labels.time(content.expires, zone))
        yield NoticeView(words, language=language)
    if content.answers is not None:
        yield NoticeView(labels.answers.format(content.answers), language=language)
    if content.act is not None and content.about is not None:
        yield NoticeView(labels.follows(content.act), f"messages/{content.about}/", language)


def name_of(profile: Profile | MessagePlace, city: str) -> str:
    """Return the public name of a profile: its department's, or the city's."""
    return profile.department.replace("-", " ").capitalize() if profile.departmental else city


def severity_rank(severity: str | None) -> int:
    """Return where a severity is: 0 for extreme, more for less, most for none."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def title_of(text: str) -> str:
    """Return a text's first line, cut at a word where it is long; for lists and feeds, never instead of the text."""
    return _cut(text.strip().split("\n", 1)[0].strip(), _TITLE)


def to_html(text: str) -> Markup:
    """Return a text as paragraphs with line breaks and links; everything else is escaped.

    Each paragraph runs in the direction of its own script.
    """
    paragraphs = [part for part in re.split(r"\n{2,}", text.strip("\n")) if part.strip()]
    return Markup("\n").join(
        Markup('<p dir="{}">{}</p>').format(_direction(part), _inline(part)) for part in paragraphs
    )


def _direction(text: str) -> str:
    """Return a paragraph's direction: a browser goes by its first letter, which may be of a name in another script."""
    letters = _LETTER.findall(text)
    said = _LETTER.findall(links.without(text))
    to_left = sum(1 for letter in said if _TO_LEFT.match(letter))
    return "rtl" if to_left * 2 > len(said) and not _TO_LEFT.match(letters[0]) else "auto"


def _passages(content: PlatformContent) -> Markup:
    """Return a content's text; each language that it is in has a passage of its own."""
    if not content.languages:
        return to_html("\n\n".join(content.parts))
    passages = zip(content.parts, content.languages, strict=True)
    return Markup("\n").join(
        Markup('<div lang="{}">\n{}\n</div>').format(language, to_html(part)) for part, language in passages
    )


def _inline(text: str) -> Markup:
    shown = (
        Markup('<a href="{0}">{0}</a>').format(piece) if is_link else _lines(piece)
        for piece, is_link in links.pieces(text)
    )
    return Markup("").join(shown)


def _lines(text: str) -> Markup:
    return Markup("<br>\n").join(escape(line) for line in text.split("\n"))


def _cut(text: str, length: int) -> str:
    """Cut a text after so many characters as people see them, at a word where one ends near."""
    if len(text) <= length:
        return text
    seen = _GRAPHEME.findall(text)
    if len(seen) <= length:
        return text
    head = "".join(seen[:length])
    words = head.rsplit(None, 1)[0]
    return (words if len(words) > len(head) * 2 // 3 else head).rstrip(" ,;:") + "…"


def _pictures(message: Message) -> Iterator[tuple[str, str]]:
    for name, picture in zip(message.pictures, message.content.pictures, strict=False):
        if name is not None:
            yield f"messages/{message.request_id}/{name}", picture.alt


def _place(place: MessagePlace, city: str, zone: tzinfo) -> PlaceView:
    host = urlsplit(place.url).hostname if place.url else None
    return PlaceView(
        anchor=place.profile,
        name=name_of(place, city),
        where="this website" if place.here else (f"{place.platform.capitalize()}, {host}" if host else place.platform),
        path=f"profiles/{place.profile}/" if place.here else None,
        url=None if place.here or place.taken_back_at else place.url,
        since=Shown.of(place.listed_at, zone),
        taken_back=None if place.taken_back_at is None else Shown.of(place.taken_back_at, zone),
    )


def _rank(place: PlaceView, city: str) -> tuple[bool, str, bool, str]:
    """Order places: the city's own first, then by name, the website before other platforms."""
    return place.name != city, place.name, place.path is None, place.anchor


def _by(places: tuple[PlaceView, ...], city: str) -> str:
    """Say who publishes it: up to three names, then how many more."""
    names = list(dict.fromkeys(place.name for place in places)) or [city]
    if len(names) == 1:
        return names[0]
    if len(names) <= 3:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{', '.join(names[:2])} and {len(names) - 2} more"
