"""The agent: keeps a person's keys open for a shift, signs with them, and gives none away.

It listens on a Unix socket that only its own user may reach, answers one line of JSON by another, and ends when the
shift is over. ``python -m services.desk.keys.agent SOCKET SECONDS`` reads the seeds from standard input, one a line.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import json
import os
import resource
import socket
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.kernel.authority.signing import Signer
from services.kernel.base.clock import monotonic
from services.kernel.base.errors import Unreachable

VARIABLE = "ONEVOICE_AGENT"
ANSWER_SECONDS = 5.0
START_SECONDS = 10.0
MOST_BYTES = 1 << 20
_PR_SET_DUMPABLE = 4


def socket_path() -> Path:
    """Return where the agent of this user listens."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    base = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(base) / "onevoice" if base else Path.home() / ".cache" / "onevoice"
    return folder / "agent.sock"


class AgentSigner(Signer):
    """A key that the agent holds."""

    def __init__(self, public_key: str, path: Path) -> None:
        self.public_key = public_key
        self._path = path

    def raw_signature(self, message: bytes) -> bytes:
        """Return the 64 bytes of an Ed25519 signature; raises Unreachable ``agent.gone``."""
        said = ask(self._path, {"sign": self.public_key, "message": base64.b64encode(message).decode("ascii")})
        if "signature" not in said:
            raise Unreachable("agent.gone", "the agent does not hold this key any more", "onevoice unlock --for 8h")
        return base64.b64decode(said["signature"])


def ask(path: Path, question: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the agent; empty where none answers."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(ANSWER_SECONDS)
            line.connect(str(path))
            line.sendall(json.dumps(question).encode("ascii") + b"\n")
            with line.makefile("rb") as answer:
                said: dict[str, Any] = json.loads(answer.readline(MOST_BYTES))
                return said
    except (OSError, ValueError):
        return {}


def held(path: Path) -> tuple[frozenset[str], float]:
    """Return the public keys that the agent holds, and for how many seconds more."""
    said = ask(path, {"list": True})
    return frozenset(said.get("keys", ())), float(said.get("seconds", 0))


def start(path: Path, seeds: list[bytes], seconds: float) -> None:
    """Start an agent in the background, in place of one that runs; raises Unreachable ``agent.start``."""
    ask(path, {"lock": True})
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    process = subprocess.Popen(  # noqa: S603 - this interpreter, and a path of our own
        [sys.executable, "-m", "services.desk.keys.agent", str(path), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
    try:
        process.communicate(b"".join(seed + b"\n" for seed in seeds), timeout=START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    if process.returncode != 0 or not held(path)[0] >= {Signer(seed).public_key for seed in seeds}:
        raise Unreachable("agent.start", f"the agent did not start on {path}", f"check that folder, or set {VARIABLE}")


def serve(path: Path, signers: Mapping[str, Signer], seconds: float) -> None:
    """Answer until the time is over or somebody locks; the caller's process ends when it listens."""
    path.unlink(missing_ok=True)
    ends = monotonic() + seconds
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        os.umask(0o177)
        listening.bind(str(path))
        listening.listen(16)
        if os.fork():
            os._exit(0)
        try:
            while (left := ends - monotonic()) > 0:
                listening.settimeout(left)
                try:
                    line, _ = listening.accept()
                except TimeoutError:
                    return
                with line, contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                    line.settimeout(ANSWER_SECONDS)
                    if _is_mine(line) and not _answer(line, signers, ends):
                        return
        finally:
            path.unlink(missing_ok=True)


def _answer(line: socket.socket, signers: Mapping[str, Signer], ends: float) -> bool:
    """Answer one question; return False when it was to lock."""
    with line.makefile("rb") as asked:
        question = json.loads(asked.readline(MOST_BYTES))
    said: dict[str, Any] = {}
    if "sign" in question and question["sign"] in signers:
        raw = signers[question["sign"]].raw_signature(base64.b64decode(question["message"], validate=True))
        said = {"signature": base64.b64encode(raw).decode("ascii")}
    elif question.get("list"):
        said = {"keys": sorted(signers), "seconds": max(0.0, ends - monotonic())}
    line.sendall(json.dumps(said).encode("ascii") + b"\n")
    return not question.get("lock")


def _is_mine(line: socket.socket) -> bool:
    """True when the caller is of the same user; where the system does not tell, the socket's mode has to do."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    raw = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return bool(struct.unpack("3i", raw)[1] == os.getuid())


def _keep_memory_private() -> None:
    """Write no core file, and let no other process of the same user read the memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def main() -> None:
    """Run the agent."""
    _keep_memory_private()
    seeds = sys.stdin.buffer.read().split()
    signers = {signer.public_key: signer for signer in map(Signer, seeds)}
    serve(Path(sys.argv[1]), signers, float(sys.argv[2]))


if __name__ == "__main__":
    main()
