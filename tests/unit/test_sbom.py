"""The list of what is installed follows from the lock, whole, and the same each time."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WRITER = ROOT / "deploy" / "sbom.py"


def written(lock: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Write the list of a lock."""
    command = [sys.executable, str(WRITER), str(lock), str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-bench.lock"])
def test_each_pin_of_the_lock_is_a_component_with_its_hashes(lock: str, tmp_path: Path) -> None:
    """By name, version and package URL; the document names them all as dependencies."""
    out = tmp_path / "sbom.json"
    done = written(ROOT / lock, out)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_bytes())
    text = (ROOT / lock).read_text()
    pins = set(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", text, re.MULTILINE))
    assert {(one["name"], one["version"]) for one in found["components"]} == pins
    hashes = [ref["hashes"] for one in found["components"] for ref in one["externalReferences"]]
    assert sum(map(len, hashes)) == text.count("--hash=sha256:")
    assert found["dependencies"][0]["dependsOn"] == [one["purl"] for one in found["components"]]
    before = out.read_bytes()
    written(ROOT / lock, out)
    assert out.read_bytes() == before


def test_a_line_that_is_not_understood_is_no_silent_gap(tmp_path: Path) -> None:
    """An unpinned or unhashed package would be missing from the list."""
    lock = tmp_path / "lock"
    for text in ("requests>=2\n", "requests==2.0\n", "-e .\n"):
        lock.write_text(text)
        assert written(lock, tmp_path / "sbom.json").returncode != 0
