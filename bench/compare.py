"""Compare two results of ``make bench``: ``python bench/compare.py OLD.json NEW.json``.

Exit status 1, naming the rows, when a ratio of the new one is worse by 15 % or more, or was measured before and is not
any more; 2 when a file cannot be read. Rows of groups that the new run did not play are left out.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

WORSE = 0.15


def worse_rows(old: dict[str, Any], new: dict[str, Any], limit: float = WORSE) -> list[str]:
    """Return a sentence for each row of ``old`` that is worse in ``new`` by the limit or more."""
    found = {row["key"]: row for row in new["rows"]}
    return [
        said
        for row in old["rows"]
        if row["ratio"] is not None and row["key"].split(".")[0] in new["groups"]
        for said in _worse(row, found.get(row["key"]), limit)
    ]


def _worse(old: dict[str, Any], new: dict[str, Any] | None, limit: float) -> list[str]:
    name = f"{old['key']} ({old['what']})"
    if new is None or new["ratio"] is None:
        why = (new or {}).get("note") or "it is not there"
        return [f"{name}: was {old['ratio']:.3g}, is not measured any more: {why}"]
    change = new["ratio"] / old["ratio"] if old["better"] == "lower" else old["ratio"] / new["ratio"]
    if change < 1 + limit - 1e-9:
        return []
    return [f"{name}: was {old['ratio']:.3g}, is {new['ratio']:.3g} ({old['better']} is better)"]


def main(arguments: list[str] | None = None) -> int:
    """Compare two files; print what is worse; return the exit status."""
    parser = argparse.ArgumentParser(description="Is a result of make bench worse than another?")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--limit", type=float, default=WORSE, help="what counts as worse (0.15: by 15 %%)")
    chosen = parser.parse_args(arguments)
    try:
        old, new = (json.loads(path.read_text(encoding="utf-8")) for path in (chosen.old, chosen.new))
        worse = worse_rows(old, new, chosen.limit)
    except (OSError, ValueError, KeyError) as error:
        print(f"these results cannot be compared: {error!r}", file=sys.stderr)
        return 2
    for line in worse:
        print(line)
    print(f"{len(worse)} of {len(old['rows'])} rows are worse")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
