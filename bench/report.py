"""docs/performance.md and its plots, from a result: the table is between markers, all else is written by people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

from bench.rows import Row, markdown

mpl.use("Agg")
import matplotlib.pyplot as plt

BEGIN, END = "<!-- generated: bench -->", "<!-- /generated -->"
GROUP_TITLES = {
    "fanout": "Fan-out of one message",
    "gate": "The gate",
    "submissions": "Submissions, and officers under a flood",
    "activation": "Activation",
    "growth": "A long ledger",
    "idle": "Idle",
    "person": "A person's time",
    "copies": "Copies",
}


def write_report(result: dict[str, Any], docs: Path) -> None:
    """Write the table of docs/performance.md and the plots in docs/performance/ anew."""
    rows = [Row(**{**row, "ratios": tuple(row["ratios"])}) for row in result["rows"]]
    page = docs / "performance.md"
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{_tables(result, rows)}\n{END}{after}", encoding="utf-8")
    folder = docs / "performance"
    folder.mkdir(exist_ok=True)
    _plot_fanout(rows, folder / "fanout.png")
    _plot_ratios(rows, folder / "ratios.png")
    _plot_growth(rows, folder / "growth.png")


def _tables(result: dict[str, Any], rows: list[Row]) -> str:
    head = f"Version {result['version']}, {result['at'][:10]}, {result['cores']} cores, Python {result['python']}."
    parts = [head, ""]
    for group, title in GROUP_TITLES.items():
        own = [row for row in rows if row.key.split(".")[0] == group]
        if own:
            parts += [f"**{title}**", "", markdown(own), ""]
    return "\n".join(parts)


def _plot_fanout(rows: list[Row], path: Path) -> None:
    """Seconds over profiles, for each side."""
    figure, axes = plt.subplots(figsize=(7, 4))
    points: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if row.key.startswith("fanout.") and row.ours is not None and row.theirs is not None:
            size = int(row.key.split(".")[1])
            points.setdefault(row.beside, []).append((size, row.theirs))
            if row.beside == "bare aiohttp loop":
                points.setdefault("OneVoice", []).append((size, row.ours))
    for name, found in points.items():
        axes.plot(*zip(*sorted(found), strict=True), marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="profiles", ylabel="seconds to the last receipt", title="One message")
    _save(figure, axes, path)


def _plot_ratios(rows: list[Row], path: Path) -> None:
    """All ratios, as bars on a logarithmic scale."""
    measured = [row for row in reversed(rows) if row.ratio]
    figure, axes = plt.subplots(figsize=(7, 1 + 0.22 * len(measured)))
    colours = ["tab:blue" if row.better == "lower" else "tab:green" for row in measured]
    axes.barh([f"{row.what} / {row.beside}" for row in measured], [row.ratio or 0.0 for row in measured], color=colours)
    axes.margins(y=0.01)
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set(xscale="log", title="Ratio (blue: lower is better, green: higher)")
    axes.tick_params(axis="y", labelsize=7)
    _save(figure, None, path)


def _plot_growth(rows: list[Row], path: Path) -> None:
    """What grows with the ledger, relative to its first length."""
    figure, axes = plt.subplots(figsize=(7, 4))
    found: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        parts = row.key.split(".")
        if parts[0] == "growth" and len(parts) == 3 and row.ours is not None:
            found.setdefault(row.what.rsplit(", ", 1)[0], []).append((int(parts[1]), row.ours))
    for name, points in found.items():
        sizes, values = zip(*sorted(points), strict=True)
        axes.plot(sizes, [value / values[0] for value in values], marker="o", label=name)
    axes.set(xscale="log", xlabel="events in the ledger", ylabel="times as much as at first", title="A long ledger")
    _save(figure, axes, path)


def _save(figure: Any, axes: Any, path: Path) -> None:
    if axes is not None and axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)
        axes.grid(visible=True, which="both", alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": ""})
    plt.close(figure)
