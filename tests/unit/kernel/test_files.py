"""Files and locks that survive what kills their process."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from services.kernel.base.files import (
    MOST_READ_BYTES,
    ExclusiveLock,
    is_locked,
    locked,
    read_file,
    replace_content,
    replacing,
    write_atomically,
)
from services.kernel.base.line_files import (
    ForeignWrite,
    GrowingFile,
    complete_lines,
    count_lines,
    last_line,
    lines_backwards,
    lines_with,
    sizes,
)
from tests.support.mission import PATIENCE


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    """The lock is free as soon as its holder lets go; taking it twice is no fault."""
    first, second = ExclusiveLock(tmp_path / "lock"), ExclusiveLock(tmp_path / "lock")
    assert (first.take(), second.take(), first.take()) == (True, False, True)
    first.close()
    assert second.take()
    second.close()


def test_a_look_neither_makes_nor_keeps_a_lock(tmp_path: Path) -> None:
    """Also where the file cannot be written by whoever looks."""
    path = tmp_path / "lock"
    assert (is_locked(path), path.exists()) == (False, False)
    with locked(path):
        path.chmod(0o400)
        assert is_locked(path)
    assert not is_locked(path)
    with locked(path):
        pass


def test_two_who_look_do_not_see_each_other(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert not is_locked(path)


def test_a_child_that_inherits_the_lock_holds_it(tmp_path: Path) -> None:
    """As the broker does, when the process that started it dies first."""
    path = tmp_path / "lock"
    lock = ExclusiveLock(path)
    assert lock.take()
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock.handle,), close_fds=True
    )
    lock.close()
    assert is_locked(path)
    child.communicate(b"\n", timeout=PATIENCE)
    assert not is_locked(path)


def test_a_replaced_file_is_the_old_or_the_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk refuses, the old one stands, and nothing is left behind."""
    path = tmp_path / "deep" / "file"
    write_atomically(path, b"old", mode=0o600)
    monkeypatch.setattr(os, "fsync", _refuse)
    with pytest.raises(OSError, match="full"):
        write_atomically(path, b"new")
    assert (path.read_bytes(), os.listdir(path.parent)) == (b"old", ["file"])


def _refuse(_handle: int) -> None:
    raise OSError("the disk is full")


@pytest.mark.parametrize("lines", [(), (b"a\n",), (b"a\n", b"\n", b"b" * 600_000 + b"\n", b"c\n")])
@pytest.mark.parametrize("torn", [b"", b"half a line", b"x" * 300_000])
def test_each_reader_sees_the_same_complete_lines(tmp_path: Path, lines: tuple[bytes, ...], torn: bytes) -> None:
    """Forwards, backwards and counted, across blocks, with or without a torn line behind them."""
    path = tmp_path / "lines"
    path.write_bytes(b"".join(lines) + torn)
    assert sizes(path) == (len(b"".join(lines)), len(torn))
    assert tuple(complete_lines(path)) == lines
    assert tuple(lines_backwards(path)) == lines[::-1]
    assert last_line(path) == (lines[-1] if lines else None)
    assert count_lines(path) == len(lines)


def test_a_missing_file_has_no_lines(tmp_path: Path) -> None:
    """It is not made by looking."""
    path = tmp_path / "none"
    assert (sizes(path), list(complete_lines(path)), last_line(path), count_lines(path)) == ((0, 0), [], None, 0)
    assert not path.exists()


def test_a_growing_file_takes_a_torn_line_away_and_nothing_else(tmp_path: Path) -> None:
    """What another program wrote meanwhile is refused; the file stays as it is."""
    path = tmp_path / "lines"
    path.write_bytes(b"one\nhal")
    file = GrowingFile(path)
    file.add(b"two\n")
    assert (file.cut, path.read_bytes()) == (3, b"one\ntwo\n")
    with path.open("ab") as other:
        other.write(b"gossip\n")
    with pytest.raises(ForeignWrite):
        file.add(b"three\n")
    assert path.read_bytes() == b"one\ntwo\ngossip\n"
    file.close()


@pytest.mark.parametrize("window", [1, 7, 64, 1 << 20])
def test_lines_that_hold_something_are_found_wherever_a_window_ends(tmp_path: Path, window: int) -> None:
    path = tmp_path / "lines"
    assert list(lines_with(path, b"mark", window)) == []
    path.write_bytes(b"")
    assert list(lines_with(path, b"mark", window)) == []
    held = [b"mark\n", b"a mark, and a mark\n", b"x" * 70 + b"mark\n"]
    path.write_bytes(held[0] + b"\nmar\nk\n" + held[1] + b"other\n" + held[2] + b"a torn mark")
    assert list(lines_with(path, b"mark", window)) == held


@pytest.mark.parametrize(
    "by_root", [False, pytest.param(True, marks=pytest.mark.skipif(os.geteuid() != 0, reason="root"))]
)
def test_who_reads_a_file_can_read_what_takes_its_place(tmp_path: Path, by_root: bool) -> None:
    """With a narrow umask, through a link, and where root writes what another user owns."""
    path, link = tmp_path / "there", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o644)
    link.symlink_to("there")
    owner = (1000, 1000) if by_root else (os.geteuid(), path.stat().st_gid)
    os.chown(path, *owner)
    before = os.umask(0o077)
    try:
        replace_content(link, b"new")
        replace_content(tmp_path / "other", b"new", 0o640)
    finally:
        os.umask(before)
    found = path.stat()
    assert (path.read_text(), link.is_symlink()) == ("new", True)
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (*owner, 0o644)
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_belongs_to_the_folders_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, 1000, 1000)
    replace_content(tmp_path / "new", b"")
    assert (tmp_path / "new").stat().st_uid == 1000


def test_a_file_that_is_written_in_pieces_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kept"
    with replacing(path, 0o600) as file:
        file.write(b"old")
    with suppress(KeyError), replacing(path) as file:
        file.write(b"half of what is n")
        raise KeyError
    assert [one.read_bytes() for one in path.parent.iterdir()] == [b"old"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_small_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "most").write_bytes(b"x" * MOST_READ_BYTES)
    assert read_file(tmp_path / "most") == b"x" * MOST_READ_BYTES
    with pytest.raises(OSError, match="too large"):
        read_file(tmp_path / "most", MOST_READ_BYTES - 1)
    (tmp_path / "empty").touch()
    assert read_file(tmp_path / "empty") == b""


def test_a_pipe_that_nobody_writes_to_makes_nobody_wait(tmp_path: Path) -> None:
    """One in the place of a key, a credential or city.toml had a command hang for ever."""
    os.mkfifo(tmp_path / "pipe")
    assert read_file(tmp_path / "pipe") == b""


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    """As of ``<(gpg --decrypt key)``."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    write = f"import sys; f = open({str(pipe)!r}, 'wb'); f.write(b'a'); f.flush(); sys.stdin.read(); f.write(b'b')"
    with subprocess.Popen([sys.executable, "-c", write], stdin=subprocess.PIPE) as writer:
        keeps = os.open(pipe, os.O_RDONLY)  # so that the writer is there
        assert writer.stdin is not None
        writer.stdin.close()
        assert read_file(pipe) == b"ab"
        os.close(keeps)


def test_what_is_no_small_file_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none", Path("/dev/zero")):
        with pytest.raises(OSError, match=r"directory|No such file|too large"):
            read_file(path)
