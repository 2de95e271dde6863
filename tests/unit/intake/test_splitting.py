"""Where the parts of a thread end: at sentences and phrases of every script, and not behind abbreviations."""

from __future__ import annotations

import textwrap

import pytest

from schemas.platforms import LIMITS
from services.intake.domain.abbreviations import SentenceEnd, end_at
from services.intake.domain.rendering import parts_of

CLEAR, PERHAPS, NONE = SentenceEnd.CLEAR, SentenceEnd.PERHAPS, SentenceEnd.NONE
TOOT = LIMITS["mastodon"]
SENTENCE = "The water is rising fast near the river banks today. "


def first_of(text: str) -> str:
    """The first part of a text that becomes a thread, without its number."""
    parts = parts_of(text.strip(), None, TOOT)
    assert len(parts) > 1
    return parts[0].removesuffix(f" (1/{len(parts)})")


@pytest.mark.parametrize(
    "sentence",
    [
        "น้ำท่วมถนนสายหลัก โปรดออกจากบ้านทันที ", "ນ້ຳຖ້ວມຖະໜົນ ກະລຸນາອອກຈາກເຮືອນ ", "ទឹកជំនន់លើផ្លូវ សូមចាកចេញ ",
        "ရေကြီးနေသည် ချက်ချင်းထွက်ခွာပါ ", "ཆུ་ལོག་ཡོང་གི་འདུག། ད་ལྟ་ཐོན་རོགས། ", "ཆུ་ལོག་ཡོང་གི་འདུག༎ ",
        "Χρειάζεστε βοήθεια; ", "Φύγετε αμέσως από την περιοχή· ", "Χρειάζεστε βοήθεια\u037e ", "Φύγετε\u0387 ",
        "洪水来了﹐请立即撤离﹒", "你需要帮助吗﹖", "请立即撤离﹗", "请立即撤离!", "需要帮助吗?", "洪水 请立即撤离 ",
        "Ջուրը բարձրանում է: ", "Ջուրը բարձրանում է։ ", "የጎርፍ አደጋ አለ፡፡ ", "የጎርፍ አደጋ አለ:: ", "बाढ़ का खतरा है| ",
        "बाढ़ का खतरा है।", "ទឹកជំនន់លើផ្លូវ។", "ရေကြီးနေသည်။", "하지 말 것. ", "צאו מיד׃ ", "ᐅᐸᒋᑦ᙮ ",
    ],
)  # fmt: skip
def test_sentences_that_end_without_latin_marks_make_a_thread(sentence: str) -> None:
    """Thai and Lao end a phrase with a space; others have marks of their own, or ones that mean it in them alone."""
    first = first_of(sentence * 90)
    assert first.endswith(tuple(word for word in sentence.split() if word))


def test_a_space_around_a_number_or_a_repetition_ends_no_phrase() -> None:
    """Thai writes those spaces within a phrase."""
    first = first_of("โปรดออกจากบ้านทันที " * 12 + "โทร 911 หรือ ๒๒ เรื่องต่าง ๆ ต่อ" * 20)
    assert first.endswith("โปรดออกจากบ้านทันที")


@pytest.mark.parametrize("marks", ["！！", "？！", "。」", "。」』"])
def test_marks_in_a_row_are_not_parted(marks: str) -> None:
    """Wherever the room ends, no part begins with a mark."""
    for more in range(8):
        parts = parts_of("水" * more + f"请立即撤离低洼地区{marks}" * 60, None, TOOT)
        assert not any(part.startswith(tuple("！？。」』")) for part in parts)


@pytest.mark.parametrize("before", ["等。ល។", "នំ។ល។ទៀត"])
def test_khmer_and_so_on_is_not_divided(before: str) -> None:
    assert "។ល (1/" not in parts_of(f"ទឹក{before} " * 90, None, TOOT)[0]


@pytest.mark.parametrize(
    "abbreviated",
    [
        "go by Evac. Order", "by Emerg. Services", "at Info. Centre", "ask Cell. 604", "ask cell. 604-555-0199",
        "on Fwy. North", "on Expy. North", "on Byp. North", "on Ter. North", "in Rge. North", "on Conc. North",
        "at Sta. North", "in Res. North", "on Saltspring Is. North", "in Cyn. North", "by Natl. Guard",
        "by Fed. Police",
        "by Can. Forces", "at Acad. North", "by Pub. Works", "by Dir. Lee", "by Comdr. Lee", "by Atty. Lee",
        "by Geo. Lee", "by Chas. Lee", "by Thos. Lee", "in 30 mins. Residents", "in 30mins. Residents",
        "more precip. Residents", "by Tpke. North", "by Zilch. North", "at Rec. Centre", "sa Brgy. San Juan",
        "в р-н. Левая", "τηλ. Αθήνα", "ที่ กทม. และ", "voir l'av. Laurier",
    ],
)  # fmt: skip
def test_a_part_ends_at_a_clear_sentence_before_an_abbreviation(abbreviated: str) -> None:
    """A known abbreviation ends no sentence; what only looks like one gives way to a clearer end."""
    first = first_of(SENTENCE * 5 + f"Please {abbreviated} " + "and go on and on " * 30)
    assert first == (SENTENCE * 5).strip()


