"""Runs a command until it fails, at most so many times: ``python -m tests.support.repeat 10 [--busy] -- COMMAND ...``.

With ``--busy`` every core has something else to do meanwhile: what passes on a quiet machine only, fails here.
Each run after the first has a TESTS_ORDER of its own, its number (tests/conftest.py): what leans on the test before it
fails here, too.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import time


def burn(parent: int) -> None:
    """Keep a core busy until the one who asked for it is gone, however that happened."""
    while os.getppid() == parent:
        sum(range(100_000))


def say(words: str) -> None:
    """Write a line at once: the command writes to the same place."""
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def main(words: list[str]) -> int:
    """Run it; return the status of the first run that failed, or 0."""
    reader = argparse.ArgumentParser(prog="tests.support.repeat")
    reader.add_argument("times", type=int)
    reader.add_argument("--busy", action="store_true")
    reader.add_argument("command", nargs="+")
    asked = reader.parse_args(words)
    if asked.busy:
        for _ in range(os.cpu_count() or 1):
            multiprocessing.Process(target=burn, args=(os.getpid(),), daemon=True).start()
    busy = " with every core busy" if asked.busy else ""
    for number in range(1, asked.times + 1):
        began = time.monotonic()
        order = {"TESTS_ORDER": str(number)} if number > 1 else {}
        status = subprocess.run(asked.command, env=os.environ | order, check=False).returncode
        took = time.monotonic() - began
        which = f"run {number} of {asked.times}{busy}{f', TESTS_ORDER={number},' if order else ''}"
        if status:
            say(f"{which} FAILED with status {status} after {took:.0f} s")
            return status
        say(f"{which} passed in {took:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
