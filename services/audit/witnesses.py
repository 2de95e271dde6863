"""Gives the newest checkpoint to the witnesses that [witness] of city.toml names.

Files (a folder, the website) hold what they were given themselves; what was mailed is remembered in ``mailed.jsonl`` of
the audit folder.
"""

from __future__ import annotations

import os
import smtplib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.events.audit import Checkpoint, WitnessedCheckpoint
from schemas.events.envelope import Envelope
from services.audit.record.audit_keys import pinned_succession
from services.audit.record.folder import CHECKPOINTS, LEDGER
from services.audit.record.format import LineError, split_line
from services.audit.record.witness import WitnessError, read_witnessed, witness_line
from services.kernel.base.city import City
from services.kernel.base.line_files import GrowingFile, complete_lines, last_line, lines_backwards
from services.kernel.base.network.mail import send_mail

MAILED = "mailed.jsonl"


@dataclass(frozen=True)
class Given:
    """The places that got a checkpoint, and why others did not."""

    places: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Place:
    name: str
    file: Path
    give: Callable[[WitnessedCheckpoint], None]


def witness_files(city: City) -> tuple[Path, ...]:
    """Return the files of witnesses that can be read from here, whether they are there yet or not."""
    section, found = city.settings.witness, list[Path]()
    if section.folder is not None:
        found.append((city.folder / section.folder).absolute() / f"checkpoints.{city.realm}.jsonl")
    if section.website:
        found.append(city.site_folder / "audit" / "checkpoints.jsonl")
    return tuple(found)


def give(city: City, verified: int) -> Given:
    """Give each witness the newest checkpoint over the ``verified`` first entries or fewer, if it has not got it.

    What one of them does not take is reported, and keeps no other from getting it.
    """
    found = _newest(city.audit_folder, verified)
    if found is None:
        return Given(troubles=("there is no checkpoint yet that a witness could keep",))
    envelope, newest = found
    leaves: list[bytes] = []
    places, troubles = list[str](), list[str]()
    for place in _places(city):
        try:
            before = _before(place.file, city)
            if before is not None and _same(before, newest):
                continue
            leaves = leaves or _leaves(city.audit_folder, newest.size)
            place.give(witness_line(envelope, leaves, before))
        except (OSError, smtplib.SMTPException, LineError, WitnessError, ValueError) as error:
            troubles.append(f"{place.name} did not get the checkpoint: {error}")
        else:
            places.append(place.name)
    return Given(tuple(places), tuple(troubles))


def _newest(folder: Path, most: int) -> tuple[Envelope, Checkpoint] | None:
    """Return the newest checkpoint that covers no more entries; later ones came since the verification."""
    for raw in lines_backwards(folder / CHECKPOINTS):
        envelope = Envelope.from_bytes(raw)
        checkpoint = Checkpoint.from_bytes(envelope.payload_bytes())
        if checkpoint.size <= most:
            return envelope, checkpoint
    return None


def _places(city: City) -> Sequence[_Place]:
    found = [_Place(str(path), path, _into(path)) for path in witness_files(city)]
    mail = city.settings.witness.mail
    if mail:
        kept = city.audit_folder / MAILED
        found.append(_Place(f"mail to {', '.join(mail)}", kept, lambda line: _mail(city, kept, line)))
    return found


def _before(path: Path, city: City) -> Checkpoint | None:
    """Return the last checkpoint that a witness has; its whole file must stand."""
    if last_line(path) is None:
        return None
    return read_witnessed(complete_lines(path), city.realm, pinned_succession(city).keys)[-1]


def _same(one: Checkpoint, other: Checkpoint) -> bool:
    """Whether a checkpoint says nothing new: entries and alarms are the same."""
    return (one.size, one.root, one.alarms_head) == (other.size, other.root, other.alarms_head)


def _leaves(folder: Path, size: int) -> list[bytes]:
    return [split_line(raw)[1] for _, raw in zip(range(size), complete_lines(folder / LEDGER), strict=False)]


def _into(path: Path) -> Callable[[WitnessedCheckpoint], None]:
    """Return a function that adds a line to a file that everybody may read."""

    def add(line: WitnessedCheckpoint) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = GrowingFile(path)
        try:
            file.add(line.to_bytes() + b"\n")
        finally:
            file.close()
        os.chmod(path, 0o644)

    return add


def _mail(city: City, kept: Path, line: WitnessedCheckpoint) -> None:
    settings, checkpoint = city.settings.notify, Checkpoint.from_bytes(line.checkpoint.payload_bytes())
    if settings is None:
        raise ValueError("city.toml has no [notify], which names the mail server")
    name = city.settings.city.name if city.realm == "live" else f"EXERCISE {city.settings.city.name}"
    text = (
        f"The record of {name} verified. It has {checkpoint.size} entries, up to {checkpoint.last_seq}.\n"
        f"Merkle root: {checkpoint.root}\n\n"
        "Please keep the attached file, out of reach of whoever runs OneVoice. Whether the record still holds what it\n"
        "held then is shown by: onevoice audit verify --checkpoint FILE\n"
    )
    content = line.to_bytes() + b"\n"
    attached = (f"checkpoint-{city.realm}-{checkpoint.size}.jsonl", content)
    title = f"{name}: checkpoint over {checkpoint.size} entries"
    refused = send_mail(city.settings.witness.mail, title, text, city, settings, attached)
    if len(refused) < len(city.settings.witness.mail):
        file = GrowingFile(kept)
        try:
            file.add(content)  # who has it gets it no second time
        finally:
            file.close()
    if refused:
        raise ValueError("; ".join(f"{one}: {why}" for one, why in refused.items()))
