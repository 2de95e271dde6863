"""A message that is being written, as it was typed."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.events.base import Contract, Id, Utc
from schemas.events.requests import Act, Picture, SubmissionEvent

LONGEST = 20_000
"""Characters of one field."""

MOST_TRANSLATIONS = 8
"""Other languages of one message, as a submission takes them."""


class WebDraft(Contract):
    """What was typed; ``event``: what was sent without an answer, when ``typed`` was the hash of its words.

    ``answers``: the address of somebody's post that it answers. ``at`` and ``next_update`` as they stand in the form;
    ``translations``: code and text of each other language.
    """

    id: str
    officer: Id
    saved_at: Utc
    text: str = ""
    to: tuple[str, ...] = ()
    all_departments: bool = False
    link: str = ""
    severity: str = ""
    crisis: Literal["", "yes", "no"] = ""
    expires: str = ""
    at: str = ""
    next_update: str = ""
    language: str = ""
    translations: tuple[tuple[str, str], ...] = ()
    variants: dict[str, str] = Field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    act: Act | None = None
    about: Id | None = None
    answers: str = ""
    event: SubmissionEvent | None = None
    typed: str = ""
