"""A message as it was typed, checked before anything is sent, and the submission made of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from pydantic import ValidationError

from schemas import canonical, languages
from schemas.events.authority import Profile
from schemas.events.control import Posture
from schemas.events.requests import (
    ALL_DEPARTMENTS,
    SUBMITTED_TYPE,
    Act,
    Picture,
    PlatformContent,
    Request,
    Submission,
    SubmissionEvent,
)
from schemas.platforms import WEBSITE
from services.desk import words
from services.desk.options import Manner, MessageOptions
from services.desk.views.timetext import duration, moment
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, first_fault

USUAL_TEXTS: dict[Act, str] = {
    "recall": "Our earlier message does not apply. Please do not act on it.",
    "all_clear": "What we told you before has ended. You need to do nothing more.",
}
"""What is said when no text is given."""

SOURCE = "urn:onevoice:desk"


@dataclass(frozen=True)
class MessageDraft:
    """What was typed, checked; ``expires`` and ``not_before`` in UTC, ``pictures`` with their descriptions.

    ``act`` and ``about``: what it does to which earlier request, if it is about one. ``revises`` and ``revision``: it
    is to be that revision of that request. ``kept``: pictures of the revision before. ``answers``: the address of the
    post that it answers.
    """

    message: MessageOptions
    text: str
    targets: tuple[str, ...] | str
    variants: dict[str, str]
    pictures: list[tuple[Path, str]]
    expires: datetime | None
    wait: timedelta
    act: Act | None = None
    about: str | None = None
    revises: str | None = None
    revision: int | None = None
    kept: tuple[Picture, ...] = ()
    not_before: datetime | None = None
    translations: dict[str, str] = field(default_factory=dict)
    next_update: datetime | None = None
    answers: str | None = None

    @classmethod
    def of(cls, message: MessageOptions, manner: Manner, zone: tzinfo | None) -> MessageDraft:
        """Check the words of a command line; ``zone`` is the city's, for a time without an offset. Raises BadInput."""
        now = SystemClock().now()
        not_before = moment(message.at, now, zone, "at") if message.at is not None else None
        expires = moment(message.expires, now, zone) if message.expires is not None else None
        return cls(
            message=message,
            text=words.text_of(message.text, message.file),
            targets=words.targets(message.to or [], message.all_departments, message.and_city),
            variants=words.variants(message.variant or []),
            pictures=words.pictures(message.image or [], message.alt or []),
            expires=expires,
            not_before=not_before,
            next_update=moment(message.next_update, now, zone, "next-update") if message.next_update else None,
            translations=words.translations(message.lang or []),
            wait=duration(manner.wait, "wait.malformed"),
        )

    @classmethod
    def following(
        cls, act: Act, earlier: Request, message: MessageOptions, manner: Manner, zone: tzinfo | None, website: str
    ) -> MessageDraft:
        """Check the words of a message about an earlier one; without others it takes its link and severity from there.

        It goes to the profiles that carry the earlier one, which intake knows; ``--to`` adds to them. The usual text of
        an act leads to ``website``, the city's, where the earlier one had no link. Raises BadInput.
        """
        is_usual = message.text is None and message.file is None and act in USUAL_TEXTS
        with_earlier = replace(
            message,
            text=USUAL_TEXTS[act] if is_usual else message.text,
            link=message.link or earlier.link or (website if is_usual else None),
            severity=message.severity or (None if act == "all_clear" else earlier.severity),
            to=message.to or [earlier.targets[0]],
        )
        draft = cls.of(with_earlier, manner, zone)
        return replace(draft, act=act, about=earlier.request_id, targets=draft.targets if message.to else ())

    @classmethod
    def revising(cls, before: Request, message: MessageOptions, manner: Manner, zone: tzinfo | None) -> MessageDraft:
        """Check the words of a new revision; what is not given stays as it was. Raises BadInput."""
        whole = before.scope == ALL_DEPARTMENTS
        given_to = bool(message.to) or message.all_departments
        said = replace(
            message,
            text=before.text if message.text is None and message.file is None else message.text,
            link=message.link or before.link,
            severity=message.severity or before.severity,
            crisis=before.crisis if message.crisis is None else message.crisis,
            to=message.to if given_to else None if whole else list(before.targets),
            all_departments=message.all_departments or (whole and not given_to),
        )
        draft = cls.of(said, manner, zone)
        # All that the words of before were given in stays too: a revision that forgot a language or a picture would be
        # approved by somebody who looks at the change alone.
        rendered = [one.content() for one in before.renderings]
        first = rendered[0] if rendered else None
        own_texts = own_words(before, rendered) | draft.variants
        return replace(
            draft,
            act=before.act,
            about=before.earlier,
            targets=draft.targets if given_to or before.act is None else (),
            variants=own_texts,
            translations=draft.translations or translations_of(rendered),
            expires=draft.expires or (first.expires if first else None),
            answers=before.answers,
            not_before=draft.not_before or before.not_before,
            next_update=draft.next_update or before.next_update,
            kept=first.pictures if first and not draft.pictures else (),
            revises=before.request_id,
            revision=before.revision + 1,
        )

    def crisis(self, posture: Posture) -> bool:
        """Content is of the crisis unless it is said otherwise, whenever the posture is not routine."""
        return self.message.crisis if self.message.crisis is not None else posture is not Posture.ROUTINE

    def piped(self) -> bool:
        """True when the text came over standard input, so that nobody can be asked there."""
        return self.message.text == "-"

    def asks_for_the_usual(self, posture: Posture) -> bool:
        """True when it goes to all departments in a crisis, and nobody said whether to the city's own profiles too."""
        return self.targets == ALL_DEPARTMENTS and self.message.and_city is None and posture is not Posture.ROUTINE

    def with_city(self, and_city: bool) -> MessageDraft:
        """Return the same message, with the city's own profiles or without them."""
        return replace(self, message=replace(self.message, and_city=and_city))

    def targets_among(self, profiles: Iterable[Profile]) -> tuple[str, ...] | str:
        """Return the targets; with ``--and-city`` each official profile by its name."""
        if not self.message.and_city:
            return self.targets
        return tuple(sorted(profile.id for profile in profiles if profile.official))

    def fingerprint(self, sender: str) -> str:
        """Return a hash of all that was typed, by which the desk knows a repeat of an unanswered submission."""
        message = self.message
        typed: dict[str, object] = {
            "sender": sender,
            "text": self.text,
            "targets": list(self.targets) if isinstance(self.targets, tuple) else self.targets,
            "and_city": bool(message.and_city),
            "link": message.link,
            "severity": message.severity,
            "crisis": message.crisis,
            "expires": message.expires,
            "at": message.at,
            "next_update": message.next_update,
            "language": message.language,
            "variants": self.variants,
            "translations": self.translations,
            "act": self.act,
            "about": self.about,
            "revision": [self.revises, self.revision],
            "pictures": [[canonical.sha256(words.read_picture(path)), alt] for path, alt in self.pictures],
        }
        if self.answers is not None:
            typed["answers"] = self.answers
        return canonical.sha256(canonical.dumps(typed))

    def event(
        self,
        sender: str,
        crisis: bool,
        event_id: str,
        targets: tuple[str, ...] | str | None = None,
        pictures: tuple[Picture, ...] = (),
    ) -> SubmissionEvent:
        """Return the CloudEvent of the submission; raises BadInput ``<field>.invalid``."""
        message = self.message
        try:
            data = Submission.model_validate(
                {
                    "text": self.text,
                    "targets": self.targets if targets is None else targets,
                    "crisis": crisis,
                    "link": message.link,
                    "severity": message.severity,
                    "expires": self.expires,
                    "not_before": self.not_before,
                    "next_update": self.next_update,
                    "language": message.language and (languages.canonical(message.language) or message.language),
                    "variants": self.variants,
                    "translations": self.translations,
                    "pictures": pictures or self.kept,
                    "act": self.act,
                    "about": self.about,
                    "answers": self.answers,
                    "revises": self.revises,
                    "revision": self.revision,
                }
            )
            return SubmissionEvent(
                specversion="1.0",
                id=event_id,
                source=f"{SOURCE}:{sender}",
                type=SUBMITTED_TYPE,
                data=data,
            )
        except ValidationError as error:
            raise _malformed(error) from error


