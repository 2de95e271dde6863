"""What keeps a profile from being posted to, looked at from here; nothing is posted."""

from __future__ import annotations

import stat

from schemas.events.authority import Profile
from schemas.platforms import MANUAL, WEBSITE
from services.desk.views.health import ProfileCheck
from services.desk.views.timetext import zoned
from services.fanout.connectors.tokens import expiry_of
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock

NO_CREDENTIAL = frozenset({WEBSITE, MANUAL})
"""The city's own site needs none, and neither does a person."""


def keeps_credentials(city: City) -> bool:
    """Whether this is where the profiles' credentials are, and not an officer's machine."""
    return (city.folder / "secrets").is_dir()


def examine(city: City, profile: Profile, objection: str | None = None) -> ProfileCheck:
    """Return what keeps a profile from being posted to: section 1, Transparency (i); its credential, where
    the credentials are; its platform.

    Args:
        city: the city folder, for the credential.
        profile: the profile, as the registry has it.
        objection: what its platform said against it, if it was asked.
    """
    problems = [] if profile.official else ["not sanctioned by the office"]
    statements = ("purpose", "identification", "disclosure")
    problems += [f"the {name} statement is missing" for name in statements if not getattr(profile, name).strip()]
    if profile.platform not in NO_CREDENTIAL and keeps_credentials(city):
        problems += token_problems(city, profile.id)
    if objection is not None:
        problems.append(objection)
    return ProfileCheck(profile.id, not problems, tuple(problems))


def token_problems(city: City, profile: str) -> list[str]:
    """Return what is wrong with a profile's credential file."""
    path = city.token_path(profile)
    try:
        mode, size = stat.S_IMODE(path.stat().st_mode), path.stat().st_size
    except OSError as error:
        return [f"no credential at {path}: {error.strerror}"]
    problems = [f"{path} can be read by others: chmod 600 {path}"] if mode & 0o077 else []
    end = expiry_of(path)
    if end is not None and end <= SystemClock().now():
        problems.append(f"the credential ended at {zoned(end)}: onevoice profiles connect")
    return problems + ([f"{path} is empty"] if size == 0 else [])
