"""Where an address leads: which connector may take it for one of its own platform's."""

from __future__ import annotations

import pytest

from services.fanout.connectors.answers import split_on

SITES = ("https://www.example.com", "https://example.com/")


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
