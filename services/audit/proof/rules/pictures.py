"""Rule for pictures: what a request names is in the copy, with the bytes that its hash promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from services.audit.record.media import picture_path, read_picture
from services.audit.record.violation import Violation


def judge_pictures(folder: Path, named: Mapping[str, int]) -> Iterator[Violation]:
    """Yield what is wrong with the pictures that entries name, each with the sequence that named it first."""
    for sha256, seq in named.items():
        if read_picture(folder, sha256) is None:
            there = picture_path(folder, sha256).exists()
            what = "is not what its name says" if there else "is not in the copy"
            code = "media.damaged" if there else "media.missing"
            yield Violation(seq, code, f"The picture {sha256[:12]} of this request {what}.")
