"""How a server that speaks Mastodon's API may differ from Mastodon: limits of its own, markup, keys, quotas.

city.toml chooses them (``[townsquare]``); without, the townsquare is as Mastodon is. Texts are counted here, by other
code than OneVoice's (docs.joinmastodon.org/user/posting; GoToSocial counts code points, links in full).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import regex

from services.kernel.base.settings.city_file import TownsquareSection

QUOTA_WINDOW = timedelta(minutes=5)
LINK_CHARACTERS = 23
_LINK = re.compile(r"https?://\S+")
_HOST = re.compile(r"(@\w+)@[\w.-]+\w")
_CLUSTER = regex.compile(r"\X")
_EMPHASIS = re.compile(r"([*_])([^*_\s](?:[^*_\n]*[^*_\s])?)\1")
_LIST = re.compile(r"(?m)^[-*] ")
PLAIN = "text/plain"


def count(text: str, characters: str) -> int:
    """Return a text's length as the server counts it.

    Args:
        text: what is posted.
        characters: ``graphemes``, as Mastodon does (a link 23, a mention without its host), or ``code-points``.
    """
    if characters == "code-points":
        return len(text)
    return len(_CLUSTER.findall(_HOST.sub(r"\1", _LINK.sub("x" * LINK_CHARACTERS, text))))


def marked_up(content: str) -> str:
    """Return a status' HTML as a server shows it that takes texts for Markdown: emphasis, lists."""
    shown = _EMPHASIS.sub(r"<em>\2</em>", content)
    return _LIST.sub("", shown)


def takes_markup(section: TownsquareSection, content_type: str) -> bool:
    """Return whether a text is taken for Markdown; some servers obey the content type that was asked for."""
    return section.markup == "always" or (section.markup == "unless-plain" and content_type != PLAIN)


def error_of(section: TownsquareSection, text: str, spoiler: str) -> str:
    """Say in words like Mastodon's that a text is too long, empty where it is not."""
    length = count(text, section.count) + count(spoiler, section.count)
    return "" if length <= section.characters else f"Text character limit of {section.characters} exceeded"


@dataclass
class PostQuotas:
    """How often each account posted within the window: ``most`` times at most; 0: as often as it likes."""

    most: int
    _posted: dict[str, deque[datetime]] = field(default_factory=dict)

    def take(self, account: str, now: datetime) -> tuple[bool, Mapping[str, str]]:
        """Count a post; return whether it may be made, and what the answer says of the quota (X-RateLimit-*)."""
        if not self.most:
            return True, {}
        made = self._posted.setdefault(account, deque())
        while made and made[0] + QUOTA_WINDOW <= now:
            made.popleft()
        allowed = len(made) < self.most
        if allowed:
            made.append(now)
        reset = made[0] + QUOTA_WINDOW
        left = self.most - len(made)
        said = {"Limit": str(self.most), "Remaining": str(left), "Reset": reset.isoformat().replace("+00:00", "Z")}
        return allowed, {f"X-RateLimit-{name}": value for name, value in said.items()}
