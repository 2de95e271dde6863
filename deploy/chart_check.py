"""Renders the chart as Helm does, and holds what comes out against Kubernetes' own schemas.

By the programs ``helm`` and ``kubeconform`` where they are there, else by the libraries of the extra ``charts``
(``make check-chart``): Helm 4's own engine, and the schemas of one version of Kubernetes.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml  # type: ignore[import-untyped]

HERE = Path(__file__).resolve().parent
KUBERNETES = "1.31"
"""The version that the templates are held against: what they use is in each that is maintained today."""

DOCUMENTS = 13
"""What the templates come to at least: were there none, nothing would be checked."""


class NoTool(Exception):
    """This machine has nothing that renders a chart, or nothing that knows Kubernetes."""


def faults() -> Iterator[str]:
    """Yield what is wrong with the chart; raises NoTool."""
    with tempfile.TemporaryDirectory() as folder:
        chart = Path(folder) / "onevoice"
        shutil.copytree(HERE / "helm", chart)
        _fill(chart)
        try:
            text = _rendered(chart)
        except ValueError as error:
            yield f"helm: {error}"
            return
        documents = [one for one in yaml.safe_load_all(text) if one]
        if len(documents) < DOCUMENTS:
            yield f"helm: {len(documents)} documents were rendered, fewer than {DOCUMENTS}"
        yield from _by_schema(text, documents, Path(folder))


def _fill(chart: Path) -> None:
    """Put in what ``onevoice deploy helm`` takes from a city folder, and leave out the official chart of NATS.

    That chart cannot be had without a network, and is not ours to check.
    """
    files = chart / "files"
    files.mkdir()
    for path in (HERE / "nats" / "accounts").glob("*.conf"):
        shutil.copy(path, files)
    (files / "city.toml").write_text('[city]\nname = "City"\n', encoding="utf-8")
    (files / "manifest.live.json").write_text('{"payload": "e30="}\n', encoding="utf-8")
    path = chart / "Chart.yaml"
    path.write_text(
        re.sub(r"(?m)^dependencies:\n(?:[ -].*\n)*", "", path.read_text(encoding="utf-8")), encoding="utf-8"
    )


def _rendered(chart: Path) -> str:
    if shutil.which("helm") is not None:
        done = _run("helm", "template", "city", str(chart))
        if done.returncode:
            raise ValueError(done.stderr.strip())
        return done.stdout
    if importlib.util.find_spec("helm_python") is None:
        raise NoTool("helm is missing, and so is the extra charts (make check-chart)")
    from helm_python import chart as helm
    from helm_python.errors import HelmError

    try:
        return "\n---\n".join(helm.Chart.load(chart).render(name="city", namespace="city").values())
    except HelmError as error:
        raise ValueError(str(error)) from error


def _by_schema(text: str, documents: list[dict[str, object]], folder: Path) -> Iterator[str]:
    if shutil.which("kubeconform") is not None:
        (folder / "rendered.yaml").write_text(text, encoding="utf-8")
        done = _run("kubeconform", "-strict", "-ignore-missing-schemas", str(folder / "rendered.yaml"))
        if done.returncode:
            yield f"helm: {(done.stdout + done.stderr).strip()}"
        return
    if importlib.util.find_spec("kubernetes_validate") is None:
        raise NoTool("it renders; kubeconform is missing, and so is the extra charts (make check-chart)")
    import kubernetes_validate

    for one in documents:
        try:
            kubernetes_validate.validate(one, KUBERNETES, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"helm: {one.get('kind')}: {error.message}"


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - fixed
