"""How wide things are drawn, and tables without borders."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

WIDTH = 80
TABLE_WIDTH = 120


def width(console: Console) -> int:
    """Return how wide blocks are drawn: 80 columns, or what a narrower terminal has."""
    return min(WIDTH, console.width)


def table_width(console: Console) -> int:
    """Return how wide tables may be drawn: as wide as the terminal, at most 120 columns; lines stay readable."""
    return min(TABLE_WIDTH, console.width)


def table(*columns: str) -> Table:
    """Return a table without borders whose cells wrap and are never cut."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", width=None)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made
