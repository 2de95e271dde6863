"""An export as a folder: the entries with their proof for programs, renderings, pictures, receipts, and a timeline."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.events.audit import Openings
from schemas.events.requests import PlatformContent
from services.audit.proof import CheckedExport, EntryView, MadeExport, check_export
from services.audit.record.media import read_picture
from services.desk.views.timetext import utc
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput
from services.kernel.base.files import write_atomically

_SUFFIX = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
_RECEIPT = ("seq", "at", "request", "profile", "platform", "outcome", "url", "reason")


@dataclass(frozen=True)
class WrittenExport:
    """What was written; ``openings`` is the file that stays in the house, None without redactions."""

    folder: Path
    entries: int
    renderings: int
    pictures: int
    openings: Path | None

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return vars(self) | {"folder": str(self.folder), "openings": str(self.openings) if self.openings else None}


def write(city: City, made: MadeExport, folder: Path, words: tuple[str, ...]) -> WrittenExport:
    """Write an export into a new folder, and its openings beside it.

    Raises:
        BadInput: ``export.exists``, ``export.unwritable``.
    """
    from services.desk.views.message.timeline import (
        timeline_page,  # Jinja is slow to load, and the other commands need none
    )

    openings = folder.with_name(f"{folder.name}.openings.json") if made.openings is not None else None
    if folder.exists() or (openings is not None and openings.exists()):
        raise BadInput("export.exists", f"{folder}, or its openings, is there already", "--out with another name")
    try:
        folder.mkdir(parents=True)
        if openings is not None and made.openings is not None:
            write_atomically(openings, made.openings.to_bytes() + b"\n", mode=0o600)
        (folder / "entries.jsonl").write_bytes(b"".join(made.lines))
        (folder / "export.json").write_bytes(made.export.to_bytes() + b"\n")
        (folder / "receipts.csv").write_text(_receipts(made.views), encoding="utf-8")
        (folder / "timeline.html").write_text(timeline_page(city, made, bool(words)), encoding="utf-8")
        contents = [(view.request_id or "", one) for view in made.views for one in _contents(view)]
        _renderings(folder / "renderings", contents)
        hashes = _picture_hashes(contents, words)
        pictures = _pictures(city, folder / "media", hashes)
    except OSError as error:
        raise BadInput("export.unwritable", f"{folder} cannot be written: {error.strerror}", "--out DIR") from error
    return WrittenExport(folder, len(made.lines), len(contents), pictures, openings)


def check(folder: Path, roots: frozenset[str], openings: Path | None, audit_key: str | None = None) -> CheckedExport:
    """Check the folder of an export.

    Raises:
        BadInput: ``export.unreadable``.
        Unproven: as ``check_export``.
    """
    try:
        raw = (folder / "export.json").read_bytes().strip()
        lines = (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
        opened = Openings.from_bytes(openings.read_bytes().strip()) if openings is not None else None
    except OSError as error:
        where = error.filename or folder
        raise BadInput("export.unreadable", f"{where} cannot be read: {error.strerror}", "check the path") from error
    except ValueError as error:
        raise BadInput("export.openings", f"{openings} holds no openings", "DIR.openings.json of the export") from error
    return check_export(raw, lines, roots, opened, audit_key)


def _contents(view: EntryView) -> Iterator[PlatformContent]:
    """Yield what each platform got of a request; what was redacted beyond reading is left out."""
    if view.kind != "request" or view.body is None:
        return
    for rendering in view.body.get("renderings", ()):
        try:
            yield PlatformContent.from_bytes(rendering["body"].encode())
        except (ValueError, KeyError, TypeError, AttributeError):
            continue


def _renderings(folder: Path, contents: list[tuple[str, PlatformContent]]) -> None:
    for request_id, content in contents:
        folder.mkdir(exist_ok=True)
        parts = [*content.parts, *(f"[picture {one.sha256}: {one.alt}]" for one in content.pictures)]
        (folder / f"{request_id}.{content.platform}.txt").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _picture_hashes(contents: list[tuple[str, PlatformContent]], words: tuple[str, ...]) -> dict[str, str]:
    """Return the pictures by hash, each with its suffix, but for those that the words name."""
    found = {one.sha256: _SUFFIX[one.media_type] for _, content in contents for one in content.pictures}
    return {name: suffix for name, suffix in found.items() if name not in words and re.fullmatch("[0-9a-f]{64}", name)}


def _pictures(city: City, folder: Path, hashes: dict[str, str]) -> int:
    written = 0
    for name, suffix in hashes.items():
        raw = read_picture(city.audit_folder, name)
        if raw is not None:
            folder.mkdir(exist_ok=True)
            (folder / f"{name}.{suffix}").write_bytes(raw)
            written += 1
    return written


def _receipts(views: tuple[EntryView, ...]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(_RECEIPT)
    for view in views:
        if view.kind == "receipt" and view.body is not None:
            said = [str(view.body.get(name) or "") for name in ("platform", "outcome", "url", "reason")]
            rows.writerow([view.seq, utc(view.at), view.request_id, view.profile, *map(_plain, said)])
    return text.getvalue()


def _plain(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t")) else cell
