"""One message's history, a line for each entry that a person would ask about. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.text import Text

from schemas.events.desk import BoardEvent
from schemas.subjects import place_of
from services.desk.views.layout import table, table_width
from services.desk.views.timetext import local, utc, zoned

LATE = timedelta(minutes=1)
"""A notice that came on record so much later than it was sent says when it was sent."""

ACTS: dict[str | None, str] = {
    "correct": "corrects",
    "update": "adds to",
    "recall": "takes back",
    "all_clear": "ends",
    "repost": "shows again",
}


@dataclass(frozen=True)
class HistoryLine:
    """What happened, when, by whom, on which request; ``seq`` is its place in the ledger."""

    seq: int
    at: datetime
    request_id: str
    who: str
    what: str


class Misshapen(ValueError):
    """What an entry holds has not the shape of its kind."""


def line_of(event: BoardEvent) -> HistoryLine | None:
    """Return an entry's line; None for attempts, which their receipts tell of, and for what has not its kind's shape.

    Such a one counts for nobody, and stops no reader.
    """
    try:
        return whole_line(event)
    except Misshapen:
        return None


def whole_line(event: BoardEvent) -> HistoryLine | None:
    """Return an entry's line, as ``line_of``; raises Misshapen."""
    kind, request_id, _ = place_of(event.subject)
    make = _LINES.get(kind)
    if make is None or event.body.get("unreadable"):
        return None
    try:
        who, what = make(event.body)
    except Exception as error:  # whatever somebody has put there
        raise Misshapen(f"no {kind}") from error
    if not isinstance(who, str):
        raise Misshapen(f"a {kind} of nobody")
    return HistoryLine(event.seq, event.at, request_id, who, what)


def _request(body: dict[str, Any]) -> tuple[str, str]:
    about = body.get("replaces") or body.get("follows")
    act = json.loads(body["renderings"][0]["body"]).get("act") if about and body.get("renderings") else None
    said = f"{ACTS.get(act, 'comes after')} {about}: " if about else "wrote: "
    said = f"revised it (revision {body['revision']}): " if body.get("revision", 1) > 1 else said
    return body["author"], said + " ".join(body["text"].split())


def said_in(envelope: dict[str, Any] | None) -> dict[str, Any]:
    """Return what was signed in an entry's envelope, whoever signed it; empty where it cannot be read."""
    try:
        said = json.loads(base64.b64decode((envelope or {})["payload"]))
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _approval(body: dict[str, Any]) -> tuple[str, str]:
    statement = said_in(body.get("envelope"))
    if not statement:
        return body["officer"], "signed what cannot be read"
    reason = f": {statement['reason']}" if statement.get("reason") else ""
    said = {"reject": "rejected it", "return": "returned it"}.get(str(statement.get("decision")), "approved it")
    return body["officer"], said + reason


def _verdict(body: dict[str, Any]) -> tuple[str, str]:
    found = [one["reason"] for one in body["findings"] if one["outcome"] in ("blocked", "refused")]
    return "the gate", f"{body['outcome']}{': ' if found else ''}{' '.join(found)}"


def _receipt(body: dict[str, Any]) -> tuple[str, str]:
    return body["profile"], " ".join(filter(None, (body["outcome"], body.get("url"), body.get("reason"))))


def _resolution(body: dict[str, Any]) -> tuple[str, str]:
    return body["officer"], f"decided on the unconfirmed post on {body['profile']}"


def _notice(body: dict[str, Any]) -> tuple[str, str]:
    step = {"reminder": "were told again", "deputies": "were told as deputies"}.get(body["step"], "were told")
    sent, noted = (datetime.fromisoformat(body[name]) for name in ("sent_at", "at"))
    late = f" (at {zoned(sent)})" if noted - sent > LATE else ""
    return ", ".join(body["to"]), f"{step} that it waits{late}: {body['waits']}"


_LINES = {
    "request": _request,
    "approval": _approval,
    "verdict": _verdict,
    "notice": _notice,
    "receipt": _receipt,
    "resolution": _resolution,
}


def line_json(line: HistoryLine) -> dict[str, Any]:
    """Return a line for programs."""
    return {
        "seq": line.seq,
        "at": utc(line.at),
        "request_id": line.request_id,
        "who": line.who,
        "what": line.what,
    }


def table_of(console: Console, lines: Sequence[HistoryLine], now: datetime) -> None:
    """Show the lines in the ledger's order."""
    rows = table("when", "request", "who", "what")
    for line in lines:
        rows.add_row(Text(local(line.at, now)), Text(line.request_id), Text(line.who), Text(line.what))
    console.print(rows, width=table_width(console))
