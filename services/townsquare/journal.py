"""An append-only file of JSON lines; an append returns when its line is on the disk. Appends share one flush."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from schemas import canonical
from services.kernel.base.errors import BadInput
from services.kernel.base.line_files import GrowingFile, complete_lines


class Journal:
    """A journal file. One process writes it; a line that a crash tore at the end was never acknowledged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: GrowingFile | None = None
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None

    def open(self) -> list[dict[str, Any]]:
        """Open it for appending and return the entries that it holds; a torn last line is cut off.

        Raises:
            BadInput: ``townsquare.journal``: a line in the middle is broken.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = GrowingFile(self.path)
        entries = []
        for number, line in enumerate(complete_lines(self.path), 1):
            try:
                entries.append(canonical.loads(line))
            except canonical.StrictJsonError as error:
                raise BadInput(
                    "townsquare.journal", f"{self.path}, line {number}: {error}", "correct that line"
                ) from error
        return entries

    async def append(self, entry: dict[str, Any]) -> None:
        """Write an entry; returns when it is on the disk. Raises OSError: then it is not in the journal."""
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((canonical.dumps(entry) + b"\n", stored))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())
        await stored

    async def close(self) -> None:
        """Finish what waits, and close the file."""
        if self._flushing is not None:
            await self._flushing
        if self._file is not None:
            self._file.close()
            self._file = None

    async def _flush(self) -> None:
        assert self._file is not None
        while self._waiting:
            batch, self._waiting = self._waiting, []
            failure: OSError | None = None
            try:
                await asyncio.to_thread(self._file.add, b"".join(line for line, _ in batch))
            except OSError as error:
                failure = error
            for _, stored in batch:
                if stored.done():
                    continue
                if failure is None:
                    stored.set_result(None)
                else:
                    stored.set_exception(failure)
