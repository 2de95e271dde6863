"""An export's timeline: one page, to be read or printed, of who wrote, approved and posted what, when. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jinja2 import Environment, PackageLoader

from schemas import unseen
from schemas.events.desk import BoardEvent
from services.audit.proof import EntryView, MadeExport
from services.desk.views.message.history import HistoryLine, said_in, whole_line
from services.desk.views.timetext import zoned
from services.kernel.base.city import City


@dataclass
class TimelineMessage:
    """One request: what each platform got, and who saw exactly that when they signed (``signed``)."""

    request_id: str
    author: str
    texts: dict[str, str] = field(default_factory=dict)
    signed: list[str] = field(default_factory=list)


def timeline_page(city: City, made: MadeExport, redacted: bool) -> str:
    """Return the page (HTML) of an export; no script, no address outside of it, nothing raw."""
    pages = Environment(loader=PackageLoader("services.desk.views", "templates"), autoescape=True, finalize=_visible)
    statement = made.export.statement
    return pages.get_template("timeline.html").render(
        city=city.settings.city.name,
        statement=statement,
        since=zoned(statement.since),
        until=zoned(statement.until),
        made_at=zoned(statement.at),
        lines=[(zoned(line.at), line) for line in _lines(made.views)],
        messages=_messages(made.views),
        redacted=redacted,
    )


def _visible(value: Any) -> Any:
    return unseen.shown(value) if isinstance(value, str) else value


def _lines(views: tuple[EntryView, ...]) -> Iterator[HistoryLine]:
    for view in views:
        line = _line(view)
        if line is not None:
            yield line


def _line(view: EntryView) -> HistoryLine | None:
    if view.body is None:
        return HistoryLine(view.seq, view.at, view.request_id or "", "", "an entry that cannot be read")
    try:
        if view.kind == "control":
            who, what = _control(view.body)
            return HistoryLine(view.seq, view.at, "", who, what)
        return whole_line(BoardEvent(seq=view.seq, subject=view.subject, at=view.at, body=view.body))
    except (KeyError, TypeError, ValueError, AttributeError):
        return HistoryLine(view.seq, view.at, view.request_id or "", "", f"a {view.kind} that cannot be read whole")


def _control(body: dict[str, Any]) -> tuple[str, str]:
    """Return who changed what holds for everything, and what."""
    if body["type"] != "ordered":
        return "the city", str(body["type"]).replace("_", " ")
    order = said_in(body["order"])
    action = order["action"]
    more = (f"{name} {value}" for name, value in action.items() if name != "action" and not isinstance(value, dict))
    return order["officer"], " ".join([str(action["action"]).replace("_", " "), *more])


def _messages(views: tuple[EntryView, ...]) -> list[TimelineMessage]:
    found: dict[str, TimelineMessage] = {}
    for view in views:
        body = view.body or {}
        if view.kind == "request" and view.request_id:
            message = TimelineMessage(view.request_id, str(body.get("author", "")))
            found[view.request_id] = message
            for rendering in body.get("renderings", ()):
                message.texts[str(rendering.get("platform", ""))] = _text(str(rendering.get("body", "")))
        elif view.kind == "approval" and view.request_id in found:
            found[view.request_id].signed.append(_signed(body, view.at))
    return list(found.values())


def _text(body: str) -> str:
    try:
        return "\n\n".join(json.loads(body)["parts"])
    except (ValueError, KeyError, TypeError):
        return body


def _signed(body: dict[str, Any], at: datetime) -> str:
    statement = said_in(body.get("envelope"))
    did = "rejected" if statement.get("decision") == "reject" else "approved"
    seen = ", ".join(sorted(statement.get("renderings", {}))) or "what cannot be read"
    accepted = ", ".join(statement.get("acknowledged", ()))
    said = f"{body.get('officer', '')} {did} exactly these words (as shown for {seen}) at {zoned(at)}"
    return said + (f", and accepted what screening had found: {accepted}" if accepted else "")
