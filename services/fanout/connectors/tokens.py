"""Platform credentials: files of mode 0600, read anew for each call, never logged and never put into a reason."""

from __future__ import annotations

import stat
from pathlib import Path


class TokenFault(Exception):
    """The credential cannot be used; the message says why and how to mend it, without it and without the path."""


def read_token(path: Path) -> str:
    """Read a profile's credential.

    Raises:
        TokenFault: it is missing, can be read by others, or holds no token.
    """
    name = "/".join(path.parts[-3:])
    try:
        mode = path.stat().st_mode
        token = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise TokenFault(f"no credential at {name}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise TokenFault(f"{name} does not hold a token") from None
    if stat.S_IMODE(mode) & 0o077:
        raise TokenFault(f"{name} can be read by others (mode {stat.S_IMODE(mode):04o}): chmod 600 it")
    if not token or not token.isprintable() or " " in token:
        raise TokenFault(f"{name} does not hold a token")
    return token
