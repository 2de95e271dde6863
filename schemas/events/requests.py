"""Publish requests: what a person or system submits, what the ledger keeps, what a platform gets."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from schemas import canonical, cloudevents, languages
from schemas.events.authority import Realm, Severity
from schemas.events.base import Contract, Id, Sha256, Utc
from schemas.forms import LINK, address_in_form
from schemas.languages import TAG

ALL_DEPARTMENTS = "all-departments"
SUBMITTED_TYPE: Final = "ca.onevoice.request.submitted.v1"

Act = Literal["correct", "update", "recall", "all_clear", "repost"]
"""What a message does to the one that it is about: put it right, add to it, take it back, end it, show it elsewhere."""

REPLACING = frozenset({"correct", "recall"})
"""The acts after which the earlier message is not posted any more, anywhere."""

ENDING = REPLACING | {"all_clear"}
"""The acts after which the earlier message does not hold any more."""

SCHEDULE_GRACE = timedelta(minutes=5)
"""So long after its time a scheduled message may still be posted; then it is missed."""

Language = Annotated[str, StringConstraints(pattern=TAG)]
"""BCP 47: a language, and where it matters its script and region, as in ``zh-Hant``."""

Link = Annotated[str, StringConstraints(pattern=LINK, max_length=2_000)]


def _tag(typed: Any) -> Any:
    return (languages.canonical(typed) or typed) if isinstance(typed, str) else typed


def _by_tag(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    found: dict[Any, Any] = {}
    for typed, text in given.items():
        if (tag := _tag(typed)) in found:
            raise ValueError(f"there are two texts in {tag}")
        found[tag] = text
    return found


GivenLanguage = Annotated[Language, BeforeValidator(_tag)]
"""A language as somebody gives it, brought into form: ``EN``, ``fr_CA``. What is on record is read as it is."""

GivenLink = Annotated[Link, BeforeValidator(address_in_form)]
"""A link as somebody gives it, brought into form: with blanks round it, ``HTTPS://``."""


class Picture(Contract):
    """A picture that was put beforehand (desk.media.put), by hash, with its description."""

    sha256: Sha256
    media_type: Literal["image/jpeg", "image/png", "image/webp"]
    alt: Annotated[str, StringConstraints(min_length=1, max_length=1_500)]


class MediaReply(Contract):
    """The picture is kept, without its metadata: use this hash in a submission."""

    sha256: Sha256
    media_type: Literal["image/jpeg", "image/png", "image/webp"]
    width: int
    height: int
    size: int


class Submission(Contract):
    """The data of a ``ca.onevoice.request.submitted.v1`` CloudEvent.

    ``act`` and ``about`` come together: what it does to which earlier request. But for a ``repost`` it goes to the
    profiles that got that one, and ``targets`` only adds to them. ``answers``: the address of somebody's post that it
    answers in public, on the one profile of ``targets``.
    ``language`` is that of the text; without it, it is guessed. ``translations``: the same in other languages.
    ``next_update``: its author's promise to say more by then. ``not_before``: it is posted then, or within
    ``SCHEDULE_GRACE``, and not before or after. ``revises`` and ``revision`` come together: it is to
    stand as that revision (2 or more) of that request, in place of the one before.
    """

    text: str
    targets: tuple[Id, ...] | Literal["all-departments"]
    crisis: bool
    link: GivenLink | None = None
    severity: Severity | None = None
    expires: Utc | None = None
    language: GivenLanguage | None = None
    variants: dict[Id, str] = Field(default_factory=dict)
    translations: Annotated[dict[Language, str], BeforeValidator(_by_tag)] = Field(default_factory=dict, max_length=8)
    pictures: tuple[Picture, ...] = Field(default=(), max_length=4)
    act: Act | None = None
    about: Id | None = None
    not_before: Utc | None = None
    next_update: Utc | None = None
    revises: Id | None = None
    revision: Annotated[int, Field(ge=2)] | None = None
    answers: GivenLink | None = None

    @model_validator(mode="after")
    def _some_come_together(self) -> Self:
        if (self.act is None) != (self.about is None):
            raise ValueError("act and about come together")
        if (self.revises is None) != (self.revision is None):
            raise ValueError("revises and revision come together")
        return self


