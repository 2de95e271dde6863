"""What an officer is writing: on disk with each pause, so that a reload, a dead battery or a sign-out loses nothing."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from schemas.canonical import StrictJsonError
from services.kernel.base.errors import BadInput, Refused
from services.kernel.base.files import write_atomically
from services.web.domain.draft import WebDraft

DRAFT_ID = re.compile(r"[A-Za-z0-9_-]{22}")
DRAFT_PATH = re.compile(r"/write/(?P<id>[A-Za-z0-9_-]{22})(/preview|/picture|/picture/remove)?")
KEPT = timedelta(days=30)
MOST = 50
"""Drafts of one officer."""


class DraftFolder:
    """The drafts of a realm, a file each; its name is a secret of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def new(self, officer: str, now: datetime, **fields: object) -> WebDraft:
        """Begin a draft; raises Refused ``draft.many``."""
        if len(self.of(officer, now)) >= MOST:
            raise Refused("draft.many", f"you have {MOST} drafts", "Discard one under Write, then begin again.")
        draft = WebDraft.model_validate(
            {"id": secrets.token_urlsafe(16), "officer": officer, "saved_at": now, **fields}
        )
        self.save(draft)
        return draft

    def save(self, draft: WebDraft) -> None:
        """Keep a draft; raises BadInput ``draft.disk``."""
        try:
            write_atomically(self._path(draft.id), draft.to_bytes(), 0o600)
        except OSError as error:
            message = f"what you typed could not be kept: {error.strerror}"
            raise BadInput(
                "draft.disk", message, "Copy your text, and look at the disk of the city's machine."
            ) from error

    def load(self, draft_id: str, officer: str | None) -> WebDraft:
        """Return a draft; raises BadInput ``draft.unknown``, also for one of somebody else (``officer`` None: any)."""
        try:
            draft = WebDraft.from_bytes(self._path(draft_id).read_bytes())
        except (OSError, StrictJsonError, ValidationError) as error:
            raise _unknown() from error
        if officer is not None and draft.officer != officer:
            raise _unknown()
        return draft

    def of(self, officer: str, now: datetime) -> list[WebDraft]:
        """Return an officer's drafts, the newest first; those that nobody touched for a month go."""
        found = []
        for path in self._folder.glob("*.json"):
            try:
                draft = WebDraft.from_bytes(path.read_bytes())
            except (OSError, StrictJsonError, ValidationError):
                continue
            if now - draft.saved_at > KEPT:
                path.unlink(missing_ok=True)
            elif draft.officer == officer:
                found.append(draft)
        return sorted(found, key=lambda one: one.saved_at, reverse=True)

    def discard(self, draft_id: str) -> None:
        """Forget a draft."""
        self._path(draft_id).unlink(missing_ok=True)

    def _path(self, draft_id: str) -> Path:
        if DRAFT_ID.fullmatch(draft_id) is None:
            raise _unknown()
        return self._folder / f"{draft_id}.json"


def _unknown() -> BadInput:
    return BadInput("draft.unknown", "there is no such draft of yours", "It may have been sent: look under Messages.")
