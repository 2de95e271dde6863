"""What the scenes share: what is remembered, what is expected, how it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from deploy.demo.stage import Answer, SceneError, Stage

INCIDENT = "Lougheed Highway washout"
SITE = "https://mission.example"
PATIENCE = 10
"""How often the story asks whether each service has seen the activation."""


@dataclass(frozen=True)
class Told:
    """What a scene tells: who, what was typed, and what came of it."""

    title: str
    typed: str
    outcome: list[str]


Scene = Callable[["Memory"], Told]


class Memory:
    """What later scenes need of earlier ones."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.profiles: list[dict[str, Any]] = []
        self.system_request = ""
        self.system_targets: list[str] = []
        self.held_request = ""
        self.cao_request = ""
        self.update = ""

    def departmental(self) -> set[str]:
        """Return the profiles of departments (the city's own begin with city-)."""
        return {profile["id"] for profile in self.profiles if profile["department"] != "city"}

    def of(self, department: str) -> list[str]:
        """Return a department's profiles."""
        return [profile["id"] for profile in self.profiles if profile["department"] == department]


# --- what a scene expects -----------------------------------------------------------------------------------


def expect(answer: Answer, status: int) -> None:
    """Check an exit status."""
    if answer.status != status:
        said = json.dumps(answer.body, ensure_ascii=False)[:1_500]
        raise SceneError(f"{shown(answer)}\nended with {answer.status}, expected {status}; it said: {said}")


def same(what: str, seen: object, expected: object) -> None:
    """Check one value."""
    if seen != expected:
        raise SceneError(f"{what} is {seen!r}, expected {expected!r}")


def landed_on(answer: Answer, expected: set[str]) -> None:
    """Check that it was delivered to exactly these profiles, each with a URL."""
    rows = answer.body["deliveries"]
    landed = {row["profile"] for row in rows if row["outcome"] == "delivered" and row["url"]}
    if landed != expected:
        raise SceneError(f"delivered to {sorted(landed)}, expected {sorted(expected)}")


def blocked_by(answer: Answer, clause: str) -> None:
    """Check that this clause blocks."""
    clauses = {f["clause"] for f in answer.body["verdict"]["findings"] if f["outcome"] == "blocked"}
    if answer.body["verdict"]["outcome"] != "blocked" or clause not in clauses:
        raise SceneError(f"blocked by {sorted(clauses)}, expected {clause}")


# --- how it is told -----------------------------------------------------------------------------------------


def to(targets: list[str]) -> Iterator[str]:
    """Yield the options that name targets."""
    for target in targets:
        yield "--to"
        yield target


def shown(answer: Answer) -> str:
    """Return the command as a person would type it."""
    return "onevoice " + " ".join(f'"{word}"' if " " in word else word for word in answer.words)


def reasons(answer: Answer) -> list[str]:
    """Return what blocks, clause by clause."""
    verdict = answer.body["verdict"]
    return [verdict["outcome"]] + [
        f"{finding['clause']}: {finding['reason']}"
        for finding in verdict["findings"]
        if finding["outcome"] == "blocked"
    ]


def refusal(answer: Answer) -> str:
    """Return why it was refused, whether by an error or by a verdict."""
    if "error" in answer.body:
        return f"refused: {answer.body['error']['message']}"
    findings = answer.body["verdict"]["findings"]
    return "refused: " + "; ".join(finding["reason"] for finding in findings if finding["outcome"] == "refused")


def deliveries(answer: Answer) -> list[str]:
    """Return how many profiles it is on, with a few of the URLs."""
    rows = answer.body["deliveries"]
    lines = [f"cleared; delivered to {len(rows)} profiles"]
    lines += [f"{row['profile']}: {row['url']}" for row in rows[:3]]
    return [*lines, f"... and {len(rows) - 3} more"] if len(rows) > 3 else lines
