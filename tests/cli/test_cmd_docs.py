"""Each command that a document tells a reader to type is typed here, in the order of the documents, at one city.

A command that cannot be typed here is in ELSEWHERE with the test that gives it, or with the reason. A new command
in a document is run, or has to be put there.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.kernel.authority.signing import Signer, new_seed
from services.kernel.base.city import load_city
from services.kernel.base.clock import SystemClock
from services.kernel.base.run_file import running_city
from tests.cli.conftest import Done, Shell
from tests.support.mission import PATIENCE
from tests.unit.test_docs import ROOT
from tests.unit.test_docs_commands import DOCUMENTS, SHELL, told, unknown

TEXT = "Hall 1 open house on Saturday. https://mission.example/fire"
PASSPHRASE = "correct horse battery staple"
DONE = {0, 3}
"""Done as asked, or it waits for somebody: a document promises no more."""

ELSEWHERE = {
    "up": "tests/cli/conftest.py",
    "run": "tests/cli/test_cmd_pages.py",
    "top": "tests/cli/test_cmd_top.py",
    "init": "tests/cli/test_cmd_init.py",
    "enroll": "tests/cli/test_cmd_people.py",
    "unlock": "tests/cli/test_cmd_people.py",
    "lock": "tests/cli/test_cmd_people.py",
    "keys": "tests/cli/test_cmd_people.py",
    "root": "tests/cli/test_cmd_people.py",
    "systems": "tests/cli/test_cmd_people.py",
    "passkeys": "tests/cli/test_cmd_passkeys.py",
    "ledger": "tests/integration/provision/test_move.py",
    "dead show": "tests/cli/test_cmd_dead.py",
    "dead again": "tests/cli/test_cmd_dead.py",
    "dead drop": "tests/cli/test_cmd_dead.py",
    "resolve": "tests/cli/test_cmd_resolve.py",
    "reply": "tests/cli/test_cmd_inquiries.py",
    "outside": "tests/cli/test_cmd_looking.py",
    "tasks": "tests/cli/test_cmd_tasks.py",
    "officers confirm": "tests/cli/test_cmd_people.py",
    "officers rekey": "tests/cli/test_cmd_init.py",
    "profiles connect": "tests/cli/test_cmd_connect.py",
    "profiles rehearse": "tests/cli/test_cmd_rehearse.py",
    "audit restore": "tests/cli/test_cmd_offline.py",
    "audit close-alarms": "tests/cli/test_cmd_offline.py",
    "audit quarantine": "tests/unit/audit/test_quarantine.py",
    "deploy": "tests/integration/provision/test_deploy_files.py",
}
"""What is given by another test: it asks on a terminal, goes on until Ctrl-C, or wants a city that is not well."""


@dataclass
class Stage:
    """The city that the documents are followed in, and what a placeholder stands for at this moment."""

    city: Shell
    folder: Path
    typed: set[str] = field(default_factory=set)
    returned: str = ""

    def waiting(self) -> str:
        """A request that waits for an approval."""
        done = self.city.json("request", TEXT, "--to", "fire-townsquare", "--as", "clerk", "--yes")
        assert done.status == 3, done
        return str(done.body["request_id"])

    def delivered(self) -> str:
        """A request that is out."""
        words = ("--to", "fire-townsquare", "--as", "fire-publisher", "--yes", "--acknowledge")
        done = self.city.json("publish", f"Number {len(self.typed)}. {TEXT}", *words)
        assert done.status in DONE, done
        if done.status == 3:  # the EOC is active
            approved = self.city.json("approve", done.body["request_id"], "--as", "pio", "--yes", "--acknowledge")
            assert approved.status == 0, (done, approved)
        return str(done.body["request_id"])

    def request_for(self, name: str) -> str:
        """The id that a command is about."""
        if name == "request":
            return self.returned
        if name in ("approve", "reject", "return", "withdraw", "show", "status"):
            made = self.waiting()
            self.returned = made if name == "return" else self.returned
            return made
        made = self.delivered()
        if name == "audit":
            self.until_copied(made)
        return made

    def until_copied(self, request_id: str) -> None:
        """Wait for the second copy of the record, which is a moment behind."""
        assert self.city.folder is not None
        copy, end = self.city.folder / "var" / "audit" / "live" / "ledger.jsonl", time.monotonic() + PATIENCE
        while request_id.encode() not in copy.read_bytes():
            assert time.monotonic() < end
            time.sleep(0.05)

    def meant(self, words: list[str]) -> list[str]:
        """The words with what each placeholder stands for."""
        name, public = words[0], load_city(self.city.folder or Path()).authority.root_keys
        table: dict[str, Callable[[], str]] = {
            "ID": lambda: self.request_for(name),
            "rab12cdefghij": lambda: self.request_for(name),
            "TEXT": lambda: f"A better text. {TEXT}",
            "...": lambda: TEXT,
            "PROFILE": lambda: "fire-townsquare",
            "OFFICER": lambda: "comms-officer",
            "FILE": lambda: self.file_for(name),
            "UABC...": lambda: public[0],
            "UDEF...": lambda: public[-1],
            "2026-01-01": lambda: (SystemClock().now() - timedelta(days=1)).date().isoformat(),
            "2026-01-31": lambda: SystemClock().now().date().isoformat(),
            "U...": lambda: Signer(new_seed()).public_key,
            "@{host}": lambda: "broker.city.example",
            "@{hosts}": lambda: "broker.city.example",
            "$ONEVOICE_BROKER": lambda: "broker.city.example",
            "@{city}": lambda: str(self.city.folder),
            "/var/lib/onevoice/city": lambda: str(self.city.folder),
            "@{city}/tls": lambda: str(self.folder / "above"),
            "$ONEVOICE_TLS": lambda: str(self.folder / "above"),
            "/etc/onevoice/tls": lambda: str(self.folder / "tls"),
        }
        found = [table[word]() if word in table else word for word in words]
        return [word for word in found if not word.startswith(("tls://", "--broker"))]

    def file_for(self, name: str) -> str:
        """A file of the kind that a command takes."""
        if name == "audit":
            assert self.city.folder is not None
            return str(self.city.folder / "var" / "audit" / "live" / "checkpoints.jsonl")
        return str(self.folder / f"{name}.file")

    def type(self, words: list[str]) -> Done:
        """Type a command, confirmed where it would ask, by somebody who may."""
        given = self.meant(words)
        options = _options(given)
        given += [one for one in ("--yes", "--acknowledge") if one in options and one not in given]
        by = {"eoc": "eoc-director", "hold": "pio"}.get(words[0], "mcpe")
        done = self.city(*given, ONEVOICE_AS=by)
        if words[:2] == ["hold", "on"]:
            assert self.city.json("hold", "off", "--as", "pio").status == 0
        return done


def _options(words: list[str]) -> set[str]:
    at: Any = SHELL
    for word in words:
        if getattr(at, "commands", None) is None or word.startswith("-"):
            break
        at = at.get_command(None, word) or at
    return {name for parameter in at.params for name in parameter.opts}


@pytest.fixture(scope="module")
def stage(city: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder, before = tmp_path_factory.mktemp("reader"), Path.cwd()
    os.chdir(folder)  # where a reader's files come to lie
    yield Stage(city, folder)
    os.chdir(before)


def commands(path: Path) -> list[list[str]]:
    """The commands of a document that can be typed as they stand, but for placeholders."""
    return [words for words, _ in told(path) if words and not unknown(words, whole=True)]


def given_elsewhere(words: list[str]) -> str | None:
    """The test that gives a command, by its first two words or its first."""
    if "--help" in words or "--version" in words:
        return None
    return ELSEWHERE.get(" ".join(words[:2])) or ELSEWHERE.get(words[0])


def typed_here(path: Path) -> list[list[str]]:
    """The commands of a document that no other test gives."""
    return [words for words in commands(path) if not given_elsewhere(words)]


@pytest.mark.parametrize(
    "path", [path for path in DOCUMENTS if commands(path)], ids=lambda path: str(path.relative_to(ROOT))
)
def test_each_command_of_a_document_does_what_it_says(stage: Stage, path: Path) -> None:
    failed = []
    for words in typed_here(path):
        if " ".join(words) in stage.typed:
            continue
        stage.typed.add(" ".join(words))
        done = stage.type(words)
        if done.status not in DONE:
            failed.append((" ".join(words), done.status, (done.err or done.out)[-300:]))
    assert failed == []


def test_what_is_given_elsewhere_is_given_there() -> None:
    """Each of those tests is there, and says the command's words."""
    for name, where in ELSEWHERE.items():
        text = (ROOT / where).read_text(encoding="utf-8")
        assert all(re.search(rf"\b{re.escape(word)}\b", text) for word in name.split()), (name, where)


def test_most_commands_are_typed_here() -> None:
    """Were none found, the test above would say nothing."""
    found = {" ".join(words) for path in DOCUMENTS for words in typed_here(path)}
    assert len(found) >= 40, json.dumps(sorted(found), indent=1)


def test_the_program_of_a_system_submits_a_request(city: Shell) -> None:
    """As it is there, but for the address and the folder; the same event again is the same request."""
    (program,) = re.findall(
        r"^```python\n(.*?)^```$", (ROOT / "docs" / "systems.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert city.folder is not None
    running = running_city(load_city(city.folder))
    assert running is not None
    program = program.replace("nats://127.0.0.1:4222", running["nats_url"]).replace("demo-city", str(city.folder))
    answers = []
    for _ in range(2):
        words = [sys.executable, "-c", program]
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stderr
        answers.append(ast.literal_eval(done.stdout))
    assert answers[0]["accepted"] is True
    assert answers[0]["request_id"] == answers[1]["request_id"]
    assert "drivebc" in city("show", answers[0]["request_id"]).out
