"""What a fault run shows: one row for each fault, and the table of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

HEAD = ("fault", "times", "acked", "stored", "posted", "doubles", "lost", "recovered", "remark")


class Scale(StrEnum):
    """How much of a scenario is run: ``short`` within the tests, ``full`` by ``make faults``."""

    SHORT = "short"
    FULL = "full"


@dataclass(frozen=True)
class Row:
    """One fault: how often it was injected, and what the sets of acked, stored, posted and recorded things came to.

    ``acked``: requests whose sender was told that they are in the ledger. ``stored``: those of them that it has.
    ``posted``: public posts. ``doubles``: posts beyond the one that a request may have on a profile. ``lost``: acked
    requests that are not in the ledger or not in the second copy, or whose deliveries did not end as they should.
    ``recovered``: seconds until things went on by themselves, the longest of all times, None where it does not apply.
    ``wrong``: what else breaks the promise, in plain words; empty when all is well.
    """

    fault: str
    times: int
    acked: int = 0
    stored: int = 0
    posted: int = 0
    doubles: int = 0
    lost: int = 0
    recovered: float | None = None
    remark: str = ""
    wrong: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Whatever breaks the promise."""
        found = list(self.wrong)
        if self.times < 1:
            found.append("the fault was never injected")
        if self.lost:
            found.append(f"{self.lost} lost")
        if self.doubles:
            found.append(f"{self.doubles} doubles")
        if self.stored < self.acked:
            found.append(f"{self.acked} acked, {self.stored} stored")
        return tuple(found)


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a Markdown table; no cell is padded, for one long remark would make each line as long."""
    return "\n".join([_line(HEAD), "|" + "---|" * len(HEAD), *(_line(_cells(row)) for row in rows)])


def _line(cells: Iterable[str]) -> str:
    return f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in cells)}|"


def _cells(row: Row) -> tuple[str, ...]:
    recovered = "" if row.recovered is None else f"{row.recovered:.1f} s"
    remark = "; ".join(filter(None, [row.remark, *(f"WRONG: {problem}" for problem in row.problems)]))
    numbers = (row.times, row.acked, row.stored, row.posted, row.doubles, row.lost)
    return (row.fault, *(str(number) for number in numbers), recovered, remark)
