"""Renders the exact content that each platform gets, once, when the request is made.

In order: the author's variant for the platform; the text as it is; a numbered thread whose first part stands
alone and carries the link; else the request is refused, naming the platform and the overrun. Nothing is ever
cut in silence (docs/platforms.md). Pure: the limits of the platforms are data (``schemas.platforms``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil

import regex

from schemas import links, unseen
from schemas.events.requests import Picture, PlatformContent, Rendering
from schemas.platforms import Limits, counted_length, counted_piece, overrun
from services.intake.domain.following import labelled
from services.intake.domain.language import guess
from services.intake.domain.splitting import Splitter, WillNotSplit
from services.intake.domain.submission import Draft
from services.kernel.base.errors import BadInput
from services.kernel.base.text_card import CannotDraw, card_picture, text_card

MAX_PARTS = 25
"""Parts of one thread; ``schemas.events.requests.PlatformContent`` takes no more."""

EXERCISE = "EXERCISE"
"""With this word each post and page of the exercise realm begins: who sees one of them sees what it is."""

_GRAPHEME = regex.compile(r"\X")


def render(draft: Draft, limits: Mapping[str, Limits], language: str = "en") -> tuple[Rendering, ...]:
    """Return the rendering of each platform of a draft, sorted by platform.

    Args:
        draft: a checked submission.
        limits: what each platform takes, by its name.
        language: the city's (ISO 639), for a text that does not tell its own.

    Raises:
        BadInput: ``platform.unknown``, ``text.too_long_for_platform``, ``picture.too_many``,
            ``picture.alt_too_long``, ``picture.needed``.
    """
    return tuple(_rendering(draft, platform, limits, language) for platform in sorted(draft.platforms))


def _rendering(draft: Draft, platform: str, limits: Mapping[str, Limits], language: str) -> Rendering:
    taken = limits.get(platform)
    if taken is None:
        raise BadInput(
            "platform.unknown",
            f"what {platform} takes is not known",
            f"the platforms known here are {', '.join(sorted(limits))}",
        )
    if draft.answers is not None:
        taken = taken.to_answer()
    _check_pictures(draft, taken)
    text = draft.variants.get(platform, draft.text)
    first = draft.language or guess(text, language)
    texts = {first: text} | draft.translations
    if len(texts) != 1 + len(draft.translations):
        raise BadInput("lang.twice", f"the text is in {first} already", "--language says what language it is in")
    said = {code: labelled(draft.act, one, code) for code, one in texts.items()}
    parts, languages = _in_languages(said, draft.link, _with_room(taken) if draft.exercise else taken)
    if draft.exercise:
        parts = tuple(part if part.startswith(EXERCISE) else f"{EXERCISE}: {part}" for part in parts)
    _check_seen(parts, platform)
    pictures = draft.pictures or ((drawn(parts, taken)[0],) if taken.card else ())
    return Rendering.of(
        PlatformContent(
            platform=platform,
            parts=parts,
            pictures=pictures,
            link=draft.link,
            severity=draft.severity,
            language=first,
            languages=(languages or None) if taken.languages_apart else None,
            together=None if taken.languages_apart else (languages or None),
            created_at=draft.not_before or draft.created_at,
            expires=draft.expires,
            act=draft.act,
            about=draft.about,
            answers=draft.answers,
        )
    )


def _with_room(limits: Limits) -> Limits:
    """Return what a platform takes beside the word that each post of an exercise begins with."""
    room = len(EXERCISE) + 2
    fewer = limits.bytes - room if limits.bytes is not None else None
    return replace(limits, characters=limits.characters - room, bytes=fewer)


def _in_languages(
    texts: Mapping[str, str], link: str | None, limits: Limits
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the parts of a text in its languages, and the languages: one for each part, or all those of the only one.

    A platform's posts, or a page's passages, have a language each; elsewhere they stand in one post, one below the
    other. Of one language alone nothing is said.
    """
    if len(texts) == 1:
        return parts_of(next(iter(texts.values())), link, limits), ()
    if not limits.languages_apart:
        return parts_of("\n\n".join(texts.values()), link, limits), tuple(texts)
    found = [(part, code) for code, text in texts.items() for part in parts_of(text, link, limits)]
    if len(found) > MAX_PARTS:
        raise BadInput(
            "text.too_long_for_platform",
            f"{limits.platform} would get {len(found)} parts, and a thread has at most {MAX_PARTS}",
            "shorten it, or send the languages one by one",
        )
    return tuple(part for part, _ in found), tuple(code for _, code in found)


