"""A passphrase that is read from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.desk.keys.opening import ask_passphrase
from services.kernel.base.errors import BadInput


def refused(file: Path) -> BadInput:
    with pytest.raises(BadInput) as caught:
        ask_passphrase("A new passphrase", twice=True, file=file)
    assert caught.value.code == "key.passphrase_file"
    assert str(file) in caught.value.message
    return caught.value


def test_a_passphrase_file_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    assert "No such file" in refused(file).message
    file.write_bytes(b"")
    assert "holds no passphrase" in refused(file).message
    file.write_bytes(b"correct h\xf6rse battery\n")
    latin = refused(file)
    assert "is not UTF-8 (byte 9)" in latin.message
    assert "UTF-8" in latin.hint


def test_the_mark_that_windows_writes_is_no_part_of_a_passphrase(tmp_path: Path) -> None:
    """The key would be sealed with words that nobody can type."""
    file = tmp_path / "passphrase"
    file.write_text("four words are enough\r\n", encoding="utf-8-sig")
    assert ask_passphrase("A new passphrase", twice=True, file=file) == "four words are enough"
