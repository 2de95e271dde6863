"""What each platform gets: variants, links, threads, and nothing cut in silence."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import unseen
from schemas.links import stands_in
from schemas.platforms import LIMITS, Limits, counted_length, overrun
from services.intake.domain.rendering import drawn, parts_of, render, units
from services.kernel.base.errors import BadInput, OneVoiceError
from tests.unit.intake.world import NOW, SITE, code_of, draft

TOOT = LIMITS["mastodon"]
LINK = f"{SITE}/evacuation"
SENTENCE = "The crews work through the night to keep the water out of the lower town. "


def rendered(**data: Any) -> dict[str, tuple[str, ...]]:
    return {one.platform: one.content().parts for one in render(draft(**data), LIMITS)}


def test_a_short_text_is_posted_as_it_is_everywhere() -> None:
    """The website always gets a rendering, target or not."""
    assert rendered(text="Road open.") == {"mastodon": ("Road open.",), "website": ("Road open.",)}


def test_the_link_goes_after_the_text_unless_it_stands_in_it() -> None:
    """The link is on the post exactly once."""
    assert rendered(text="Leave now.", link=LINK)["mastodon"] == (f"Leave now.\n\n{LINK}",)
    assert rendered(text=f"Leave now: {LINK}.", link=LINK)["mastodon"] == (f"Leave now: {LINK}.",)


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("see https://a.ca/x", True),
        ("see https://a.ca/x.", True),
        ("(https://a.ca/x)", True),
        ("https://a.ca/xy", False),
        ("https://a.ca/x/y", False),
        ("https://a.ca/x?y", False),
        ("https://a.ca/xy and https://a.ca/x", True),
        ("https://a.ca/x.html", False),
    ],
)
def test_a_longer_link_is_another_link(text: str, there: bool) -> None:
    assert stands_in(text, "https://a.ca/x") is there


def test_the_authors_variant_wins_on_its_platform_only() -> None:
    parts = rendered(text="The long form.", variants={"mastodon": "Short."})
    assert parts == {"mastodon": ("Short.",), "website": ("The long form.",)}


def test_a_long_text_becomes_a_numbered_thread_with_the_link_in_its_first_part() -> None:
    """Each part ends where a sentence does, and says which it is."""
    parts = rendered(text=SENTENCE * 15, link=LINK)["mastodon"]
    assert len(parts) == 3
    assert parts[0].endswith(f"(1/3)\n\n{LINK}")
    assert all(f". ({number}/3)" in part for number, part in enumerate(parts, 1))
    assert [part.count(LINK) for part in parts] == [1, 0, 0]
    assert all(counted_length(part, TOOT) <= 500 for part in parts)


def test_scripts_without_spaces_and_words_longer_than_a_part_lose_nothing() -> None:
    """Chinese is divided after its full stop; a word too long for a part is divided between letters."""
    chinese = "请立即撤离低洼地区并前往市政厅。" * 70
    parts = parts_of(chinese, LINK, TOOT)
    assert len(parts) > 2
    assert bare(parts, LINK) == chinese
    assert all("。 (" in part for part in parts)
    long_word = SENTENCE * 5 + "X" * 300 + "y" * 700
    parts = parts_of(long_word, None, TOOT)
    assert bare(parts, None) == re.sub(r"\s+", "", long_word)
    assert [part.count("X") + part.count("y") for part in parts][1:] == [494, 494, 12]


@pytest.mark.parametrize(
    "abbreviated",
    [
        "go by Nov. 28", "from Int. Airport", "at long. 122", "see Op. Centre", "en EE. UU. ahora", "дом 5, кв. Левая",
        "near Mt. Mary", "said Cst. Lee", "said Sgt. Lee", "on Sat. Nov. 28", "call Tel. 604",
        "ask ext. 12", "on Maple Cres. North", "along Rte. 7", "by Mme. Roy", "until 6 p.m. Residents",
        "in B.C. All", "item 3. Leave",
        "le 3 janv. Tous", "by 10 a.m. Bring", "J. Smith", "see No. 5",
        "closed etc. and so on", "about 5 km. north of it",
        "say Ont. Provincial Police", "on Sask. Power", "for Nfld. Power", "on P.E.I. Roads", "by Man. Hydro",
        "in Alta. Roads",
        "on Pkwy. North", "along Hwy. 7", "on Trl. North", "by Lwr. Mainland", "near Rm. 5", "of Twp. Langley",
        "by Supt. Lee", "by Asst. Chief", "by MM. Roy", "voir p. ex. Laurier", "au bur. 5", "by Dr. Ph.D. Lee",
        "read Evac. Order", "leave Fwy. North", "near Sta. 4B", "ask Comdr. Lee", "by Natl. Parks",
        "a la Sra. Ruiz", "en EE.UU. Todos", "ab Nr. 5", "das bzw. Wasser", "по ул. Ленина", "on Weds. Nov. 25",
    ],
)  # fmt: skip
def test_no_part_ends_where_no_sentence_does(abbreviated: str) -> None:
    """An abbreviation, a bare number, and a stop before a small letter end no sentence."""
    text = SENTENCE * 5 + f"Please {abbreviated} " + "and go on and on " * 30
    assert parts_of(text, None, TOOT)[0].startswith((SENTENCE * 5).strip() + " (1/")


@pytest.mark.parametrize(
    "sentence",
    [
        "ਹੜ੍ਹ ਦਾ ਖ਼ਤਰਾ ਹੈ, ਹੁਣੇ ਘਰ ਛੱਡੋ। ", "बाढ़ का खतरा है, अभी घर छोड़ दें। ", "غادر المنطقة الآن، هل تحتاج إلى مساعدة؟ ",
        "سیلاب کا خطرہ ہے، ابھی نکل جائیں۔ ", "请立即撤离低洼地区！", "In danger call 911. ", "Do not call the RCMP. ",
        "Evacuate now (all of you!) ", "የጎርፍ አደጋ አለ። ",
        "เกิดน้ำท่วมบริเวณถนนสายหลัก ", "ນ້ຳຖ້ວມຢູ່ເຂດນີ້ ", "ཆུ་ལོག་ཡོང་གི་ཡོད། ", "Πού να πάω τώρα; ", "Μείνετε στο σπίτι· ",
        "请立即撤离低洼地区﹗",
    ],
)  # fmt: skip
def test_sentences_of_each_script_make_a_thread(sentence: str) -> None:
    """Unicode's Sentence_Terminal says what ends a sentence, not a list of ours; some scripts have other ends."""
    parts = parts_of((sentence * 60).strip(), None, TOOT)
    assert len(parts) > 1
    assert parts[0].removesuffix(f" (1/{len(parts)})").endswith(sentence.strip())