def own_words(request: Request, rendered: Iterable[PlatformContent]) -> dict[str, str]:
    """Return the texts that platforms of a request have of their own, beside its text.

    Raises:
        BadInput: ``revise.variant``: one is a thread, and cannot be told apart into its text again.
    """
    found = {}
    for content in rendered:
        link = f"\n\n{content.link}" if content.link else ""
        first = content.parts[0].removesuffix(link)
        if len(content.parts) == 1 and request.text not in first:
            found[content.platform] = first
        elif len(content.parts) > 1 and not _begins(request.text, first.rpartition(" (1/")[0]):
            raise BadInput(
                "revise.variant",
                f"{content.platform} has a text of its own, in {len(content.parts)} parts",
                f"say it again: --variant {content.platform}=TEXT",
            )
    return found


def translations_of(rendered: Iterable[PlatformContent]) -> dict[str, str]:
    """Return the texts in other languages, as the website's page has them."""
    page = next((one for one in rendered if one.platform == WEBSITE), None)
    if page is None:
        return {}
    link = f"\n\n{page.link}" if page.link else ""
    found = list(zip(page.languages or (), page.parts, strict=False))[1:]
    return {language: part.removesuffix(link) for language, part in found}


def _begins(text: str, chunk: str) -> bool:
    """True when a text begins with a chunk, or with what is behind its label (``Correction: ``)."""
    return text.startswith((chunk, chunk.partition(": ")[2] or chunk))


def _malformed(error: ValidationError) -> BadInput:
    """Say which option a value was wrong in."""
    fault = first_fault(error)
    field = fault.field.partition(".")[0] or "message"
    hints = {
        "link": "--link https://... , without spaces",
        "language": "--language takes the code of a language (BCP 47): en, fr, pa, zh-Hant",
        "severity": "--severity minor, moderate, severe or extreme",
        "id": "--id takes 1 to 256 characters",
    }
    return BadInput(f"{field}.invalid", f"the {field} is not valid: {fault.reason}", hints.get(field, ""))
