"""The e-mail that a message becomes, pure: the same bytes at each repeat, but for pictures that failed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

import regex

from schemas.events.requests import Picture
from services.fanout.connectors.contract import Intent

_GRAPHEME = regex.compile(r"\X")
_SUBJECT = 120
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


def message_id(intent: Intent, sender: str) -> str:
    """Return the Message-ID (RFC 5322), which follows from the key: programs may tell repeats apart by it."""
    digest = hashlib.sha256(intent.idempotency_key.encode()).hexdigest()[:32]
    return f"<{digest}@{sender.rpartition('@')[2]}>"


def email_of(
    intent: Intent, sender: str, name: str, text: str, pictures: Sequence[tuple[Picture, bytes]]
) -> EmailMessage:
    """Return the e-mail to the profile's account; ``name`` is shown beside the sender's address."""
    made = EmailMessage(policy=SMTP)
    made["From"] = f'"{_unquoted(name)}" <{sender}>'
    made["To"] = intent.profile.account
    made["Subject"] = subject_of(text)
    made["Date"] = format_datetime(intent.content.created_at)
    made["Message-ID"] = message_id(intent, sender)
    if intent.follows:
        made["In-Reply-To"] = intent.follows
        made["References"] = intent.follows
    made.set_content(text, cte="quoted-printable")
    languages = intent.content.together or tuple(filter(None, (intent.content.language,)))
    if languages:
        made["Content-Language"] = ", ".join(languages)
    for number, (picture, content) in enumerate(pictures, 1):
        kind = picture.media_type.partition("/")[2]
        name_of_file = f"picture-{number}.{_EXTENSIONS[picture.media_type]}"
        made.add_attachment(content, maintype="image", subtype=kind, filename=name_of_file)
    return made


def subject_of(text: str) -> str:
    """Return the first line, at most 120 characters as people count them; the whole of it is in the text."""
    line = _plain(text.strip().partition("\n")[0])
    shown = _GRAPHEME.findall(line)
    if len(shown) <= _SUBJECT:
        return line
    start = "".join(shown[: _SUBJECT - 1])
    return (start.rpartition(" ")[0] or start) + "…"


def _plain(text: str) -> str:
    """Return a text without what a header may not hold; joiners belong to letters and emoji."""
    return "".join(char if char.isprintable() or char in "\u200c\u200d" else " " for char in text).strip()


def _unquoted(name: str) -> str:
    return _plain(name).replace('"', " ").replace("\\", " ").strip()
