"""The e-mail that a message becomes, pure: the same bytes at each repeat, but for pictures that failed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from schemas.events.requests import Picture
from services.fanout.connectors.contract import Intent

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
    made["From"] = f'"{_plain(name)}" <{sender}>'
    made["To"] = intent.profile.account
    made["Subject"] = subject_of(text)
    made["Date"] = format_datetime(intent.content.created_at)
    made["Message-ID"] = message_id(intent, sender)
    if intent.follows:
        made["In-Reply-To"] = intent.follows
        made["References"] = intent.follows
    made.set_content(text, cte="quoted-printable")
    for number, (picture, content) in enumerate(pictures, 1):
        kind = picture.media_type.partition("/")[2]
        name_of_file = f"picture-{number}.{_EXTENSIONS[picture.media_type]}"
        made.add_attachment(content, maintype="image", subtype=kind, filename=name_of_file)
    return made


def subject_of(text: str) -> str:
    """Return the first line, at most 120 characters; the whole of it is in the text."""
    line = _plain(text.strip().partition("\n")[0])
    if len(line) <= _SUBJECT:
        return line
    return line[: _SUBJECT - 1].rpartition(" ")[0] + "…" if " " in line[:_SUBJECT] else line[: _SUBJECT - 1] + "…"


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() and char not in '"\\' else " " for char in text).strip()
