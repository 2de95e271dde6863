"""X: how it counts, how a request is signed, and how what it shows is read."""

from __future__ import annotations

import pytest

from schemas.platforms import LIMITS, counted_length, overrun
from services.fanout.connectors.credentials.tokens import TokenFault
from services.fanout.connectors.x.api import read_post, rows_of
from services.fanout.connectors.x.comparing import shows
from services.fanout.connectors.x.oauth import Keys, authorization, read_keys
from services.fanout.connectors.x.repost import under
from tests.integration.connectors.harnesses import a_profile, an_intent


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("Boil water.", 11),
        ("Évacuation", 10),
        ("“quoted” – dash", 15),
        ("煮沸水", 6),
        ("😀", 2),
        ("👩‍👩‍👧‍👦", 2),
        ("🇨🇦", 2),
        ("1️⃣", 2),
        ("See https://mission.ca/a/very/long/path/that/counts/less", 4 + 23),
        ("See https://mission.example", 4 + 31),  # a top that is on no list: X may take "mission.ex" for one, too
        ("See https://m.ca", 4 + 23),
        ("e\u0301", 1),
        ("See mission.ca now", 4 + 23 + 4),
        ("mail a@mission.ca", 17),
    ],
)
def test_characters_are_counted_as_x_counts_them(text: str, counts: int) -> None:
    """twitter-text 3: Latin and its neighbours one, all else two, an emoji two, a link 23, also without https."""
    assert counted_length(text, LIMITS["x"]) == counts


@pytest.mark.parametrize("letter", ["a", "汉", "😀"])
def test_the_limit_is_280(letter: str) -> None:
    most = 280 // counted_length(letter, LIMITS["x"])
    assert overrun(letter * most, LIMITS["x"]) is None
    assert "takes 280 characters" in (overrun(letter * (most + 1), LIMITS["x"]) or "")


def test_a_request_is_signed_as_the_documents_example() -> None:
    """The example of X's documents ("Creating a signature"): its keys, its parameters, its result."""
    keys = Keys(
        "xvz1evFS4wEEPTGEFPHBog",
        "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
        "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
        "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
    )
    query = {"include_entities": "true", "status": "Hello Ladies + Gentlemen, a signed OAuth request!"}
    nonce, url = "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg", "https://api.twitter.com/1.1/statuses/update.json"
    header = authorization(keys, "POST", url, query, nonce=nonce, timestamp=1318622958)["Authorization"]
    assert 'oauth_signature="hCtSmYh%2BiHYCEqBWrE7C7hYmtUk%3D"' in header
    assert keys.consumer_secret not in header
    assert keys.token_secret not in header


@pytest.mark.parametrize("text", ["", "a:b:c", "a:b:c:d:e", "a:b:c:", "a:b:c:d%"])
def test_keys_of_another_form_are_a_persons_to_mend(text: str) -> None:
    with pytest.raises(TokenFault, match="API key") as fault:
        read_keys(text)
    assert not text or text not in str(fault.value)


def test_what_x_shows_is_read_as_it_was_written() -> None:
    """Short links, escaped characters, the link of a picture; a long post has its text elsewhere."""
    shown = {
        "id": "17",
        "created_at": "2026-01-31T14:00:00.000Z",
        "text": "Go &lt;now&gt; https://t.co/a &amp; see https://t.co/m",
        "entities": {
            "urls": [
                {"url": "https://t.co/a", "expanded_url": "https://mission.ca/?a=1&b=2"},
                {"url": "https://t.co/m", "expanded_url": "https://x.com/fire/status/17/photo/1", "media_key": "3_1"},
            ]
        },
        "referenced_tweets": [{"type": "quoted", "id": "3"}, {"type": "replied_to", "id": "5"}],
    }
    post = read_post(shown)
    assert (post.text, post.reply_to) == ("Go <now> https://mission.ca/?a=1&b=2 & see", "5")
    long = read_post({**shown, "note_tweet": {"text": "All of it"}})
    assert long.text == "All of it"


@pytest.mark.parametrize(
    ("address", "goes_under"),
    [
        ("https://x.com/i/status/1234", "1234"),
        ("https://twitter.com/jo_b/status/1234?s=20", "1234"),
        ("https://mobile.twitter.com/jo/status/1234/", "1234"),
        ("https://x.example/jo/status/1234", "1234"),
        ("https://X.com/jo/status/1234", "1234"),
        ("https://x.com/i/web/status/1234/photo/1", "1234"),
    ],
)
def test_an_address_names_the_post_that_is_answered(address: str, goes_under: str) -> None:
    assert under(an_intent(a_profile("fire", "x"), answers=address), "https://x.example") == goes_under


@pytest.mark.parametrize("address", ["https://evil.example/jo/status/1234", "https://x.com/jo", "https://x.com/a/b/1"])
def test_another_sites_number_is_not_taken_for_a_post(address: str) -> None:
    """It stays an address, which is no number, and so is refused before anything is sent."""
    assert under(an_intent(a_profile("fire", "x"), answers=address), "https://x.com") == address


@pytest.mark.parametrize(
    ("sent", "shown", "same"),
    [
        ("a & b < c", "a &amp; b &lt; c", True),
        ("See mission.example now", "See https://t.co/a1 now", True),
        ("See https://mission.example/x?a=1.", "See https://t.co/a1.", True),
        ("A picture.", "A picture. https://t.co/a1", True),
        ("See https://a.example", "See https://t.co/a1 https://t.co/b2", True),
        ("two  blanks\n\nand a line", "two blanks\n\nand a line", True),
        ("See mission.example now", "See https://t.co/a1", False),
        ("Boil water.", "Boil", False),
        ("Boil water.", "", False),
        ("Boil water and wait.", "Boil https://t.co/a1 wait.", False),
        ("Boil water.", None, True),
        ("a.ca,b.ca,c.ca", "https://t.co/a,https://t.co/b,https://t.co/c", True),
        ("a.ca,b.ca,c.ca", "https://t.co/a,https://t.co/b;https://t.co/c", False),
        ("See a.ca,b.ca or b.ca", "See https://t.co/a or https://t.co/b", True),
        pytest.param(
            ",".join(f"city{number}.example" for number in range(40)),
            f"{','.join(f'https://t.co/a{number}' for number in range(20))}!",
            False,
            id="links without end",
        ),
    ],
)
def test_the_answer_to_a_new_post_is_compared(sent: str, shown: str | None, same: bool) -> None:
    assert shows({"id": "1", "text": shown}, sent) is same


def test_a_listing_that_names_posts_and_shows_none_is_no_empty_one() -> None:
    """What it left out may be ours."""
    assert rows_of({"meta": {"result_count": 0}}) == []
    assert rows_of({"meta": {}, "data": [{}]}) == [{}]
    with pytest.raises(ValueError, match="shows none"):
        rows_of({"meta": {"result_count": 1}})
