"""The beginning of each service's own program: ``python -m services.<name>``."""

from __future__ import annotations

import sys

from services.kernel.base.parts import missing_part


def main(name: str) -> None:
    """Run one service until a signal asks it to stop, or say that the part that runs services is not installed."""
    try:
        from services.kernel.runtime import run
    except ModuleNotFoundError as error:
        missing = missing_part(error)
        if missing is None:
            raise
        sys.stderr.write(f"{missing.message}\n  {missing.hint}\n  ({missing.code})\n")
        sys.exit(int(missing.exit_status))
    run.main(name)