def test_a_thai_name_in_another_language_ends_no_sentence() -> None:
    text = SENTENCE * 5 + "Please go to the hall of วัดไทย now " + "and go on and on " * 30
    assert parts_of(text, None, TOOT)[0].startswith((SENTENCE * 5).strip() + " (1/")


def test_scripts_without_spaces_are_divided_where_they_say_that_a_line_may_break() -> None:
    """A zero-width space parts Khmer words: no part begins or ends with one, which would be a hidden character."""
    text = "សូមចាកចេញ។ " * 20 + "ជម្លៀស\u200bភ្លាម\u200b" * 60 + "។"
    parts = parts_of(text, None, TOOT)
    bare_parts = [part.rpartition(" (")[0] for part in parts]
    assert len(parts) > 1
    assert not [part for part in bare_parts if part.startswith("\u200b") or part.endswith("\u200b")]
    assert not any(unseen.in_text(part) for part in parts)


def test_paragraphs_are_kept_together() -> None:
    """The end of a paragraph is the better place to divide."""
    first, second = (SENTENCE * 5).strip(), (SENTENCE * 4).strip()
    assert parts_of(f"{first}\n\n{second}", None, TOOT) == (f"{first} (1/2)", f"{second} (2/2)")


def test_abbreviations_do_not_end_a_sentence() -> None:
    """The first part does not end with "St."."""
    text = (
        SENTENCE * 5 + "Stay away from Main St. " + "between the river and the bridge, and from all of the fields. " * 3
    )
    assert "St. (1/" not in parts_of(text, None, TOOT)[0]


def test_links_count_their_fixed_length() -> None:
    """A long address fits where it counts 23."""
    link = "https://mission.example/" + "a" * 400
    text = ("word " * 90).strip()
    assert parts_of(text, link, TOOT) == (f"{text}\n\n{link}",)


def test_what_people_see_as_one_character_counts_as_one() -> None:
    """Emoji sequences and marks are counted as readers see them."""
    assert parts_of("👩‍🚒" * 500, None, TOOT) == ("👩‍🚒" * 500,)


def test_telegram_counts_utf16_code_units() -> None:
    """An emoji is two; at the limit it fits, one more is refused by name, and no thread is made of it."""
    taken = LIMITS["telegram"]
    assert parts_of("😀" * 2_048, None, taken) == ("😀" * 2_048,)
    with pytest.raises(BadInput, match="telegram takes 4096 characters and this has 4097, 1 too many"):
        parts_of("😀" * 2_048 + "!", None, taken)


