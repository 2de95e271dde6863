"""What people are told to type: the commands as they are typed in the realm that is meant, and how a file is had."""

from __future__ import annotations

import errno
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.events.authority import Realm

COMMANDS = (
    "run|provision|ledger|doctor|top|eoc|crisis|hold|publish|request|preview|template|pending|inbox|show|"
    "approve|reject|return|status|resolve|tasks|outside|inquiries|reply|dead|withdraw|correct|update|recall|"
    "all-clear|repost|history|officers|passkeys|systems|settings|root|invite|enroll|unlock|lock|keys|profiles|"
    "audit"
)
"""Those of a realm, as alternatives of a pattern; ``init``, ``up``, ``deploy`` and ``tls`` are of none, or of both."""

_COMMAND = re.compile(rf"(?<![\w/.@-])onevoice (?:{COMMANDS})\b(?:(?!onevoice )[^;,)\n])*")
"""A command to its end: what it is followed by in a hint. A folder of this name, or a sentence on it, is none."""


def in_realm(text: str, realm: Realm) -> str:
    """Return a hint whose commands name the realm, where it is not the live one and they do not name it already."""
    return text if realm == "live" else _COMMAND.sub(lambda found: _named(found.group(), realm), text)


def _named(command: str, realm: Realm) -> str:
    if "--realm" in command:
        return command
    return f"onevoice --realm {realm} {command.removeprefix('onevoice ')}"


def readable_again(path: Path, error: OSError, otherwise: str) -> str:
    """Return the hint for a file that could not be read: its owner and mode where they keep it, else ``otherwise``."""
    if error.errno not in (errno.EACCES, errno.EPERM):
        return otherwise
    return f"check who owns it and its folder (chown), then its mode: chmod 600 {shlex.quote(str(path))}"
