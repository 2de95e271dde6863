"""The forms of accounts, and of the addresses of posts, by platform.

What no connector could post to, or answer, is refused before anybody signs. Hosts that city.toml can change are an
argument. Pure. Source: docs/platforms, and the platforms' own documents as their connectors name them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit


class Form(NamedTuple):
    """How something is written: a pattern for the whole of it, and an example for people."""

    pattern: re.Pattern[str]
    example: str


_NUMBER = re.compile(r"[0-9]+")
BLUESKY_ACCOUNT = re.compile(
    r"@?(?P<name>did:[a-z]+:[A-Za-z0-9._:%-]{1,200}|[A-Za-z0-9.-]+\.[A-Za-z]{2,63})(@(?P<server>[^@]+))?"
)
EMAIL_ADDRESS = re.compile(r"[A-Za-z0-9._%+=-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
TELEGRAM_CHANNEL = re.compile(r"@[A-Za-z0-9_]{1,64}")

ACCOUNTS: Mapping[str, Form] = {
    "bluesky": Form(BLUESKY_ACCOUNT, "a handle or a DID, as fire.example"),
    "email": Form(EMAIL_ADDRESS, "an e-mail address"),
    "facebook": Form(_NUMBER, "the number of a Page"),
    "instagram": Form(_NUMBER, "the number of an account"),
    "linkedin": Form(_NUMBER, "the number of an organization"),
    "mastodon": Form(re.compile(r"@?[^@\s]+@[^@\s]+"), "name@server"),
    "nextdoor": Form(_NUMBER, "the number of an agency"),
    "telegram": Form(TELEGRAM_CHANNEL, "@channel"),
    "threads": Form(_NUMBER, "the number of an account"),
    "x": Form(re.compile(r"@?[A-Za-z0-9_]{1,15}"), "@name"),
}
"""Of the platforms that are not here an account is what the city calls it."""

BLUESKY_POST = re.compile(
    r"/profile/(?P<name>did:[a-z]+:[A-Za-z0-9._:%-]{1,200}|[A-Za-z0-9.-]{1,253})/post/(?P<key>[^/]+)/?"
)
INSTAGRAM_POST = re.compile(
    r"(?:/[^/]+)?/(?:p|reel|tv)/([A-Za-z0-9_-]{1,40})(?:/c/([0-9]{1,30})(?:/r/([0-9]{1,30}))?)?/?"
)
LINKEDIN_UPDATE = re.compile(r"/feed/update/(urn:li:(?:activity|share|ugcPost):[0-9]{1,30})/?")
LINKEDIN_POST = re.compile(r"/posts/.*?-(activity|share|ugcPost)-([0-9]{1,30})(?:-[A-Za-z0-9_-]+)?/?")
TELEGRAM_POST = re.compile(r"/(?:s/)?([A-Za-z][A-Za-z0-9_]{3,31})/([1-9][0-9]{0,9})/?")
THREADS_POST = re.compile(r"/(?:@[^/]+/post|t)/([A-Za-z0-9_-]{1,40})/?")
X_POST = re.compile(r"/(?:i|[A-Za-z0-9_]{1,15})/status/([0-9]{1,20})/?")

_POSTS: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "bluesky": (BLUESKY_POST,),
    "instagram": (INSTAGRAM_POST,),
    "linkedin": (LINKEDIN_UPDATE, LINKEDIN_POST),
    "telegram": (TELEGRAM_POST,),
    "threads": (THREADS_POST,),
    "x": (X_POST,),
}
"""The paths of posts. Those of Mastodon's servers, and of Facebook, have many forms."""

HOSTS: Mapping[str, tuple[str, ...]] = {
    "instagram": ("www.instagram.com", "instagram.com"),
    "linkedin": ("www.linkedin.com", "linkedin.com"),
    "telegram": ("t.me", "telegram.me"),
    "threads": ("www.threads.com", "threads.com", "www.threads.net", "threads.net"),
    "x": ("x.com", "www.x.com", "mobile.x.com", "twitter.com", "www.twitter.com", "mobile.twitter.com"),
}
"""Hosts by which people know a platform, beside the one that city.toml has."""


def account_fault(platform: str, account: str) -> str:
    """Say what an account would have to be; empty where it has the form of one of its platform."""
    form = ACCOUNTS.get(platform)
    return "" if form is None or form.pattern.fullmatch(account) else form.example


def is_post(platform: str, address: str, site: str) -> bool:
    """Say whether an address may lead to a post of a platform.

    Args:
        platform: where it is to be answered.
        address: an address, http or https.
        site: where the platform's posts are looked at (city.toml); empty where each account's server shows them.
    """
    split = urlsplit(address)
    if site and split.netloc.lower() not in {urlsplit(site).netloc.lower(), *HOSTS.get(platform, ())}:
        return False
    path = unquote(split.path)
    paths = _POSTS.get(platform)
    return len(path) > 1 if paths is None else any(one.fullmatch(path) for one in paths)
