"""What leaves this machine goes encrypted: plain connections, and ports that are open to others, are refused at start.

Pure. Loopback is this machine; everything else needs TLS. Addresses that a cloud gives out secrets at (link-local), and
files, are no servers.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from services.kernel.base.city import servers_of
from services.kernel.base.errors import BadInput
from services.kernel.base.settings.addresses import is_host
from services.kernel.base.settings.city_file import CityFile

_BROKER_SCHEMES = frozenset({"nats", "tls"})
_WEB_SCHEMES = frozenset({"http", "https"})


def check_broker(url: str) -> None:
    """Check that each server of a broker's address is one that can be; raises BadInput ``network.scheme``."""
    for server in servers_of(url) or [url]:
        _host_of(server if "//" in server else f"nats://{server}", "the broker", _BROKER_SCHEMES)


def needs_authority(url: str) -> str:
    """Return the first server of a broker's address that only TLS reaches; empty where none is on another machine.

    A desk has to know the authority of such a one's certificate. ``tls://`` asks for TLS on this machine too.
    """
    for server in servers_of(url):
        parts = urlsplit(server if "//" in server else f"nats://{server}")
        if parts.scheme == "tls" or not is_loopback(parts.hostname or ""):
            return server
    return ""


def refuse_plain_broker(settings: CityFile, url: str | None = None) -> None:
    """Refuse a broker that is spoken to in plain across a network; ``url`` is another one than city.toml's.

    Raises:
        BadInput: ``network.plain``, ``network.open``, ``network.link_local``, ``network.scheme``.
    """
    nats = settings.nats
    if nats.embedded and nats.url is None and url is None:
        if not is_loopback(nats.host):
            raise BadInput(
                "network.open",
                f"the broker of onevoice up would listen on {nats.host}, for everybody and without TLS",
                'host = "127.0.0.1" under [nats]; for other machines: an own broker with TLS (onevoice deploy)',
            )
        return
    for server in servers_of(url or nats.address) or [url or nats.address]:
        host = _host_of(server if "//" in server else f"nats://{server}", "[nats] url", _BROKER_SCHEMES)
        if not is_loopback(host) and nats.tls_ca is None:
            raise BadInput(
                "network.plain",
                f"the broker {server} is another machine, and the connection would not be encrypted",
                'name its authority: tls_ca = "tls/ca.pem" under [nats] in city.toml; onevoice tls makes one',
            )


def refuse_plain(settings: CityFile, url: str | None = None) -> None:
    """Refuse all of a city's settings by which something would go in plain across a network; ``url`` as above.

    Raises:
        BadInput: as ``refuse_plain_broker``.
    """
    refuse_plain_broker(settings, url)
    for place, url in _servers(settings):
        host = _host_of(url, place, _WEB_SCHEMES)
        if url.startswith("http://") and not is_loopback(host):
            raise BadInput(
                "network.plain",
                f"{place}: {url} is another machine, and what is sent there would not be encrypted",
                "https:// in its place, in city.toml",
            )
    site, square, metrics = settings.site, settings.townsquare, settings.metrics
    if site.serve and not is_loopback(site.host):
        raise BadInput(
            "network.open",
            f"[site] would serve the pages on {site.host} without TLS",
            'serve = false and a web server with TLS over the folder, or host = "127.0.0.1" (deploy/web)',
        )
    if square is not None and not is_loopback(square.host) and not square.open:
        raise BadInput(
            "network.open",
            f"the townsquare would listen on {square.host}: whoever reaches it can post there",
            'host = "127.0.0.1" under [townsquare]; for a drill with others in a closed network: open = true',
        )
    if metrics is not None and not is_loopback(metrics.host) and not metrics.open:
        raise BadInput(
            "network.open",
            f"the metrics pages would listen on {metrics.host}: whoever reaches them reads who is who and what waits",
            'host = "127.0.0.1" under [metrics]; for a collector in a closed network: open = true',
        )


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, whatever its name server says."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _servers(settings: CityFile) -> Iterator[tuple[str, str]]:
    for name, url in settings.mastodon.instances.items():
        yield f"[mastodon.instances] {name}", url


def _host_of(url: str, place: str, schemes: frozenset[str]) -> str:
    """Return the host of an address; raises BadInput for one that is no server's."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or "" if parts.port is None or parts.port else ""
    except ValueError:
        parts, host = urlsplit(""), ""
    # A zone (RFC 4007) is left to the next question, which says more of it.
    if parts.scheme not in schemes or not is_host(host.partition("%")[0]):
        wanted = " or ".join(f"{one}://" for one in sorted(schemes))
        raise BadInput(
            "network.scheme",
            f"{place}: {url} is no address of a server",
            f"it begins with {wanted}; ports end at 65535",
        )
    if _is_link_local(host):
        raise BadInput(
            "network.link_local",
            f"{place}: {url} is a link-local address, where clouds keep their secrets and no platform is",
            "the server's own name or address",
        )
    return host


def _is_link_local(host: str) -> bool:
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or found
    return mapped.is_link_local or mapped.is_unspecified
