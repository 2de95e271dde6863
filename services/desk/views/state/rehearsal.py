"""What a rehearsal found on each profile, and how it looks to people. Pure: facts in, lines out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.text import Text

from services.desk.views.layout import table, table_width
from services.kernel.base.errors import Exit


class StepName(StrEnum):
    """What is tried on each profile, in this order."""

    CREDENTIAL = "credential"
    POST = "post"
    READ_BACK = "read-back"
    DELETE = "delete"


class StepResult(StrEnum):
    """How a step ended. ``not offered``: this connector cannot do it. ``not tried``: an earlier step failed."""

    WORKED = "worked"
    FAILED = "failed"
    NOT_OFFERED = "not offered"
    NOT_TRIED = "not tried"


_STYLES = {StepResult.WORKED: "green", StepResult.FAILED: "bold red"}


@dataclass(frozen=True)
class RehearsalStep:
    """One step: ``detail`` in plain words; ``unreachable`` marks a failure that is the platform's silence."""

    name: StepName
    result: StepResult
    detail: str = ""
    unreachable: bool = False


@dataclass(frozen=True)
class Rehearsed:
    """One profile's rehearsal, all four steps in order.

    ``url`` is where the post stood, empty where the platform names no address. ``left``: it is there, or may be.
    """

    id: str
    steps: tuple[RehearsalStep, ...]
    url: str = ""
    left: bool = False

    @property
    def ok(self) -> bool:
        """True when it posted and nothing failed."""
        return self.posted and not any(step.result is StepResult.FAILED for step in self.steps)

    @property
    def posted(self) -> bool:
        """True when the post was seen to stand."""
        return any(step.name is StepName.POST and step.result is StepResult.WORKED for step in self.steps)


def exit_status(found: Sequence[Rehearsed]) -> Exit:
    """Return 0 when all worked, 5 when something was posted, or may be, and not all worked.

    When nothing was posted: 6 where only platforms were silent, else 2.
    """
    if all(one.ok for one in found):
        return Exit.DONE
    if any(one.posted or one.left for one in found):
        return Exit.PARTLY
    failed = [step for one in found for step in one.steps if step.result is StepResult.FAILED]
    return Exit.UNREACHABLE if all(step.unreachable for step in failed) else Exit.USAGE


def rehearsed_json(one: Rehearsed) -> dict[str, Any]:
    """Return one profile's rehearsal for programs."""
    steps = [{"step": step.name.value, "result": step.result.value, "detail": step.detail} for step in one.steps]
    return {"id": one.id, "ok": one.ok, "url": one.url or None, "left": one.left, "steps": steps}


def question(profiles: int, staying: Sequence[str]) -> str:
    """Return what a person is told before it is posted; ``staying`` are the profiles that delete nothing."""
    said = f"This posts a rehearsal on {profiles} practice account{'s' if profiles != 1 else ''} and deletes it."
    return f"{said} It stays, until somebody deletes it by hand, on {', '.join(staying)}." if staying else said


def rehearsals(console: Console, found: Iterable[Rehearsed], left_out: Sequence[str] = ()) -> None:
    """Show the steps of each profile in a row, and below what failed, in words."""
    rows, words = table("profile", *(name.value for name in StepName)), []
    for one in found:
        cells = [Text(step.result.value, style=_STYLES.get(step.result, "dim")) for step in one.steps]
        rows.add_row(Text(one.id), *cells)
        words += [
            Text(f"{one.id}, {step.name.value}: {step.detail}")
            for step in one.steps
            if step.detail and (step.result is StepResult.FAILED or one.ok)
        ]
        if one.left:
            place = one.url or "the account"
            words.append(Text(f"{one.id}: the rehearsal is there, or may be there: look, and delete it: {place}"))
    console.print(rows, width=table_width(console))
    for line in words:
        console.print(line, soft_wrap=True)
    if left_out:
        console.print(Text(f"No account to rehearse on: {', '.join(left_out)}.", style="dim"), soft_wrap=True)