@pytest.mark.parametrize(
    "sentence",
    [
        "Please go at once to Hope. ",
        "Es bleibt alles im Haus. ",
        "Ask for more info. ",
        "It is ten per cent. ",
        "Esto puede ser. ",
    ],
)
def test_a_short_name_ends_a_sentence_where_nothing_clearer_does(sentence: str) -> None:
    assert first_of(sentence * 40).endswith(sentence.strip())


@pytest.mark.parametrize(
    ("before", "after", "end"),
    [
        ("Leave now!", " Go", CLEAR), ("Leave now.", " Go", CLEAR), ("Leave now.", " go", NONE),
        ("Call 911.", " Go", CLEAR), ("item 3.", " Go", NONE), ("the RCMP.", " Go", CLEAR),
        ("to Hope.", " Go", PERHAPS), ("It is over. Closed.", " Go", CLEAR), ("by phone.", " 604", PERHAPS),
        ("as fast as you can.", " Go", CLEAR), ("of the Can.", " Forces", NONE),
        ("AS YOU CAN.", " GO", CLEAR),
        ("하지 말 것.", " 대피", CLEAR), ("ออกจากบ้าน.", " ไป", CLEAR), ("รพ.", " ไป", NONE),
        ("p.m.", " Go", NONE), ("on Blvd.", " Go", NONE),
        ("ਡਾ.", " ਸਿੰਘ", NONE), ("ਨੰ.", " ੩", NONE), ("डॉ.", " सिंह", NONE), ("श्री.", " सिंह", NONE), ("नं.", " ३", NONE),
        ("कि.मी.", " दूर", NONE), ("पं.", " शर्मा", NONE), ("Ông.", " Nguyễn", NONE), ("św.", " Anny", NONE),
        ("पानी आया। अधि.", " राम", NONE), ("पानी आया। नगरपालिका.", " राम", PERHAPS),
        ("ਖਾਲੀ ਕਰੋ.", " ਹੜ੍ਹ", CLEAR), ("घर खाली करो.", " बाढ़", CLEAR),
    ],
)  # fmt: skip
def test_how_sure_it_is_that_a_sentence_ends(before: str, after: str, end: SentenceEnd) -> None:
    assert end_at(before + after, len(before), len(before)) == end


def wrapped(text: str, width: int = 70) -> str:
    return "\n".join(textwrap.wrap(text, width))


def test_a_line_that_an_e_mail_broke_ends_no_sentence() -> None:
    """Part 1 ends at a full stop, wherever the lines of a wrapped text end, and not at "go by Nov."."""
    told = "You must be out of the area that is described below and go by Nov. 28 at 6 p.m. to the reception centre. "
    for width in range(40, 90):
        first = first_of(wrapped(told * 8, width))
        assert first.endswith("centre."), width


def test_a_long_line_without_a_mark_was_broken_too() -> None:
    line = "Everybody in Hatzic must go. Stave Lake Street has to be empty by Nov.\n"
    told = line + "28 Residents of the valley between Dewdney Trunk Road and\n" + line * 4
    assert first_of(told + line * 6).endswith("must go.")


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        ("• Lougheed Hwy. is closed at Nelson St.", "St."),
        ("Reception centre: 33700 Prentis Ave.", "Ave."),
        ("7 Main St. to Stave Lake St.", "St."),
        ("Evacuate these streets now", "now"),
    ],
)
def test_the_lines_of_a_list_end_parts(line: str, ends: str) -> None:
    first = first_of("\n".join([line] * 30))
    assert first.endswith(ends)
    assert len(first) > 400


def test_a_list_in_a_wrapped_text_ends_a_part_at_its_items() -> None:
    first = first_of("Leave the area at once and go to the\nreception centre.\n" + "• Stave Lake St.\n" * 60)
    assert first.endswith("• Stave Lake St.")
    assert len(first) > 400


def test_a_wrapped_text_without_any_sentence_is_divided_at_a_line() -> None:
    assert first_of(wrapped("streets that are closed " * 60)).split()[-1] in {"streets", "that", "are", "closed"}
