"""A draft as its form gives it, and the message that it becomes. Pure, but for the present, which is an argument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Any

from schemas import canonical, languages
from schemas.events.control import Posture
from schemas.events.desk import PreviewReply
from schemas.events.requests import Request, SubmissionEvent
from services.desk import words
from services.desk.message.draft import USUAL_TEXTS, MessageDraft
from services.desk.options import MessageOptions
from services.desk.views.timetext import moment
from services.kernel.base.errors import BadInput
from services.web.domain.draft import LONGEST, MOST_TRANSLATIONS, WebDraft

VARIANT = "variant."
_TYPED = frozenset(
    {"text", "to", "all_departments", "link", "severity", "crisis", "expires", "language", "variants"}
    | {"at", "next_update", "translations"}
)


def typed(draft: WebDraft, form: Mapping[str, Any], to: Sequence[str], now: datetime) -> WebDraft:
    """Return the draft with what is in its form; nothing is judged yet, so that nothing is lost."""

    def said(name: str) -> str:
        value = form.get(name)
        return value[:LONGEST].replace("\r\n", "\n") if isinstance(value, str) else ""

    crisis = said("crisis")
    variants = {
        name.removeprefix(VARIANT): said(name) for name in form if name.startswith(VARIANT) and said(name).strip()
    }
    rows = ((said(f"code.{row}").strip(), said(f"translation.{row}")) for row in range(MOST_TRANSLATIONS))
    return draft.model_copy(
        update={
            "text": said("text"),
            "to": tuple(dict.fromkeys(to)),
            "all_departments": said("reach") == "all",
            "link": said("link").strip(),
            "severity": said("severity"),
            "crisis": crisis if crisis in ("yes", "no") else "",
            "expires": said("expires").strip(),
            "at": said("at").strip(),
            "next_update": said("next_update").strip(),
            "language": said("language").strip(),
            "translations": tuple((code, text) for code, text in rows if code or text.strip()),
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
    more = {"pictures", "act", "about", *(("answers",) if draft.answers else ())}
    value = draft.model_dump(mode="json", include=set(_TYPED) | more)
    return canonical.sha256(canonical.dumps(value))


def shown_as(draft: WebDraft, seen: PreviewReply) -> str:
    """Return a hash of the message that a page shows: what was typed, and what follows from the city's state by now."""
    value = {"typed": fingerprint(draft), "crisis": seen.crisis, "scope": seen.scope, "targets": list(seen.targets)}
    return canonical.sha256(canonical.dumps(value))


def event_of(draft: WebDraft, posture: Posture, now: datetime, zone: tzinfo | None) -> SubmissionEvent:
    """Return the submission that a draft makes; a repeat of the same words is the very same event.

    Raises:
        BadInput: ``text.missing``, ``targets.missing``, ``expires.malformed``, ``link.invalid`` and the like: the part
            before the dot names the field (of other languages ``lang``, of a promise ``next-update``).
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
        not_before=moment(draft.at, now, zone, "at") if draft.at else None,
        next_update=moment(draft.next_update, now, zone, "next-update") if draft.next_update else None,
        translations=translations(draft.translations),
        wait=timedelta(0),
        act=draft.act,
        about=draft.about,
        answers=draft.answers or None,
    )
    number = canonical.sha256((draft.id + fingerprint(draft)).encode())[:32]
    return made.event(draft.officer, made.crisis(posture), number, targets, draft.pictures)


def translations(rows: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the texts in other languages by their codes; raises BadInput ``lang.malformed``, ``lang.twice``."""
    found: dict[str, str] = {}
    for typed_code, text in rows:
        tag = languages.canonical(typed_code)
        if tag is None or not text.strip():
            said = f"another language needs its code and its text; {typed_code[:40]!r} has not both"
            raise BadInput("lang.malformed", said, "Codes are those of BCP 47: fr, pa, zh-Hant. Or empty both fields.")
        if tag in found:
            raise BadInput("lang.twice", f"there are two texts in {tag}", "Give one for each language.")
        found[tag] = text
    return found


def row_at_fault(rows: Iterable[tuple[str, str]]) -> int:
    """Return the place of the first other language that cannot be taken as it is, or comes twice; 0 without one."""
    seen = set[str]()
    for place, (typed_code, text) in enumerate(rows):
        tag = languages.canonical(typed_code)
        if tag is None or not text.strip() or not languages.is_known(tag) or tag in seen:
            return place
        seen.add(tag)
    return 0


def sent(draft: WebDraft, event: SubmissionEvent) -> WebDraft:
    """Return the draft that remembers what was sent, until an answer comes."""
    return draft.model_copy(update={"event": event, "typed": fingerprint(draft)})
