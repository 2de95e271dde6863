"""Webhook addresses that are their own credential: who knows one may post. They are kept like tokens."""

from __future__ import annotations

import re

from services.fanout.connectors.credentials.tokens import TokenFault

NEW_ADDRESS = "its new address goes into the profile's credential (onevoice profiles connect)"
"""What a person does about a webhook that has moved."""
_HOOK = re.compile(r"(?P<base>https://[^\s/?#@]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)(?P<path>/[^\s#]*)")


def read_hook(credential: str) -> tuple[str, str]:
    """Return the base URL and the path, with its query, of a webhook's address.

    Raises:
        TokenFault: it is no address on https, or on this machine; the message does not show it.
    """
    match = _HOOK.fullmatch(credential)
    if match is None:
        raise TokenFault("the credential is not the address of a webhook (https://...)")
    return match["base"], match["path"]
