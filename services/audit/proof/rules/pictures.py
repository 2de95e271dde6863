"""Rule for pictures: what a request names is in the copy, with the bytes that its hash promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from services.audit.record.format import LedgerEntry
from services.audit.record.media import picture_path, pictures_of, read_picture
from services.audit.record.violation import Violation


def judge_pictures(folder: Path, entry: LedgerEntry, known: dict[str, bool]) -> Iterator[Violation]:
    """Yield what is wrong with the pictures that an entry names; ``known`` keeps what was looked at before."""
    for sha256 in pictures_of(entry):
        if sha256 not in known:
            known[sha256] = read_picture(folder, sha256) is not None
            if not known[sha256]:
                there = picture_path(folder, sha256).exists()
                what = "is not what its name says" if there else "is not in the copy"
                code = "media.damaged" if there else "media.missing"
                yield Violation(entry.seq, code, f"The picture {sha256[:12]} of this request {what}.")
