"""Where an address leads: which connector may take it for one of its own platform's."""

from __future__ import annotations

import pytest

from services.fanout.connectors.answers import split_on
from services.fanout.connectors.contract import Permanent
from services.fanout.connectors.linkedin.comments import Thread, named
from services.fanout.connectors.telegram.answering import reply_parameters
from tests.integration.connectors.harnesses import a_profile, an_intent

SITES = ("https://www.example.com", "https://example.com/")
CHANNEL = a_profile("fire", "telegram").model_copy(update={"account": "@mission"})


@pytest.mark.parametrize(
    "address",
    [
        "http://www.example.com/p/1",
        "https://www.example.com.evil.example/p/1",
        "https://www.example.com@evil.example/p/1",
        "https://www.example.com:8443/p/1",
        "https://[www.example.com/p/1",
        "/p/1",
        "",
    ],
)
def test_an_address_elsewhere_is_none_of_the_platforms(address: str) -> None:
    assert split_on(address, *SITES) is None


@pytest.mark.parametrize(
    "address", ["https://www.example.com/p/1?a=b", "HTTPS://WWW.EXAMPLE.COM/p/1", "https://example.com/p/1"]
)
def test_an_address_there_comes_in_its_parts(address: str) -> None:
    split = split_on(address, *SITES)
    assert split is not None
    assert split.path == "/p/1"


@pytest.mark.parametrize(
    ("address", "goes_under"),
    [
        ("https://t.me/mission/17", {"message_id": 17}),
        ("https://Mission.t.me/17", {"message_id": 17}),
        ("https://press.t.me/17?single", {"message_id": 17, "chat_id": "@press"}),
    ],
)
def test_a_post_of_telegram_is_named_with_its_channel(address: str, goes_under: dict[str, object]) -> None:
    found = reply_parameters(an_intent(CHANNEL, answers=address), "https://t.me")
    assert found == goes_under | {"allow_sending_without_reply": False}


def test_a_comment_of_telegram_is_refused_with_the_reason() -> None:
    """Intake refuses it, too; an older request may have one."""
    intent = an_intent(CHANNEL, answers="https://t.me/mission/17?comment=5")
    found = reply_parameters(intent, "https://t.me")
    assert isinstance(found, Permanent)
    assert "discussion" in found.reason


@pytest.mark.parametrize(
    "address",
    [
        "https://ca.linkedin.com/posts/jo_flood-activity-71-abcd",
        "https://www.linkedin.com/embed/feed/update/urn:li:activity:71",
    ],
)
def test_a_post_of_linkedin_is_named_on_each_of_its_hosts(address: str) -> None:
    assert named(address, "https://www.linkedin.com") == Thread("urn:li:activity:71")
