"""The steps of an installation, in the order in which they are done, with this city's own paths and names."""

from __future__ import annotations

from schemas import flow
from services.kernel.base.settings.addresses import in_url
from services.provision.deployment.broker import broker
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
        hosts=" --host ".join(target.nodes),
        url=",".join(f"tls://{in_url(node)}:{target.port}" for node in target.nodes),
        port=target.port,
        desk=target.desk,
        conf=next(iter(broker(target))),
        others=_others(target),
        services=",".join(users),
        folds=",".join(row.user for row in flow.SERVICES if row.folds),
        site=SITE_FOLDER,
        sealed=f"tokens sealed with {' and '.join(target.sealing)}" if target.sealing else "tokens that are not sealed",
        sealing=_sealing_secret(target),
    )


def _others(target: DeployTarget) -> str:
    """Return what the other machines of a cluster want: they have no city folder, and their accounts are copies."""
    if len(target.nodes) == 1:
        return ""
    files = ", ".join(f"`{name}` to {node}" for name, node in list(zip(broker(target), target.nodes, strict=True))[1:])
    hosts = " ".join(target.nodes[1:])
    return template("other_brokers.txt", city=target.city, files=files, hosts=hosts)


def _sealing_secret(target: DeployTarget) -> str:
    files = "".join(f" --from-file sealing-{number}={path}" for number, path in enumerate(target.sealing))
    return f"put onevoice-sealing{files}" if files else "# seal first, then write the chart"
