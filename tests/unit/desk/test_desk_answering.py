"""Which profile answers a post: the one on the platform that its address leads to."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.events.authority import Profile
from services.desk.city.answering import profile_for
from services.kernel.base.errors import BadInput
from tests.integration.connectors.harnesses import a_city, a_profile

PLATFORMS = ("facebook", "instagram", "linkedin", "telegram", "threads", "x", "slack")


def profiles() -> tuple[Profile, ...]:
    return tuple(a_profile("fire", one) for one in PLATFORMS)


@pytest.mark.parametrize(
    ("address", "platform"),
    [
        ("https://www.facebook.com/1001/posts/1", "facebook"),
        ("https://instagram.com/p/C1/", "instagram"),
        ("https://www.linkedin.com/feed/update/urn:li:activity:1", "linkedin"),
        ("https://t.me/fire/1", "telegram"),
        ("https://www.threads.net/@jo/post/C1", "threads"),
        ("https://twitter.com/jo/status/1", "x"),
    ],
)
def test_an_address_leads_to_the_profile_on_its_platform(tmp_path: Path, address: str, platform: str) -> None:
    assert profile_for(a_city(tmp_path), address, profiles()) == f"fire-{platform}"


def test_an_address_elsewhere_needs_a_profile(tmp_path: Path) -> None:
    """Also one on a platform where nobody's post can be answered, and one that two profiles could answer."""
    two = (*profiles(), a_profile("water", "threads"))
    for address, known in (("https://hooks.slack.com/x", profiles()), ("https://www.threads.com/@jo/post/C1", two)):
        with pytest.raises(BadInput) as caught:
            profile_for(a_city(tmp_path), address, known)
        assert caught.value.code == "answers.profile"