def parts_of(text: str, link: str | None, limits: Limits) -> tuple[str, ...]:
    """Return the text with its link as one part, or as a numbered thread where one part does not hold it.

    Args:
        text: the author's variant, or the text; in its final form.
        link: goes after the text, unless it is in it.
        limits: what the platform takes.

    Raises:
        BadInput: ``text.too_long_for_platform``.
    """
    whole = _with_link(text, link)
    too_long = overrun(whole, limits)
    if too_long is None:
        return (whole,)
    try:
        return _thread(text, link, limits)
    except WillNotSplit as error:
        raise BadInput(
            "text.too_long_for_platform",
            f"{limits.platform} {too_long}; {error}",
            f"shorten it, or give a shorter text for {limits.platform}: --variant {limits.platform}=TEXT",
        ) from error


def drawn(parts: tuple[str, ...], limits: Limits) -> tuple[Picture, bytes]:
    """Return the picture of a text without one, for a platform that posts nothing without, and its bytes.

    Raises:
        BadInput: ``picture.needed``, the text cannot be drawn so that people can read it.
    """
    text = "\n\n".join(parts)
    try:
        if len(text) > limits.alt_characters:
            raise CannotDraw(
                f"it has {len(text)} characters, and a picture's description takes {limits.alt_characters}"
            )
        card = text_card(text)
    except CannotDraw as error:
        raise BadInput(
            "picture.needed",
            f"{limits.platform} takes no post without a picture, and this text cannot be drawn: {error}",
            f"give a picture (--image FILE --alt TEXT), or another text: --variant {limits.platform}=TEXT",
        ) from error
    return card_picture(text, card), card


def units(text: str, limits: Limits) -> list[tuple[str, int]]:
    """Return the text in pieces that are never divided (addresses, graphemes), each with what it counts.

    Together they count at least what ``counted_length`` says of the whole. Where a platform counts bytes too, a piece
    counts at least its share of them, so that pieces that fit by their count fit by their bytes.
    """
    share = limits.bytes / limits.characters if limits.bytes is not None else None
    found: list[tuple[str, int]] = []
    for piece, is_link in links.pieces(text):
        whole = [piece] if is_link else _GRAPHEME.findall(piece)
        for one in whole:
            count = counted_piece(one, limits, is_link=is_link)
            found.append((one, max(count, ceil(len(one.encode()) / share)) if share else count))
    return found


def _with_link(text: str, link: str | None) -> str:
    return text if link is None or links.stands_in(text, link) else f"{text}\n\n{link}"


def _thread(text: str, link: str | None, limits: Limits) -> tuple[str, ...]:
    if not limits.thread:
        raise WillNotSplit("it is not a place for threads")
    link_room = counted_length(f"\n\n{link}", limits) if link else 0
    for digits in (1, 2):
        room = limits.characters - len(" (/)") - 2 * digits
        splitter = Splitter(room=room, first_room=room - link_room, most=min(MAX_PARTS, 10**digits - 1))
        chunks = splitter.split(units(text, limits))
        if chunks is not None:
            return _numbered(chunks, link, limits)
    raise WillNotSplit(f"a thread would have more than {MAX_PARTS} parts")


def _numbered(chunks: list[str], link: str | None, limits: Limits) -> tuple[str, ...]:
    total = len(chunks)
    parts = [f"{chunk} ({number}/{total})" for number, chunk in enumerate(chunks, 1)]
    parts[0] = _with_link(parts[0], link)
    for part in parts:
        # Counted again as a whole: pieces may count differently together than alone.
        if overrun(part, limits) is not None:
            raise WillNotSplit("no place to divide it was found")
    return tuple(parts)


def _check_seen(parts: tuple[str, ...], platform: str) -> None:
    """A mark of direction that the whole text needs is out of place in a part without the letters that it is for."""
    for number, part in enumerate(parts, 1):
        if found := unseen.in_text(part):
            raise BadInput(
                "text.hidden",
                f"part {number} for {platform} would have a character that nobody sees: {unseen.named(found)}",
                f"take it out, or give a shorter text for {platform}: --variant {platform}=TEXT",
            )


def _check_pictures(draft: Draft, limits: Limits) -> None:
    if len(draft.pictures) > limits.pictures:
        raise BadInput(
            "picture.too_many",
            f"{limits.platform} takes {limits.pictures} pictures and there are {len(draft.pictures)}",
            "leave some out, or leave the platform out",
        )
    for number, picture in enumerate(draft.pictures, 1):
        if len(picture.alt) > limits.alt_characters:
            raise BadInput(
                "picture.alt_too_long",
                f"the description of picture {number} has {len(picture.alt)} characters; "
                f"{limits.platform} takes {limits.alt_characters}",
                "shorten the description",
            )
