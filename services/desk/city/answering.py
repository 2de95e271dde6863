"""Finds what a reply answers, and which profile answers it: an address, or an inquiry by its id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from schemas.events.authority import Profile
from schemas.events.desk import BoardQuery
from schemas.places import known_host
from schemas.platforms import LIMITS
from services.desk import deadline
from services.desk.city.inquiries import ANSWER_SECONDS, InquiryBox
from services.desk.session import Session
from services.fanout.connectors.instances import mastodon_bases
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Unreachable

LOOKS_BACK = timedelta(days=1)


@dataclass(frozen=True)
class Answered:
    """A post to answer: its address, the profile that does, and where it is known who asked what."""

    address: str
    profile: str
    author: str = ""
    text: str = ""


async def answered(here: Session, what: str, to: list[str]) -> Answered:
    """Return what a reply answers.

    Args:
        here: who replies.
        what: the address of a post, or the id of an inquiry of the last day.
        to: the profiles that were named; none: the one on the platform that the address leads to.

    Raises:
        BadInput: ``answers.targets``, ``answers.profile``, ``answers.platform``, ``inquiry.unknown``,
            ``inquiry.address``.
        Unreachable: ``inquiry.unread``.
    """
    if len(to) > 1:
        raise BadInput("answers.targets", f"{len(to)} profiles are to answer one post", "--to PROFILE, once")
    profiles = tuple((await here.board(BoardQuery(query="profiles"))).profiles or ())
    if what.startswith(("https://", "http://")):
        return Answered(what, to[0] if to else profile_for(here.city, what, profiles))
    return await _inquiry(here, what, to, profiles)


async def _inquiry(here: Session, name: str, to: list[str], profiles: tuple[Profile, ...]) -> Answered:
    box = InquiryBox(here.city, (await here.eoc()).website, profiles)
    deadline.allow(ANSWER_SECONDS * (1 + len(box.asked)))
    try:
        brought = await box.look(SystemClock().now() - LOOKS_BACK)
    finally:
        await box.close()
    found = [one for one in brought.inquiries if one.id == name and (not to or one.profile == to[0])]
    if not found and brought.troubles:
        profile, why = min(brought.troubles.items())
        raise Unreachable("inquiry.unread", f"not every inquiry could be read: {profile}: {why}", "give the address")
    if len(found) != 1:
        said = f"{len(found)} inquiries have the id {name!r}" if found else f"no inquiry of the last day is {name!r}"
        hint = "--to PROFILE: the one that was asked" if found else "onevoice inquiries --since 1d shows them"
        raise BadInput("inquiry.unknown", said, hint)
    one = found[0]
    platform = next(profile.platform for profile in profiles if profile.id == one.profile)
    if not LIMITS[platform].answers:
        said = f"{one.profile} is on {platform}, where OneVoice cannot answer somebody else's post"
        raise BadInput("answers.platform", said, "answer it there by hand")
    if not one.url:
        raise BadInput("inquiry.address", f"{one.profile} does not say where inquiry {name} stands", "give its address")
    return Answered(one.url, one.profile, one.author, one.text)


def profile_for(city: City, address: str, profiles: tuple[Profile, ...]) -> str:
    """Return the one official profile on the platform that an address leads to.

    Raises:
        BadInput: ``answers.invalid``, ``answers.profile``.
    """
    try:
        host = urlsplit(address).netloc.lower()
    except ValueError as error:
        raise BadInput("answers.invalid", f"{address!r} is not an address: {error}", "copy it again") from error
    able = [one for one in profiles if one.official and one.platform in LIMITS and LIMITS[one.platform].answers]
    found = sorted(one.id for one in able if host in _hosts(city, one) or known_host(one.platform, host))
    if len(found) == 1:
        return found[0]
    if not found:
        said = f"no official profile is on {host}, on a platform where somebody's post can be answered"
        raise BadInput("answers.profile", said, "name the profile that answers: --to PROFILE")
    several = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
    raise BadInput("answers.profile", f"{several} are on {host}", "name the one that answers: --to PROFILE")


def _hosts(city: City, profile: Profile) -> frozenset[str]:
    page = city.settings.page_of(profile.platform)
    if page:
        host = urlsplit(page).netloc.lower()
        return frozenset({host, host.removeprefix("www.")})
    instance = profile.account.rpartition("@")[2]
    try:
        return frozenset({instance.lower(), urlsplit(mastodon_bases(city)(instance)).netloc.lower()})
    except LookupError:
        return frozenset({instance.lower()})
