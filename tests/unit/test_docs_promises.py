"""What README and the pages beside it promise of keys, folders, statuses and commands is so."""

from __future__ import annotations

import ast
import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from schemas import flow
from schemas.events.authority import Manifest
from schemas.events.requests import SCHEDULE_GRACE, Submission, SubmissionEvent
from services.desk.commands.trust import enroll, keys
from services.desk.views.state.health import EXPIRY_STEPS
from services.fanout.connectors import registry
from services.kernel.base.city import City
from services.kernel.base.errors import Exit
from services.kernel.control.passkeys import LONGEST_INVITE
from services.kernel.control.proposals import LIFETIME
from services.provision import demo_plan, make_city
from services.provision.city.city_init import ROOTS
from tests.unit.desk.test_desk_menu import COMMANDS
from tests.unit.test_docs import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
DESK = " ".join((ROOT / "docs" / "desk.md").read_text(encoding="utf-8").split())
SYSTEMS = (ROOT / "docs" / "systems.md").read_text(encoding="utf-8")
TROUBLE = (ROOT / "docs" / "trouble.md").read_text(encoding="utf-8")
DEPLOYING = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
UPGRADING = (ROOT / "docs" / "upgrade.md").read_text(encoding="utf-8")
KEYS = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8")
DAYS = ", ".join(str(step.days) for step in EXPIRY_STEPS[:-1]) + f" and {EXPIRY_STEPS[-1].days}"
SEALED = b"as its owner sealed it"
WORDS = {1: "a", 3: "three", 5: "five"}


@pytest.mark.parametrize(
    ("text", "promise"),
    [
        (KEYS, f"`onevoice doctor` warns {DAYS} days ahead"),
        (KEYS, f"The link is good for a day (`--until`, at most {WORDS[LONGEST_INVITE.days]})"),
        (DESK, f"or within {WORDS[SCHEDULE_GRACE.seconds // 60]} minutes"),
    ],
)
def test_times_are_those_of_the_code(text: str, promise: str) -> None:
    assert promise in text


def test_a_shift_and_a_link_last_as_long_as_is_said() -> None:
    assert "onevoice unlock --for 8h" in KEYS
    options = {name: {one.name: one.default for one in COMMANDS[name].params} for name in ("unlock", "passkeys link")}
    assert options["unlock"]["lasting"] == "8h"
    assert options["passkeys link"]["until"] == "1d"
    assert (timedelta(hours=24), timedelta(hours=24)) == (enroll.LONGEST, LIFETIME)


