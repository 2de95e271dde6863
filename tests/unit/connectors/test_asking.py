"""What people ask in public, brought together from several profiles."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pytest

from schemas.events.authority import Profile
from services.fanout.connectors.asking import ask_profiles
from services.fanout.connectors.contract import Connector
from services.fanout.connectors.inquiry import Inquiry

AT = datetime(2026, 1, 31, 14, tzinfo=UTC)


class Shows:
    """A platform that shows each profile the same."""

    def __init__(self, *said: tuple[str, str]) -> None:
        self.said = said

    async def inquiries(self, profile: Profile, since: datetime) -> list[Inquiry]:
        """Return what was said, as a post of its author."""
        return [Inquiry(profile.id, name, author, "when?", AT) for name, author in self.said]


def account(name: str, of: str) -> Profile:
    return Profile(id=name, department=name, platform="mastodon", account=of)


async def brought(profiles: list[Profile], *said: tuple[str, str]) -> list[tuple[str, str]]:
    found = await ask_profiles({"mastodon": cast(Connector, Shows(*said))}, profiles, AT, 5.0)
    assert not found.troubles
    return [(one.profile, one.id) for one in found.inquiries]


@pytest.mark.parametrize("author", ["fire", "Fire", "fire@square", "@fire@square"])
async def test_what_the_city_says_of_itself_is_no_inquiry(author: str) -> None:
    """A message that names another department's profile would come back as a question from the public."""
    profiles = [account("parks", "parks@square"), account("fire", "@fire@square")]
    assert await brought(profiles, ("1", author), ("2", "bob")) == [("parks", "2")]


async def test_somebody_of_the_same_name_on_another_server_is_heard() -> None:
    profiles = [account("parks", "parks@square"), account("fire", "fire@square")]
    assert await brought(profiles, ("1", "fire@elsewhere.example")) == [("parks", "1")]


async def test_ids_of_two_servers_are_two_inquiries() -> None:
    """Each server counts for itself; two accounts of one server see the same post."""
    profiles = [account("parks", "parks@square"), account("water", "water@square"), account("fire", "fire@other")]
    assert await brought(profiles, ("1", "bob")) == [("parks", "1"), ("fire", "1")]
