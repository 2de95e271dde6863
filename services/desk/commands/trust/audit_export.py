"""``onevoice audit export`` and ``check``: what goes out of the house, and whether it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from services.audit.proof import Wanted, check_proof, export_record, list_entries
from services.audit.proof.exports.redact import SHORTEST
from services.audit.sealing import key_in_force
from services.desk.app import Invocation
from services.desk.city import export_folder
from services.desk.views.output import note
from services.desk.views.state import record
from services.desk.views.timetext import looked_back
from services.desk.words import check_id, public_key
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit

EXPORT_EXAMPLE = (
    "onevoice audit export --from 2026-01-01 --to 2026-01-31 --out january\n"
    'onevoice audit export --from 7d --request rab12 --redact "604 555 0100" --out answer'
)
CHECK_EXAMPLE = (
    "onevoice audit check proof.json --root UABC... --root UDEF...\n"
    "onevoice audit check january --root UABC... --root UDEF..."
)


def export(
    desk: Invocation,
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help="From when on: a day, a time, or 7d for a week ago.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder for it.")],
    until: Annotated[
        str, typer.Option("--to", metavar="TIME", help="Until when; a day counts to its end. Without it: now.")
    ] = "",
    request: Annotated[
        str | None, typer.Option("--request", metavar="ID", help="Only what the record holds of this request.")
    ] = None,
    redact: Annotated[
        list[str] | None,
        typer.Option("--redact", metavar="WORDS", help="Take these words out wherever they stand; once for each."),
    ] = None,
) -> int:
    """Export a stretch of the record, for a freedom-of-information request or an inquiry.

    The folder holds each entry with its proof (entries.jsonl, export.json), the renderings, pictures and receipts, and
    timeline.html, to be read or printed: who wrote, approved and posted what, when. onevoice audit check verifies it.

    With --redact, what was taken out is kept in DIR.openings.json, which stays in the house: it shows whoever may see
    everything that nothing else was changed. It needs the audit service's key.
    """
    city, now = desk.city(), SystemClock().now()
    begin = looked_back(since, now, city.zone, "from")
    end = looked_back(until, now, city.zone, "to", end=True) if until else now
    if begin >= end:
        raise BadInput("export.time", "--from is not before --to", "--from 2026-01-01 --to 2026-01-31")
    words = _words(redact or [])
    wanted = Wanted(begin, end, whole_id(city, request) if request is not None else None, words)
    signer = key_in_force(city) if words else None
    made = export_record(city, wanted, now, signer)
    written = export_folder.write(city, made, out, words)
    said = [f"{out} holds {written.entries} entries, {written.renderings} renderings, {written.pictures} pictures."]
    if written.openings is not None:
        said.append(
            f"{made.export.statement.redacted} entries are redacted. Keep {written.openings}; never hand it out."
        )
    desk.answer(written.as_json(), lambda console: console.print(Text("\n".join(said))))
    if not desk.as_json:
        note(f"Read {out / 'timeline.html'} before you hand it out.")
    return Exit.DONE


def check(
    desk: Invocation,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A proof (audit prove), or an export's folder.")],
    root: Annotated[
        list[str], typer.Option("--root", metavar="KEY", help="The city's root keys; each must have signed.")
    ],
    openings: Annotated[
        Path | None, typer.Option("--openings", metavar="FILE", help="What an export's redactions hide.")
    ] = None,
    audit_key: Annotated[
        str | None, typer.Option("--audit-key", metavar="KEY", help="The key that seals now; an older one is refused.")
    ] = None,
) -> int:
    """Check a proof or an export offline, with nothing but the city's root keys; exit status 7 when it does not stand.

    It needs no city folder. Take the keys from a source of your own, never from whoever gave you the file. Without
    --audit-key it cannot know whether the root has named another audit key since, and says on which one it rests.
    """
    roots, now = frozenset(root), SystemClock().now()
    known = public_key(audit_key, "--audit-key") if audit_key else None
    if file.is_dir():
        export_found = export_folder.check(file, roots, openings, known)
        said = record.export_json(export_found)
        desk.answer(said, lambda out: record.exported(out, export_found, now, known=known is not None))
        return Exit.DONE
    if openings is not None:
        raise BadInput("openings.alone", "--openings goes with an export's folder", "onevoice audit check DIR")
    found = check_proof(_read(file).strip(), roots, known)
    desk.answer(record.checked_json(found), lambda out: record.checked(out, found, now, known=known is not None))
    return Exit.DONE


def whole_id(city: City, beginning: str) -> str:
    """Return the request of the record whose id begins so; raises BadInput ``request.unknown``, ``.ambiguous``."""
    check_id(beginning, "request")
    found = {view.request_id for view in list_entries(city) if (view.request_id or "").startswith(beginning)}
    if beginning in found or len(found) == 1:
        return beginning if beginning in found else str(found.pop())
    if found:
        names = ", ".join(sorted(str(one) for one in found)[:5])
        raise BadInput("request.ambiguous", f"{beginning} fits {names}", "give more of the id")
    raise BadInput("request.unknown", f"the record has no request {beginning}", "onevoice audit show lists its entries")


def _words(given: list[str]) -> tuple[str, ...]:
    short = next((one for one in given if len(one.strip()) < SHORTEST), None)
    if short is not None:
        raise BadInput("redact.short", f"{short!r} is too short to take out", f"{SHORTEST} characters or more")
    return tuple(one.strip() for one in given)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadInput(
            "proof.unreadable", f"{file} cannot be read: {error.strerror}", "onevoice audit check FILE"
        ) from error
