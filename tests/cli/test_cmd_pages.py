"""``onevoice run web``, and the pages of ``onevoice up``."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.cli.conftest import Shell, lower_city, raise_city
from tests.support.mission import PATIENCE
from tests.support.ports import free_port


def own_city(made: Path, folder: Path, section: str = "") -> Shell:
    """A copy of a city whose pages have an address of their own."""
    shutil.copytree(made, folder)
    path = folder / "city.toml"
    lines = path.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("origin = "))
    lines[at] = f'origin = "http://localhost:{free_port()}"\n{section}'
    path.write_text("\n".join(lines))
    return Shell(folder)


def asked(url: str) -> int:
    """Ask for a page until somebody answers; return the status."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_up_serves_the_pages_and_says_where(made_folder: Path, tmp_path: Path) -> None:
    shell = own_city(made_folder, tmp_path / "mission")
    process, addresses = raise_city(shell, free_port())
    assert asked(f"{addresses['web_url']}/sign-in") == 200
    assert lower_city(process) == 0


def test_run_web_serves_them_alone_and_ends_cleanly(made_folder: Path, tmp_path: Path) -> None:
    """Before the broker is there too: the page says that the city does not answer, and nothing hangs."""
    shell = own_city(made_folder, tmp_path / "mission", "serve = false")
    pages = shell.start("run", "web")
    assert pages.stdout is not None
    said = pages.stdout.readline()
    url = said.split()[-1]
    assert asked(f"{url}/sign-in") == 200
    process, addresses = raise_city(shell, free_port())
    assert addresses["web_url"] is None
    assert asked(f"{url}/sign-in") == 200
    pages.send_signal(signal.SIGTERM)
    _, err = pages.communicate(timeout=PATIENCE)
    assert pages.returncode == 0, err
    assert "Traceback" not in err
    assert lower_city(process) == 0


def test_a_port_that_is_taken_stops_no_city(made_folder: Path, tmp_path: Path) -> None:
    shell = own_city(made_folder, tmp_path / "mission", "serve = true")
    origin = next(line for line in (tmp_path / "mission" / "city.toml").read_text().splitlines() if "origin" in line)
    port = origin.rpartition(":")[2].strip('"')
    with subprocess.Popen(
        ["python3", "-m", "http.server", port, "--bind", "127.0.0.1"], stderr=subprocess.DEVNULL
    ) as other:
        try:
            asked(f"http://127.0.0.1:{port}/")
            process, addresses = raise_city(shell, free_port())
            assert addresses["web_url"] is None
            assert lower_city(process) == 0
        finally:
            other.terminate()


def test_pages_off_this_machine_without_tls_are_refused_at_the_start(made_folder: Path, tmp_path: Path) -> None:
    shell = own_city(made_folder, tmp_path / "mission", 'host = "0.0.0.0"')
    done = shell.json("run", "web")
    assert (done.status, done.code) == (2, "city.invalid")
    assert "TLS" in done.body["error"]["message"]
