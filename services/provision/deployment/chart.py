"""The Helm chart of a city, over the official NATS chart: a job that provisions, and a deployment for each service.

Secrets hand their files out as root's, or readable by a group, and OneVoice refuses such a key: an init container
copies each into memory, mode 0600.
"""

from __future__ import annotations

from importlib.metadata import version

from schemas import flow
from services.provision.deployment.target import NEEDS, SITE, TOKENS, DeployTarget, template

KEPT = {
    "var/audit": "onevoice-audit",
    "var/notify": "onevoice-notify",
    SITE: "onevoice-site",
    "var/website": "onevoice-site",
}
"""What must outlive a pod, and the claim that it lies on; snapshots are made again."""


def chart(target: DeployTarget, replicas: int = 1) -> dict[str, str]:
    """Return the chart's files by path; accounts, city.toml and manifest are added from the city folder."""
    values = template(
        "helm.values.yaml",
        replicas=replicas if replicas > 1 else 3,
        clustered="true" if replicas > 1 else "false",
        version=version("onevoice"),
    )
    return {
        "Chart.yaml": template("helm.chart.yaml", version=version("onevoice"), name=target.name.replace('"', "'")),
        "values.yaml": values,
        "templates/city.yaml": template("helm.city.yaml"),
        "templates/provision.yaml": template("helm.provision.yaml"),
        "templates/services.yaml": "".join(deployment(row, target) for row in flow.SERVICES),
        "templates/storage.yaml": "".join(
            template("helm.claim.yaml", name=name) for name in sorted(set(KEPT.values()))
        ),
    }


def deployment(row: flow.Service, target: DeployTarget) -> str:
    """Return a service's deployment; where credentials are sealed their keys are in the secret onevoice-sealing."""
    read, written = NEEDS.get(row.name, ((), ()))
    tokens = TOKENS in read
    mounts = [f"- {{name: {KEPT[one]}, mountPath: /city/{one}, subPath: {one.rpartition('/')[2]}}}" for one in written]
    claims = sorted({KEPT[path] for path in written})
    volumes = [f"- {{name: {claim}, persistentVolumeClaim: {{claimName: {claim}}}}}" for claim in claims]
    if row.folds:
        mounts.append(f"- {{name: fold, mountPath: /city/var/fold/{row.user}}}")
        volumes.append("- {name: fold, emptyDir: {}}")
    given = ["- {name: onevoice-tokens, mountPath: /given/tokens, readOnly: true}"] if tokens else []
    copy = " && cp /given/tokens/* /own/tokens/" if tokens else ""
    if tokens and target.sealing:
        given.append("- {name: onevoice-sealing, mountPath: /given/sealing, readOnly: true}")
        copy += " && cp /given/sealing/* /own/"
        volumes.append("- {name: onevoice-sealing, secret: {secretName: onevoice-sealing}}")
        mounts += [
            f"- {{name: own, mountPath: {path}, subPath: sealing-{number}, readOnly: true}}"
            for number, path in enumerate(target.sealing)
        ]
    return template(
        "helm.service.yaml",
        user=row.user,
        name=row.name,
        strategy="Recreate" if written else "RollingUpdate",
        tokens=_indented(given, 12),
        copy=copy,
        token_mount="- {name: own, mountPath: /city/secrets/live, subPath: tokens, readOnly: true}" if tokens else "",
        token_volume="- {name: onevoice-tokens, secret: {secretName: onevoice-tokens}}" if tokens else "",
        mounts=_indented(mounts, 12),
        volumes=_indented(volumes, 8),
    )


def _indented(lines: list[str], spaces: int) -> str:
    return ("\n" + " " * spaces).join(lines)
