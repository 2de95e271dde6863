"""Installs the platforms' server software, once a machine, and runs the tests against it; ``--install``: no tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from filelock import FileLock

from tests.platforms.pds import FOLDER, HERE, MARK, installed, node_version, wanted

OLDEST, NEWEST = 20, 22
"""The major versions of Node that ``@atproto/pds`` 0.4 runs on."""
INSTALL_SECONDS = 900


def main() -> int:
    """Return the exit status of the tests; where there is no Node, of those that need none."""
    version = node_version()
    if version is None or not OLDEST <= version <= NEWEST or shutil.which("npm") is None:
        found = f"this machine has {version}" if version else "this machine has none"
        sys.stdout.write(f"skipped: the real Bluesky server needs Node {OLDEST} to {NEWEST} with npm, and {found}.\n")
        sys.stdout.flush()
    else:
        FOLDER.mkdir(parents=True, exist_ok=True)
        with FileLock(FOLDER.with_suffix(".lock"), timeout=INSTALL_SECONDS):  # another checkout may install it, too
            if not installed() and not install():
                return 1
    if sys.argv[1:] == ["--install"]:
        return 0
    options = sys.argv[1:] or ["-n", "2", "--dist", "loadscope"]
    return subprocess.run([sys.executable, "-m", "pytest", "tests/platforms", *options], check=False).returncode


def install() -> bool:
    """Install what the lock names, with its hashes; say why not."""
    sys.stdout.write("Installing the real Bluesky server (pinned, with hashes); this takes a minute or three ...\n")
    sys.stdout.flush()
    (FOLDER / MARK).unlink(missing_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(HERE / name, FOLDER / name)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"]
    done = subprocess.run(command, cwd=FOLDER, env=os.environ | {"JOBS": "max"}, timeout=INSTALL_SECONDS, check=False)
    if done.returncode != 0:
        sys.stderr.write("The real Bluesky server could not be installed: npm's own words stand above.\n")
        return False
    (FOLDER / MARK).write_text(wanted())
    return True


if __name__ == "__main__":
    sys.exit(main())
