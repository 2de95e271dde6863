"""Services as processes with a bug planted in them: for messages that say a word, they raise or die."""

from __future__ import annotations

import functools
import os
import signal
import sys
from pathlib import Path
from typing import Any, Literal

from tests.faults.processes import _FORKS, ServiceProcess

Harm = Literal["raise", "die"]
Bugs = dict[str, tuple[str, Harm]]
"""Where (``gate`` or ``post``), for messages with which words in them, and what happens then."""


def _trip(bug: tuple[str, Harm] | None, text: str) -> None:
    if bug is None or bug[0] not in text:
        return
    if bug[1] == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    raise ZeroDivisionError(f"a planted bug met {bug[0]!r}")


def plant(bugs: Bugs, patience: dict[str, Any]) -> None:
    """Put bugs into this process's gatekeeper and fanout, and change how long they try."""
    from services.fanout.delivery.judge import Judge
    from services.gatekeeper import handlers as gate
    from services.kernel.runtime.messages import retry_budget

    decide, violations = vars(gate)["decide"], Judge.violations

    def deciding(facts: Any) -> Any:
        _trip(bugs.get("gate"), facts.request.text)
        return decide(facts)

    def judging(self: Any, place: Any, profile: Any) -> Any:
        _trip(bugs.get("post"), place.state.request.text)
        return violations(self, place, profile)

    vars(gate)["decide"] = deciding
    setattr(Judge, "violations", judging)  # noqa: B010 - a method is replaced, on purpose
    if patience:
        vars(retry_budget)["RetryBudget"] = functools.partial(retry_budget.RetryBudget, **patience)


def _be(names: list[str], folder: str, url: str, log: str, bugs: Bugs, patience: dict[str, Any]) -> None:
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    plant(bugs, patience)
    from services.kernel.runtime.run import run_until_stopped

    sys.exit(run_until_stopped(names, Path(folder), "live", url))


class BuggyProcess(ServiceProcess):
    """One process with services and their bugs."""

    def __init__(
        self, names: tuple[str, ...], folder: Path, url: str, log: Path, bugs: Bugs, patience: dict[str, Any]
    ) -> None:
        self.names = names
        self.log = log
        log.touch()
        self._process = _FORKS.Process(
            target=_be, args=(list(names), str(folder), url, str(log), bugs, patience), daemon=True
        )
        self._process.start()
