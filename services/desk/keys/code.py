"""The short code of a person's keys: read out by telephone, so that nobody's keys come instead. Pure."""

from __future__ import annotations

import base64
import hashlib

LENGTH = 12
"""60 bits: whoever wants another key with the same code has to try 2**60 of them."""


def short_code(public_key: str, login_key: str | None = None) -> str:
    """Return the code of public keys, as in ``K7QP-2MXA-H4TZ``."""
    said = f"onevoice keys\n{public_key}\n{login_key or ''}".encode()
    code = base64.b32encode(hashlib.sha256(said).digest()).decode("ascii")[:LENGTH]
    return "-".join(code[at : at + 4] for at in range(0, LENGTH, 4))
