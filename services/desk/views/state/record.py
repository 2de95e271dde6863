"""How the proof over the record looks, to people and to programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from services.audit.proof import Checked, CheckedExport, EntryProof, EntryView, Report
from services.desk.views.layout import table, table_width, width
from services.desk.views.timetext import in_city_time, local, utc

_SHOWN = 50


def report_json(report: Report) -> dict[str, Any]:
    """Return a report for programs."""
    return {
        "ok": report.ok,
        "events": report.events,
        "attempts": report.attempts,
        "last_seq": report.last_seq,
        "root": report.root,
        "checkpoints": report.checkpoints,
        "violations": [asdict(one) for one in report.violations],
        "warnings": [asdict(one) for one in report.warnings],
        "unconfirmed": list(report.unconfirmed),
        "resumed_from": report.resumed_from,
    }


def report(out: Console, found: Report) -> None:
    """Show whether the record verifies, what it holds, and each violation and warning."""
    if found.ok:
        out.print(Text("The record verifies.", style="bold green"))
    else:
        out.print(Text(f"The record does NOT verify: {len(found.violations)} violations.", style="bold red"))
    facts = f"{found.events} events, {found.attempts} attempts, {found.checkpoints} signed checkpoints"
    out.print(Text(f"{facts}, up to sequence {found.last_seq}."), width=width(out))
    if found.resumed_from:
        out.print(Text(f"The first {found.resumed_from} were judged before, and only hashed now."), width=width(out))
    out.print(Text(f"Merkle root {found.root}", style="dim"), soft_wrap=True)
    for style, listed in (("red", found.violations), ("yellow", found.warnings)):
        for one in listed[:_SHOWN]:
            out.print(Text(f"  at {one.seq}  {one.code}: {in_city_time(one.message)}", style=style), width=width(out))
        if len(listed) > _SHOWN:
            out.print(f"  and {len(listed) - _SHOWN} more: --json lists all", style=style)


def entry_json(view: EntryView) -> dict[str, Any]:
    """Return an entry for programs."""
    return asdict(view) | {"at": utc(view.at)}


def entries(out: Console, views: Sequence[EntryView], now: datetime) -> None:
    """Show entries, a row for each."""
    rows = table("seq", "when", "what", "about")
    for view in views:
        about = " ".join(part for part in (view.profile, view.request_id, _gist(view)) if part)
        rows.add_row(str(view.seq), Text(local(view.at, now)), Text(view.kind), Text(about))
    out.print(rows, width=table_width(out))


def checked_json(found: Checked) -> dict[str, Any]:
    """Return what a proof shows for programs."""
    return {
        "ok": True,
        "city": found.city,
        "realm": found.checkpoint.realm,
        "request_id": found.request_id,
        "size": found.checkpoint.size,
        "root": found.checkpoint.root,
        "at": utc(found.checkpoint.at),
        "audit_key": found.audit_key,
        "entries": [entry_json(view) for view in found.entries],
    }


def checked(out: Console, found: Checked, now: datetime, *, known: bool) -> None:
    """Show what a proof shows: the entries, and the record that they stand in."""
    out.print(Text("The proof stands.", style="bold green"))
    about = f"These entries stand in the record of {found.city}, realm {found.checkpoint.realm}, as it was sealed at"
    out.print(Text(f"{in_city_time(about)} {utc(found.checkpoint.at)}, with {found.checkpoint.size} entries."))
    _rests_on(out, found.audit_key, known)
    entries(out, found.entries, now)


def export_json(found: CheckedExport) -> dict[str, Any]:
    """Return what an export shows for programs."""
    return {
        "ok": True,
        "city": found.city,
        "statement": found.statement.model_dump(mode="json", exclude_none=True),
        "whole": found.whole,
        "opened": found.opened,
        "audit_key": found.audit_key,
        "entries": [entry_json(view) for view in found.views],
    }


def exported(out: Console, found: CheckedExport, now: datetime, *, known: bool) -> None:
    """Show what an export shows, and what its redactions rest on."""
    statement = found.statement
    out.print(Text("The export stands.", style="bold green"))
    held = f"{statement.entries} entries of the record of {found.city}, realm {statement.realm}"
    gaps = "; none between them is left out." if found.whole else "; others stand between them."
    out.print(Text(held + gaps))
    if statement.redacted:
        opened = "The openings fit: what was taken out is in the record."
        hidden = "The audit key signed what is left; with its openings it can be held against the record."
        out.print(Text(f"{statement.redacted} of them are redacted. {opened if found.opened else hidden}"))
    _rests_on(out, found.audit_key, known)
    entries(out, found.views, now)


def _rests_on(out: Console, key: str, known: bool) -> None:
    """Say which audit key sealed it, and what that does not show."""
    out.print(Text(f"The audit key {key} sealed it."), soft_wrap=True)
    if not known:
        said = "Whether that key still seals, this file cannot show: ask the city for the one in force, and check with"
        out.print(Text(f"{said} --audit-key KEY."), soft_wrap=True)


def proof_json(proof: EntryProof) -> dict[str, Any]:
    """Return an entry with its proof of inclusion for programs."""
    return entry_json(proof.entry) | {
        "leaf_input": proof.leaf_input,
        "leaf": proof.leaf,
        "index": proof.index,
        "size": proof.size,
        "path": list(proof.path),
        "root": proof.root,
        "checkpoint": proof.checkpoint.model_dump(mode="json", by_alias=True),
    }


def proof(out: Console, found: EntryProof) -> None:
    """Show an entry with its proof of inclusion."""
    entry = found.entry
    out.print(Text(f"{entry.seq}  {entry.subject}  {utc(entry.at)}", style="bold"))
    out.print(Text(json.dumps(entry.body, ensure_ascii=False, indent=2)), soft_wrap=True)
    out.print(Text(f"leaf {found.leaf}, number {found.index} of {found.size}", style="dim"), soft_wrap=True)
    out.print(
        Text(f"proven by {len(found.path)} hashes up to the signed root {found.root}", style="dim"), soft_wrap=True
    )


def _gist(view: EntryView) -> str:
    """Return the word of an event that people look for: its outcome, else its type."""
    body = view.body or {}
    return str(body.get("outcome") or (body.get("type") if view.kind == "control" else "") or "")