def test_the_agent_keeps_its_memory_to_itself() -> None:
    """``The agent writes no core file, and on Linux no other process of the same user can read its memory.``"""
    assert "writes no core file" in KEYS
    code = (
        "import ctypes, resource; from services.desk.keys import agent; agent._keep_memory_private(); "
        "print(*resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0", "0" if sys.platform.startswith("linux") else "-1"]
    source = ast.parse((ROOT / "services/desk/keys/agent.py").read_text(encoding="utf-8"))
    main = next(node for node in source.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    assert "_keep_memory_private" in ast.unparse(main)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """A city as ``onevoice init`` makes it: of each root key what its owner's seal makes of it, here in no time."""
    seals = {root: lambda _seed: SEALED for root in ROOTS}
    return make_city(tmp_path_factory.mktemp("promised") / "city", demo_plan(), seals=seals)


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_a_city_has_one_key_per_service_and_the_two_root_keys(city: City) -> None:
    """``one key per service, mode 0600, and the two root keys``; no key of anybody else, nor of a system."""
    keys = city.folder / "keys"
    assert {path.stat().st_mode & 0o777 for path in files(keys)} == {0o600}
    services = {row.user for row in flow.SERVICES} | {flow.WEB}
    assert {path.stem for path in (keys / "services").glob("*.nk")} == services
    assert {path.stem for path in keys.glob("*.nk")} == {*ROOTS, flow.DOCTOR}
    assert {path.stem for path in (keys / "exercise").glob("*.nk")} == {*ROOTS, flow.DOCTOR}
    for root in ROOTS:
        assert (keys / f"{root}.nk").read_bytes().strip() == SEALED, "under its owner's passphrase"


def test_everybody_else_is_in_the_manifest_with_a_role_and_without_a_key(city: City) -> None:
    payload = json.loads(city.manifest_path.read_bytes())["payload"]
    manifest = Manifest.from_bytes(base64.b64decode(payload))
    others = [one for one in manifest.officers if one.id not in ROOTS]
    assert others
    assert all(one.grants for one in others)
    assert not any(one.public_key or one.passkeys for one in others)


def test_what_a_city_folder_has_is_in_its_table(city: City) -> None:
    table = README.partition("## The city folder")[2].partition("\n## ")[0]
    named = {name.partition("/")[0] for line in table.splitlines() for name in re.findall(r"`([^`]+)`", line[:60])}
    there = {path.name for path in city.folder.iterdir() if not path.name.startswith(".")}
    assert there - {"templates"} <= named, "templates are named where they are used"


def test_the_exit_statuses_are_those_of_the_table() -> None:
    table = TROUBLE.partition("## Exit statuses")[2].partition("\n## ")[0]
    assert {int(found) for found in re.findall(r"(?m)^\| (\d+) \|", table)} == {*map(int, Exit), 130}


def test_each_command_has_an_example_and_json() -> None:
    for name, command in COMMANDS.items():
        assert f"onevoice {name}" in (command.epilog or ""), name
        assert "as_json" in {one.name for one in command.params}, name


def test_each_platform_is_in_the_table_of_what_it_was_tried_against() -> None:
    table = README.partition("## Platforms")[2].partition("\n## ")[0]
    linked = set(re.findall(r"\(docs/platforms/(\w+)\.md\)", table))
    tools = {one.platform for name, one in vars(registry).items() if name.endswith("Connector") and name != "Connector"}
    assert linked | {"website"} == tools


def test_the_data_of_a_system_s_event_is_as_it_is_said() -> None:
    """Which of its fields are needed, and that the example is taken."""
    said = re.search(r"`data` is `\{(.*?)\}`", SYSTEMS)
    assert said is not None
    named = {part.split(":")[0].strip() for part in said[1].split(", ")}
    fields = Submission.model_fields
    needed = {name for name, field in fields.items() if field.is_required()}
    assert {name for name in named if not name.endswith("?")} == needed
    assert {name.removesuffix("?") for name in named} <= set(fields)
    block = re.search(r"```python\n(.*?)```", SYSTEMS, re.DOTALL)
    assert block is not None
    given = {
        node.targets[0].id: node.value
        for node in ast.walk(ast.parse(block[1]))
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    data = ast.literal_eval(given["data"])
    event = eval(ast.unparse(given["event"]), {"data": data})
    assert SubmissionEvent.from_value(event).data.targets == tuple(data["targets"])
    with pytest.raises(ValidationError):
        SubmissionEvent.from_value(event | {"data": data | {"approved": True}})


def test_the_backup_leaves_out_only_what_is_made_again(tmp_path: Path) -> None:
    """A new place in the city folder is backed up unless somebody says that it need not be."""
    (listed,) = re.findall(r"all of it but what is made again \(([^)]*)\)", DEPLOYING)
    left_out = re.findall(r"`([^`]+)`", listed)
    assert left_out == ["var/nats", "var/fold", "var/run", "site"]
    assert all(f"`{path}`" in UPGRADING.partition("1. Back up")[2].partition("\n")[0] for path in left_out)
    city = make_city(tmp_path / "city", demo_plan())
    again = {city.snapshot_path("board"), city.mark_path("board"), city.run_path, city.site_folder}
    kept = {city.templates_folder, city.notify_folder, city.audit_folder, city.ledger_seen_path, city.token_path("x")}
    places = [city.folder / path for path in left_out]
    assert all(any(one.is_relative_to(place) for place in places) for one in again)
    assert not any(one.is_relative_to(place) for one in kept for place in places)
    assert "`ca.key`" in DEPLOYING.partition("Back up")[2]


def test_each_service_that_reads_city_toml_at_its_start_is_restarted() -> None:
    """Else who is to be woken is not."""
    (units,) = re.findall(r"systemctl try-restart onevoice-\{([^}]+)\}", DEPLOYING)
    assert units.split(",") == ["registry", "intake", "fanout", "audit", "board", "web"]
    assert "docker compose restart registry intake fanout audit board`" in DEPLOYING
    assert "systemctl restart onevoice-board" in DEPLOYING.partition("## Waking somebody")[2].partition("\n## ")[0]


def test_a_service_whose_key_was_replaced_is_restarted() -> None:
    """It sees its own key's file alone, and so the old one until it starts again."""
    section = KEYS.partition("## A service's key")[2].partition("\n## ")[0]
    assert "systemctl restart onevoice-provision onevoice-fanout" in section
    assert "restart the service" in keys._RELOAD
