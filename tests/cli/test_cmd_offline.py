"""Commands without a broker: the city folder, keys, words that never leave this machine."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from pathlib import Path

import pytest

from services.desk.keys.sealed import seal_seed
from tests.cli.conftest import Shell, lower_city, port_of, raise_city
from tests.support.ports import free_port

TO = ["--to", "fire-townsquare", "--as", "pio", "--yes"]


@pytest.fixture
def folder(made_folder: Path, tmp_path: Path) -> Path:
    """A city folder of the test's own, with the modes of its keys."""
    return Path(shutil.copytree(made_folder, tmp_path / "mission"))


@pytest.fixture
def shell(folder: Path) -> Shell:
    """Commands to that folder."""
    return Shell(folder)


def test_init_demo_makes_a_city(tmp_path: Path) -> None:
    done = Shell().json("init", str(tmp_path / "here"), "--demo")
    assert done.status == 0
    officers = {"cao", "mcpe", "pio", "eoc-director", "fire-publisher", "clerk"}
    assert officers <= set(done.body["officers"])
    assert "drivebc" in done.body["systems"]
    assert (tmp_path / "here" / "city.toml").is_file()
    assert stat.S_IMODE((tmp_path / "here" / "keys" / "drivebc.nk").stat().st_mode) == 0o600


def test_init_never_overwrites(folder: Path) -> None:
    before = (folder / "city.toml").read_bytes()
    done = Shell().json("init", "--demo", str(folder))
    assert (done.status, done.code) == (2, "init.not_empty")
    assert (folder / "city.toml").read_bytes() == before


def test_init_asks_only_on_a_terminal(tmp_path: Path) -> None:
    done = Shell().json("init", str(tmp_path / "new"))
    assert (done.status, done.code) == (2, "confirm.needed")
    assert not (tmp_path / "new").exists()


def test_no_city_folder(tmp_path: Path) -> None:
    done = Shell(tmp_path).json("eoc", "status")
    assert (done.status, done.code) == (2, "city.missing")


@pytest.mark.parametrize("where", ["before", "after"])
def test_the_common_options_may_stand_before_and_after_the_command(where: str, tmp_path: Path) -> None:
    common = ["--city", str(tmp_path), "--realm", "exercise", "--json"]
    words = [*common, "eoc", "status"] if where == "before" else ["eoc", "status", *common]
    done = Shell()(*words, ONEVOICE_CITY="/nowhere")
    assert (done.status, done.code) == (2, "city.missing")
    assert str(tmp_path) in done.body["error"]["message"]


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        ("port = {port}", "port = 0", "city.invalid", "nats.port"),
        ("port = {port}", 'port = "x"', "city.invalid", "nats.port"),
        ("embedded = true", "embeded = true", "city.invalid", "nats.embeded"),
        ("[nats]", "[nats", "city.syntax", "line"),
    ],
)
def test_a_broken_city_toml_is_named_by_line_and_field(
    folder: Path, shell: Shell, old: str, new: str, code: str, told: str
) -> None:
    path = folder / "city.toml"
    text, old = path.read_text(), old.format(port=port_of(folder))
    assert old in text
    path.write_text(text.replace(old, new, 1))
    done = shell.json("eoc", "status")
    assert (done.status, done.code) == (2, code)
    assert told in done.body["error"]["message"]
    assert "line" in done.body["error"]["message"]


def test_a_city_toml_that_is_not_utf8(folder: Path, shell: Shell) -> None:
    (folder / "city.toml").write_bytes(b"[city]\nname = '\xff'\n")
    done = shell.json("eoc", "status")
    assert (done.status, done.code) == (2, "city.syntax")


def test_a_key_that_others_may_read_is_not_used(folder: Path, shell: Shell) -> None:
    (folder / "keys" / "pio.nk").chmod(0o644)
    done = shell.json("publish", "x", *TO)
    assert (done.status, done.code) == (2, "key.permissions")
    assert "chmod 600" in done.body["error"]["hint"]


def test_a_key_that_is_none(folder: Path, shell: Shell) -> None:
    (folder / "keys" / "pio.nk").write_text("SUAAAA\n")
    done = shell.json("publish", "x", *TO)
    assert (done.status, done.code) == (2, "key.invalid")
    assert "SUAAAA" not in done.out


def test_a_new_key_without_a_terminal_wants_a_passphrase_file(tmp_path: Path) -> None:
    """No key is locked: there is none yet, and onevoice unlock makes none."""
    done = Shell().json("keys", "make", str(tmp_path / "cao.nk"))
    assert (done.status, done.code) == (2, "key.passphrase_new")
    assert "a passphrase is to be chosen" in done.body["error"]["message"]
    assert "--passphrase-file FILE" in done.body["error"]["hint"]
    assert not (tmp_path / "cao.nk").exists()


