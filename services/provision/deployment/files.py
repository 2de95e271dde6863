"""Writes and checks the deployment files of a city."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from services.kernel.base.city import City
from services.kernel.base.errors import BadInput
from services.provision.accounts.accounts_conf import REALMS, accounts_file
from services.provision.broker.preflight import find_nats_server
from services.provision.city.new_folder import is_empty
from services.provision.deployment import guide
from services.provision.deployment.broker import STORE, TLS_FOLDER, broker
from services.provision.deployment.chart import chart
from services.provision.deployment.compose import compose, environment
from services.provision.deployment.systemd import SITE_FOLDER, refuse_hidden, systemd
from services.provision.deployment.target import DeployTarget
from services.provision.deployment.web import web

Kind = Literal["systemd", "compose", "helm"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def files_for(
    kind: Kind, target: DeployTarget, *, replicas: int = 1, owner: tuple[int, int] = (0, 0)
) -> dict[str, str]:
    """Return each file's text by its path; ``owner`` is the city folder's user and group id."""
    install = {"README.md": guide.install(kind, target)}
    if kind == "helm":
        return {**chart(target, replicas), **install}
    if kind == "compose":
        made = {"compose.yaml": compose(target), ".env": environment(target, *owner)}
        return {**made, **broker(target), **_named("web", web(target, f"{target.city}/site")), **install}
    units = _named("systemd", systemd(target))
    return {**units, **broker(target), **_named("web", web(target, SITE_FOLDER)), **install}


def write_files(city: City, kind: Kind, target: DeployTarget, folder: Path) -> list[Path]:
    """Write the files into a new folder, or one that holds nothing; return their paths.

    Raises:
        BadInput: ``deploy.not_empty``, ``deploy.unwritable``, ``deploy.path``, ``deploy.host``;
            ``accounts.missing``, nothing was provisioned yet.
    """
    if folder.exists() and (not folder.is_dir() or not is_empty(folder)):
        raise BadInput("deploy.not_empty", f"{folder} is not an empty folder", "name a new one; nothing is overwritten")
    if kind == "systemd":
        refuse_hidden(target)
    elif kind == "compose" and len(target.nodes) > 1:
        hint = "onevoice deploy systemd, for three machines; or one server in [nats] url of city.toml"
        raise BadInput("deploy.host", "a compose file runs one broker, and [nats] url names several", hint)
    info = city.folder.stat()
    files = files_for(kind, target, replicas=city.settings.nats.replicas, owner=(info.st_uid, info.st_gid))
    if kind == "helm":
        files |= _of_the_city(city)
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput("deploy.unwritable", f"{folder} cannot be written: {error.strerror}", "name another") from error
    return sorted(folder / name for name in files)


def _named(folder: str, files: dict[str, str]) -> dict[str, str]:
    return {f"{folder}/{name}": text for name, text in files.items()}


def _of_the_city(city: City) -> dict[str, str]:
    """Return what a chart takes along: settings, the signed manifest, and the accounts. Nothing of it is secret."""
    wanted = {
        "city.toml": city.folder / "city.toml",
        "manifest.live.json": city.folder / "authority" / "manifest.live.json",
        **{accounts_file(realm): city.nats_conf_path.with_name(accounts_file(realm)) for realm in REALMS},
    }
    try:
        return {f"files/{name}": path.read_text(encoding="utf-8") for name, path in wanted.items()}
    except OSError as error:
        raise BadInput("accounts.missing", f"{error.filename}: {error.strerror}", "onevoice provision") from error


# --- what can be checked here -------------------------------------------------------------------------------


def check_files(city: City, kind: Kind, folder: Path) -> Iterator[tuple[str, str | None]]:
    """Yield what was checked, with its fault or None; ``not_checked`` names the tool that is missing."""
    missing = not_checked(kind)
    if kind != "helm" and BROKER not in missing:
        yield from _check_broker(city, folder)
    if set(missing) - {BROKER}:
        return
    if kind == "systemd":
        with tempfile.TemporaryDirectory() as place:
            copies = [runnable(path, Path(place)) for path in sorted((folder / "systemd").iterdir())]
            units = [str(path) for path in copies if path.suffix != ".conf"]
            yield _by("systemd-analyze", folder, "verify", "--man=no", *units)
    elif kind == "compose":
        yield _by("docker", folder, "compose", "-f", str(folder / "compose.yaml"), "config", "--quiet")
    else:
        yield _by("helm", folder, "lint", str(folder))


BROKER = "nats-server"

_PROBES: dict[Kind, tuple[str, ...]] = {
    "systemd": ("systemd-analyze", "--version"),
    "compose": ("docker", "compose", "version"),
    "helm": ("helm", "version"),
}


def not_checked(kind: Kind) -> tuple[str, ...]:
    """Return the tools that this machine lacks to check such files."""
    missing = [tool] if (tool := _lacks(kind)) else []
    if kind != "helm":
        try:
            find_nats_server()
        except BadInput:
            missing.append(BROKER)
    return tuple(missing)


def _lacks(kind: Kind) -> str | None:
    probe = _PROBES[kind]
    if shutil.which(probe[0]) and subprocess.run(probe, capture_output=True, check=False).returncode == 0:  # noqa: S603
        return None
    return " ".join(probe[:-1])


def runnable(unit: Path, folder: Path) -> Path:
    """Copy a unit with programs that are on this machine: systemd complains of those that are not."""
    copy = folder / unit.name
    text = unit.read_text(encoding="utf-8")
    copy.write_text(re.sub(r"(?m)^(Exec\w+=[+-]?)\S+", r"\g<1>/bin/sh", text), encoding="utf-8")
    return copy


def _by(tool: str, folder: Path, *arguments: str) -> tuple[str, str | None]:
    done = subprocess.run((tool, *arguments), capture_output=True, text=True, check=False, cwd=folder)  # noqa: S603
    return tool, (done.stderr or done.stdout).strip() if done.returncode else None


def _check_broker(city: City, folder: Path) -> Iterator[tuple[str, str | None]]:
    """Have nats-server read each configuration, with the city's accounts; its certificate is not here yet."""
    server = str(find_nats_server())
    for conf in sorted(folder.glob("*.conf")):
        with tempfile.TemporaryDirectory() as place:
            shutil.copytree(city.nats_conf_path.parent, Path(place) / "accounts")
            text = conf.read_text(encoding="utf-8").replace(STORE, f"{place}/store")
            copy = Path(place) / conf.name
            copy.write_text(_without_tls(text), encoding="utf-8")
            done = subprocess.run((server, "-t", "-c", str(copy)), capture_output=True, text=True, check=False)  # noqa: S603
        yield f"nats-server reads {conf.name}", done.stderr.strip() if done.returncode else None


def _without_tls(text: str) -> str:
    """Leave out the blocks that name certificates: they are put there at the installation."""
    kept, inside = [], False
    for line in text.splitlines():
        inside = inside or line.strip() == "tls {"
        if not inside:
            kept.append(line)
        elif line.strip() == "}":
            inside = False
    assert TLS_FOLDER not in "\n".join(kept)
    return "\n".join(kept) + "\n"
