"""``onevoice init`` on a terminal: nobody's key is left open in the folder, and people come in by enrolling."""

from __future__ import annotations

import itertools
import json
import os
import pty
import re
import select
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from nacl.pwhash.argon2id import MEMLIMIT_MIN, MEMLIMIT_MODERATE, OPSLIMIT_MIN, OPSLIMIT_MODERATE

from schemas import flow
from services.desk.keys.code import short_code
from services.desk.keys.sealed import read_sealed, seal_seed
from services.kernel.authority.signing import Signer, new_seed, write_key
from services.kernel.base.city import City, load_city
from services.kernel.base.errors import Unproven
from services.provision import REALMS, demo_plan, make_city, read_manifest
from tests.cli.conftest import ONEVOICE, Shell, lower_city, raise_city
from tests.cli.terminal import ask, read
from tests.support.mission import PATIENCE
from tests.support.ports import free_port

SEED = re.compile(rb"\bSU[A-Z2-7]{56}\b")
WORDS = {"cao": "four words of the cao", "mcpe": "four words of the mcpe"}
ANSWERS = {
    "Name of the city": "Ville",
    "Official website": "https://ville.example",
    "Departments": "Fire",
    "Mastodon account of Fire": "fire@social.example",
    "Name of the": "Someone Named",
    "Name of another": "",
    "typed by the cao": WORDS["cao"],
    "typed by the mcpe": WORDS["mcpe"],
}
PROMPT = re.compile(r"[^\n]*: $")
QUIET = 0.05
"""Seconds of silence after which what looks like a prompt is one."""


