"""Runs a command until it fails, at most so many times: ``python -m tests.support.repeat 10 [--busy] -- COMMAND ...``.

With ``--busy`` every core has something else to do meanwhile: what passes on a quiet machine only, fails here.
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
    how = f"of {asked.times}{' with every core busy' if asked.busy else ''}"
    for number in range(1, asked.times + 1):
        began = time.monotonic()
        status = subprocess.run(asked.command, check=False).returncode
        took = time.monotonic() - began
        if status:
            say(f"run {number} {how} FAILED with status {status} after {took:.0f} s")
            return status
        say(f"run {number} {how} passed in {took:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
