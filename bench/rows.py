"""A row of the table: ours beside theirs in the same run, and the ratio of the two."""

from __future__ import annotations

import re
import statistics
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

ONLY_FULL = "only with FULL=1"
"""The note of a row that a usual run leaves out."""

Better = Literal["lower", "higher"]
Pair = tuple[float, float]


@dataclass(frozen=True)
class Row:
    """One line. ``ratio`` is the median of the pairs' ratios, None where it could not be measured: ``note`` says why.

    ``floor`` is the budget of the design in words; ``ratios`` are all pairs' ratios, for whoever wants the spread.
    """

    key: str
    what: str
    beside: str
    unit: str
    better: Better = "lower"
    ours: float | None = None
    theirs: float | None = None
    ratio: float | None = None
    ratios: tuple[float, ...] = ()
    floor: str = ""
    note: str = ""
    extra: dict[str, float] = field(default_factory=dict)

    def to_value(self) -> dict[str, Any]:
        """Return the row as JSON."""
        return asdict(self)


def row_of(key: str, what: str, beside: str, pairs: Sequence[Pair], unit: str = "s", **more: Any) -> Row:
    """Return the row of some pairs (ours, theirs), each measured one right after the other."""
    ratios = tuple(round(ours / theirs, 4) for ours, theirs in pairs)
    return Row(
        key,
        what,
        beside,
        unit,
        ours=statistics.median(ours for ours, _ in pairs),
        theirs=statistics.median(theirs for _, theirs in pairs),
        ratio=statistics.median(ratios),
        ratios=ratios,
        **more,
    )


def missing(key: str, what: str, beside: str, why: object, unit: str = "s", **more: Any) -> Row:
    """Return the row of something that could not be measured, with the reason in few words."""
    return Row(key, what, beside, unit, note=few_words(why), **more)


def few_words(why: object) -> str:
    """Return a reason in one short line; of an error of the broker, what it says itself."""
    words = " ".join(str(why).split()) or type(why).__name__
    told = re.search(r"err_code=(\d+) description='([^']+)'", words)
    if told:
        words = f"{told[2]} (err_code {told[1]})"
    return words if len(words) <= 90 else words[:89] + "…"


async def alternate(
    ours: Callable[[], Awaitable[float]], theirs: Callable[[], Awaitable[float]], runs: int
) -> list[Pair]:
    """Measure the two sides in turn, so that what else the machine does falls on both."""
    return [(await ours(), await theirs()) for _ in range(runs)]


def percentile(values: Iterable[float], part: float) -> float:
    """Return the value below which this part (0 to 1) of the values lie; the nearest one that was measured."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table for a terminal."""
    head = ("what", "ours", "beside", "theirs", "ratio", "floor")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([text[0], "-" * len(text[0]), *text[1:]])


def markdown(rows: Sequence[Row]) -> str:
    """Return the rows as a table for the documentation, without those that a usual run leaves out."""
    lines = ["| what | ours | beside | theirs | ratio | floor |", "|---|---|---|---|---|---|"]
    shown = [row for row in rows if row.note != ONLY_FULL]
    lines += ["| " + " | ".join(cell.replace("|", "/") for cell in _cells(row)) + " |" for row in shown]
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, str, str, str, str, str]:
    ratio = row.note if row.ratio is None else f"{_short(row.ratio)}x" + (f" ({row.note})" if row.note else "")
    return (row.what, _amount(row.ours, row.unit), row.beside, _amount(row.theirs, row.unit), ratio, row.floor)


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit == "s" and abs(value) < 1.0:
        return f"{_short(value * 1000)} ms"
    return f"{_short(value)} {unit}"


def _short(value: float) -> str:
    """Return three digits that matter."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