@pytest.mark.parametrize(
    ("platform", "text", "said"),
    [
        ("linkedin", "(" * 1_501, "linkedin takes 3000 characters and this has 3002, 2 too many"),
        ("instagram", "#a " * 31, "instagram takes 30 hashtags and this has 31, 1 too many"),
        ("threads", "🔥" * 126, "threads takes 500 characters and this has 504, 4 too many"),
        ("threads", "https://a.example/1 " * 6, "threads takes 5 links and this has 6, 1 too many"),
    ],
)
def test_each_platform_counts_as_it_does(platform: str, text: str, said: str) -> None:
    """Escaped marks twice, hashtags, an emoji's bytes, links."""
    taken = LIMITS[platform]
    assert overrun(text[: len(text) // 2], taken) is None
    with pytest.raises(BadInput, match=said):
        parts_of(text.strip(), None, taken)


def test_a_long_text_is_a_thread_on_threads() -> None:
    parts = parts_of((SENTENCE * 10).strip(), "https://mission.example/a", LIMITS["threads"])
    assert len(parts) > 1
    assert all(overrun(part, LIMITS["threads"]) is None for part in parts)
    assert "https://mission.example/a" in parts[0]


def test_instagram_gets_a_card_with_the_words_where_there_is_no_picture() -> None:
    """Approved like any picture, by its hash; a text that cannot be drawn is refused with what helps."""
    asked = replace(draft(text="Boil water."), platforms=("instagram",))
    content = render(asked, LIMITS)[0].content()
    (card,) = content.pictures
    assert (card.alt, card.sha256) == ("Boil water.", drawn(content.parts, LIMITS["instagram"])[0].sha256)
    for text in ("水", "word " * 220):
        with pytest.raises(BadInput) as caught:
            render(replace(asked, text=text.strip()), LIMITS)
        assert caught.value.code == "picture.needed"
        assert "--image" in caught.value.hint


def test_bytes_count_where_the_platform_counts_them() -> None:
    """At Bluesky's limits exactly, and one beyond: as one post, as a thread, and named in the refusal."""
    taken, family = LIMITS["bluesky"], "👩‍👩‍👧‍👦"
    assert parts_of(family * 120, None, taken) == (family * 120,)
    parts = parts_of(f"Go now {family * 5}. " * 25, None, taken)
    assert len(parts) > 1
    assert all(overrun(part, taken) is None for part in parts)
    with pytest.raises(BadInput, match="bluesky takes 3000 bytes and this has 3025, 25 too many"):
        parts_of(family * 121, None, taken)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x" * 501, "first part"),
        ("word " * 200, "first part"),
        ("Leave. " + "word " * 200, "first part"),
        (SENTENCE * 400, "more than 25 parts"),
    ],
)
def test_too_long_names_platform_overrun_and_remedy(text: str, why: str) -> None:
    """What cannot be a thread is refused when the request is made."""
    with pytest.raises(BadInput) as caught:
        rendered(text=text)
    assert caught.value.code == "text.too_long_for_platform"
    over = counted_length(text.strip(), TOOT) - 500
    assert "mastodon takes 500 characters" in caught.value.message
    assert f"{over} too many" in caught.value.message
    assert why in caught.value.message
    assert "--variant mastodon=" in caught.value.hint


def test_a_variant_mends_what_is_too_long() -> None:
    assert rendered(text="word " * 200, variants={"mastodon": "Short."})["mastodon"] == ("Short.",)


def test_an_address_is_never_divided() -> None:
    """An address longer than a part, where addresses count as they are, is refused."""
    plain = Limits("plain", characters=100)
    text = "Leave the area now, all of you who live there. " * 2 + "https://mission.example/" + "a" * 100 + " ok."
    assert code_of(parts_of, text, None, plain) == "text.too_long_for_platform"


def test_unknown_platform_and_pictures_over_the_limits() -> None:
    """Limits that are not known, or not kept, refuse."""
    picture = {"sha256": "a" * 64, "media_type": "image/png", "alt": "A map of all zones"}
    other = {"sha256": "b" * 64, "media_type": "image/png", "alt": "A photo of the river"}
    made = draft(pictures=[picture, other])
    few = {name: Limits(name, 500, pictures=1) for name in LIMITS}
    short = {name: Limits(name, 500, alt_characters=5) for name in LIMITS}
    assert code_of(render, made, {}) == "platform.unknown"
    assert code_of(render, made, few) == "picture.too_many"
    assert code_of(render, made, short) == "picture.alt_too_long"


def test_the_content_carries_pictures_link_severity_and_the_frozen_time() -> None:
    picture = {"sha256": "a" * 64, "media_type": "image/png", "alt": "A map"}
    one = render(draft(link=LINK, severity="severe", pictures=[picture]), LIMITS)[0].content()
    assert (one.link, one.severity, one.created_at, one.pictures[0].alt) == (LINK, "severe", NOW, "A map")


