"""The broker's configuration: one server, or a cluster of three."""

from __future__ import annotations

from services.kernel.base.settings.addresses import in_url
from services.provision.accounts.server_conf import Cluster, ServerSettings, Tls, render_server
from services.provision.deployment.target import DeployTarget

TLS_FOLDER = "/etc/onevoice/tls"
STORE = "/var/lib/onevoice-nats"


def broker(target: DeployTarget) -> dict[str, str]:
    """Return the configuration of each server, by file name; they lie beside the folder accounts/."""
    if len(target.nodes) == 1:
        return {"nats-server.conf": render_server(_settings(target), "accounts/")}
    return {
        f"{name}.conf": render_server(clustered(node, name, target), "accounts/")
        for node, name in zip(target.nodes, server_names(target), strict=True)
    }


def server_names(target: DeployTarget) -> tuple[str, ...]:
    """Return each server's own name: its host's up to the first dot, or all of it where these would be the same."""
    first = tuple(node.partition(".")[0] for node in target.nodes)
    return first if len(set(first)) == len(first) else target.nodes


def _settings(target: DeployTarget, name: str = "onevoice", cluster: Cluster | None = None) -> ServerSettings:
    return ServerSettings(
        host="0.0.0.0",  # noqa: S104 - officers connect from their desks; TLS and nkeys are what guards it
        port=target.port,
        store_dir=STORE,
        name=name,
        monitor="127.0.0.1:8222",
        tls=Tls(f"{TLS_FOLDER}/server.pem", f"{TLS_FOLDER}/server.key"),
        cluster=cluster,
    )


def clustered(node: str, name: str, target: DeployTarget) -> ServerSettings:
    """Return the settings of one server of a cluster: the one on the host ``node``."""
    cluster = Cluster(
        listen="0.0.0.0:6222",
        routes=tuple(f"{in_url(other)}:6222" for other in target.nodes if other != node),
        advertise=f"{in_url(node)}:{target.port}",
        tls=Tls(f"{TLS_FOLDER}/server.pem", f"{TLS_FOLDER}/server.key", f"{TLS_FOLDER}/ca.pem"),
    )
    return _settings(target, name, cluster)
