"""What is typed is checked before anything is sent."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from services.desk import words
from services.desk.words import incident_name, role_of, start_of_pipe, text_of, translations
from services.kernel.base.errors import BadInput


@pytest.mark.parametrize("word", ["a.b", "a*", ">", "a b", "", "-a", "a-", "A", "é", "a" * 64, "a\n"])
def test_ids_that_may_not_stand_in_a_subject(word: str) -> None:
    with pytest.raises(BadInput) as caught:
        words.check_id(word, "request")
    assert caught.value.code == "request.id"


def test_targets_are_kept_in_order_and_once() -> None:
    assert words.targets(["b-x", "a-x", "b-x"], False) == ("b-x", "a-x")
    assert words.targets([], True) == "all-departments"


@pytest.mark.parametrize(
    ("to", "everyone", "code"),
    [([], False, "targets.missing"), (["a-x"], True, "targets.both"), (["a.x"], False, "profile.id")],
)
def test_reach_must_be_clear(to: list[str], everyone: bool, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        words.targets(to, everyone)
    assert caught.value.code == code


def test_variants_may_hold_equal_signs() -> None:
    assert words.variants(["mastodon=a=b", "website="]) == {"mastodon": "a=b", "website": ""}


@pytest.mark.parametrize(
    ("given", "code"),
    [(["nothing"], "variant.malformed"), (["x=1", "x=2"], "variant.twice"), (["X.y=1"], "platform.id")],
)
def test_broken_variants(given: list[str], code: str) -> None:
    with pytest.raises(BadInput) as caught:
        words.variants(given)
    assert caught.value.code == code


def test_each_picture_needs_its_description() -> None:
    a, b = Path("a.png"), Path("b.png")
    assert words.pictures([a, b], ["one", "two"]) == [(a, "one"), (b, "two")]
    for images, alts in (([a], []), ([a], ["  "]), ([], ["one"])):
        with pytest.raises(BadInput) as caught:
            words.pictures(images, alts)
        assert caught.value.code == "picture.alt"
    with pytest.raises(BadInput, match="5 pictures"):
        words.pictures([a] * 5, ["x"] * 5)


def test_picture_files(tmp_path: Path) -> None:
    """Missing, empty and huge files are told apart before anything is sent."""
    with pytest.raises(BadInput) as caught:
        words.read_picture(tmp_path / "none.png")
    assert caught.value.code == "picture.unreadable"
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(BadInput, match="empty"):
        words.read_picture(tmp_path / "empty.png")
    (tmp_path / "huge.png").write_bytes(b"\0" * (words.MAX_PICTURE + 1))
    with pytest.raises(BadInput, match="larger"):
        words.read_picture(tmp_path / "huge.png")


def test_roles_by_either_spelling() -> None:
    assert role_of("eoc-director") is role_of("EOC_Director")
    with pytest.raises(BadInput) as caught:
        role_of("emperor")
    assert caught.value.code == "role.unknown"
    assert "pio" in caught.value.hint


@pytest.mark.parametrize("name", ["", "   ", "a\x07b", "x" * 501])
def test_an_incident_needs_a_visible_name(name: str) -> None:
    with pytest.raises(BadInput):
        incident_name(name)


def test_an_incidents_name_is_one_line() -> None:
    assert incident_name("  Fraser \n River  flood ") == "Fraser River flood"


def test_a_text_from_windows_loses_its_mark(tmp_path: Path) -> None:
    """Notepad writes U+FEFF before a text in UTF-8; nobody sees it."""
    file = tmp_path / "text.txt"
    file.write_bytes("\ufeffÀ l’abri.\r\n".encode())
    assert text_of(None, file) == "À l’abri."


def test_a_pipe_is_read_and_one_that_nobody_writes_to_is_said_to_be_so(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(BadInput, match="nothing was written to it in 0 s") as caught:
        start_of_pipe(pipe, seconds=0)
    assert caught.value.code == "text.unreadable"
    writer = threading.Thread(target=pipe.write_text, args=("Boil water.",))
    writer.start()
    assert text_of(None, pipe) == "Boil water."
    writer.join()


@pytest.mark.parametrize(
    ("raw", "said"), [("Feu".encode("utf-16"), "is UTF-16"), (b"Caf\xe9", r"is not valid UTF-8 \(byte 3\)")]
)
def test_a_text_in_another_encoding_is_refused_by_its_file(tmp_path: Path, raw: bytes, said: str) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes(raw)
    with pytest.raises(BadInput, match=rf"text\.txt {said}") as caught:
        text_of(None, file)
    assert caught.value.code == "text.encoding"


def test_a_languages_code_may_be_typed_in_capitals() -> None:
    assert translations(["PA=ਪਾਣੀ"]) == {"pa": "ਪਾਣੀ"}
    with pytest.raises(BadInput, match="two texts in pa"):
        translations(["pa=a", "PA=b"])


def test_what_is_no_picture_to_read_is_told_and_waited_for_by_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "empty.png").touch()
    for path, said in (
        (tmp_path / "pipe.png", "is empty"),
        (tmp_path / "empty.png", "is empty"),
        (tmp_path, "directory"),
        (Path("/dev/zero"), "is larger than"),
    ):
        with pytest.raises(BadInput, match=said) as error:
            words.read_picture(path)
        assert ("save it smaller" in error.value.hint) == (said == "is larger than")
