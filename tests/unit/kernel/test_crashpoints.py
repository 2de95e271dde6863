"""Crash points: off by default, each in the code exactly where its list says, and kind about wrong names."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.kernel.base import crashpoints
from services.kernel.base.crashpoints import POINTS, arm, arm_from_environment, crash_point
from services.kernel.base.errors import BadInput

SERVICES = Path(crashpoints.__file__).parents[2]
_CALL = re.compile(r'crash_point\((f?)"([^"]+)"\)')


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm("")


def named_in_the_code() -> set[str]:
    found: set[str] = set()
    for path in SERVICES.rglob("*.py"):
        for formatted, name in _CALL.findall(path.read_text()):
            writers = ("eoc_state", "registry")
            found |= {name.replace("{runtime.row.name}", one) for one in writers} if formatted else {name}
    return found


def test_the_list_names_the_points_of_the_code_and_no_others() -> None:
    assert named_in_the_code() == set(POINTS)


def test_each_service_that_writes_has_points() -> None:
    named = {"intake", "gatekeeper", "fanout", "eoc_state", "registry", "audit"}
    assert {point.split(".")[0] for point in POINTS} == named


def test_nothing_happens_unless_it_is_armed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(crashpoints.VARIABLE, raising=False)
    assert arm_from_environment() == ()
    for point in POINTS:
        crash_point(point)


@pytest.mark.parametrize("spec", ["fanout.attempt.never", "fanout.attempt.storedd"])
def test_an_unknown_point_is_refused_by_name(spec: str) -> None:
    with pytest.raises(BadInput) as refused:
        arm(spec)
    assert refused.value.code == "crash.unknown"
    assert spec in refused.value.message


@pytest.mark.parametrize("spec", ["fanout.attempt.stored@0", "fanout.attempt.stored=pause", "Fanout!", "a@b"])
def test_a_text_that_is_no_point_is_refused(spec: str) -> None:
    with pytest.raises(BadInput) as refused:
        arm(spec)
    assert refused.value.code in ("crash.spec", "crash.unknown")


def test_what_was_refused_arms_nothing() -> None:
    with pytest.raises(BadInput):
        arm("fanout.attempt.stored,nonsense.point")
    crash_point("fanout.attempt.stored")


def in_a_process(spec: str, times: int) -> int:
    code = (
        "from services.kernel.base.crashpoints import arm_from_environment, crash_point\n"
        "arm_from_environment()\n"
        f"for _ in range({times}): crash_point('audit.seal.stored')"
    )
    done = subprocess.run([sys.executable, "-c", code], env={crashpoints.VARIABLE: spec}, check=False)
    return done.returncode


def test_an_armed_point_kills_the_process_the_time_it_was_told() -> None:
    assert in_a_process("audit.seal.stored@3", 2) == 0
    assert in_a_process("audit.seal.stored@3", 3) == -signal.SIGKILL
