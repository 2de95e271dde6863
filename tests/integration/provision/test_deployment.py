"""Each service as deploy/ runs it: a program of its own that sees its own key and what its unit binds, no more."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.generate import rendered
from schemas import flow
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Drift, Unreachable
from services.provision import EmbeddedBroker, provision
from services.provision.alive import check, main
from services.provision.deployment.target import needs
from tests.integration.provision.conftest import Started
from tests.support.mission import PATIENCE

ROOT = Path(__file__).resolve().parents[3]


def as_bound(city: City, row: flow.Service, folder: Path) -> Path:
    """Copy what the unit of a service binds of the city folder."""
    read, written = needs(row)
    for part in ("city.toml", "authority", f"keys/services/{row.user}.nk", *read):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        source = city.folder / part
        if not source.exists():  # tmpfiles makes what the city folder has not
            (folder / part).mkdir()
            continue
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, folder / part)
    for part in written:
        (folder / part).mkdir(parents=True)
    for path in folder.rglob("*"):
        if path.is_dir() and not any(path == folder / part or folder / part in path.parents for part in written):
            path.chmod(0o500)
    return folder


async def start(row: flow.Service, folder: Path, url: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"services.{row.name}", "--city", str(folder), "--url", url,
        cwd=ROOT, env={"PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def well(city: City, row: flow.Service, broker: EmbeddedBroker, seconds: float = 150) -> None:
    """Wait until a service is well; it may take a while to start on a busy machine."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            return await check(city, row, broker.url)
        except (Unreachable, Drift):
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.3)


async def ended(process: asyncio.subprocess.Process) -> str:
    if process.returncode is None:
        process.terminate()
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    return output.decode()


RUN = (flow.REGISTRY, flow.FANOUT, flow.AUDIT, flow.GATEKEEPER)
"""The one that begins the ledger, those that are bound more than their key, and one for all that are not."""


async def test_a_service_runs_with_what_its_unit_binds(demo_city: City, tmp_path: Path, started: Started) -> None:
    async with started(demo_city) as broker:
        await provision(demo_city, broker.url)
        running = {row: await start(row, as_bound(demo_city, row, tmp_path / row.user), broker.url) for row in RUN}
        outputs = {}
        try:
            for row in RUN:
                await well(demo_city, row, broker)
            await ended(running[flow.GATEKEEPER])
            with pytest.raises(Unreachable) as caught:  # and a service that is gone is found out
                await check(demo_city, flow.GATEKEEPER, broker.url)
            assert caught.value.code == "service.idle"
        finally:
            for row, process in running.items():
                if row is not flow.GATEKEEPER:
                    outputs[row.name] = (await ended(process), process.returncode)
        for name, (output, status) in outputs.items():
            assert status == 0, f"{name}: {output}"
            assert "ready" in output, f"{name}: {output}"


async def test_the_probe_tells_drift_and_a_missing_broker(demo_city: City, started: Started) -> None:
    async with started(demo_city) as broker:
        with pytest.raises(Drift):
            await check(demo_city, flow.AUDIT, broker.url)
        url = broker.url
    with pytest.raises(Unreachable):
        await check(demo_city, flow.AUDIT, url)


def test_the_probe_ends_with_the_errors_exit_status(demo_city: City, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--city", str(demo_city.folder), "--url", "nats://127.0.0.1:1"]) == 6
    assert "broker.unreachable" in capsys.readouterr().err
    assert main(["nobody", "--city", str(demo_city.folder)]) == BadInput.exit_status


def test_the_check_of_deploy_can_fail(tmp_path: Path) -> None:
    """`make check` runs it on the real files; here it runs on a copy with one fault of each kind."""
    for part in ("deploy", "schemas", "services"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("requirements.lock", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / part, tmp_path / part)
    faults = {
        "nats/nats-server.conf": ("sync_interval", "sink_interval"),
        "systemd/onevoice-nats.service": ("NoNewPrivileges=true", "NoNewPrivilege=true"),
        "systemd/onevoice.tmpfiles.conf": ("var/audit ", "var/odit "),
        "docker/compose.yaml": ("source: audit-key", "source: fanout-key"),
        "docker/Dockerfile": ("USER 10001:10001", "USER root"),
    }
    for name, (right, wrong) in faults.items():
        path = tmp_path / "deploy" / name
        assert right in path.read_text()
        path.write_text(path.read_text().replace(right, wrong))
    bad = subprocess.run(
        [sys.executable, str(tmp_path / "deploy/check.py")],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert bad.returncode == 1
    for found in (
        "compose.yaml is not as", "nats-server.conf: ", "NoNewPrivilege", "which nothing makes",
        "audit: has the secrets ['fanout-key']", "runs as root",
    ):  # fmt: skip
        assert found in bad.stdout, bad.stdout


def test_the_example_accounts_hold_no_key_that_anybody_has(demo_city: City) -> None:
    """Their public keys are hashes; and no seed is in a generated file."""
    text = "".join(rendered().values())
    assert "SU" not in {line.strip()[:2] for line in text.splitlines()}
    assert text.count("nkey: U") >= 2 * (len(flow.SERVICES) + 1)
