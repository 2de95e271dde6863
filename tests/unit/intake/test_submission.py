"""From a submission to a draft: senders, targets, times, links, names."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas import subjects
from schemas.events.authority import Settings
from schemas.events.control import Posture
from schemas.events.requests import PlatformContent, SubmissionEvent
from services.intake.domain.identity import identify, request_id_of
from services.kernel.base.errors import Exit, OneVoiceError, Refused, describe
from tests.unit.intake.world import NOW, city, code_of, draft, event, request

PICTURE = {"sha256": "a" * 64, "media_type": "image/png", "alt": "A map of zone 3"}


def test_the_id_is_the_same_for_the_same_event_and_fits_a_subject() -> None:
    """Realm, user, source and event id make the id; each of them counts."""
    names = ("live", "drivebc", "source", "1")
    first = request_id_of(*names)
    assert first == request_id_of(*names)
    assert len(first) == subjects.REQUEST_ID_LENGTH
    assert subjects.token(first) == first
    assert len(first) == 13
    others = {
        request_id_of("exercise", "drivebc", "source", "1"),
        request_id_of("live", "clerk", "source", "1"),
        request_id_of("live", "drivebc", "source1", ""),
        request_id_of("live", "drivebc", "source", "2"),
    }
    assert first not in others
    assert len(others) == 4


def test_content_hash_ignores_spelling_but_not_content() -> None:
    """Line ends, composition, doubled targets and time do not matter; words, link and expiry do."""
    base = identify(event(text="Café\nopen"), "clerk", "live").content_sha256
    same = event(text="Cafe\u0301\r\nopen ", targets=["fire-mastodon", "fire-mastodon"], time=NOW)
    assert identify(same, "clerk", "live").content_sha256 == base
    for other in (
        event(text="Café\nshut"),
        event(text="Café\nopen", crisis=True),
        event(text="Café\nopen", severity="severe"),
    ):
        assert identify(other, "clerk", "live").content_sha256 != base


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"targets": []}, "targets.empty"),
        ({"targets": ["nowhere"]}, "profile.unknown"),
        ({"targets": ["arena-mastodon"]}, "profile.not_official"),
        ({"variants": {"bluesky": "short"}}, "variant.unused"),
        ({"variants": {"mastodon": " "}}, "text.empty"),
        ({"variants": {"mastodon": "a\u202eb"}}, "text.bidi"),
        ({"expires": NOW}, "expires.past"),
        ({"expires": NOW - timedelta(hours=1)}, "expires.past"),
        ({"expires": NOW + timedelta(days=8)}, "expires.too_far"),
        ({"expires": NOW + timedelta(seconds=20), "time": NOW + timedelta(seconds=30)}, "expires.past"),
        ({"link": "https://mission.example@evil.example/"}, "link.userinfo"),
        ({"link": "https://"}, None),
        ({"link": "https://[::1"}, "link.invalid"),
        ({"link": "https:///path"}, "link.invalid"),
        ({"link": "https://mission.example/\u202e"}, "text.bidi"),
        ({"pictures": [PICTURE | {"alt": "  "}]}, "picture.alt_missing"),
        ({"pictures": [PICTURE, PICTURE]}, "picture.twice"),
        ({"source": "a\nb"}, "event.source"),
        ({"id": "\x1b[2J"}, "event.id"),
        ({"time": NOW - timedelta(minutes=16)}, "time.stale"),
        ({"time": NOW + timedelta(seconds=61)}, "time.future"),
        ({"text": "a" * 60_000, "variants": {"mastodon": "b" * 300_000}}, "input.too_large"),
    ],
)
def test_refused(data: dict[str, Any], code: str | None) -> None:
    """Each kind of bad submission has its own code; what the contract refuses never comes here."""
    try:
        event(**data)
    except ValueError:
        assert code is None
        return
    assert code_of(draft, **data) == code


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"link": " HTTPS://MISSION.EXAMPLE/x\n"}, {"link": "https://MISSION.EXAMPLE/x"}),
        ({"answers": "Http://mission.example/1 "}, {"answers": "http://mission.example/1"}),
        ({"language": "EN"}, {"language": "en"}),
        ({"language": "en-ca"}, {"language": "en-CA"}),
        ({"language": " zh-hant"}, {"language": "zh-Hant"}),
        ({"language": "fr_CA"}, {"language": "fr-CA"}),
        ({"translations": {"FR": "Oui", "pa_in": "ਹਾਂ"}}, {"translations": {"fr": "Oui", "pa-IN": "ਹਾਂ"}}),
    ],
)
def test_case_and_blanks_round_it_are_brought_into_form(given: dict[str, Any], kept: dict[str, Any]) -> None:
    """RFC 3986 and RFC 5646 are case-insensitive: whoever writes it so has said the same, and a repeat is one."""
    read, usual = event(**given), event(**kept)
    assert read.data.model_dump(include=set(kept)) == kept
    assert SubmissionEvent.from_bytes(read.to_bytes()) == read
    assert identify(read, "drivebc", "live") == identify(usual, "drivebc", "live")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"link": "mission.example"}, "data.link: it begins with https:// or http://, without spaces"),
        ({"link": "https://mission.example/a b"}, "data.link: it begins with https:// or http://, without spaces"),
        ({"language": "English"}, "data.language: it is the code of a language (BCP 47), as en, fr-CA or zh-Hant"),
        ({"translations": {"fr": "Oui", "FR": "Non"}}, "data.translations: there are two texts in fr"),
    ],
)
def test_what_has_another_form_is_told_the_form(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        event(**given)
    assert describe(caught.value) == said


def test_what_is_on_record_is_read_as_it_is() -> None:
    """What is signed is not brought into form when it is read."""
    content = {"platform": "mastodon", "parts": ["x"], "created_at": NOW}
    for odd in ({"link": "HTTPS://mission.example"}, {"language": "EN"}):
        with pytest.raises(ValidationError):
            PlatformContent.model_validate(content | odd)


def test_an_unknown_profile_gets_a_suggestion() -> None:
    """A slip of the finger is named."""
    with pytest.raises(OneVoiceError) as caught:
        draft(targets=["fire-mastodn"])
    assert "fire-mastodon" in caught.value.hint


def test_senders() -> None:
    """Officers and systems are known, others are not, the revoked are refused."""
    assert draft("clerk").author_kind == "officer"
    assert draft("drivebc").author_kind == "system"
    assert code_of(draft, "nobody") == "sender.unknown"
    with pytest.raises(Refused) as caught:
        draft("clerk", city(revoked={"clerk": 5}))
    assert caught.value.code == "sender.revoked"
    assert caught.value.exit_status is Exit.REFUSED


def test_targets_keep_their_order_once_each() -> None:
    """Doubled targets count once."""
    assert draft(targets=["water-mastodon", "fire-mastodon", "water-mastodon"]).targets == (
        "water-mastodon",
        "fire-mastodon",
    )


def test_all_departments_means_the_official_departmental_profiles_now() -> None:
    """Neither the city's own profile nor one without sanction is among them."""
    made = draft(targets="all-departments")
    assert made.scope == "all-departments"
    assert made.targets == ("fire-mastodon", "fire-website", "parks-mastodon", "water-mastodon")
    assert code_of(draft, "clerk", city(profiles={}), targets="all-departments") == "targets.empty"