piece = st.one_of(
    st.text("abcdefgé漢👍🏽 ", min_size=1, max_size=60),
    st.sampled_from(["\n", "\n\n", ". ", "! ", "。", "https://mission.example/a/b?c=d ", "e\u0301", "👩‍🚒", "St. "]),
)
prose = st.lists(piece, min_size=1, max_size=80).map("".join).map(str.strip).filter(bool)
some_limits = st.builds(
    Limits,
    platform=st.just("mastodon"),
    characters=st.integers(60, 300),
    link_length=st.sampled_from([None, 23]),
    bytes=st.sampled_from([None, 600, 3_000]),
)


def bare(parts: tuple[str, ...], link: str | None) -> str:
    """The text of a thread without numbers, link and white space."""
    total = len(parts)
    chunks = []
    for number, part in enumerate(parts, 1):
        if number == 1 and link and part.endswith(f"\n\n{link}"):
            part = part.removesuffix(f"\n\n{link}")
        chunks.append(part.removesuffix(f" ({number}/{total})") if total > 1 else part)
    return re.sub(r"\s+", "", "".join(chunks))


@settings(max_examples=120)
@given(text=prose, link=st.none() | st.just(LINK), limits=some_limits)
def test_no_text_is_lost_and_each_part_fits(text: str, link: str | None, limits: Limits) -> None:
    """Whatever is not refused is there to the last letter, within the limit, with the link in the first part."""
    try:
        parts = parts_of(text, link, limits)
    except OneVoiceError as error:
        assert error.code == "text.too_long_for_platform"  # noqa: PT017 - either end is right
        assert overrun(text if link is None else f"{text}\n\n{link}", limits) is not None
        return
    assert all(overrun(part, limits) is None for part in parts)
    assert len(parts) <= 25
    assert link is None or stands_in(parts[0], link)
    if len(parts) > 1:
        assert all(f"({number}/{len(parts)})" in part for number, part in enumerate(parts, 1))
    assert bare(parts, link) == re.sub(r"\s+", "", text)


@settings(max_examples=30)
@given(
    st.lists(
        st.sampled_from([SENTENCE, "Leave now! ", "Why? Because.\n\n", "漢字の文章です。"]), min_size=20, max_size=60
    )
)
def test_prose_of_ordinary_sentences_always_becomes_a_thread(sentences: list[str]) -> None:
    """Sentences of usual length never end in a refusal, and no part ends within one."""
    parts = parts_of("".join(sentences).strip(), LINK, TOOT)
    assert all(re.search(r"[.!?。] \(\d+/\d+\)", part) for part in parts) or len(parts) == 1


@given(prose, some_limits)
def test_pieces_make_up_the_text_and_never_count_too_little(text: str, limits: Limits) -> None:
    """The pieces are the text, and count at least what the platform counts."""
    pieces = units(text, limits)
    assert "".join(one for one, _ in pieces) == text
    assert sum(weight for _, weight in pieces) >= counted_length(text, limits)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("ਸੇਡਰ ਵੈਲੀ ਵਿੱਚ ਪਾਣੀ ਉਬਾਲੋ।", "pa"),
        ("請煮沸食水。", "zh"),
        ("Faites bouillir l'eau jusqu'à nouvel ordre.", "fr"),
        ("اغلوا الماء قبل الشرب.", "ar"),
        ("Boil the water until further notice.", "en"),
        ("Hwy 7 / Hwy 11", "nl"),
    ],
)
def test_each_rendering_names_the_language_of_its_text(text: str, language: str) -> None:
    """By its script and small words; the city's own where nothing tells."""
    assert {one.content().language for one in render(draft(text=text), LIMITS, "nl")} == {language}


def test_a_variant_has_a_language_of_its_own_unless_the_author_names_it() -> None:
    texts: dict[str, Any] = {"text": "Boil the water.", "variants": {"mastodon": "ਪਾਣੀ ਉਬਾਲੋ।"}}
    guessed = {one.platform: one.content().language for one in render(draft(**texts), LIMITS)}
    assert guessed == {"website": "en", "mastodon": "pa"}
    named = {one.platform: one.content().language for one in render(draft(**texts, language="ur"), LIMITS)}
    assert named == {"website": "ur", "mastodon": "ur"}


def test_the_end_that_the_author_gave_is_in_the_bytes_that_are_signed_and_no_other() -> None:
    end = NOW + timedelta(hours=2)
    assert {one.content().expires for one in render(draft(text="Road open.", expires=end), LIMITS)} == {end}
    assert {one.content().expires for one in render(draft(text="Road open."), LIMITS)} == {None}
    assert all("expires" not in one.body for one in render(draft(text="Road open."), LIMITS))
