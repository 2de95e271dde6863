"""The ``onevoice`` command as tests give it: in this process or in one of its own; and a city that is up by it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.desk.main import run
from services.kernel.base.city import load_city
from tests.support.mission import PATIENCE

ONEVOICE = [sys.executable, "-m", "services.desk"]
USUAL_PORT = 4222


def environment(**more: str) -> dict[str, str]:
    """The test's environment without the caller's city; compiled modules are kept, so that commands start quickly."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ONEVOICE_")}
    if kept.pop("PYTHONDONTWRITEBYTECODE", None):
        kept["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir()) / f"onevoice-compiled-{os.getuid()}")
    return kept | {"NO_COLOR": "1", "TZ": "UTC"} | more


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit status, and what it said."""

    status: int
    out: str
    err: str

    @property
    def body(self) -> Any:
        """Its JSON."""
        return json.loads(self.out)

    @property
    def code(self) -> str:
        """The code of its error object."""
        error = self.body["error"]
        assert set(error) == {"code", "message", "hint"}
        assert error["message"]
        return str(error["code"])


class Shell:
    """Gives commands to a city: in this process, through the very entry point, which saves a start for each.

    ``process`` and ``start`` give them in processes of their own.
    """

    def __init__(self, folder: Path | None = None, **more: str) -> None:
        self.folder = folder
        self.env = environment(**({"ONEVOICE_CITY": str(folder)} if folder else {}), **more)

    def __call__(self, *words: str, stdin: bytes = b"", **more: str) -> Done:
        """Give one command and wait for its end."""
        kept = dict(os.environ)
        out, err = _stream(), _stream()
        streams = sys.stdin, sys.stdout, sys.stderr
        os.environ.clear()
        os.environ.update(self.env | more)
        try:
            sys.stdin, sys.stdout, sys.stderr = _stream(stdin), out, err
            status = run(list(words))
        finally:
            sys.stdin, sys.stdout, sys.stderr = streams
            os.environ.clear()
            os.environ.update(kept)
        return _checked(status, _said(out), _said(err))

    def json(self, *words: str, stdin: bytes = b"") -> Done:
        """Give one command with --json."""
        return self(*words, "--json", stdin=stdin)

    def process(self, *words: str | bytes, stdin: bytes = b"", **more: str) -> Done:
        """Give one command in a process of its own and wait for its end."""
        done = subprocess.run(
            [*ONEVOICE, *words],
            env=self.env | more,
            input=stdin,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        return _checked(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command that goes on until it is stopped."""
        return subprocess.Popen(
            [*ONEVOICE, *words],
            env=self.env | {"PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def _stream(raw: bytes = b"") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8", errors="backslashreplace", write_through=True)


def _said(stream: io.TextIOWrapper) -> str:
    stream.flush()
    raw: bytes = stream.buffer.getvalue()  # type: ignore[attr-defined]
    return raw.decode()


def _checked(status: int, out: str, err: str) -> Done:
    assert "Traceback" not in out + err, out + err
    return Done(status, out, err)


def make_demo(folder: Path, port: int) -> Shell:
    """Make a demonstration city whose broker, townsquare, website and pages have a port and the three behind it.

    A city of the one who runs the tests may be up on the usual ones.
    """
    done = Shell()("init", "--demo", str(folder))
    assert done.status == 0, done
    path = folder / "city.toml"
    text = path.read_text()
    for number in range(3):
        assert f"port = {USUAL_PORT + number}\n" in text
        text = text.replace(f"port = {USUAL_PORT + number}\n", f"port = {port + number}\n")
    assert f"localhost:{USUAL_PORT + 3}" in text
    path.write_text(text.replace(f"localhost:{USUAL_PORT + 3}", f"localhost:{port + 3}"))
    return Shell(folder)


def raise_city(shell: Shell, port: int, *words: str, **more: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """Start ``onevoice up``, with more in its environment, and wait until it says that it is ready."""
    assert shell.folder is not None
    with (shell.folder / "var" / "up.log").open("w") as log:
        process = subprocess.Popen(
            [*ONEVOICE, "up", "--json", "--port", str(port), *words],
            env=shell.env | more,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    said = process.stdout.readline()
    addresses: dict[str, Any] = json.loads(said) if said else {}
    assert addresses.get("ready"), (shell.folder / "var" / "up.log").read_text()[-3_000:]
    return process, addresses


def lower_city(process: subprocess.Popen[str], number: int = signal.SIGINT) -> int:
    """Stop a city as Ctrl-C does; return its exit status."""
    process.send_signal(number)
    try:
        process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode


def port_of(folder: Path) -> int:
    """The port of a city's broker, as city.toml has it."""
    return load_city(folder).settings.nats.port
