"""What the site says about a message is in the message's own language."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from schemas.events.requests import Act, PlatformContent
from services.fanout.connectors.website.feeds import content_html, title_in_feed
from services.fanout.connectors.website.labels import _ALL, Labels, labels_in
from services.fanout.connectors.website.state import Followed, Message
from services.fanout.connectors.website.views import MessageView, view_of
from services.kernel.base.zones import zone_of

NOW = datetime(2026, 1, 31, 14, tzinfo=UTC)
VANCOUVER = zone_of("America/Vancouver")


def view(language: str | None, *, site: str = "en", about: dict[str, Any] | None = None, **changes: Any) -> MessageView:
    content = PlatformContent(
        platform="website", parts=("ਹੁਣ ਨਿਕਲੋ",), created_at=NOW, language=language, severity="extreme", **(about or {})
    )
    message = Message(
        request_id="r1", revision=1, content=content, content_sha256="0" * 64, listed_at=NOW, changed_at=NOW, places={}
    )
    return view_of(message.model_copy(update=changes), "Mission", VANCOUVER, language=site)


def follower(act: Act) -> tuple[Followed, ...]:
    return (Followed(act=act, request_id="r2", at=NOW),)


def test_a_correction_is_told_in_the_messages_own_language() -> None:
    shown = view("pa", followed=follower("correct"))
    assert (shown.standing, shown.severity_word, shown.label_language) == ("ਸੋਧਿਆ ਗਿਆ", "ਬਹੁਤ ਹੀ ਗੰਭੀਰ", "pa")
    [notice] = shown.notices
    assert notice.words == "ਇਹ ਸੁਨੇਹਾ 2026-01-31 06:00 PST ਨੂੰ ਸੋਧਿਆ ਗਿਆ ਸੀ। ਸੋਧ ਪੜ੍ਹੋ"
    assert (notice.language, notice.path) == ("pa", "messages/r2/")
    assert '<p lang="pa" dir="auto"><strong>' in content_html(shown, "https://mission.example")
    assert title_in_feed(shown).startswith("ਸੋਧਿਆ ਗਿਆ: ")


def test_a_withdrawn_message_says_so_in_its_language() -> None:
    shown = view("fr", followed=follower("recall"))
    assert shown.text == "Ce message a été retiré le 2026-01-31 06:00 PST. Il ne s’applique plus."
    assert (shown.title, shown.standing, shown.language) == ("Message retiré", "Retiré", "fr")


def test_what_is_over_says_so_in_its_language() -> None:
    end = NOW + timedelta(hours=1)
    shown = view("zh", about={"expires": end}, ended_at=end)
    assert shown.standing == "已失效"
    assert shown.notices[0].words == "此消息有效期至 2026-01-31 07:00 PST，现已结束。"


@pytest.mark.parametrize(
    ("language", "site", "labels"), [("tl", "fr", "fr"), (None, "fr", "fr"), ("tl", "tl", "en"), ("FR-ca", "en", "fr")]
)
def test_a_language_without_labels_has_the_sites(language: str | None, site: str, labels: str) -> None:
    assert labels_in(language, site).language == labels


def test_english_names_the_month() -> None:
    shown = view("en", followed=follower("recall"))
    assert shown.text.startswith("This message was withdrawn on 31 January 2026, 06:00 PST.")
    assert (shown.label_language, shown.notices[0].language) == (None, None)


@pytest.mark.parametrize("labels", _ALL, ids=lambda labels: labels.language)
def test_each_language_says_all_of_it(labels: Labels) -> None:
    for act in get_args(Act):
        assert "<when>" in labels.followed(act, "<when>")
        assert labels.follows(act)
    for text in (labels.withdrawn_text, labels.taken_off, labels.in_force_until, labels.answers):
        assert text.count("{}") == 1
    words = [*labels.severities, labels.corrected, labels.withdrawn, labels.over, labels.withdrawn_title]
    assert all(words)
    assert len(set(words)) == len(words)
