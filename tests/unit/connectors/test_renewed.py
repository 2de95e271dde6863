"""What fan-out renewed counts, and nothing that it writes is ever followed: whoever takes it over gets nothing run."""

from __future__ import annotations

import json
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.desk.city.wall import held_by, shared
from services.desk.connect.person import Access
from services.desk.connect.sealing import seal_all
from services.desk.connect.storing import keep
from services.fanout.connectors.credentials.keeping import keep_credential, keep_renewed, renewal_lock
from services.fanout.connectors.credentials.renewed import renewed_path
from services.fanout.connectors.credentials.sealing import new_key, read_key, seal, sealing_path
from services.fanout.connectors.credentials.tokens import (
    TokenFault,
    expiry_of,
    expiry_path,
    held_at,
    read_renewal,
    read_token,
    renewal_of,
    renewal_path,
    token_of,
)
from services.kernel.base.city import City
from services.kernel.base.errors import Unreachable
from services.kernel.base.files import ExclusiveLock
from tests.support.ledger_builder import demo_city
from tests.support.mission import PATIENCE

END = datetime(2027, 1, 1, tzinfo=UTC)
LATER = END + timedelta(days=60)


@pytest.fixture
def city(tmp_path: Path) -> City:
    return demo_city(tmp_path / "city")


@pytest.fixture
def token(city: City) -> Path:
    path = city.token_path("fire-x")
    keep_credential(path, "the-first", END, "renews-the-first")
    return path


def write(token: Path, **changed: object) -> Path:
    """Write into fan-out's folder as whoever has taken it over may."""
    keep_renewed(token, "renewed", LATER)
    path = renewed_path(token)
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    return path


def put_by_hand(token: Path, text: str) -> None:
    token.write_text(f"{text}\n")


async def test_what_was_renewed_counts_until_a_person_puts_another_there(token: Path) -> None:
    before = held_at(token)
    keep_renewed(token, "the-second", LATER)
    assert (read_token(token), await token_of(token), expiry_of(token)) == ("the-second", "the-second", LATER)
    assert read_renewal(token) == await renewal_of(token) == "renews-the-first"
    keep_renewed(token, "the-third", LATER, "renews-the-third")
    keep_renewed(token, "the-fourth", LATER)
    assert (read_token(token), read_renewal(token)) == ("the-fourth", "renews-the-third")
    assert held_at(token) == before
    put_by_hand(token, "by-hand")
    assert (read_token(token), read_renewal(token), expiry_of(token)) == ("by-hand", "renews-the-first", END)


def test_a_new_connection_ends_what_was_renewed(token: Path) -> None:
    keep_renewed(token, "the-second", LATER)
    keep_credential(token, "the-first", None)
    assert (read_token(token), read_renewal(token), expiry_of(token)) == ("the-first", "", None)
    assert not renewed_path(token).exists()


@pytest.mark.parametrize("where", ["credential", "renews"])
@pytest.mark.parametrize("reference", ["exec:/bin/touch {ran}", "exec:{program}", "file:{secret}", "env:HOME", "a b"])
async def test_nothing_that_fan_out_writes_is_followed(
    city: City, token: Path, tmp_path: Path, where: str, reference: str
) -> None:
    """Neither by fan-out nor by what others run as their own user: doctor, profiles check, connect and seal."""
    program, ran, secret = tmp_path / "program", tmp_path / "ran", tmp_path / "secret"
    program.write_text(f"#!/bin/sh\ntouch {ran}; echo token\n")
    program.chmod(0o700)
    secret.touch(mode=0o600)
    secret.write_text("another-users-secret")
    write(token, **{where: reference.format(program=program, ran=ran, secret=secret)})
    for read in (read_token, read_renewal):
        with pytest.raises(TokenFault, match="is not followed"):
            read(token)
    for wait in (token_of, renewal_of):
        with pytest.raises(TokenFault, match="is not followed"):
            await wait(token)
    assert held_by(token) == b"the-first"
    assert list(shared(city)) == []
    assert expiry_of(token) == END
    done = seal_all(city, f"file:{tmp_path / 'key'}")
    assert "fire-x.token" in dict(done.failed)
    assert not ran.exists()


