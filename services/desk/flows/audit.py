"""Proof over the second copy of the record; offline, and up to date where the city runs."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any

from rich.text import Text

from services.audit.proof import EntryView, Report, list_entries, show_entry, verify_record
from services.audit.record.reader import last_copied
from services.desk import people, show
from services.desk.app import Invocation
from services.desk.flows.orders import eoc_view
from services.desk.link import connect, run
from services.desk.output import console, errors_console, print_json
from services.desk.timetext import local
from services.desk.words import check_id
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock, monotonic
from services.kernel.base.errors import BadInput, Exit, OneVoiceError

CATCH_UP_SECONDS = 10.0
"""How long the copy is given to reach what the ledger had when the command began."""

_LOOK_SECONDS = 0.1
_SHOWN = 50


def verify(invocation: Invocation, given: str | None) -> int:
    """Verify the record, and print what was found; exit status 7 when it does not verify."""
    city = invocation.city()
    note = currency(city, given)
    report = verify_record(city, SystemClock().now())
    if invocation.as_json:
        print_json(_report_json(report) | {"note": note})
    else:
        _print(report, note)
    return Exit.DONE if report.ok else Exit.UNPROVEN


def entries(invocation: Invocation, request_id: str | None, kind: str | None, last: int, seq: int | None) -> int:
    """Show entries of the record, or one with its proof of inclusion."""
    city = invocation.city()
    if seq is not None:
        return _one(invocation, city, seq)
    if request_id is not None:
        check_id(request_id, "request")
    if last < 1:
        raise BadInput("last.count", f"--last {last} shows nothing", "--last 20")
    found = list(list_entries(city, request_id=request_id, kind=kind))[-last:]
    if invocation.as_json:
        print_json([_entry_json(view) for view in found])
        return Exit.DONE
    now, out = SystemClock().now(), console()
    rows = show.table("seq", "when", "what", "about")
    for view in found:
        about = " ".join(part for part in (view.profile, view.request_id, _gist(view)) if part)
        rows.add_row(str(view.seq), Text(local(view.at, now)), Text(view.kind), Text(about))
    out.print(rows, width=show.width(out))
    return Exit.DONE


def copied_seq(city: City) -> int:
    """Return the newest ledger sequence in the copy, 0 when there is none."""
    return last_copied(city.audit_folder)


def currency(city: City, given: str | None) -> str:
    """Let the copy catch up with the ledger where it can be asked; say how current the proof is."""
    try:
        asker = people.asking(city, given)
        newest = _newest(city, asker)
    except OneVoiceError as error:
        return f"the city could not be asked ({error.message}): verified is what the copy holds"
    return catch_up(city, newest)


def catch_up(city: City, newest: int) -> str:
    """Wait until the copy has a sequence; say whether it came."""

    end = monotonic() + CATCH_UP_SECONDS
    while copied_seq(city) < newest and monotonic() < end:
        time.sleep(_LOOK_SECONDS)
    copied = copied_seq(city)
    if copied >= newest:
        return f"the copy holds all of the ledger up to {newest}"
    return f"the copy ends at {copied}, the ledger at {newest}: does the service audit run? onevoice doctor"


def _newest(city: City, asker: str) -> int:
    found: list[int] = []

    async def ask() -> int:
        async with connect(city, asker) as link:
            found.append((await eoc_view(link)).last_seq)
        return Exit.DONE

    run(ask)
    return found[0]


def _report_json(report: Report) -> dict[str, Any]:
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
    }


def _print(report: Report, note: str) -> None:
    out = console()
    if report.ok:
        out.print(Text("The record verifies.", style="bold green"))
    else:
        out.print(Text(f"The record does NOT verify: {len(report.violations)} violations.", style="bold red"))
    facts = f"{report.events} events, {report.attempts} attempts, {report.checkpoints} signed checkpoints"
    out.print(Text(f"{facts}, up to sequence {report.last_seq}."), width=show.width(out))
    out.print(Text(f"Merkle root {report.root}", style="dim"), soft_wrap=True)
    for style, found in (("red", report.violations), ("yellow", report.warnings)):
        for one in found[:_SHOWN]:
            out.print(Text(f"  at {one.seq}  {one.code}: {one.message}", style=style), width=show.width(out))
        if len(found) > _SHOWN:
            out.print(f"  and {len(found) - _SHOWN} more: --json lists all", style=style)
    errors_console().print(Text(note, style="dim"))


def _one(invocation: Invocation, city: City, seq: int) -> int:
    proof = show_entry(city, seq)
    if invocation.as_json:
        print_json(
            _entry_json(proof.entry)
            | {
                "leaf_input": proof.leaf_input,
                "leaf": proof.leaf,
                "index": proof.index,
                "size": proof.size,
                "path": list(proof.path),
                "root": proof.root,
                "checkpoint": proof.checkpoint.model_dump(mode="json", by_alias=True),
            }
        )
        return Exit.DONE
    out = console()
    out.print(Text(f"{proof.entry.seq}  {proof.entry.subject}  {proof.entry.at.isoformat()}", style="bold"))
    out.print(Text(json.dumps(proof.entry.body, ensure_ascii=False, indent=2)), soft_wrap=True)
    out.print(Text(f"leaf {proof.leaf}, number {proof.index} of {proof.size}", style="dim"), soft_wrap=True)
    out.print(
        Text(f"proven by {len(proof.path)} hashes up to the signed root {proof.root}", style="dim"), soft_wrap=True
    )
    return Exit.DONE


def _entry_json(view: EntryView) -> dict[str, Any]:
    return asdict(view) | {"at": view.at.isoformat()}


def _gist(view: EntryView) -> str:
    """Return the word of an event that people look for: its outcome, else its type."""
    body = view.body or {}
    return str(body.get("outcome") or (body.get("type") if view.kind == "control" else "") or "")