def test_unlock_without_a_terminal_wants_a_passphrase_file(folder: Path, shell: Shell) -> None:
    """To be sent to the command that was given would be no help."""
    key = folder / "keys" / "pio.nk"
    sealed = seal_seed(key.read_bytes().strip(), "four words of the pio")
    key.write_bytes(sealed.to_bytes().strip() + b"\n")
    done = shell.json("unlock", "--as", "pio")
    assert (done.status, done.code) == (2, "key.locked")
    assert "--passphrase-file FILE" in done.body["error"]["hint"]


def test_a_person_without_a_key(shell: Shell) -> None:
    done = shell.json("eoc", "stand-down", "--as", "nobody")
    assert (done.status, done.code) == (2, "key.missing")


def test_somebody_must_act(shell: Shell) -> None:
    done = shell.json("hold", "on")
    assert (done.status, done.code) == (2, "officer.missing")


def test_a_system_does_not_publish(shell: Shell) -> None:
    done = shell.json("publish", "x", "--to", "fire-townsquare", "--as", "drivebc", "--yes")
    assert (done.status, done.code) == (4, "system.publishes")


def test_the_broker_is_not_there(folder: Path, shell: Shell) -> None:
    """Refused at once, not after a client's patience, which is two minutes; and it says where it looked."""
    started = time.monotonic()
    done = shell.process("eoc", "status", "--json")
    assert (done.status, done.code) == (6, "broker.unreachable")
    assert f"127.0.0.1:{port_of(folder)}" in done.body["error"]["message"]
    assert time.monotonic() - started < 60
    plain = shell("eoc", "status")
    assert (plain.status, plain.out) == (6, "")
    assert "hint: " in plain.err


def test_a_run_file_of_a_dead_process_counts_for_nothing(folder: Path, shell: Shell) -> None:
    run = folder / "var" / "run" / "up.json"
    run.parent.mkdir(parents=True, exist_ok=True)
    for pid in (4_194_305, os.getpid()):  # the machine was started again, and the number is somebody else's
        run.write_text(f'{{"pid": {pid}, "nats_url": "nats://127.0.0.1:1"}}')
        assert f"127.0.0.1:{port_of(folder)}" in shell.json("eoc", "status").body["error"]["message"]
    run.write_text("{broken")
    assert f"127.0.0.1:{port_of(folder)}" in shell.json("eoc", "status").body["error"]["message"]


IDS = ["a.b", "a*", ">", "a b", "../x", "A", "é"]


@pytest.mark.parametrize("word", IDS)
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["publish", "x", "--to", "ID", "--as", "pio", "--yes"], "profile.id"),
        (["publish", "x", "--to", "fire-townsquare", "--as", "ID", "--yes"], "officer.id"),
        (["approve", "ID", "--as", "pio"], "request.id"),
        (["status", "ID"], "request.id"),
        (["officers", "revoke", "ID", "--as", "cao"], "officer.id"),
    ],
    ids=["profile", "officer", "approve", "status", "revoke"],
)
def test_ids_are_checked_before_anything_is_sent(shell: Shell, words: list[str], code: str, word: str) -> None:
    done = shell.json(*[word if one == "ID" else one for one in words])
    assert (done.status, done.code) == (2, code)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--as", "pio", "--yes"], "targets.missing"),
        (["--all-departments", *TO], "targets.both"),
        ([*TO, "--expires", "4x"], "expires.malformed"),
        ([*TO, "--expires", "2020-01-01T00:00Z"], "expires.past"),
        ([*TO, "--wait", "soon"], "wait.malformed"),
        ([*TO, "--variant", "mastodon"], "variant.malformed"),
        ([*TO, "--image", "a.png"], "picture.alt"),
        ([*TO, "--alt", "a"], "picture.alt"),
    ],
)
def test_words_of_publish_are_checked_before_anything_is_sent(shell: Shell, words: list[str], code: str) -> None:
    done = shell.json("publish", "x", *words)
    assert (done.status, done.code) == (2, code)


def test_a_text_from_standard_input_must_be_utf8_and_short(shell: Shell) -> None:
    done = shell.json("publish", "-", *TO, stdin=b"a\xffb")
    assert (done.status, done.code) == (2, "text.encoding")
    done = shell.json("publish", "-", *TO, stdin=b"a" * 1_100_000)
    assert (done.status, done.code) == (2, "text.too_long")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["officers", "designate", "clerk", "--role", "king", "--as", "mcpe"], "role.unknown"),
        (["officers", "designate", "clerk", "--role", "pio", "--until", "2020-01-01", "--as", "mcpe"], "until.past"),
        (["officers", "designate", "clerk", "--role", "publisher", "--as", "mcpe"], "designate.profiles"),
        (["eoc", "activate", "--level", "1", "--incident", " ", "--as", "cao"], "incident.name"),
        (["reject", "rabc", "--reason", " ", "--as", "pio"], "reason.length"),
        (["reject", "--reason", "late", "--as", "pio"], "reject.which"),
        (["reject", "rabc", "--of", "drivebc", "--reason", "late", "--as", "pio"], "reject.which"),
        (["run", "nonsense"], "service.unknown"),
        (["audit", "show", "--last", "0"], "last.count"),
    ],
)
def test_other_wrong_words(shell: Shell, words: list[str], code: str) -> None:
    done = shell.json(*words)
    assert (done.status, done.code) == (2, code)


