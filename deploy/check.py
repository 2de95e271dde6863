"""Checks the files in deploy/ as far as this machine's tools can, and says what it could not check.

Generated files against their generator, the broker's configuration by nats-server, the units by systemd-analyze, the
compose file by its own rules and by docker compose, the Dockerfile by its own rules. Exit status 1 when one is wrong.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

sys.path.insert(0, str(Path(__file__).resolve().parent))

import chart_check
from generate import HERE, rendered

from schemas import flow
from services.provision import find_nats_server
from services.provision.deployment.files import runnable

ROOT = HERE.parent
WORST_EXPOSURE = 3.0
"""systemd-analyze security: 0 is closed, 10 is open."""


class Skipped(Exception):
    """Something that this machine has no tool for."""


def generated() -> Iterator[str]:
    """Generated files are as the generator writes them."""
    for name, text in rendered().items():
        path = HERE / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            yield f"deploy/{name} is not as deploy/generate.py writes it: run it"


def broker() -> Iterator[str]:
    """nats-server accepts the example configuration, with a certificate made for the check."""
    if shutil.which("openssl") is None:
        raise Skipped("openssl is missing, so there is no certificate to try the TLS block with")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        shutil.copytree(HERE / "nats", place / "etc")
        (place / "etc" / "tls").mkdir()
        _certificate(place / "etc" / "tls")
        for source in (HERE / "nats" / "nats-server.conf", *sorted((HERE / "nats" / "cluster").glob("*.conf"))):
            yield from _one_server(source, place)
        if re.search(r"S[UAON][A-Z2-7]{56}", "".join(p.read_text() for p in (HERE / "nats").rglob("*.conf"))):
            yield "deploy/nats holds a private key"


def _one_server(source: Path, place: Path) -> Iterator[str]:
    conf = place / "etc" / source.name  # beside the accounts, as it is installed
    text = source.read_text().replace("/etc/onevoice", str(place / "etc"))
    conf.write_text(text.replace("/var/lib/onevoice-nats", str(place / "store")))
    result = _run(str(find_nats_server()), "-c", str(conf), "-t")
    name = source.relative_to(HERE.parent)
    if result.returncode:
        yield f"{name}: {result.stderr.strip()}"
    if 'sync_interval: "always"' not in text or text.count('min_version: "1.3"') != text.count("tls {"):
        yield f"{name}: an ack must mean on disk, and TLS must be 1.3"
    if "cluster {" in text and "verify: true" not in text:
        yield f"{name}: the servers of a cluster must check each other's certificates"


def _certificate(folder: Path) -> None:
    # fmt: off
    _run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=check",
         "-keyout", str(folder / "server.key"), "-out", str(folder / "server.pem"))
    # fmt: on
    shutil.copy(folder / "server.pem", folder / "ca.pem")


def units() -> Iterator[str]:
    """systemd reads each unit without a complaint, and no service unit is more open than it has to be."""
    if shutil.which("systemd-analyze") is None:
        raise Skipped("systemd-analyze is missing")
    with tempfile.TemporaryDirectory() as folder:
        copies = [runnable(path, Path(folder)) for path in sorted((HERE / "systemd").glob("onevoice*"))]
        names = [str(path) for path in copies if path.suffix != ".conf"]
        result = _run("systemd-analyze", "verify", "--man=no", *names)
        yield from (line for line in result.stderr.splitlines() if folder in line or "onevoice" in line)
        for path in (Path(name) for name in names if name.endswith(".service")):
            yield from _exposure(path)


def _exposure(path: Path) -> Iterator[str]:
    result = _run("systemd-analyze", "security", "--offline=true", "--no-pager", str(path))
    found = re.search(r"Overall exposure level for \S+ ([0-9.]+)", result.stdout.replace(":", ""))
    if found is None:
        raise Skipped("this systemd-analyze cannot judge units offline")
    if float(found[1]) > WORST_EXPOSURE:
        yield f"deploy/systemd/{path.name}: exposure {found[1]}, at most {WORST_EXPOSURE} is wanted"


def bindings() -> Iterator[str]:
    """What a unit binds is made by tmpfiles or by init, and a service sees no key but its own."""
    made = (HERE / "systemd" / "onevoice.tmpfiles.conf").read_text()
    by_init = ("city.toml", "authority", "keys/services/", "secrets/")
    for row in flow.SERVICES:
        text = (HERE / "systemd" / f"onevoice-{row.user}.service").read_text()
        if "TemporaryFileSystem=/var/lib/onevoice:ro" not in text:
            yield f"onevoice-{row.user}.service shows the whole city folder"
        for path in re.findall(r"Bind(?:ReadOnly)?Paths=/var/lib/onevoice/city/(\S+)", text):
            if "keys" in path and path != f"keys/services/{row.user}.nk":
                yield f"onevoice-{row.user}.service binds {path}"
            if not path.startswith(by_init) and f"/var/lib/onevoice/city/{path} " not in made:
                yield f"onevoice-{row.user}.service binds {path}, which nothing makes"


OWN_KEYS = {row.user: f"{row.user}-key" for row in flow.SERVICES} | {"web": "web-key", "verify": "doctor-key"}
"""The one secret of each of the compose file's services that has a user of its own."""


