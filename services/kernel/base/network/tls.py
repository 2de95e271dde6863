"""How clients of the broker check its certificate: the one reader of ``[nats] tls_ca``."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from services.kernel.base.city import City
from services.kernel.base.errors import BadInput

_HINT = "name a file of PEM certificates in city.toml, [nats] tls_ca; openssl x509 -in FILE -noout -text shows one"


def client_context(city: City) -> ssl.SSLContext | None:
    """Return the TLS settings of city.toml ([nats] tls_ca), or None for a plain connection.

    The certificate must be signed by that authority and name the host of the url; TLS 1.3 at least.

    Raises:
        BadInput: ``nats.tls_ca``, the authority's file cannot be read, or holds no certificate.
    """
    authority = city.settings.nats.tls_ca
    if authority is None:
        return None
    path = city.folder / authority
    try:
        context = ssl.create_default_context(cafile=str(path))
    except ssl.SSLError as error:
        raise _unreadable(path, "it holds no certificate in PEM form") from error
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    except ValueError as error:  # a zero byte in its name
        raise _unreadable(path, str(error)) from error
    if not context.cert_store_stats()["x509"]:
        raise _unreadable(path, "it holds a list of revoked certificates and none to trust")
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    logging.getLogger("asyncio").addFilter(_is_of_use)
    return context


def _is_of_use(record: logging.LogRecord) -> bool:
    """Leave out what asyncio says at the orderly end of each of nats-py's TLS connections: nobody can do anything."""
    return "eof_received()" not in record.msg


def public_context() -> ssl.SSLContext:
    """Return the TLS settings for servers that this machine's authorities vouch for; TLS 1.2 at least."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _unreadable(path: Path, why: str) -> BadInput:
    return BadInput("nats.tls_ca", f"the certificate authority {path} cannot be read: {why}", _HINT)
