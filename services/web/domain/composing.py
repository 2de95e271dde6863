"""A draft as its form gives it, and the message that it becomes. Pure, but for the present, which is an argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from schemas import canonical
from schemas.events.control import Posture
from schemas.events.requests import Request, SubmissionEvent
from services.desk import words
from services.desk.draft import USUAL_TEXTS, MessageDraft
from services.desk.options import MessageOptions
from services.desk.views.timetext import moment
from services.kernel.base.errors import BadInput
from services.web.domain.draft import LONGEST, WebDraft

VARIANT = "variant."
_TYPED = frozenset({"text", "to", "all_departments", "link", "severity", "crisis", "expires", "language", "variants"})


def typed(draft: WebDraft, form: Mapping[str, Any], to: Sequence[str], now: datetime) -> WebDraft:
    """Return the draft with what stands in its form; nothing is judged yet, so that nothing is lost."""

    def said(name: str) -> str:
        value = form.get(name)
        return value[:LONGEST].replace("\r\n", "\n") if isinstance(value, str) else ""

    crisis = said("crisis")
    variants = {
        name.removeprefix(VARIANT): said(name) for name in form if name.startswith(VARIANT) and said(name).strip()
    }
    return draft.model_copy(
        update={
            "text": said("text"),
            "to": tuple(dict.fromkeys(to)),
            "all_departments": said("reach") == "all",
            "link": said("link").strip(),
            "severity": said("severity"),
            "crisis": crisis if crisis in ("yes", "no") else "",
            "expires": said("expires").strip(),
            "language": said("language").strip(),
            "variants": variants,
            "saved_at": now,
        }
    )


def following(act: str, earlier: Request) -> dict[str, object]:
    """Return the fields of a draft about an earlier message: its link, and its severity but for an all-clear."""
    return {
        "act": act,
        "about": earlier.request_id,
        "text": USUAL_TEXTS.get(act, earlier.text if act == "correct" else ""),  # type: ignore[call-overload]
        "link": earlier.link or "",
        "severity": "" if act == "all_clear" else earlier.severity or "",
    }


def fingerprint(draft: WebDraft) -> str:
    """Return a hash of all that was typed, by which a repeat of an unanswered submission is known."""
    value = draft.model_dump(mode="json", include=set(_TYPED) | {"pictures", "act", "about"})
    return canonical.sha256(canonical.dumps(value))


def event_of(draft: WebDraft, posture: Posture, now: datetime, zone: tzinfo | None) -> SubmissionEvent:
    """Return the submission that a draft makes; a repeat of the same words is the very same event.

    Raises:
        BadInput: ``text.missing``, ``targets.missing``, ``expires.malformed``, ``link.invalid`` and the like: the part
            before the dot names the field.
    """
    if draft.event is not None and draft.typed == fingerprint(draft):
        return draft.event
    if not draft.text.strip():
        raise BadInput("text.missing", "there is nothing to say", "Write the message.")
    follows = draft.act is not None
    targets: tuple[str, ...] | str = "all-departments" if draft.all_departments else draft.to
    if not targets and not follows:
        raise BadInput("targets.missing", "no profile was chosen", "Choose at least one profile, or all departments.")
    options = MessageOptions(
        text=draft.text,
        link=draft.link or None,
        severity=draft.severity or None,
        expires=draft.expires or None,
        language=draft.language or None,
        crisis={"yes": True, "no": False}.get(draft.crisis),
    )
    made = MessageDraft(
        message=options,
        text=draft.text,
        targets=targets,
        variants={words.check_id(name, "platform"): text for name, text in draft.variants.items()},
        pictures=[],
        expires=moment(draft.expires, now, zone) if draft.expires else None,
        wait=timedelta(0),
        act=draft.act,
        about=draft.about,
    )
    number = canonical.sha256((draft.id + fingerprint(draft)).encode())[:32]
    return made.event(draft.officer, made.crisis(posture), number, targets, draft.pictures)


def sent(draft: WebDraft, event: SubmissionEvent) -> WebDraft:
    """Return the draft that remembers what was sent, until an answer comes."""
    return draft.model_copy(update={"event": event, "typed": fingerprint(draft)})
