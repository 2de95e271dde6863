"""The forms of accounts, and of the addresses of posts, by platform.

What no connector could post to, or answer, is refused before anybody signs. Hosts that city.toml can change are an
argument. Pure. Source: docs/platforms, and the platforms' own documents as their connectors name them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit


class Form(NamedTuple):
    """How something is written: a pattern for the whole of it, and an example for people."""

    pattern: re.Pattern[str]
    example: str


_NUMBER = re.compile(r"[0-9]+")
BLUESKY_ACCOUNT = re.compile(
    r"@?(?P<name>did:[a-z]+:[A-Za-z0-9._:%-]{1,200}|[A-Za-z0-9.-]+\.[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9]))(@(?P<server>[^@]+))?"
)
EMAIL_ADDRESS = re.compile(r"[A-Za-z0-9._%+='&-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
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
FACEBOOK_POST = re.compile(
    r"/[^/]+/posts/(?:[^/]+/)?([A-Za-z0-9]+)/?|/[^/]+/(?:photos|videos)/(?:[^/]+/)?([0-9]+)/?|/reel/([0-9]+)/?"
)
FACEBOOK_PAGE = re.compile(r"/(?:permalink\.php|story\.php|photo\.php|photo/?|watch/?)")
INSTAGRAM_POST = re.compile(
    r"(?:/[^/]+)?/(?:p|reels?|tv)/([A-Za-z0-9_-]{1,40})(?:/c/([0-9]{1,30})(?:/r/([0-9]{1,30}))?)?/?"
)
LINKEDIN_UPDATE = re.compile(r"(?:/embed)?/feed/update/(urn:li:(?:activity|share|ugcPost):[0-9]{1,30})/?")
LINKEDIN_POST = re.compile(r"/posts/.*?-(activity|share|ugcPost)-([0-9]{1,30})(?:-[A-Za-z0-9_-]+)?/?")
TELEGRAM_POST = re.compile(r"/(?:s/)?([A-Za-z][A-Za-z0-9_]{3,31})/([1-9][0-9]{0,9})/?")
THREADS_POST = re.compile(r"/(?:@[^/]+/post|t)/([A-Za-z0-9_-]{1,40})(?:/media)?/?")
_TELEGRAM_CHANNEL_HOST = re.compile(r"([a-z][a-z0-9_]{3,31})\.t\.me")
X_POST = re.compile(r"/(?:i/web|i|[A-Za-z0-9_]{1,15})/status(?:es)?/([0-9]{1,20})(?:/(?:photo|video)/[0-9]{1,2})?/?")

_POSTS: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "bluesky": (BLUESKY_POST,),
    "facebook": (FACEBOOK_POST, FACEBOOK_PAGE),
    "instagram": (INSTAGRAM_POST,),
    "linkedin": (LINKEDIN_UPDATE, LINKEDIN_POST),
    "telegram": (TELEGRAM_POST,),
    "threads": (THREADS_POST,),
    "x": (X_POST,),
}
"""The paths of posts. Those of Mastodon's servers have many forms."""

_NAMED_IN_QUERY: Mapping[str, frozenset[str]] = {
    "/permalink.php": frozenset({"story_fbid", "id"}),
    "/story.php": frozenset({"story_fbid", "id"}),
    "/photo.php": frozenset({"fbid"}),
    "/photo": frozenset({"fbid"}),
    "/watch": frozenset({"v"}),
}
"""What names a post where a path of Facebook's does not."""

_HOSTS: Mapping[str, re.Pattern[str]] = {
    "bluesky": re.compile(r"(?:www\.)?bsky\.app"),
    "facebook": re.compile(r"(?:(?:www|m)\.)?facebook\.com"),
    "instagram": re.compile(r"(?:www\.)?instagram\.com"),
    "linkedin": re.compile(r"(?:(?:www|[a-z]{2})\.)?linkedin\.com"),
    "telegram": re.compile(r"(?:[a-z][a-z0-9_]{3,31}\.)?t\.me|telegram\.me"),
    "threads": re.compile(r"(?:www\.)?threads\.(?:com|net)"),
    "x": re.compile(r"(?:(?:www|mobile)\.)?(?:x|twitter)\.com"),
}
"""Hosts by which people know a platform, beside the one that city.toml has."""

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
"""Where the townsquare of exercises is."""


class PostAddress(NamedTuple):
    """What an address of a post says: its path, decoded, as one of the platform's patterns found it; its query."""

    path: re.Match[str]
    query: Mapping[str, str]


def account_fault(platform: str, account: str) -> str:
    """Say what an account would have to be; empty where it has the form of one of its platform."""
    form = ACCOUNTS.get(platform)
    return "" if form is None or form.pattern.fullmatch(account) else form.example


def known_host(platform: str, host: str) -> bool:
    """Say whether people know a platform by a host, in lower case."""
    pattern = _HOSTS.get(platform)
    return pattern is not None and pattern.fullmatch(host) is not None


def named_post(platform: str, address: str, site: str) -> PostAddress | None:
    """Return what an address of a post says; None where it is none of this platform's, or names no post.

    Args:
        platform: one whose posts have addresses of known forms: not Mastodon.
        address: an address: https, or as the site's.
        site: where the platform's posts are looked at (city.toml).
    """
    split = _split(address)
    if split is None or platform not in _POSTS:
        return None
    host = split.netloc.lower()
    if (split.scheme, host) != urlsplit(site.lower())[:2] and not (
        split.scheme == "https" and known_host(platform, host)
    ):
        return None
    path, query = unquote(split.path), dict(parse_qsl(split.query))
    if platform == "telegram" and (channel := _TELEGRAM_CHANNEL_HOST.fullmatch(host)) is not None:
        path = f"/{channel[1]}{path}"
    if not _NAMED_IN_QUERY.get(path.rstrip("/"), frozenset()) <= query.keys():
        return None
    found = next(filter(None, (pattern.fullmatch(path) for pattern in _POSTS[platform])), None)
    return None if found is None else PostAddress(found, query)


def is_comment_on_telegram(post: PostAddress) -> bool:
    """Say whether an address leads to a comment in a channel's discussion, where no bot speaks for a channel."""
    return "comment" in post.query


def is_post(platform: str, address: str, site: str) -> bool:
    """Say whether an address may lead to a post that can be answered there.

    Args:
        platform: where it is to be answered.
        address: an address: https, or on this machine.
        site: where the platform's posts are looked at (city.toml); empty where each account's server shows them.
    """
    if platform in _POSTS:
        post = named_post(platform, address, site)
        return post is not None and not (platform == "telegram" and is_comment_on_telegram(post))
    split = _split(address)
    return split is not None and len(split.path) > 1 and (split.scheme == "https" or split.hostname in _THIS_MACHINE)


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:
        return None
