"""The steps of an installation, in the order in which they are done, with this city's own paths and names."""

from __future__ import annotations

from schemas import flow
from services.provision.deployment.systemd import SITE_FOLDER
from services.provision.deployment.target import DeployTarget, template


def install(kind: str, target: DeployTarget) -> str:
    """Return README.md for ``systemd``, ``compose`` or ``helm``."""
    users = [row.user for row in flow.SERVICES]
    return template(
        f"install.{kind}.md",
        name=target.name,
        city=target.city,
        above=target.above,
        program=target.program,
        host=target.nodes[0],
        hosts=" ".join(target.nodes),
        url=",".join(f"tls://{node}:{target.port}" for node in target.nodes),
        port=target.port,
        conf="nats-server.conf" if len(target.nodes) == 1 else f"{target.nodes[0].partition('.')[0]}.conf",
        services=",".join(users),
        folds=",".join(row.user for row in flow.SERVICES if row.folds),
        site=SITE_FOLDER,
        sealed=f"tokens sealed with {' and '.join(target.sealing)}" if target.sealing else "tokens that are not sealed",
        sealing=_sealing_secret(target),
    )


def _sealing_secret(target: DeployTarget) -> str:
    files = "".join(f" --from-file sealing-{number}={path}" for number, path in enumerate(target.sealing))
    return f"kubectl create secret generic onevoice-sealing{files}" if files else "# seal first, then write the chart"