def compose() -> Iterator[str]:
    """The compose file has each service once, confined, checked, and with its own key only."""
    document = yaml.safe_load((HERE / "docker" / "compose.yaml").read_text())
    services: dict[str, dict[str, Any]] = document["services"]
    expected = {*OWN_KEYS, "nats", "provision", "store-owner"}
    if set(services) != expected:
        yield f"compose.yaml: services differ from the flow map: {sorted(set(services) ^ expected)}"
    for name, service in services.items():
        yield from (f"compose.yaml: {name}: {fault}" for fault in _faults(name, service, document))


def _faults(name: str, service: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    if service.get("privileged") or service.get("cap_drop") != ["ALL"]:
        yield "keeps capabilities"
    if name != "store-owner" and not (service.get("read_only") and service.get("user")):
        yield "is not confined (read_only, user)"
    if name != "store-owner" and "healthcheck" not in service:
        yield "has no health check"
    image = service.get("image", "")
    if ":" not in image or image.endswith(":latest"):
        yield f"the image {image!r} has no version"
    used = {entry["source"] for entry in service.get("secrets", ())}
    if missing := used - set(document["secrets"]):
        yield f"secrets without a file: {sorted(missing)}"
    if name in OWN_KEYS and used != {OWN_KEYS[name]}:
        yield f"has the secrets {sorted(used)}, not its own key alone"
    if unknown := set(service.get("depends_on", ())) - set(document["services"]):
        yield f"depends on {sorted(unknown)}"
    environment = service.get("environment", {})
    if any(re.search("key|token|secret|password", key, re.IGNORECASE) for key in environment):
        yield "has a secret in its environment"


def compose_by_docker() -> Iterator[str]:
    """Docker reads the compose file."""
    if shutil.which("docker") is None or _run("docker", "compose", "version").returncode:
        raise Skipped("docker compose is missing; the file was read as YAML and held against our own rules")
    variables = {"ONEVOICE_CITY": "/city", "ONEVOICE_TLS": "/tls", "ONEVOICE_UID": "1000", "ONEVOICE_GID": "1000"}
    variables["ONEVOICE_BROKER"] = "broker.city.example"
    file = str(HERE / "docker" / "compose.yaml")
    result = _run("docker", "compose", "-f", file, "config", "--quiet", environment=variables)
    if result.returncode:
        yield f"compose.yaml: {result.stderr.strip()}"


def chart() -> Iterator[str]:
    """The chart has each service once, with no right that it does not need and its own key only."""
    documents = list(yaml.safe_load_all(_plain(HERE / "helm" / "templates" / "services.yaml")))
    expected = {f"onevoice-{row.user}" for row in flow.SERVICES}
    if {document["metadata"]["name"] for document in documents} != expected:
        yield "helm: the deployments differ from the flow map"
    for document in documents:
        name, pod = document["metadata"]["name"], document["spec"]["template"]["spec"]
        user = name.removeprefix("onevoice-")
        keys = [volume["secret"] for volume in pod["volumes"] if volume["name"] == "key"]
        if [[item["key"] for item in key["items"]] for key in keys] != [[f"{user}.nk"]]:
            yield f"helm: {name} has not its own key alone"
        for container in (*pod["initContainers"], *pod["containers"]):
            context = container["securityContext"]
            if not context["readOnlyRootFilesystem"] or context["capabilities"] != {"drop": ["ALL"]}:
                yield f"helm: {name}: {container['name']} is not confined"
        if not pod["securityContext"]["runAsNonRoot"] or pod["automountServiceAccountToken"]:
            yield f"helm: {name} may run as root, or may speak to the cluster"


def _plain(path: Path) -> str:
    """Return a template as YAML: each expression of Helm's is a word."""
    return re.sub(r"(?m)^ *x$\n?", "", re.sub(r"\{\{-?.*?-?\}\}", "x", path.read_text()))


def chart_by_helm() -> Iterator[str]:
    """Helm renders the chart, and what it renders is as Kubernetes' own schemas have it."""
    try:
        yield from chart_check.faults()
    except chart_check.NoTool as error:
        raise Skipped(f"{error}; the templates were read as YAML and held against our own rules") from error


INSTRUCTIONS = frozenset(
    {"FROM", "ENV", "RUN", "COPY", "LABEL", "USER", "WORKDIR", "STOPSIGNAL", "HEALTHCHECK", "CMD", "ENTRYPOINT", "ARG"}
)


def dockerfile() -> Iterator[str]:
    """The Dockerfile copies what is there, ends as a user without rights, and has a health check."""
    text = (HERE / "docker" / "Dockerfile").read_text()
    lines = re.sub(r"(?m)^#.*\n", "", text).replace("\\\n", " ").splitlines()
    steps = [line.split(None, 1) for line in lines if line.strip()]
    for word, rest in steps:
        if word not in INSTRUCTIONS:
            yield f"Dockerfile: {word} is not an instruction"
        if word == "FROM" and (":" not in rest or ":latest" in rest):
            yield f"Dockerfile: {rest} has no version"
        if word in ("CMD", "ENTRYPOINT") and not rest.startswith("["):
            yield f"Dockerfile: {word} starts a shell, which does not pass signals on"
        if word == "COPY" and "--from" not in rest:
            gone = [source for source in rest.split()[:-1] if not (ROOT / source).exists()]
            yield from (f"Dockerfile: {source} is not there" for source in gone)
            yield from (f"Dockerfile: {source} is ignored" for source in _ignored(rest.split()[:-1]))
    last = steps[max(number for number, step in enumerate(steps) if step[0] == "FROM") :]
    if not any(word == "USER" and not rest.startswith(("root", "0")) for word, rest in last):
        yield "Dockerfile: it runs as root"
    if not any(word == "HEALTHCHECK" for word, _ in last):
        yield "Dockerfile: it has no health check"


def _ignored(sources: list[str]) -> list[str]:
    allowed = (HERE / "docker" / "Dockerfile.dockerignore").read_text().splitlines()
    return [source for source in sources if f"!{source}" not in allowed]


def dockerfile_by_docker() -> Iterator[str]:
    """Docker's own checks of the Dockerfile."""
    if shutil.which("docker") is None or _run("docker", "info").returncode:
        raise Skipped("no docker daemon: the image was not built; the Dockerfile was held against our own rules")
    result = _run("docker", "build", "--check", "-f", str(HERE / "docker" / "Dockerfile"), str(ROOT))
    if result.returncode:
        yield f"Dockerfile: {(result.stdout + result.stderr).strip()}"


def _run(*command: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - fixed commands on files of this repository
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **(environment or {})}
    )


CHECKS: tuple[Callable[[], Iterator[str]], ...] = (
    generated, broker, units, bindings, compose, compose_by_docker, chart, chart_by_helm,
    dockerfile, dockerfile_by_docker,
)  # fmt: skip


def main() -> int:
    """Run all checks, say a line for each, and return the exit status."""
    wrong = 0
    for check in CHECKS:
        title = (check.__doc__ or check.__name__).strip()
        try:
            faults = list(check())
        except Skipped as reason:
            sys.stdout.write(f"not checked  {title}\n             ({reason})\n")
            continue
        sys.stdout.write(f"{'wrong' if faults else 'ok':<12} {title}\n")
        sys.stdout.writelines(f"             {fault}\n" for fault in faults)
        wrong += len(faults)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
