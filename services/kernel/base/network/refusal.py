"""Why a connection to the broker did not come about, as the error that a person reads. Pure."""

from __future__ import annotations

import socket
import ssl

from services.kernel.base.errors import OneVoiceError, Refused, Unreachable
from services.kernel.base.network.encrypted import PlainServer


def why_not_connected(error: Exception, *, url: str, user: str, embedded: bool, wants_tls: bool) -> OneVoiceError:
    """Return the error for a failed connection.

    Args:
        error: what the client raised or reported.
        url: the address that was tried.
        user: who wanted to connect.
        embedded: ``onevoice up`` runs the city's broker.
        wants_tls: the broker said that it takes TLS only, and none was configured.
    """
    said = str(error).lower()
    if "authorization" in said or "authentication" in said:
        return Refused(
            "broker.denied",
            f"the broker at {url} does not know the key of {user}",
            "is it the right city and realm? After a change of officers: onevoice provision, and have it reload",
        )
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "reason", None) or error
        return _unreachable(
            f"the broker at {url} shows a certificate that is not trusted here ({reason})",
            "if it is the city's own broker, name the authority of its certificate in city.toml, [nats] tls_ca",
        )
    if isinstance(error, PlainServer):
        return _unreachable(
            f"the broker at {url} offers no encryption (TLS), and city.toml wants it: nothing was sent",
            "somebody may be between you and it; else give the broker its certificate, or correct [nats] in city.toml",
        )
    if wants_tls:
        return _unreachable(
            f"the broker at {url} takes encrypted connections (TLS) only",
            "name the authority of its certificate in city.toml, [nats] tls_ca",
        )
    if isinstance(error, socket.gaierror):
        return _unreachable(
            f"the name of the broker at {url} is not known on this network",
            "check the name in city.toml, [nats] url, and this machine's network",
        )
    start = "start the city with onevoice up" if embedded else "check [nats] url in city.toml, and that the broker runs"
    return _unreachable(f"no broker answers at {url}", f"{start}; onevoice doctor says more")


def _unreachable(message: str, hint: str) -> Unreachable:
    return Unreachable("broker.unreachable", message, hint)
