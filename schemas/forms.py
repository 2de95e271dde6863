"""Forms that are asked for: their patterns, what brings a value into form, and how a person is told of them. Pure."""

from __future__ import annotations

import re
from typing import Any

from schemas.languages import TAG
from schemas.subjects import TOKEN

ID = rf"^{TOKEN}$"
LINK = r"^https?://[^\s]+$"
WEBSITE = r"^https?://[^\s/]+(/[^\s]*)?$"
SERVER = r"^(https://[^\s/?#@]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)/?$"
"""A server that credentials are sent to: https, or on this machine."""

ENDPOINT = r"^(https://[^\s/?#@]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)(/[^\s#]*)?$"

SAID = {
    ID: "it has small letters of a to z, digits and hyphens within, as fire-mastodon; 63 at most",
    LINK: "it begins with https:// or http://, without spaces",
    WEBSITE: "it begins with https:// or http://, without spaces, as https://mission.example",
    SERVER: "it is a server's address, as https://mission.example; http:// only on this machine",
    ENDPOINT: "it begins with https://, without spaces or #; http:// only on this machine",
    TAG: "it is the code of a language (BCP 47), as en, fr-CA or zh-Hant",
}
"""What a person is told who gave something of another form, by its pattern."""

_SCHEME = re.compile(r"https?://", re.IGNORECASE)


def address_in_form(given: Any) -> Any:
    """Return an address without blanks round it, its scheme in small letters (RFC 3986, 3.1); others as they are."""
    if not isinstance(given, str):
        return given
    return (
        _SCHEME.sub(lambda found: found[0].lower(), given.strip(), count=1) if _SCHEME.match(given.strip()) else given
    )
