"""Addresses in city.toml: what no program could reach is refused where the file is read."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

_LABEL = re.compile(r"[^\W_]([\w-]{0,61}[^\W_])?|_[\w-]{0,62}")
_SERVER = re.compile(r"(\[[^][]+\]|[^][:]*)(:[0-9]{1,5})?")
"""A host and a port in an address; not every Python sees to it that nothing is beside an IPv6 address's brackets."""


def web_address(url: str) -> str:
    """Return an address of a web server; raises ValueError that says what is wrong with it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        login = parts.username is not None
    except ValueError as error:
        raise ValueError(f"{url} is no address: {str(error).rstrip('.')}") from error
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError(f"{url} is no address: ports are 1 to 65535")
    if login:
        raise ValueError(f"an address of {host} has a login in it: nobody reads that from city.toml")
    if not is_host(host) or _SERVER.fullmatch(parts.netloc) is None:
        raise ValueError(f"{url} is no address: {parts.netloc or 'nothing'} is no name of a server")
    return url


def website_address(url: str) -> str:
    """Return an address that paths are added to; raises ValueError as ``web_address``."""
    if "?" in url or "#" in url:
        raise ValueError(f"{url} has a ? or a #: paths are added behind it")
    return web_address(url)


def host_name(host: str) -> str:
    """Return a name or an address of a machine, without scheme and port; raises ValueError."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") and ":" in host else host
    if not is_host(bare):
        raise ValueError(f"{host!r} is no name of a machine: without a scheme and a port, as 127.0.0.1 or broker.local")
    return bare


def mail_server(place: str) -> str:
    """Return a mail server as ``host:port``; raises ValueError."""
    host, _, port = place.rpartition(":")
    in_range = re.fullmatch(r"[0-9]{1,5}", port) is not None and 1 <= int(port) <= 65_535
    if not in_range or ":" in host or not is_host(host):
        raise ValueError(f"{place!r} is no mail server: host:port, as smtp.mission.example:587; ports end at 65535")
    return place


def in_url(host: str) -> str:
    """Return a host as addresses write it: IPv6 in brackets (RFC 3986)."""
    return f"[{host}]" if ":" in host else host


def is_host(host: str) -> bool:
    """Say whether this can be a machine's name (RFC 1123, or international) or its address."""
    if "%" in host:
        return False  # a zone of one machine (RFC 4007), which is link-local
    if ":" in host or host.replace(".", "").isdigit():
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True
    labels = host.removesuffix(".").split(".")
    return len(host) <= 253 and not labels[-1].isdigit() and all(_LABEL.fullmatch(label) for label in labels)


HostName = Annotated[str, AfterValidator(host_name)]
"""A machine's name or address, without scheme and port."""
