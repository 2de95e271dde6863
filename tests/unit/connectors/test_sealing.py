"""Credentials that are sealed on the disk: only the key opens them, and it is named by reference."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.fanout.connectors.credentials.keeping import keep_credential
from services.fanout.connectors.credentials.sealing import SealFault, new_key, read_key, seal, sealing_path, unseal
from services.fanout.connectors.credentials.tokens import TokenFault, expiry_of, read_token, renewal_path, token_of

END = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
def token(tmp_path: Path) -> Path:
    return tmp_path / "live" / "fire-x.token"


def key_in(folder: Path, *names: str) -> None:
    """Have a folder's credentials sealed with the keys of these files, which are made."""
    for name in names:
        if not (folder.parent / name).exists():
            (folder.parent / name).touch(mode=0o600)
            (folder.parent / name).write_text(new_key())
    folder.mkdir(exist_ok=True)
    sealing_path(folder).write_text("".join(f"file:{folder.parent / name}\n" for name in names))


async def test_what_is_kept_is_sealed_and_read_back(token: Path) -> None:
    key_in(token.parent, "key")
    keep_credential(token, "a-secret", END, "what-renews-it")
    for path, text in ((token, "a-secret"), (renewal_path(token), "what-renews-it")):
        assert path.read_text().startswith("sealed:")
        assert text not in path.read_text()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await token_of(path) == text
    assert expiry_of(token) == END


def test_the_same_credential_is_never_sealed_alike(token: Path) -> None:
    key_in(token.parent, "key")
    keep_credential(token, "a-secret", None)
    first = token.read_text()
    keep_credential(token, "a-secret", None)
    assert first != token.read_text()


def test_without_a_key_it_stands_as_it_is(token: Path) -> None:
    keep_credential(token, "a-secret", None)
    assert token.read_text() == "a-secret\n"


def test_a_reference_is_not_sealed(token: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRE_X", "a-secret")
    key_in(token.parent, "key")
    keep_credential(token, "env:FIRE_X", None)
    assert token.read_text() == "env:FIRE_X\n"
    assert read_token(token) == "a-secret"


def test_a_new_key_opens_what_the_old_one_sealed_while_both_are_named(token: Path) -> None:
    key_in(token.parent, "old")
    keep_credential(token, "a-secret", None)
    key_in(token.parent, "new", "old")
    assert read_token(token) == "a-secret"
    keep_credential(token, "a-secret", None)
    key_in(token.parent, "new")
    assert read_token(token) == "a-secret"


def test_a_key_that_cannot_be_had_stops_it_and_shows_nothing(token: Path) -> None:
    """Also keeping: nothing is ever written in clear where a key is named."""
    key_in(token.parent, "key")
    keep_credential(token, "a-secret", None)
    sealed = token.read_text().strip()
    cases = {
        "file:/nowhere/key": "no credential at",
        "env:ONEVOICE_NO_SUCH_KEY": "holds no token",
        "the-key-itself": "names no key by reference",
        "": "file sealing names no key",
    }
    for text, says in cases.items():
        sealing_path(token.parent).write_text(text)
        with pytest.raises(TokenFault, match=says) as caught:
            read_token(token)
        assert sealed not in str(caught.value)
        if text:
            with pytest.raises(TokenFault):
                keep_credential(token, "another", None)
    assert token.read_text().strip() == sealed


def test_another_key_or_a_changed_file_opens_nothing(token: Path) -> None:
    key_in(token.parent, "key")
    keep_credential(token, "a-secret", None)
    whole = token.read_text()
    for changed in (whole[:40] + ("A" if whole[40] != "A" else "B") + whole[41:], "sealed:%%%\n", "sealed:AAAA\n"):
        token.write_text(changed)
        with pytest.raises(TokenFault, match=r"does not open it|damaged"):
            read_token(token)
    token.write_text(whole)
    key_in(token.parent, "other")
    with pytest.raises(TokenFault, match="does not open it"):
        read_token(token)


@pytest.mark.parametrize("text", ["", "short", "é", "A" * 44])
def test_a_key_is_thirty_two_bytes(text: str) -> None:
    if text.startswith("A"):
        text = text[:40]
    with pytest.raises(SealFault):
        read_key(text)


def test_a_sealed_text_holds_a_credential() -> None:
    key = read_key(new_key())
    assert unseal(seal("a:b:c", key), [read_key(new_key()), key]) == "a:b:c"
