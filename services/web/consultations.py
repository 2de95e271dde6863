"""The register of consultation copies: who showed which version to people outside, and who ended it. A line each."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from schemas.canonical import StrictJsonError
from schemas.events.envelope import Envelope
from services.kernel.base.errors import BadInput
from services.kernel.base.files import make_folder
from services.kernel.base.line_files import GrowingFile, complete_lines
from services.web.domain.consulting import ConsultationLine, Copy, copies


class ConsultationRegister:
    """The copies of a realm, in a file that only grows: ``var/web/<realm>/consultations.jsonl``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def known(self) -> dict[str, Copy]:
        """Return all copies by the hashes of their secrets; raises BadInput ``consult.register``."""
        if not self._path.exists():
            return {}
        try:
            return copies(ConsultationLine.from_bytes(line) for line in complete_lines(self._path))
        except (OSError, StrictJsonError, ValidationError, ValueError) as error:
            hint = "onevoice doctor; until it is fixed no copy can be read"
            raise BadInput("consult.register", f"{self._path.name} cannot be read: {error}"[:300], hint) from error

    def of(self, request_id: str) -> list[Copy]:
        """Return the copies of a message, the newest first."""
        found = [one for one in self.known().values() if one.statement.request_id == request_id]
        return sorted(found, key=lambda one: one.statement.issued_at, reverse=True)

    def made(self, envelope: Envelope, officer: str, now: datetime) -> None:
        """Note a copy, before its link opens anything; raises BadInput ``consult.disk``."""
        self._add(ConsultationLine(at=now, officer=officer, made=envelope))

    def ended(self, token_sha256: str, officer: str, now: datetime) -> None:
        """Note that somebody ended a copy; raises BadInput ``consult.disk``."""
        self._add(ConsultationLine(at=now, officer=officer, ended=token_sha256))

    def _add(self, line: ConsultationLine) -> None:
        try:
            make_folder(self._path.parent)
            file = GrowingFile(self._path)
            try:
                file.add(line.to_bytes() + b"\n")
            finally:
                file.close()
        except OSError as error:
            message = f"the register of copies could not be written: {error.strerror}"
            raise BadInput("consult.disk", message, "Look at the disk of the city's machine.") from error
