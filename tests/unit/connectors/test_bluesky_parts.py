"""The pure parts of the Bluesky connector: keys, records and their content ids, facets, limits."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.events.requests import Picture, PlatformContent
from schemas.platforms import LIMITS, overrun
from services.fanout.connectors.bluesky.facets import facets, mentioned, mentions_of
from services.fanout.connectors.bluesky.listing import made_at
from services.fanout.connectors.bluesky.record import (
    Image,
    Ref,
    blob_cid,
    cid_of,
    is_approved,
    read_uri,
    record_keys,
    record_of,
    time_of,
    uri_of,
)
from services.fanout.connectors.bluesky.session import BlueskySession, needless_rights, refused
from services.fanout.connectors.calls.http import Answer, NoAnswer, NotSent
from services.fanout.connectors.contract import Cause, Permanent, Retryable
from services.kernel.base.clock import ManualClock
from services.kernel.base.settings.city_platforms import BlueskySection

NOW = datetime(2026, 1, 31, 14, tzinfo=UTC)
DID = "did:plc:abcdefghijklmnopqrstuvwx"
MAP = Picture(sha256="ab" * 32, media_type="image/png", alt="A map")
SORTABLE = "234567abcdefghijklmnopqrstuvwxyz"


def _jwt(said: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    return f"x.{body}.x"


def content(*parts: str, at: datetime = NOW, pictures: tuple[Picture, ...] = ()) -> PlatformContent:
    return PlatformContent(platform="bluesky", parts=parts, pictures=pictures, created_at=at)


# --- keys ---------------------------------------------------------------------------------------------------------


def test_keys_are_tids_of_the_requests_second_in_order() -> None:
    keys = record_keys("raaaaaaaaaaaa", 1, "fire-bluesky", content("a", "b", "c"))
    assert keys == sorted(keys)
    for key in keys:
        assert len(key) == 13
        number = 0
        for sign in key:
            number = number * 32 + SORTABLE.index(sign)
        time = datetime.fromtimestamp((number >> 10) / 1e6, UTC)
        assert NOW <= time < NOW + timedelta(seconds=1)


def test_a_key_follows_from_the_request_its_revision_and_the_profile_alone() -> None:
    """The words do not count, so that other words under the same key are refused by the server."""
    of = ("raaaaaaaaaaaa", 1, "fire-bluesky")
    key = record_keys(*of, content("a"))[0]
    assert key == record_keys(*of, content("b"))[0]
    others = [("rbbbbbbbbbbbb", 1, "fire-bluesky"), ("raaaaaaaaaaaa", 2, "fire-bluesky"), ("raaaaaaaaaaaa", 1, "water")]
    assert len({key, *(record_keys(*one, content("a"))[0] for one in others)}) == 4


def test_keys_of_one_second_do_not_meet() -> None:
    keys = {key for n in range(2_000) for key in record_keys(f"r{n}", 1, "fire", content("a", "b"))}
    assert len(keys) == 4_000


# --- records ------------------------------------------------------------------------------------------------------


def test_content_ids_are_those_of_a_real_server() -> None:
    """Stored and named by a PDS 0.4.217."""
    record = record_of(content("Boil water in Cedar Valley."), 0, language="en")
    assert cid_of(record) == "bafyreicz2ih5zouqpiorcirdreeuzytlry3zvyzqm3gc2xtpfl3rsskroa"
    assert (
        blob_cid("c2153f77e11087fcb078ae38527fa83bef29791e3700e30cc87fec4405a66d0f")
        == "bafkreigccu7xpyiqq76la6fohbjh7kb354uxshrxadrqzsd75rcaljtnb4"
    )


def test_what_stands_is_compared_whole() -> None:
    said = content("One", "Two", pictures=(MAP,))
    root = Ref(uri_of(DID, "3aaaaaaaaaaaa"), "bafyroot")
    first = record_of(said, 0, language="en", images=(Image(MAP, 100, 4, 3),))
    second = record_of(said, 1, language="en", images=(Image(MAP, 100, 4, 3),), reply=(root, root))
    assert is_approved(first, said, 0, "en", None) == (cid_of(first), 1)
    assert is_approved(second, said, 1, "en", (root, root)) == (cid_of(second), 0)
    assert "embed" not in second
    bare = record_of(said, 0, language="en")
    assert is_approved(bare, said, 0, "en", None) == (cid_of(bare), 0)
    changed: list[Any] = [
        None,
        first | {"text": "Other"},
        first | {"createdAt": "2026-01-31T14:00:01.000Z"},
        first | {"langs": ["fr"]},
        first | {"labels": {}},
        first | {"reply": second["reply"]},
        first | {"embed": {"$type": "app.bsky.embed.external"}},
        first | {"embed": {"$type": "app.bsky.embed.images", "images": [{"alt": "Another"}]}},
    ]
    for one in changed:
        assert is_approved(one, said, 0, "en", None) is None
    assert is_approved(second, said, 1, "en", (root, Ref(root.uri, "bafyother"))) is None


@pytest.mark.parametrize(
    ("uri", "read"),
    [
        (f"at://{DID}/app.bsky.feed.post/3aaaaaaaaaaaa", (DID, "3aaaaaaaaaaaa")),
        (f"at://{DID}/app.bsky.feed.like/3aaaaaaaaaaaa", None),
        (f"at://{DID}/app.bsky.feed.post/3aaaaaaaaaaa1", None),
        (f"at://{DID}/app.bsky.feed.post/3aaaaaaaaaaaa/x", None),
        ("at://fire.test/app.bsky.feed.post/3aaaaaaaaaaaa", None),
        ("", None),
    ],
)
def test_only_addresses_of_posts_are_read(uri: str, read: tuple[str, str] | None) -> None:
    assert read_uri(uri) == read


# --- facets -------------------------------------------------------------------------------------------------------


def shown(text: str, dids: dict[str, str] | None = None) -> list[tuple[str, str]]:
    raw = text.encode()
    found = []
    for facet in facets(text, dids or {}):
        (feature,) = facet["features"]
        value = next(feature[key] for key in ("uri", "tag", "did") if key in feature)
        found.append((raw[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode(), value))
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See https://mission.example/x.", [("https://mission.example/x", "https://mission.example/x")]),
        ("é🚒 (https://mission.example)", [("https://mission.example", "https://mission.example")]),
        ("#flood, #MissionBC! #2026 #a1", [("#flood", "flood"), ("#MissionBC", "MissionBC"), ("#a1", "a1")]),
        ("# #! x#y https://mission.example/#part", [("https://mission.example/#part",) * 2]),
        ("#" + "a" * 64, [("#" + "a" * 64, "a" * 64)]),
        ("#" + "a" * 65, []),
        ("@Fire.test and @nobody.test", [("@Fire.test", DID)]),
        ("@fire.test, (@fire.test)", [("@fire.test", DID), ("@fire.test", DID)]),
        (
            "mail a@fire.test @fire @fire.test@host https://x.example/@fire.test",
            [("https://x.example/@fire.test",) * 2],
        ),
    ],
)
def test_links_hashtags_and_mentions(text: str, found: list[tuple[str, str]]) -> None:
    assert shown(text, {"fire.test": DID}) == found


def test_who_was_meant_is_read_from_what_stands() -> None:
    """In whatever order the server names the bytes."""
    text = "é @fire.test and @water.test"
    standing = facets(text, {"water.test": DID})
    turned = [one | {"index": dict(reversed(one["index"].items()))} for one in standing]
    assert mentioned([text]) == {"fire.test", "water.test"}
    assert mentions_of(text, turned) == {"water.test": DID}
    nonsense: tuple[Any, ...] = (None, "x", [None], [{"index": 1, "features": [{}]}], [{"features": []}])
    for junk in nonsense:
        assert mentions_of(text, junk) == {}


@given(st.text())
def test_facets_lie_within_the_text_and_apart(text: str) -> None:
    raw, end = text.encode(), 0
    for facet in facets(text, dict.fromkeys(mentioned([text]), DID)):
        begin, end_now = facet["index"]["byteStart"], facet["index"]["byteEnd"]
        assert end <= begin < end_now <= len(raw)
        raw[begin:end_now].decode()
        end = end_now


# --- limits, refusals, settings -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "over"),
    [
        ("x" * 300, None),
        ("x" * 301, "takes 300 characters and this has 301, 1 too many"),
        ("👩‍👩‍👧‍👦" * 120, None),
        ("👩‍👩‍👧‍👦" * 120 + "x", "takes 3000 bytes and this has 3001, 1 too many"),
        ("https://mission.example/" + "a" * 277, "takes 300 characters and this has 301, 1 too many"),
    ],
)
def test_characters_and_bytes_are_counted(text: str, over: str | None) -> None:
    assert overrun(text, LIMITS["bluesky"]) == over


@pytest.mark.parametrize(
    ("outcome", "kind", "cause"),
    [
        (NotSent("refused"), Retryable, Cause.HOST),
        (NoAnswer("time"), Retryable, Cause.HOST),
        (Answer(500, None, {}), Retryable, Cause.HOST),
        (Answer(429, None, {}), Retryable, Cause.LIMIT),
        (Answer(401, {"error": "AuthenticationRequired"}, {}), Retryable, Cause.CREDENTIAL),
        (Answer(401, {"error": "AuthFactorTokenRequired"}, {}), Retryable, Cause.CREDENTIAL),
        (Answer(401, {"error": "AccountTakedown"}, {}), Permanent, None),
        (Answer(200, {"no": "session"}, {}), Retryable, Cause.HOST),
    ],
)
def test_without_a_session_nothing_was_posted(outcome: Any, kind: type, cause: Cause | None) -> None:
    why = refused(outcome, ManualClock(NOW))
    assert isinstance(why, kind)
    assert getattr(why, "cause", None) is cause


@pytest.mark.parametrize("url", ["https://pds.mission.example", "http://127.0.0.1:2583", "http://localhost/"])
def test_a_server_is_on_https_or_on_this_machine(url: str) -> None:
    assert BlueskySection(server=url, servers={"own": url}).server == url


@pytest.mark.parametrize(
    "url", ["http://pds.mission.example", "https://a@b.example", "https://x.example/path", "ftp://x"]
)
def test_a_password_goes_to_no_other(url: str) -> None:
    for settings in ({"server": url}, {"servers": {"own": url}}):
        with pytest.raises(ValidationError):
            BlueskySection.model_validate(settings)


def test_a_record_is_as_old_as_its_key_whatever_it_says_itself() -> None:
    """An author may write any time into a record; a key of ours holds the time of the request."""
    made = datetime(2026, 1, 31, 14, tzinfo=UTC)
    content = PlatformContent(platform="bluesky", parts=("Boil water.",), created_at=made)
    (key,) = record_keys("r1", 1, "fire", content)
    found = time_of(key)
    assert found is not None
    assert timedelta(0) <= found - made < timedelta(seconds=1)
    uri = f"at://did:plc:a/app.bsky.feed.post/{key}"
    assert made_at({"uri": uri, "value": {"createdAt": "1999-01-01T00:00:00Z"}}) == found
    said = {"uri": "at://did:plc:a/app.bsky.feed.post/self", "value": {"createdAt": "2026-01-01T00:00:00Z"}}
    assert made_at(said) == datetime(2026, 1, 1, tzinfo=UTC)
    assert [time_of(one) for one in ("self", "", "zzzzzzzzzzzzz", "3lb1aaaaaaaaa")] == [None] * 4


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (_jwt({"scope": "com.atproto.access"}), "own password"),
        (_jwt({"scope": "com.atproto.appPassPrivileged"}), "direct messages"),
        (_jwt({"scope": "com.atproto.appPass"}), ""),
        (_jwt({"scope": ["com.atproto.access"]}), ""),
        (_jwt([]), ""),
        ("none", ""),
    ],
)
def test_a_session_that_may_more_than_it_needs_is_told(token: str, said: str) -> None:
    found = needless_rights(BlueskySession("did:plc:x", "fire.example", token, token, 1.0, 2.0))
    assert said in found
    assert bool(said) == bool(found)