class SubmissionEvent(Contract):
    """The CloudEvents 1.0 envelope of a submission. Extension attributes are left out (schemas.cloudevents)."""

    specversion: Literal["1.0"]
    id: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    source: Annotated[str, StringConstraints(min_length=1, max_length=1_024)]
    type: Literal["ca.onevoice.request.submitted.v1"]
    time: Utc | None = None
    subject: str | None = None
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str | None = None
    data: Submission

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read an event in structured form; raises StrictJsonError or pydantic.ValidationError."""
        return cls.model_validate(cloudevents.value_of(raw))


class PlatformContent(Contract):
    """The exact content that one platform gets. ``parts`` is a thread: the first part stands alone.

    ``created_at`` is frozen when the request is made, so that a repeat is byte for byte the same post. ``act`` and
    ``about`` are in these bytes, so that who signs them signs what is done to which earlier message. ``language`` is
    that of the parts; None in what was made before version 0.3. Of a text in several languages, ``languages`` has one
    for each part where they stand apart, ``together`` all of them where one part has them one below the other.
    ``expires`` is when it ends by its author's own word: the website says so from then on; None where they gave no end.
    ``answers`` is the address of somebody's post that its first part answers.
    """

    platform: Id
    parts: tuple[str, ...] = Field(min_length=1, max_length=25)
    pictures: tuple[Picture, ...] = ()
    link: Link | None = None
    severity: Severity | None = None
    language: Language | None = None
    languages: tuple[Language, ...] | None = None
    together: tuple[Language, ...] | None = None
    created_at: Utc
    expires: Utc | None = None
    act: Act | None = None
    about: Id | None = None
    answers: Link | None = None

    @model_validator(mode="after")
    def _each_part_has_its_language(self) -> Self:
        if self.languages and len(self.languages) != len(self.parts):
            raise ValueError("languages names one for each part, or none")
        return self

    @property
    def texts(self) -> tuple[str, ...]:
        """All that a reader of the post may see or follow: parts, addresses, descriptions of pictures."""
        return (*self.parts, self.link or "", self.answers or "", *(picture.alt for picture in self.pictures))

    def language_of(self, number: int) -> str | None:
        """Return the language of a part, counted from 0."""
        return self.languages[number] if self.languages else self.language


class Rendering(Contract):
    """A platform's content, kept as bytes: ``body`` is the canonical JSON of a PlatformContent."""

    platform: Id
    body: str
    sha256: Sha256

    def content(self) -> PlatformContent:
        """Return the content that the body holds."""
        return content_of(self.body)

    @classmethod
    def of(cls, content: PlatformContent) -> Rendering:
        """Freeze a platform's content."""
        raw = content.to_bytes()
        return cls(platform=content.platform, body=raw.decode(), sha256=canonical.sha256(raw))


@lru_cache(maxsize=256)
def content_of(body: str) -> PlatformContent:
    """Return the content that a rendering's body holds; the last ones are remembered, as they never change.

    Raises StrictJsonError or pydantic.ValidationError.
    """
    return PlatformContent.from_bytes(body.encode())


class ScreeningFinding(Contract):
    """What screening found, for the approver: ``code`` is stable, ``where`` quotes or names the place."""

    code: Id
    clause: str
    reason: str
    where: str = ""


class Request(Contract):
    """``ledger.request.<request_id>``: an accepted request, immutable; a change is a new revision.

    ``submitted_posture`` decides that what was submitted under EOC keeps needing its approval after. ``replaces`` is
    the request that this one corrects, ``follows`` the one that it comes after; absent where it is alone. A
    scheduled one has its time in ``not_before``, and its ``expires_at`` is soon after. ``next_update``: by then its
    author promised to say more; officers are reminded until an update, a correction or an end of it is cleared.
    """

    type: Literal["request"] = "request"
    at: Utc
    realm: Realm
    request_id: Id
    revision: Annotated[int, Field(ge=1)] = 1
    author: Id
    author_kind: Literal["officer", "system"]
    source: str
    event_id: str
    content_sha256: Sha256
    text: str
    scope: Literal["profiles", "all-departments"]
    targets: tuple[Id, ...] = Field(min_length=1)
    crisis: bool
    link: Link | None = None
    severity: Severity | None = None
    expires_at: Utc
    submitted_posture: Literal["routine", "crisis", "eoc_activating", "eoc_active"]
    renderings: tuple[Rendering, ...]
    digest: Sha256
    screening: tuple[ScreeningFinding, ...] = ()
    replaces: Id | None = None
    follows: Id | None = None
    not_before: Utc | None = None
    next_update: Utc | None = None

    @property
    def earlier(self) -> str | None:
        """The request that this one comes after in its chain."""
        return self.replaces or self.follows

    @property
    def act(self) -> Act | None:
        """What it does to the earlier one, as its renderings say, which are signed."""
        return self.renderings[0].content().act if self.earlier and self.renderings else None

    @property
    def answers(self) -> str | None:
        """The address of the post that it answers, as its renderings say, which are signed."""
        return answered_by(self.renderings)


def answered_by(renderings: tuple[Rendering, ...]) -> str | None:
    """Return the address of somebody's post that renderings answer; None where they answer none."""
    return renderings[0].content().answers if renderings else None


def posted_until(not_before: datetime | None, expires: datetime | None, usual: datetime) -> datetime:
    """Return until when a message may be posted: a scheduled one soon after its time; ``usual`` without an end."""
    if not_before is None:
        return expires or usual
    end = not_before + SCHEDULE_GRACE
    return end if expires is None else min(end, expires)


def digest_of(request_id: str, revision: int, renderings: tuple[Rendering, ...]) -> str:
    """Return the digest over all renderings of a revision: what an approval covers."""
    value = {
        "request_id": request_id,
        "revision": revision,
        "renderings": {rendering.platform: rendering.sha256 for rendering in renderings},
    }
    return canonical.sha256(canonical.dumps(value))
