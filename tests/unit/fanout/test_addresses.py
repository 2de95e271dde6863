"""A platform's address goes to the website only if it is https on that instance's host."""

from __future__ import annotations

import pytest

from services.fanout.domain.addresses import is_public, own_address

BASE = "https://mastodon.example"
FOREIGN = [
    "javascript:alert(1)//mastodon.example",
    "data:text/html,x",
    "http://mastodon.example/@fire/1",
    "https://mastodon.example.evil.example/@fire/1",
    "https://mastodon.example@evil.example/@fire/1",
    "https://fire:x@mastodon.example/@fire/1",
    "https://evil.example/@fire/1",
    "//mastodon.example/@fire/1",
    "https://mastodon.example/\u202egro",
    "https://mastodon.example:port/",
    "https://[mastodon.example/",
    "",
]


@pytest.mark.parametrize("url", FOREIGN, ids=ascii)
def test_an_address_elsewhere_or_without_tls_is_not_shown(url: str) -> None:
    assert own_address(url, BASE) == ""


def test_the_instances_own_address_is_shown() -> None:
    assert own_address(f"{BASE}/@fire/1", BASE) == f"{BASE}/@fire/1"
    assert own_address("http://127.0.0.1:8410/@fire/1", "http://127.0.0.1:8410") != ""


def test_what_a_forged_receipt_says_is_looked_at_once_more() -> None:
    assert is_public("https://mastodon.example/@fire/1")
    assert not any(is_public(one) for one in ("javascript:x", "http://evil.example/", "https://a@evil.example/", ""))
