"""What documents have a reader type besides `onevoice`, and write into city.toml: each name in it is one that is there.

systemctl, docker, kubectl and helm are not run here: no machine of ours is booted, and no cluster is at hand.
"""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.kernel.base.settings.city_file import CityFile
from tests.unit.test_docs import ROOT
from tests.unit.test_docs_commands import DOCUMENTS

_SHELL = re.compile(r"^```(?:sh)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TOML = re.compile(r"^```toml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_BRACES = re.compile(r"(\S*)\{([a-z,-]+)\}(\S*)")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TARGETS = frozenset(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
UNITS = frozenset(path.name for path in (ROOT / "deploy" / "systemd").iterdir())


def lines(path: Path) -> Iterator[str]:
    """The lines that a document has somebody type: those of its shell blocks, and its spans of code."""
    text = path.read_text(encoding="utf-8")
    for block in _SHELL.findall(text):
        yield from (line for line in block.replace("\\\n", " ").splitlines() if not line.lstrip().startswith("#"))
    for other in re.split(r"^```.*?^```$", text, flags=re.DOTALL | re.MULTILINE):
        yield from _SPAN.findall(other)


def wrong(line: str) -> Iterator[str]:
    """Say what a line names that is not there."""
    yield from (f"make {one}" for one in re.findall(r"(?:^|[;&] *)make ([a-z-]+)", line) if one not in TARGETS)
    yield from (f"python -m {one}" for one in re.findall(r"python3? -m ([\w.]+)", line) if not _module(one))
    yield from (one for one in re.findall(r"onevoice\[(\w+)\]", line) if one not in PROJECT["optional-dependencies"])
    wheels = re.findall(r"onevoice-([\d.]+)-py3", line)
    yield from (f"version {one}" for one in wheels if one != PROJECT["version"])
    files = re.findall(r"(?<![\w/])((?:deploy|bench)/[\w./@*-]+|requirements[\w-]*\.lock)", line)
    yield from (one for one in files if "<" not in one and not list(ROOT.glob(one)))
    yield from (one for one in _units(line) if one not in UNITS)


def _module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _units(line: str) -> Iterator[str]:
    """The units that a systemctl or journalctl command names, by the name of their file."""
    line = line.replace("@{services}", "board").replace("@@", "@")  # as a template is filled in
    for command in re.findall(r"(?:systemctl|journalctl) ([^;&#`]+)", line):
        spread = _BRACES.sub(lambda m: " ".join(f"{m[1]}{one}{m[3]}" for one in m[2].split(",")), command)
        for name in re.findall(r"(?<!\S)onevoice[\w@.-]*", spread):
            plain = re.sub(r"@[\w-]+", "@", name)
            yield plain if "." in plain else f"{plain}.service"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_has_somebody_type_names_what_is_there(path: Path) -> None:
    assert [(line, fault) for line in lines(path) for fault in wrong(line)] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_writes_into_city_toml_is_taken(path: Path) -> None:
    """Each block of a document, in a city.toml that has nothing else but what it must have."""
    for block in _TOML.findall(path.read_text(encoding="utf-8")):
        given = tomllib.loads(block)
        realm = {"root_keys": ["U" + "A" * 55], "threshold": 1, "audit_key": "U" + "A" * 55}
        needed = {"city": {"name": "Mission", "website": "https://mission.example"}}
        try:
            CityFile.model_validate({**needed, "authority": {"live": realm, "exercise": realm}, **given})
        except ValueError as error:
            raise AssertionError(f"{block}\n{error}") from error


def test_nobody_is_told_to_install_it_by_its_name_alone() -> None:
    """No package index has it: who has it by pipx would ask one, and run the code of whoever registers the name."""
    by_name = re.compile(r"install '?onevoice(?!-)")
    texts = [*DOCUMENTS, *sorted((ROOT / "services").rglob("*.py"))]
    assert [str(path.relative_to(ROOT)) for path in texts if by_name.search(path.read_text(encoding="utf-8"))] == []
    assert by_name.search("pip install 'onevoice[city]'")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("make tests", "make tests"),
        ("systemctl enable onevoice-{nats,nobody}.service", "onevoice-nobody.service"),
        ("systemctl start onevoice-fan", "onevoice-fan.service"),
        ("pip install 'onevoice[all]'", "all"),
        ("cp deploy/systemd/nothing.conf /etc", "deploy/systemd/nothing.conf"),
        ("python -m services.nowhere", "python -m services.nowhere"),
        ("pipx install dist/onevoice-0.1.0-py3-none-any.whl", "version 0.1.0"),
    ],
)
def test_a_name_that_is_not_there_is_found(line: str, fault: str) -> None:
    """The check can fail."""
    assert list(wrong(line)) == [fault]