def talk(shell: Shell, words: list[str], answers: dict[str, str]) -> tuple[int, str]:
    """Run a command on a terminal; answer each prompt by its beginning or a word in it, else with nothing.

    A passphrase is asked for once more with the same answer.
    """
    leader, follower = pty.openpty()
    env = {**shell.env, "TERM": "dumb", "COLUMNS": "200"}
    process = subprocess.Popen([*ONEVOICE, *words], env=env, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    said, seen, last, deadline = "", 0, "", time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if select.select([leader], [], [], QUIET)[0]:
            try:
                said += os.read(leader, 65_536).decode(errors="replace").replace("\r", "")
            except OSError:
                break
        elif PROMPT.search(said[seen:]):
            line = said[seen:].rsplit("\n", 1)[-1]
            last = last if "Once more" in line else next((a for word, a in answers.items() if word in line), "")
            seen = len(said)
            os.write(leader, (last + "\n").encode())
    os.close(leader)
    return process.wait(timeout=PATIENCE), said


def made(tmp_path: Path) -> tuple[City, Shell]:
    """Make a city by questions and answers."""
    status, said = talk(Shell(), ["init", str(tmp_path / "ville")], ANSWERS)
    assert status == 0, said
    assert not any(word in said for word in WORDS.values()), "a passphrase is not shown"
    assert re.search(r"missing .*/secrets/live/fire-\w+\.token .*docs/platforms\.md", said), said
    return load_city(tmp_path / "ville"), Shell(tmp_path / "ville")


@pytest.mark.timeout(900)  # each passphrase is costly to derive from on purpose
def test_init_leaves_no_persons_key_open_and_people_enrol(tmp_path: Path) -> None:
    """Root keys are under their owners' passphrases; the pio's is made on the pio's machine and confirmed by two."""
    city, shell = made(tmp_path)
    found = [path for path in (city.folder / "keys").rglob("*.nk") if not {"services", "provision"} & {*path.parts}]
    people = [path for path in found if path.stem != flow.DOCTOR]
    assert {path.stem for path in people} == {"cao", "mcpe"}
    for path in people:
        sealed = read_sealed(path)
        assert sealed is not None
        assert (sealed.operations, sealed.memory) == (OPSLIMIT_MODERATE, MEMLIMIT_MODERATE)
        assert SEED.search(path.read_bytes()) is None
    manifest = read_manifest(city)
    assert {one.id for one in manifest.officers if one.public_key is None} >= {"pio", "eoc-director"}

    port = free_port()
    process, _ = raise_city(shell, port)
    try:
        assert shell.json("invite", str(tmp_path / "invitation"), "--broker", f"nats://127.0.0.1:{port}").status == 0
        (tmp_path / "passphrase").write_text("four words of the pio\n")
        pio = Shell(tmp_path / "pio")
        there = ("--from", str(tmp_path / "invitation"), "--folder", str(tmp_path / "pio"))
        enrolled = pio.json("enroll", "pio", *there, "--passphrase-file", str(tmp_path / "passphrase")).body
        rekey = ["officers", "rekey", "pio", "--key", enrolled["key"], "--login", enrolled["login"], "--as", "cao"]
        status, said = talk(shell, rekey, {"Passphrase": WORDS["cao"]})
        assert status == 3, said
        proposal = re.findall(r"confirm (\d+)", said)[0]
        confirm = ["officers", "confirm", proposal, "--as", "mcpe", "--yes"]
        status, said = talk(shell, confirm, {"Passphrase": WORDS["mcpe"]})
        assert status == 0, said
        words = ["hold", "on", "--as", "pio"]
        status, said = talk(pio, words, {"Passphrase": "four words of the pio", "[y/N]": "y"})
        assert status == 0, said
        assert pio.json("eoc", "status", "--as", "pio").code == "key.locked"
        there = ("--from", str(tmp_path / "invitation"), "--folder", str(tmp_path / "cao"))
        cao, key = Shell(tmp_path / "cao"), shutil.move(city.key_path("cao"), tmp_path / "moved.nk")
        assert cao.json("enroll", "cao", *there, "--key", str(key)).body["login"] is None
        status, said = talk(cao, ["eoc", "status", "--as", "cao"], {"Passphrase": WORDS["cao"]})
        assert (status, "HOLD" in said) == (0, True), said
    finally:
        lower_city(process)


def test_a_passphrase_that_is_too_short_is_asked_for_again(tmp_path: Path) -> None:
    """All answers before it would be lost else; after three tries nothing is made."""
    status, said = talk(Shell(), ["init", str(tmp_path / "ville")], ANSWERS | {"typed by the mcpe": "short"})
    assert status == 2, said
    assert said.count("typed by the mcpe") == 3
    assert not (tmp_path / "ville").exists()


def test_a_folder_that_is_taken_is_said_before_the_first_question(tmp_path: Path) -> None:
    """Twenty answers would be lost else. The same of one that cannot be made."""
    (tmp_path / "file").write_text("x")
    for folder, code in ((tmp_path, "init.not_empty"), (tmp_path / "file" / "x", "init.unwritable")):
        status, said = talk(Shell(), ["init", str(folder)], ANSWERS)
        assert (status, code in said, "Name of the city" in said) == (2, True, False), said


def test_what_to_type_next_holds_for_a_folder_with_a_space(tmp_path: Path) -> None:
    said = Shell()("init", "--demo", str(tmp_path / "our city")).out
    assert f"onevoice up --city '{tmp_path}/our city'" in said


@pytest.mark.parametrize("umask", [0o000, 0o777], ids=oct)
def test_a_city_is_its_owners_alone_to_write_whatever_umask_the_shell_has(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "city"
    command = [*ONEVOICE, "init", "--demo", str(folder)]
    subprocess.run(command, umask=umask, env=Shell().env, check=True, stdout=subprocess.DEVNULL)
    modes = {path: path.stat().st_mode for path in (folder, *folder.rglob("*"))}
    assert folder / "authority" in modes
    assert [path for path, mode in modes.items() if mode & 0o002 or not mode & 0o400] == []


def test_ctrl_c_at_a_question_says_that_nothing_was_made(tmp_path: Path) -> None:
    leader, process, said = ask(Shell(), ["init", str(tmp_path / "ville")], "Name of the city")
    os.write(leader, b"\x03")
    said += read(leader, PATIENCE, process)
    assert (process.wait(timeout=PATIENCE), "Nothing was made" in said, "sent" in said) == (130, True, False), said


def root_keys(shell: Shell, folder: Path) -> dict[str, list[str]]:
    """Have each root officer make a key for each realm; return the public halves by officer, in the realms' order."""
    held: dict[str, list[str]] = {name: [] for name in WORDS}
    for name, realm in itertools.product(WORDS, REALMS):
        # At the least cost: what is tried here is who holds which key, and each opening takes half a second else.
        sealed = seal_seed(new_seed(), WORDS[name], operations=OPSLIMIT_MIN, memory=MEMLIMIT_MIN)
        write_key(folder / f"{name}.{realm}.nk", sealed.to_bytes().strip())
        held[name].append(sealed.public_key)
    (folder / "passphrase").write_text(WORDS["cao"] + "\n")
    (folder / "cao.live.nk").unlink()
    make = ["keys", "make", str(folder / "cao.live.nk"), "--passphrase-file", str(folder / "passphrase")]
    held["cao"][0] = shell.json(*make).body["key"]
    assert shell.json(*make).code == "key.exists"
    return held


def test_a_city_on_root_keys_that_their_owners_hold(tmp_path: Path) -> None:
    """Nothing secret of a person is made; the city starts when both have signed, and then their keys open it."""
    shell = Shell()
    held = root_keys(shell, tmp_path)
    cao, mcpe = (["--root", f"{name}={','.join(keys)}"] for name, keys in held.items())
    assert shell.json("init", str(tmp_path / "ville"), *cao).code == "init.root"
    status, said = talk(shell, ["init", str(tmp_path / "ville"), *cao, *mcpe], ANSWERS)
    assert (status, "typed by" in said, "onevoice root sign" in said) == (0, False, True), said
    city, here = load_city(tmp_path / "ville"), Shell(tmp_path / "ville")
    people = [path for path in (city.folder / "keys").rglob("*.nk") if not {"services", "provision"} & {*path.parts}]
    assert {path.stem for path in people} == {flow.DOCTOR}
    with pytest.raises(Unproven, match="has 0 of 2 signatures by root keys"):
        read_manifest(city)
    for at, realm in enumerate(REALMS):
        city = load_city(tmp_path / "ville", realm)
        assert city.authority.root_keys == tuple(keys[at] for keys in held.values())
        for name, words in WORDS.items():
            sign = ["root", "sign", str(city.manifest_path), "--key", str(tmp_path / f"{name}.{realm}.nk")]
            status, said = talk(shell, sign, {"[y/N]": "y", "Passphrase": words})
            assert (status, f"is signed by {name if name == 'cao' else 'cao, mcpe'};" in said) == (0, True), said
            if (name, realm) == ("cao", "live"):
                assert "1 of 2 signatures" in here.json("provision").body["error"]["message"]
        assert {one.id for one in read_manifest(city).officers if one.public_key} == {"cao", "mcpe"}

    process, _ = raise_city(here, free_port())
    try:
        shutil.copy(tmp_path / "cao.live.nk", load_city(tmp_path / "ville").key_path("cao"))
        status, said = talk(here, ["hold", "on", "--as", "cao"], {"Passphrase": WORDS["cao"], "[y/N]": "y"})
        assert status == 0, said
    finally:
        lower_city(process)


def test_a_root_key_signs_what_its_owner_has_read(tmp_path: Path) -> None:
    """Each officer's code and the record's key are shown, and nothing is written before a yes, nor by a program."""
    seeds = {f"{name}.{realm}": new_seed() for realm in REALMS for name in WORDS}
    keys = {name: Signer(seed).public_key for name, seed in seeds.items()}
    write_key(tmp_path / "cao.nk", seeds["cao.live"])
    held = {realm: {name: keys[f"{name}.{realm}"] for name in WORDS} for realm in REALMS}
    city = make_city(tmp_path / "city", demo_plan(), held=held)
    sign = ["root", "sign", str(city.manifest_path), "--key", str(tmp_path / "cao.nk")]
    before = city.manifest_path.read_bytes()
    done = Shell().json(*sign)
    assert (done.status, done.code) == (2, "confirm.needed")
    status, said = talk(Shell(), sign, {"[y/N]": "n"})
    assert status == 2, said
    assert city.manifest_path.read_bytes() == before, "what was not agreed to is not written"
    shown = said.partition("[y/N]")[0]
    assert "[y/N]" in said
    for name in WORDS:
        [row] = [line for line in shown.splitlines() if line.startswith(f"  officer  {name}  ")]
        assert row.endswith(f"  {name}  key {short_code(keys[f'{name}.live'])}, has not signed"), row
    audit_key = city.authority.audit_key
    assert audit_key is not None
    assert f"seals the record  key {short_code(audit_key)}" in shown
    assert "threshold  2 sign it" in shown
    assert all(f"  officer  {one.id}  " in shown for one in demo_plan().officers)
    status, said = talk(Shell(), sign, {"[y/N]": "y"})
    assert (status, "is signed by cao; it takes 2." in said) == (0, True), said


def test_a_stranger_signs_no_manifest(tmp_path: Path) -> None:
    shell, seed = Shell(), new_seed()
    write_key(tmp_path / "x.nk", seed)
    key = Signer(seed).public_key
    others = [Signer(new_seed()).public_key for _ in range(3)]
    live, exercise = {"cao": key, "mcpe": others[0]}, {"cao": others[1], "mcpe": others[2]}
    make_city(tmp_path / "city", demo_plan(), held={"live": live, "exercise": exercise})
    manifest = tmp_path / "city" / "authority" / "manifest.live.json"
    write_key(tmp_path / "y.nk", new_seed())
    before = manifest.read_bytes()
    sign = ("root", "sign", "--yes", "--key")
    assert shell.json(*sign, str(tmp_path / "y.nk"), str(manifest)).code == "root.stranger"
    assert manifest.read_bytes() == before
    assert shell.json(*sign, str(tmp_path / "x.nk"), str(manifest)).body["signed"] == [key]
    manifest.write_bytes(before.replace(b'"payload":"', b'"payload":"AAAA'))
    assert shell.json(*sign, str(tmp_path / "x.nk"), str(manifest)).code == "manifest.malformed"
    assert shell.json(*sign, str(tmp_path / "x.nk"), str(tmp_path)).code == "manifest.missing"


@pytest.mark.parametrize("broker", ["tls://nats.example:99999", "http://nats.example", "tls://"])
def test_an_invitation_names_a_broker_that_can_be(made_folder: Path, tmp_path: Path, broker: str) -> None:
    """Else it is found out on the person's machine, where nobody can fix it."""
    done = Shell(made_folder).json("invite", str(tmp_path / "invitation"), "--broker", broker)
    assert (done.status, done.code) == (2, "network.scheme")
    assert not (tmp_path / "invitation").exists()


@pytest.mark.parametrize("broker", ["tls://nats.example:4222", "nats://10.0.0.7", "tls://127.0.0.1:4222,tls://[::1]"])
def test_an_invitation_to_a_broker_with_tls_has_its_authority(made_folder: Path, tmp_path: Path, broker: str) -> None:
    """Else a person makes keys for a desk that never connects. One that came without is refused before any key."""
    folder = Path(shutil.copytree(made_folder, tmp_path / "city"))
    invite = ("invite", str(tmp_path / "invitation"), "--broker", broker)
    done = Shell(folder).json(*invite)
    assert (done.status, done.code) == (2, "invite.ca")
    assert not (tmp_path / "invitation").exists()
    (folder / "ca.pem").write_text("a certificate")
    toml = folder / "city.toml"
    toml.write_text(toml.read_text().replace("[nats]", '[nats]\ntls_ca = "ca.pem"'))
    assert Shell(folder).json(*invite).status == 0
    said = json.loads((tmp_path / "invitation").read_text())
    assert said["ca"] == "a certificate"
    (tmp_path / "older").write_text(json.dumps(said | {"ca": None}))
    desk = tmp_path / "desk"
    enroll = ("enroll", "dana", "--system", "--folder", str(desk), "--from")
    assert Shell().json(*enroll, str(tmp_path / "older")).code == "enroll.ca"
    assert not desk.exists()
    assert Shell().json(*enroll, str(tmp_path / "invitation")).status == 0
    assert (desk / "ca.pem").read_text() == "a certificate"


def test_an_invitation_is_written_over_nothing(made_folder: Path, tmp_path: Path) -> None:
    """What is there may be the city's settings; and a folder that was misspelt is not made."""
    folder = Path(shutil.copytree(made_folder, tmp_path / "city"))
    toml = folder / "city.toml"
    before = toml.read_bytes()
    done = Shell(folder).json("invite", str(toml))
    assert (done.status, done.code, toml.read_bytes()) == (2, "invite.exists", before)
    assert str(toml) in done.body["error"]["message"]
    assert "another file" in done.body["error"]["hint"]
    lost = Shell(folder).json("invite", str(tmp_path / "nowhere" / "x"))
    assert (lost.status, lost.code) == (2, "invite.folder")
    assert "mkdir" in lost.body["error"]["hint"]
    assert not (tmp_path / "nowhere").exists()
