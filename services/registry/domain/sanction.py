"""Decides whether a profile may be sanctioned: can OneVoice post to it, and does it carry its statements? Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from schemas import subjects
from schemas.events.authority import Profile, Realm
from schemas.events.resolutions import post_url
from schemas.places import account_fault
from schemas.platforms import LIMITS, MANUAL, WEBSITE
from services.kernel.base.errors import BadInput

TOWNSQUARE = "townsquare"
STATEMENTS = ("purpose", "identification", "disclosure")
"""What section 1, Transparency (i) asks a profile to carry."""

_KNOWN_IN = {
    "mastodon": ("mastodon server", "mastodon.instances"),
    "bluesky": ("bluesky server", "bluesky.servers"),
    "webhook": ("webhook endpoint", "webhook.endpoints"),
}
"""What a place of accounts is called, and the section of city.toml that has it, by platform."""

_ENDPOINT = re.compile(subjects.TOKEN)
_MASTODON_ACCOUNT = re.compile(r"[A-Za-z0-9_]+(?:[A-Za-z0-9_.-]+[A-Za-z0-9_]+)?@(?P<server>[a-z0-9-]+)")


def check_profile(
    profile: Profile,
    others: Iterable[Profile],
    servers: Mapping[str, Collection[str]],
    realm: Realm,
    *,
    sees_changes: bool = True,
) -> None:
    """Check a profile before it is sanctioned.

    Args:
        profile: the profile as ordered.
        others: the city's profiles as they are.
        servers: the names of the servers and endpoints that city.toml knows, by platform.
        realm: exercises post to Mastodon on the townsquare only.
        sees_changes: whether the services see what is written into city.toml without a restart.

    Raises:
        BadInput: ``profile.statements``, ``platform.unknown``, ``profile.account``, ``profile.server``,
            ``profile.realm``, ``profile.account_taken``.
    """
    missing = [name for name in STATEMENTS if not getattr(profile, name).strip()]
    if missing:
        raise BadInput(
            "profile.statements",
            f"{profile.id} would lack its {' and its '.join(missing)} statement",
            "give " + ", ".join(f"--{name} TEXT" for name in missing),
        )
    if profile.platform not in LIMITS:
        raise BadInput(
            "platform.unknown",
            f"OneVoice cannot post to {profile.platform!r}",
            f"the platforms are {', '.join(sorted(LIMITS))}",
        )
    _check_place(profile)
    _check_server(profile, servers.get(profile.platform, ()), realm, sees_changes)
    key = (profile.platform, profile.account.lower())
    taken = [one.id for one in others if one.id != profile.id and (one.platform, one.account.lower()) == key]
    if taken:
        raise BadInput(
            "profile.account_taken",
            f"{profile.account} is the account of {taken[0]} already: each message would be posted there twice",
            f"name another account, or first: onevoice profiles remove {taken[0]} --as mcpe",
        )


def check_apart(profile: Profile, theirs: Iterable[Profile], realm: Realm) -> None:
    """Check that a profile is no account of the other realm, whose profiles are given; raises BadInput.

    Accounts of the townsquare on this machine may have the same name: each realm has its own.
    """
    if profile.platform in (WEBSITE, MANUAL) or profile.account.endswith(f"@{TOWNSQUARE}"):
        return
    place = (profile.platform, profile.account.lower())
    taken = next((one.id for one in theirs if (one.platform, one.account.lower()) == place), None)
    if taken is not None:
        other = "exercise" if realm == "live" else "live"
        raise BadInput(
            "realms.account",
            f"{profile.account} on {profile.platform} is the account of {taken} in the {other} realm",
            "an exercise has accounts of its own: name another one",
        )


def _check_place(profile: Profile) -> None:
    """Check the account's form. An officer who is to enter a text has to be told where."""
    if profile.platform != "mastodon" and (wanted := account_fault(profile.platform, profile.account)):
        raise BadInput(
            "profile.account",
            f"{profile.account!r} is no account on {profile.platform}",
            f"there it is {wanted}: --account ...",
        )
    if profile.platform != MANUAL:
        return
    try:
        post_url(profile.account)
    except ValueError as error:
        raise BadInput(
            "profile.account",
            f"the account of {profile.id} is no address of the place where officers enter its messages: {error}",
            "give it as in --account https://www.youtube.com/@mission/community",
        ) from error


def _check_server(profile: Profile, known: Collection[str], realm: Realm, sees_changes: bool) -> None:
    server = _server_of(profile, realm)
    if server and server not in known:
        there = f"it knows {', '.join(sorted(known))}" if known else "it knows none"
        then = "nothing has to be restarted" if sees_changes else "then restart the services (deploy/README.md)"
        kind, section = _KNOWN_IN[profile.platform]
        raise BadInput(
            "profile.server",
            f"city.toml of the services does not know the {kind} {server!r}; {there}",
            f'add it there: [{section}] {server} = "https://..."; {then}',
        )


def _server_of(profile: Profile, realm: Realm) -> str:
    """Return the name by which city.toml has to know where an account is; empty where it need not."""
    if profile.platform == "mastodon":
        match = _MASTODON_ACCOUNT.fullmatch(profile.account)
        if match is None:
            raise BadInput(
                "profile.account",
                f"{profile.account!r} is no Mastodon account of the form user@server-name",
                "the name is the one in city.toml, [mastodon.instances]",
            )
        server = match["server"]
        if realm == "exercise" and server != TOWNSQUARE:
            raise BadInput(
                "profile.realm", "exercises post to Mastodon on the townsquare only", f"user@{TOWNSQUARE}, please"
            )
        return server
    if profile.platform == "webhook":
        if _ENDPOINT.fullmatch(profile.account) is None:
            raise BadInput(
                "profile.account",
                f"{profile.account!r} is no name of a webhook's endpoint",
                "it is the one in city.toml, [webhook.endpoints]: small letters, digits and -",
            )
        return profile.account
    return profile.account.removeprefix("@").partition("@")[2] if profile.platform == "bluesky" else ""