def test_the_doctor_sees_what_is_wrong_here(folder: Path, shell: Shell) -> None:
    (folder / "keys" / "pio.nk").chmod(0o640)
    done = shell.json("doctor")
    checks = {line["check"]: line for line in done.body["checks"]}
    assert done.status == 6
    assert done.body["ok"] is False
    assert (checks["keys"]["level"], checks["broker"]["level"]) == ("fail", "fail")
    assert "keys/pio.nk" in checks["keys"]["hint"]
    assert checks["disk"]["level"] == "ok"
    assert "does not answer" in checks["service web"]["detail"]
    plain = shell("doctor")
    assert plain.status == 6
    assert max(len(line) for line in plain.out.splitlines()) <= 80


def test_a_record_that_is_not_there_does_not_verify(shell: Shell) -> None:
    done = shell.json("audit", "verify")
    assert (done.status, done.code) == (7, "record.missing")


def test_a_bug_is_one_sentence_and_a_file(folder: Path, shell: Shell) -> None:
    """What nobody foresaw: its details go to a file that others cannot read, not to the terminal."""
    (folder / "sitecustomize.py").write_text(
        "import services.kernel.base.city as c\n"
        "def broken(*_): raise RuntimeError('a secret word')\nc.load_city = broken\n"
    )
    done = shell.process("eoc", "status", PYTHONPATH=f"{folder}:{os.getcwd()}")
    assert done.status == 1
    assert "RuntimeError" in done.err
    assert "a secret word" not in done.err
    log = folder / "var" / "desk-errors.log"
    assert str(log) in done.err.replace("\n", "")
    assert "Traceback" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_up_refuses_a_broker_of_its_own_beside_another_that_is_named(shell: Shell, folder: Path) -> None:
    """What was left in city.toml on the way back from another broker: commands would ask that one, or want TLS."""
    text = (folder / "city.toml").read_text()
    (folder / "city.toml").write_text(text.replace("[nats]\n", '[nats]\ntls_ca = "ca.pem"\n'))
    done = shell.json("up")
    assert (done.status, done.code) == (2, "broker.two")
    assert "put # before tls_ca" in done.body["error"]["hint"]


def test_a_damaged_store_keeps_the_city_down_until_it_is_restored(shell: Shell, folder: Path) -> None:
    """Up refuses with status 7 and names the first difference and the way out; restore, close, up, verify."""
    port = free_port()
    process, _ = raise_city(shell, port)
    assert shell.json("hold", "on", "--as", "pio").status == 0
    assert shell.json("audit", "verify").status == 0
    assert shell.json("audit", "close-alarms", "--as", "mcpe", "--reason", "none").code == "audit.running"
    assert shell.json("audit", "restore").code == "city.running"
    assert lower_city(process) == 0
    (block,) = (folder / "var" / "nats" / "jetstream" / "LIVE_CORE").rglob("streams/LEDGER/msgs/1.blk")
    os.truncate(block, block.stat().st_size // 2)

    refused = shell.process("up", "--json", "--port", str(port))
    assert (refused.status, json.loads(refused.out)["error"]["code"]) == (7, "ledger.contradicted")
    assert "first at" in json.loads(refused.out)["error"]["message"]
    assert "onevoice audit restore --into-new-store" in json.loads(refused.out)["error"]["hint"]
    assert shell.json("audit", "restore").code in ("durable.used", "ledger.not_empty")

    done = shell.process("audit", "restore", "--into-new-store", "--json")
    assert done.status == 0, done
    assert done.body["entries"] >= 2, "what the audit service says meanwhile is no part of the answer"
    assert Path(done.body["moved_to"]).is_dir()
    assert shell.json("audit", "close-alarms", "--as", "mcpe", "--reason", "restored").status == 0
    process, _ = raise_city(shell, port)
    assert shell.json("eoc", "status").body["hold"] is True
    assert shell.json("audit", "verify").body["ok"]
    lines = {line["check"]: line for line in shell.json("doctor").body["checks"]}
    assert lines["ledger against copy"]["level"] == "ok", lines["ledger against copy"]
    assert lower_city(process) == 0
