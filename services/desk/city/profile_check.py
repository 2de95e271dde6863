"""What keeps a profile from being posted to, looked at from here; nothing is posted."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from schemas.events.authority import Profile
from schemas.events.broadcasts import ProfileBudget
from schemas.events.desk import ServiceHealth
from schemas.places import account_fault
from schemas.platforms import MANUAL, WEBSITE
from services.desk.views.state.profile_findings import ProfileCheck
from services.desk.views.timetext import zoned
from services.fanout.connectors.credentials.tokens import TokenFault, expiry_of, reference_of, renewal_path
from services.fanout.domain.profile_text import shortcomings
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock

if TYPE_CHECKING:
    from services.fanout.connectors.contract import Health

RENEWED = frozenset({"threads", "instagram"})
"""Their tokens are renewed by themselves alone; another platform's needs more, which lies beside the token."""

NO_CREDENTIAL = frozenset({WEBSITE, MANUAL})
"""The city's own site needs none, and neither does a person."""


def keeps_credentials(city: City) -> bool:
    """Whether this is where the profiles' credentials are, and not an officer's machine."""
    return (city.folder / "secrets").is_dir()


def examine(
    city: City, profile: Profile, said: Health | None = None, budget: ProfileBudget | None = None
) -> ProfileCheck:
    """Return what keeps a profile from being posted to: section 1, Transparency (i); its credential, where
    the credentials are; its platform.

    Args:
        city: the city folder, for the credential.
        profile: the profile, as the registry has it.
        said: what its platform said, if it was asked.
        budget: what is left for its posts, where a service that runs knows it.
    """
    problems = [] if profile.official else ["not sanctioned by the office"]
    statements = ("purpose", "identification", "disclosure")
    problems += [f"the {name} statement is missing" for name in statements if not getattr(profile, name).strip()]
    if wanted := account_fault(profile.platform, profile.account):
        problems.append(f"{profile.account} is no account on {profile.platform}: there it is {wanted}")
    if profile.platform not in NO_CREDENTIAL and keeps_credentials(city):
        problems += token_problems(city, profile.id)
    if said is not None and not said.ok:
        problems.append(said.detail)
    remarks = [said.detail] if said is not None and said.ok else []
    if said is not None:
        section = city.settings.city
        remarks += shortcomings(profile, said.shows, section.name, section.website)
    if budget is not None:
        remarks += left_in_words(budget)
    if profile.platform not in NO_CREDENTIAL and keeps_credentials(city):
        remarks += end_in_words(city, profile)
    return ProfileCheck(profile.id, not problems, tuple(problems), tuple(remarks))


def noted_ends(city: City) -> dict[str, datetime]:
    """Return by profile when the credentials of the realm end, as far as that was noted beside them."""
    folder = city.folder / "secrets" / city.realm
    found = {path.stem: expiry_of(path) for path in (folder.glob("*.token") if folder.is_dir() else ())}
    return {name: end for name, end in found.items() if end is not None}


def budgets_by_profile(beats: Iterable[ServiceHealth]) -> dict[str, ProfileBudget]:
    """Return what is left by profile; of what several copies say the least."""
    found: dict[str, ProfileBudget] = {}
    for one in (one for beat in beats for one in beat.budgets or ()):
        known = found.get(one.profile, one)
        quotas = [left for left in (known.quota_percent, one.quota_percent) if left is not None]
        cents = [left for left in (known.credit_cents, one.credit_cents) if left is not None]
        found[one.profile] = ProfileBudget(
            profile=one.profile, quota_percent=min(quotas, default=None), credit_cents=min(cents, default=None)
        )
    return found


def left_in_words(budget: ProfileBudget) -> list[str]:
    """Return what is left for a profile's posts, in words."""
    said = [f"{budget.quota_percent} % of the platform's quota is left"] if budget.quota_percent is not None else []
    if budget.credit_cents is not None:
        said.append(f"{budget.credit_cents / 100:.2f} USD of the month's credit are left")
    return said


def end_in_words(city: City, profile: Profile) -> list[str]:
    """Return when a profile's credential ends and who renews it; nothing where no end is known, or it has come."""
    path, now = city.token_path(profile.id), SystemClock().now()
    end = expiry_of(path)
    if end is None or end <= now:
        return []
    said = f"its credential ends in {(end - now).days} days"
    try:
        elsewhere = reference_of(path)
    except TokenFault:
        return [said]
    if elsewhere:
        return [f"{said}, and is renewed where it is kept ({elsewhere}:)"]
    if profile.platform in RENEWED or renewal_path(path).exists():
        return [f"{said}, and renews itself before"]
    return [f"{said}: a person connects it again before"]


def token_problems(city: City, profile: str) -> list[str]:
    """Return what is wrong with a profile's credential file."""
    path = city.token_path(profile)
    try:
        mode, size = stat.S_IMODE(path.stat().st_mode), path.stat().st_size
    except OSError as error:
        return [f"no credential at {path}: {error.strerror}"]
    problems = [f"{path} can be read by others: chmod 600 {shlex.quote(str(path))}"] if mode & 0o077 else []
    end = expiry_of(path)
    if end is not None and end <= SystemClock().now():
        problems.append(f"the credential ended at {zoned(end)}: onevoice profiles connect")
    return problems + ([f"{path} is empty"] if size == 0 else [])