def test_expiry_defaults_to_the_citys_setting() -> None:
    """Without a time of its own a request lasts as long as the city says."""
    state = city(settings=Settings(request_seconds=3_600))
    assert draft(state=state).expires_at == NOW + timedelta(hours=1)
    assert draft(state=state, expires=NOW + timedelta(hours=7)).expires_at == NOW + timedelta(hours=7)
    assert code_of(draft, "clerk", state, expires=NOW + timedelta(hours=7, seconds=1)) == "expires.too_far"


def test_a_submitted_preview_has_the_previews_digest() -> None:
    """The preview's time, sent back as the event's time, freezes what people signed."""
    preview = draft(now=NOW + timedelta(microseconds=123_456))
    assert preview.created_at == NOW
    shown = request(now=NOW + timedelta(microseconds=123_456))
    later = request(now=NOW + timedelta(minutes=14), time=preview.created_at)
    assert later.digest == shown.digest
    assert later.renderings == shown.renderings
    assert request(now=NOW + timedelta(minutes=14)).digest != shown.digest


def test_a_systems_time_is_kept_when_near_and_left_aside_when_far() -> None:
    """A system says when something happened, which may be long ago."""
    assert draft("drivebc", time=NOW - timedelta(minutes=3)).created_at == NOW - timedelta(minutes=3)
    assert draft("drivebc", time=NOW - timedelta(days=3)).created_at == NOW
    assert draft("drivebc", time=NOW + timedelta(days=3)).created_at == NOW


def test_the_request_holds_the_posture_and_its_own_digest() -> None:
    """What was submitted under EOC says so."""
    made = request(state=city(Posture.EOC_ACTIVE))
    assert made.submitted_posture == "eoc_active"
    assert [one.platform for one in made.renderings] == ["mastodon", "website"]
    assert made.author == "clerk"


def test_a_half_character_is_told_kindly() -> None:
    """An unpaired surrogate that a program slips past the contract is one clear error."""
    whole = event()
    broken = SubmissionEvent.model_construct(
        **{**dict(whole), "data": whole.data.model_copy(update={"text": "\ud800"})}
    )
    assert code_of(identify, broken, "clerk", "live") == "text.surrogate"


words = st.text(st.characters(), max_size=40)


@given(
    text=words,
    targets=st.lists(st.sampled_from(["fire-mastodon", "arena-mastodon", "nix"]), max_size=3),
    link=st.none() | st.text(max_size=20).map(lambda tail: "https://" + tail),
    variant=st.none() | words,
    source=st.text(min_size=1, max_size=20),
)
def test_never_anything_but_a_known_error(
    text: str, targets: list[str], link: str | None, variant: str | None, source: str
) -> None:
    """Whatever the contract lets through ends in a draft or in one clear error."""
    data: dict[str, Any] = {
        "text": text,
        "targets": targets,
        "link": link,
        "variants": {"mastodon": variant} if variant else {},
    }
    try:
        made = event(source=source, **data)
    except ValueError:
        return
    try:
        draft_made = draft(source=source, **data)
    except OneVoiceError as error:
        assert error.code  # noqa: PT017 - either end is right
    else:
        assert draft_made.targets
        assert made.data.targets
