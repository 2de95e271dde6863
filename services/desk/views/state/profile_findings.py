"""What was found on a profile without posting to it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ProfileCheck:
    """What the check found on one profile: empty ``problems`` means that it can be posted to.

    ``remarks``: what the platform said, what is left, and when the credential ends.
    """

    id: str
    ok: bool
    problems: tuple[str, ...]
    remarks: tuple[str, ...] = ()
