"""A real PDS with a PLC directory (atproto/server.cjs): started, filled with accounts, looked at, moved on in time."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

HERE = Path(__file__).parent / "atproto"
FOLDER = Path(os.environ.get("ONEVOICE_PLATFORMS", Path.home() / ".cache/onevoice/platforms")).resolve() / "atproto"
MARK = "installed.txt"
BYPASS = "bypass-of-tests"
"""What lets the tests' own calls through the server's rate limits."""


def installed() -> bool:
    """True when the folder holds what the lock names, compiled for this Node."""
    mark = FOLDER / MARK
    return mark.exists() and mark.read_text() == wanted()


def wanted() -> str:
    """Return what the mark of a whole installation says."""
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    return f"{lock} for Node {node_version()}\n"


def node_version() -> int | None:
    """Return the major version of the machine's Node, None where there is none."""
    node = shutil.which("node")
    if node is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = said.strip().removeprefix("v").partition(".")[0]
    return int(major) if major.isdigit() else None


@dataclass(frozen=True)
class Account:
    """An account as the tests made it, with an app password, which is what a city is given."""

    did: str
    handle: str
    password: str
    access: str
    own_password: str = ""


class Pds:
    """A running server; ``url`` is where it answers."""

    def __init__(self, process: subprocess.Popen[str], url: str, admin: str) -> None:
        self._process = process
        self.url = url
        self._admin = admin

    @classmethod
    def start(cls, folder: Path) -> Pds:
        """Start one with its files in a folder."""
        process = subprocess.Popen(
            ["node", str(HERE / "server.cjs"), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ
            | {
                "NODE_PATH": str(FOLDER / "node_modules"),
                "LOG_ENABLED": "false",
                "PDS_RATE_LIMIT_BYPASS_KEY": BYPASS,
            },
        )
        assert process.stdout is not None
        said = json.loads(process.stdout.readline() or "{}")
        assert said, "the server did not start: its words stand above"
        return cls(process, said["url"], said["admin"])

    def advance(self, seconds: float) -> None:
        """Move the server's clock forward."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"advance": seconds}) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "ok\n"

    def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    async def account(self, name: str) -> Account:
        """Make an account."""
        handle = f"{name}-{secrets.token_hex(4)}.test"
        value = {"handle": handle, "password": secrets.token_hex(8), "email": f"{handle}@mission.example"}
        made = await self.post("com.atproto.server.createAccount", value)
        access = made["accessJwt"]
        app = await self.post("com.atproto.server.createAppPassword", {"name": "onevoice"}, token=access)
        return Account(made["did"], handle, app["password"], access, value["password"])

    async def take_down(self, account: Account, *, down: bool = True) -> None:
        """Take an account down as a moderator would, or let it up again."""
        subject = {"$type": "com.atproto.admin.defs#repoRef", "did": account.did}
        status = {"applied": down} | ({"ref": "1"} if down else {})
        await self.post("com.atproto.admin.updateSubjectStatus", {"subject": subject, "takedown": status}, admin=True)

    async def records(self, did: str, collection: str = "app.bsky.feed.post") -> list[dict[str, Any]]:
        """Return an account's records as anybody sees them, newest first."""
        query = f"repo={did}&collection={collection}&limit=100"
        found: list[dict[str, Any]] = (await self.get(f"com.atproto.repo.listRecords?{query}"))["records"]
        return found

    async def get(self, path: str) -> Any:
        """Call a query."""
        async with aiohttp.ClientSession(headers={"x-ratelimit-bypass": BYPASS}) as session:
            answer = await session.get(f"{self.url}/xrpc/{path}")
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def post(self, name: str, value: Any, *, admin: bool = False, token: str = "", limited: bool = False) -> Any:
        """Call a procedure; ``limited``: within the server's rate limits, whatever comes of it."""
        headers = {} if limited else {"x-ratelimit-bypass": BYPASS}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if admin:
            headers["Authorization"] = aiohttp.encode_basic_auth("admin", self._admin)
        async with aiohttp.ClientSession(headers=headers) as session:
            answer = await session.post(f"{self.url}/xrpc/{name}", json=value)
            assert limited or answer.status == 200, await answer.text()
            return await answer.json() if "json" in answer.content_type else None
