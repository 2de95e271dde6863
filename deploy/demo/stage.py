"""The stage: a demonstration city that runs, and the real ``onevoice`` command in processes of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.desk.city.up import free_port
from services.kernel.base.clock import monotonic

READY_SECONDS = 30.0
COMMAND_SECONDS = 60.0
_ONEVOICE = [sys.executable, "-m", "services.desk"]


class SceneError(Exception):
    """A step did not come to what it should; the message says what was expected and what was seen."""


@dataclass(frozen=True)
class Answer:
    """What a command answered: its exit status, and its JSON."""

    words: tuple[str, ...]
    status: int
    body: Any


class Stage:
    """A city that is up for the length of the story."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.addresses: dict[str, Any] = {}
        self._city: subprocess.Popen[str] | None = None

    def make_city(self) -> bool:
        """Make the demonstration city unless it is there; return whether it was made."""
        if (self.folder / "city.toml").exists():
            return False
        done = subprocess.run(  # noqa: S603 - our own command
            [*_ONEVOICE, "init", str(self.folder), "--demo"], text=True, capture_output=True, check=False
        )
        if done.returncode != 0:
            raise SceneError(f"the city could not be made:\n{done.stderr or done.stdout}")
        return True

    def raise_curtain(self) -> float:
        """Start the broker and all services; return the seconds until ready."""
        began = monotonic()
        log = self.folder / "var" / "story.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", encoding="utf-8") as file:
            self._city = subprocess.Popen(  # noqa: S603 - our own command
                [*_ONEVOICE, "up", "--json", "--port", str(free_port("127.0.0.1", 4222))],
                env=self._environment(),
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        line = self._first_line()
        try:
            self.addresses = json.loads(line)
        except ValueError as error:
            tail = "\n".join(log.read_text(encoding="utf-8").splitlines()[-12:])
            raise SceneError(f"the city did not come up: {line}\n{tail}") from error
        if "error" in self.addresses:
            raise SceneError(f"the city did not come up: {self.addresses['error']['message']}")
        return monotonic() - began

    def command(self, *words: str) -> Answer:
        """Give one command with --json; return its exit status and what it says."""
        try:
            done = subprocess.run(  # noqa: S603 - our own command
                [*_ONEVOICE, *words, "--json"],
                env=self._environment(),
                text=True,
                capture_output=True,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SceneError(f"onevoice {' '.join(words)} did not end within {COMMAND_SECONDS:.0f} s") from error
        try:
            body = json.loads(done.stdout)
        except ValueError as error:
            raise SceneError(f"onevoice {' '.join(words)} said no JSON:\n{done.stdout}\n{done.stderr}") from error
        return Answer(words, done.returncode, body)

    def at_once(self, *commands: tuple[str, ...]) -> list[Answer]:
        """Give several commands at the same time, as people at several desks would; return their answers in order."""
        with ThreadPoolExecutor(len(commands)) as desks:
            return list(desks.map(lambda words: self.command(*words), commands))

    def lower_curtain(self) -> int:
        """Stop the city as Ctrl-C does; return its exit status."""
        if self._city is None:
            return 0
        self._city.send_signal(signal.SIGINT)
        try:
            status = self._city.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self._city.kill()
            raise SceneError("the city did not stop within 40 s of Ctrl-C") from None
        self._city = None
        return status

    def _first_line(self) -> str:
        assert self._city is not None
        assert self._city.stdout is not None
        return self._city.stdout.readline()

    def _environment(self) -> dict[str, str]:
        # Without compiled modules each command would compile the whole program before it begins.
        unwanted = ("ONEVOICE_", "PYTHONDONTWRITEBYTECODE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        return kept | {"ONEVOICE_CITY": str(self.folder), "NO_COLOR": "1"}
