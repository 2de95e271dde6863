"""Identifies a submission: its final form, its request id and the hash of its content.

Neither the control state nor the clock is looked at, so that a repeat gets the same answer days later. Pure. Source:
CloudEvents 1.0 section 3.1 (source and id name an event); RFC 3986 (links).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from urllib.parse import urlsplit

from schemas import canonical, subjects
from schemas.events.desk import SubmitReply
from schemas.events.requests import Picture, Request, Submission, SubmissionEvent
from services.intake.domain.text import clean
from services.kernel.base.errors import BadInput, OneVoiceError
from services.kernel.base.zones import utc_text

MAX_EVENT_BYTES = 256 * 1024
"""Bytes of a whole submission; pictures are sent separately."""


@dataclass(frozen=True)
class Identity:
    """Identifies a request before anything is checked that may change: a repeat has the same identity."""

    request_id: str
    content_sha256: str
    submission: Submission


def request_id_of(realm: str, user: str, source: str, event_id: str) -> str:
    """Return the one id of this user's event, of ``REQUEST_ID_LENGTH`` characters."""
    name = canonical.dumps([realm, user, source, event_id])
    digest = base64.b32encode(hashlib.sha256(name).digest()).decode("ascii").lower()
    return ("r" + digest)[: subjects.REQUEST_ID_LENGTH]


def identify(event: SubmissionEvent, sender: str, realm: str) -> Identity:
    """Return a submission's identity, with the submission in its final form.

    Raises:
        BadInput: ``input.too_large``, ``event.source``, ``event.id``, ``text.*``, ``link.*``, ``answers.*``,
            ``picture.*``.
    """
    size = len(_bytes_of(event))
    if size > MAX_EVENT_BYTES:
        raise BadInput(
            "input.too_large",
            f"the submission has {size} bytes; at most {MAX_EVENT_BYTES} are taken",
            "shorten it; send pictures first (desk.media.put), and name them by their hash",
        )
    for name in ("source", "id"):
        _check_attribute(name, getattr(event, name))
    submission = _final_form(event.data)
    content = submission.model_dump(mode="json", exclude_defaults=True)
    return Identity(
        request_id=submission.revises or request_id_of(realm, sender, event.source, event.id),
        content_sha256=canonical.sha256(canonical.dumps(content)),
        submission=submission,
    )


def answer_repeat(identity: Identity, known: Request, seq: int) -> SubmitReply:
    """Return the first answer again for a submission whose request is on the ledger.

    Raises:
        BadInput: ``request.conflict``: the same event id with other content.
    """
    if known.content_sha256 != identity.content_sha256:
        raise BadInput(
            "request.conflict",
            f"{known.request_id} is on record since {utc_text(known.at)} with other content: "
            "this source used the same event id before",
            "use a new id for a new message",
        )
    return SubmitReply(request_id=known.request_id, revision=known.revision, seq=seq, duplicate=True)


def _bytes_of(event: SubmissionEvent) -> bytes:
    try:
        return event.to_bytes()
    except (UnicodeEncodeError, ValueError) as error:
        raise BadInput("text.surrogate", "the submission has half a character in it", "send it as UTF-8") from error


def _check_attribute(name: str, value: str) -> None:
    try:
        bad = clean(value, f"event's {name}") != value or "\n" in value
    except OneVoiceError as error:
        raise BadInput(f"event.{name}", error.message, "use plain visible characters") from error
    if bad:
        raise BadInput(
            f"event.{name}",
            f"the event's {name} has white space around it, a line break or uncomposed characters",
            "use plain visible characters",
        )


def _final_form(data: Submission) -> Submission:
    targets = data.targets if isinstance(data.targets, str) else tuple(dict.fromkeys(data.targets))
    return data.model_copy(
        update={
            "text": clean(data.text),
            "targets": targets,
            "link": _link(data.link),
            "answers": _link(data.answers, "answers", "address that it answers"),
            "translations": {code: clean(text, f"text in {code}") for code, text in data.translations.items()},
            "variants": {platform: clean(text, f"variant for {platform}") for platform, text in data.variants.items()},
            "pictures": _pictures(data.pictures),
        }
    )


def _link(link: str | None, name: str = "link", called: str = "link") -> str | None:
    if link is None:
        return None
    if clean(link, called) != link:
        raise BadInput(f"{name}.invalid", f"the {called} has uncomposed characters or white space", "copy it again")
    try:
        parts = urlsplit(link)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise BadInput(f"{name}.invalid", f"the {called} {link!r} is not one: {error}", "copy it again") from error
    if parts.scheme not in ("http", "https") or not host:
        raise BadInput(f"{name}.invalid", f"the {called} {link!r} is not http or https with a host", "copy it again")
    if parts.username is not None or parts.password is not None:
        raise BadInput(
            f"{name}.userinfo",
            f"the {called} has a user name before its host, so readers take it for another site",
            "use the link without what is before the @",
        )
    return link


def _pictures(pictures: tuple[Picture, ...]) -> tuple[Picture, ...]:
    seen: set[str] = set()
    kept = []
    for number, picture in enumerate(pictures, 1):
        if picture.sha256 in seen:
            raise BadInput("picture.twice", f"picture {number} is there already", "name each picture once")
        seen.add(picture.sha256)
        alt = clean(picture.alt, f"description of picture {number}", required=False)
        if not alt:
            raise BadInput(
                "picture.alt_missing",
                f"picture {number} has no description",
                "say what it shows, for those who do not see it (--alt)",
            )
        kept.append(picture.model_copy(update={"alt": alt}))
    return tuple(kept)
