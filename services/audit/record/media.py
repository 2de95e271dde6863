"""The pictures and records of the second copy: ``media/<sha256>``, each the bytes that entries name by their hash."""

from __future__ import annotations

from pathlib import Path

from schemas import canonical
from schemas.events.outside import OutsidePost
from schemas.events.requests import Request
from services.audit.record.folder import MEDIA
from services.audit.record.format import LedgerEntry

REQUEST = "ledger.request."
OUTSIDE = "ledger.outside."


def pictures_of(entry: LedgerEntry) -> tuple[str, ...]:
    """Return the hashes of what an entry names, each once: a request its pictures, an outside post its evidence.

    One that cannot be read names none: the replay reports what is wrong with it.
    """
    if entry.subject.startswith(OUTSIDE):
        return _evidence_of(entry)
    if not entry.subject.startswith(REQUEST) or b"media_type" not in entry.data:
        return ()
    try:
        request = Request.from_bytes(entry.data)
        contents = [rendering.content() for rendering in request.renderings]
    except ValueError:
        return ()
    return tuple(dict.fromkeys(picture.sha256 for content in contents for picture in content.pictures))


def _evidence_of(entry: LedgerEntry) -> tuple[str, ...]:
    try:
        post = OutsidePost.from_bytes(entry.data)
    except ValueError:
        return ()
    return tuple(dict.fromkeys(one for one in (post.record_sha256, post.card_sha256) if one is not None))


def picture_path(folder: Path, sha256: str) -> Path:
    """Return where an audit folder keeps a picture."""
    return folder / MEDIA / sha256


def read_picture(folder: Path, sha256: str) -> bytes | None:
    """Return a picture of the copy; None where it is missing, or its bytes do not have the hash that names it."""
    try:
        raw = picture_path(folder, sha256).read_bytes()
    except OSError:
        return None
    return raw if canonical.sha256(raw) == sha256 else None