def test_nor_is_a_reference_that_was_sealed_with_the_citys_key(token: Path, tmp_path: Path) -> None:
    key, ran = tmp_path / "key", tmp_path / "ran"
    key.touch(mode=0o600)
    key.write_text(new_key())
    sealing_path(token.parent).write_text(f"file:{key}\n")
    write(token, credential=seal(f"exec:/bin/touch {ran}", read_key(key.read_text())))
    with pytest.raises(TokenFault, match="does not hold a token"):
        read_token(token)
    write(token, credential=seal("file:/etc/hostname", read_key(key.read_text())))
    with pytest.raises(TokenFault, match="does not hold a token"):
        read_token(token)
    assert not ran.exists()


def test_nor_is_a_link_and_a_pipe_keeps_nobody_waiting(token: Path, tmp_path: Path) -> None:
    path = write(token)
    aside = path.rename(tmp_path / "aside.json")
    path.symlink_to(aside)
    with pytest.raises(TokenFault, match="cannot be read"):
        read_token(token)
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(TokenFault, match="no plain file"):
        read_token(token)
    path.unlink()
    aside.rename(path).chmod(0o640)
    with pytest.raises(TokenFault, match="can be read by others"):
        read_token(token)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 9000, '{"credential": "a"}', "null", "\xff"])
def test_what_is_damaged_says_how_to_mend_it(token: Path, text: str) -> None:
    write(token).write_text(text, encoding="latin-1")
    with pytest.raises(TokenFault, match=r"website/live/renewed/fire-x\.token\.json is damaged: delete it"):
        read_token(token)
    assert expiry_of(token) == END


@pytest.mark.parametrize("expires", ["2027-01-01T00:00:00", "soon", 7])
def test_an_end_is_a_time_with_its_zone(token: Path, expires: object) -> None:
    write(token, expires=expires)
    with pytest.raises(TokenFault, match="delete it"):
        read_token(token)


def test_sealing_takes_in_what_was_renewed(city: City, token: Path, tmp_path: Path) -> None:
    """Afterwards nothing of it is there in clear anywhere."""
    keep_renewed(token, "the-second", LATER, "renews-the-second")
    done = seal_all(city, f"file:{tmp_path / 'key'}")
    assert (done.failed, renewed_path(token).exists()) == ((), False)
    assert (read_token(token), read_renewal(token), expiry_of(token)) == ("the-second", "renews-the-second", LATER)
    assert token.read_text().startswith("sealed:")
    assert renewal_path(token).read_text().startswith("sealed:")
    assert expiry_path(token).read_text().strip() == LATER.isoformat()
    keep_renewed(token, "the-third", LATER)
    assert "the-third" not in renewed_path(token).read_text()
    assert (read_token(token), read_renewal(token)) == ("the-third", "renews-the-second")


def test_a_renewal_under_way_is_waited_for_and_not_lost(city: City, token: Path, tmp_path: Path) -> None:
    """It had the old credential before the seal came, and stores the new one while the seal waits."""
    renewal_lock(city).parent.mkdir(parents=True, exist_ok=True)
    lock = ExclusiveLock(renewal_lock(city))
    assert lock.take()
    sealing = threading.Thread(target=seal_all, args=(city, f"file:{tmp_path / 'key'}"))
    sealing.start()
    time.sleep(0.15)
    assert token.read_text() == "the-first\n"
    keep_renewed(token, "the-second", LATER)
    lock.close()
    sealing.join(PATIENCE)
    assert (read_token(token), token.read_text()[:7]) == ("the-second", "sealed:")


def test_a_lock_that_nobody_lets_go_of_is_one_clear_error(city: City, token: Path, tmp_path: Path) -> None:
    renewal_lock(city).parent.mkdir(parents=True, exist_ok=True)
    lock = ExclusiveLock(renewal_lock(city))
    assert lock.take()
    with pytest.raises(Unreachable) as busy:
        keep(city, "fire-x", Access("another", "@fire"), wait=0.2)
    assert busy.value.code == "credentials.busy"
    with pytest.raises(Unreachable):
        seal_all(city, f"file:{tmp_path / 'key'}", wait=0.2)
    assert read_token(token) == "the-first"
    lock.close()
    keep(city, "fire-x", Access("another", "@fire"))
    assert read_token(token) == "another"


def test_a_lock_is_never_a_link(city: City, tmp_path: Path) -> None:
    """Who may write where it lies must not have another user make a file somewhere else."""
    path = renewal_lock(city)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(tmp_path / "made")
    with pytest.raises(OSError, match="symbolic links"):
        ExclusiveLock(path)
    assert not (tmp_path / "made").exists()
