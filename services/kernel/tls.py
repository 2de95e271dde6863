"""How clients of the broker check its certificate."""

from __future__ import annotations

import ssl

from services.kernel.city import City
from services.kernel.errors import BadInput


def client_context(city: City) -> ssl.SSLContext | None:
    """Return the TLS settings of city.toml ([nats] tls_ca), or None for a plain connection.

    The certificate must be signed by that authority and name the host of the url; TLS 1.3 at least.

    Raises:
        BadInput: ``nats.tls_ca``, the authority's file cannot be read.
    """
    authority = city.settings.nats.tls_ca
    if authority is None:
        return None
    path = city.folder / authority
    try:
        context = ssl.create_default_context(cafile=str(path))
    except OSError as error:
        raise BadInput(
            "nats.tls_ca", f"the certificate authority {path} cannot be read: {error}", "check [nats] tls_ca"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context
