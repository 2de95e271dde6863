"""Writes nats.conf: where the server listens and stores its data; it includes the accounts file of each realm.

nats.conf is written once and may be edited (another port, TLS); the accounts files are written by each provisioning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

from schemas import streams
from services.kernel.base.errors import BadInput
from services.kernel.base.network import silence
from services.kernel.base.settings.addresses import in_url
from services.provision.accounts.accounts_conf import REALMS, accounts_file
from services.provision.accounts.conf_text import quoted


@dataclass(frozen=True)
class Tls:
    """Files of the server's certificate; with ``ca`` each client must show a certificate signed by it."""

    cert: str
    key: str
    ca: str | None = None


@dataclass(frozen=True)
class Cluster:
    """How a server finds the others: ``listen`` and ``routes`` are ``host:port``; clients get ``advertise``.

    With ``tls`` the servers show each other certificates, and accept only those of its ``ca``.
    """

    listen: str
    routes: tuple[str, ...]
    advertise: str | None = None
    name: str = "onevoice"
    tls: Tls | None = None


@dataclass(frozen=True)
class ServerSettings:
    """Where the server listens and stores its data.

    ``store_dir`` is absolute: a relative one would depend on where the server is started. ``monitor`` is ``host:port``
    of the server's own health page, for a deployment; the embedded broker has none.
    """

    store_dir: str
    host: str = "127.0.0.1"
    port: int = 4222
    name: str = "onevoice"
    monitor: str | None = None
    tls: Tls | None = None
    cluster: Cluster | None = None


def render_server(settings: ServerSettings, accounts_folder: str = "") -> str:
    """Return the text of nats.conf.

    Args:
        settings: where the server listens and stores its data.
        accounts_folder: where the accounts' files lie, ending with a slash; by default the folder of nats.conf. It is
            relative to nats.conf: the server takes an absolute path of an include as relative, too.

    Raises:
        BadInput: ``nats.conf`` for a control character in a setting, or an absolute ``accounts_folder``.
    """
    if accounts_folder.startswith("/"):
        raise BadInput("nats.conf", "an include cannot be an absolute path", "name it relative to nats.conf")
    includes = [f"  include {quoted(accounts_folder + accounts_file(realm))}" for realm in REALMS]
    lines = [_SERVER_HEAD, *_server(settings), "system_account: SYS", "accounts {"]
    return "\n".join([*lines, *includes, "  SYS {}", "}", ""])


_SERVER_HEAD = """\
# Written once; edit what you need. Who may do what is in the accounts' files, which `onevoice provision` writes.
"""


def _server(settings: ServerSettings) -> list[str]:
    lines = [
        f"server_name: {quoted(settings.name)}",
        f"listen: {quoted(f'{in_url(settings.host)}:{settings.port}')}",
        f"max_payload: {streams.MAX_PAYLOAD}",
        "# A client that went silent (no power, a cut line) is let go of.",
        f'ping_interval: "{silence.SERVER_SECONDS}s"',
        f"ping_max: {silence.SERVER_MOST}",
        "logfile_size_limit: 16777216",
        "logfile_max_num: 4",
    ]
    if settings.monitor:
        lines.append(f"http: {quoted(settings.monitor)}")
    if settings.tls:
        lines += _tls(settings.tls)
    if settings.cluster:
        lines += _cluster(settings.cluster)
    lines += [
        "jetstream {",
        f"  store_dir: {quoted(settings.store_dir)}",
        "  # An acknowledged event is on disk: fsync before the ack.",
        '  sync_interval: "always"',
        "}",
    ]
    return lines


def _cluster(cluster: Cluster) -> list[str]:
    lines = [*_advertised(cluster), "cluster {", f"  name: {quoted(cluster.name)}"]
    lines.append(f"  listen: {quoted(cluster.listen)}")
    if cluster.tls:
        lines += [f"  {line}" for line in _tls(cluster.tls)]
    lines += ["  routes: [", *(f"    {quoted('nats-route://' + route)}" for route in cluster.routes), "  ]", "}"]
    return lines


def _advertised(cluster: Cluster) -> list[str]:
    return [f"client_advertise: {quoted(cluster.advertise)}"] if cluster.advertise else []


def _tls(tls: Tls) -> list[str]:
    lines = ["tls {", f"  cert_file: {quoted(tls.cert)}", f"  key_file: {quoted(tls.key)}"]
    if tls.ca:
        lines += [f"  ca_file: {quoted(tls.ca)}", "  verify: true"]
    return [*lines, '  min_version: "1.3"', "}"]


_STORE = re.compile(r'(?m)^(\s*store_dir: )"([^"\n]*)"')
_LISTEN = re.compile(r'(?m)^listen: "[^"\n]*"$')


def settled(text: str, folder: PurePath, listen: str) -> str:
    """Return the text of a city's nats.conf with its store where the folder lies now, and the address of city.toml.

    ``onevoice up`` listens there whatever the file says; who reads it should read the same. A relative store depends on
    where nats-server is started, and a folder that was moved or copied must not use the store of the one that it came
    from. A store that somebody put elsewhere stays there.
    """
    here = folder / "var" / "nats"

    def place(found: re.Match[str]) -> str:
        usual = PurePath(found[2]).parts[-2:] == here.parts[-2:]
        return f"{found[1]}{quoted(str(here))}" if usual else found[0]

    return _LISTEN.sub(f"listen: {quoted(listen)}", _STORE.sub(place, text))
