"""A ``[nats] tls_ca`` that cannot be read: one clear error, the same in every command and service that connects."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer

from schemas import flow
from services.desk.app import build
from services.kernel.authority.signing import Signer, new_seed
from services.kernel.base.city import load_city
from services.kernel.base.errors import BadInput
from services.kernel.base.network.tls import client_context
from services.kernel.runtime.compose import on_nats
from tests.cli.conftest import Done, Shell
from tests.support.ledger_builder import LedgerBuilder
from tests.support.mission import PATIENCE

KEY = Signer(new_seed()).public_key

CONNECT = (
    "up",
    "run gatekeeper",
    "provision",
    "eoc activate --level 2 --incident Flood --as eoc-director",
    "eoc stand-down --as eoc-director",
    "eoc status",
    "inquiries",
    "reply https://social.example/@a/1 Yes --as mcpe --to fire-townsquare --yes",
    "eoc watch",
    "crisis declare --incident Water --as pio",
    "crisis end --as pio",
    "hold on --as pio",
    "publish Water --to fire-townsquare --as pio --yes",
    "request Water --to fire-townsquare --as clerk",
    "pending",
    "inbox",
    "show rabcdefghijkl",
    "approve rabcdefghijkl --as pio --yes",
    "reject rabcdefghijkl --as pio --reason late",
    "return rabcdefghijkl --as pio --reason late",
    "tasks",
    "passkeys list",
    "passkeys link pio --as mcpe",
    "passkeys remove pio K7QP --as pio",
    "status rabcdefghijkl",
    "resolve rabcdefghijkl fire-townsquare --give-up --as pio",
    "outside list",
    "outside show 3fa2",
    "outside ack 3fa2 --as pio --reason seen",
    "dead list",
    "dead show 3",
    "dead again 3 --as mcpe",
    "dead drop 3 --as mcpe --reason late",
    "withdraw rabcdefghijkl --as pio --reason late",
    "officers list",
    "officers designate clerk --role designated --as mcpe",
    "officers revoke clerk --as mcpe",
    "preview Water --to fire-townsquare --as pio",
    "profiles list",
    "profiles check",
    "profiles rehearse fire-townsquare --realm exercise --as mcpe",
    "profiles add fire-townsquare --department fire --platform mastodon --account fire@townsquare --purpose News "
    "--identification City --disclosure Comments --as mcpe",
    "profiles suspend fire-townsquare --as mcpe",
    "profiles remove fire-townsquare --as mcpe",
    "audit restore",
    "top",
    "correct rabcdefghijkl Water --as pio --yes",
    "update rabcdefghijkl Water --as pio --yes",
    "recall rabcdefghijkl --as pio --yes",
    "all-clear rabcdefghijkl --as pio --yes",
    "repost rabcdefghijkl --to parks-townsquare --as pio --yes",
    "history rabcdefghijkl",
    "officers add dana --name Dana --key KEY --role employee --as mcpe",
    "officers reinstate clerk --key KEY --as mcpe",
    "officers rekey clerk --key KEY --as mcpe",
    "officers proposals",
    "officers confirm 41 --as pio --yes",
    "officers decline 41 --as pio",
    "systems list",
    "systems add roads --name Roads --key KEY --as mcpe",
    "systems remove roads --as mcpe",
    "settings show",
    "settings set --approval-minutes 20 --as mcpe",
    "root renew next.root",
)
DOCTOR = "doctor"
"""It looks at the rest as well, and shows the error in its line for the broker."""
OFFLINE = (
    "profiles connect bluesky fire-bluesky",
    "profiles seal --key file:/etc/onevoice/credentials.key",
    "init",
    "deploy",
    "tls",
    "invite",
    "enroll",
    "unlock",
    "lock",
    "keys list",
    "keys inspect",
    "keys make",
    "keys rotate",
    "root sign",
    "template list",
    "template show",
    "template install",
    "root submit",
    "ledger move",
    "audit show",
    "audit close-alarms",
    "audit quarantine",
    "audit export",
    "audit verify", "audit prove", "audit check",
)  # fmt: skip
"""They need no broker; verify asks one how current the copy is where it can."""


def _certificate(folder: Path, *words: str) -> Path:
    cert = folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x",
         "-keyout", str(folder / "key.pem"), "-out", str(cert), *words],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert


def _unreadable(path: Path) -> None:
    path.write_text("x")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")


def _cut(path: Path) -> None:
    text = _certificate(path.parent).read_text()
    path.write_text(text[: len(text) // 2])


FAULTS: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "unreadable": _unreadable,
    "empty": lambda path: path.write_bytes(b""),
    "words": lambda path: path.write_text("-- not a certificate --"),
    "bytes": lambda path: path.write_bytes(b"\xff\xfe\0\1"),
    "a key": lambda path: (_certificate(path.parent), shutil.copy(path.parent / "key.pem", path)),
    "half of a certificate": _cut,
    "another encoding": lambda path: _certificate(path.parent, "-outform", "DER").rename(path),
    "a folder": lambda path: path.mkdir(),
}


def set_authority(folder: Path, value: str) -> None:
    path = folder / "city.toml"
    path.write_text(path.read_text().replace("[nats]\n", f'[nats]\ntls_ca = "{value}"\n', 1))


@pytest.fixture(scope="module")
def shell(made_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Commands to a city whose tls_ca is missing, with a record that can be restored; none of them changes it."""
    folder = Path(shutil.copytree(made_folder, tmp_path_factory.mktemp("tls") / "mission"))
    set_authority(folder, "ca.pem")
    text = (folder / "city.toml").read_text()
    (folder / "city.toml").write_text(text.replace("embedded = true", 'embedded = false\nurl = "tls://127.0.0.1:4222"'))
    record = LedgerBuilder(load_city(folder))
    record.genesis()
    record.seal()
    record.write()
    return Shell(folder)


def told(done: Done) -> None:
    assert (done.status, done.code) == (2, "nats.tls_ca"), done
    assert "ca.pem cannot be read" in done.body["error"]["message"]
    assert "[nats] tls_ca" in done.body["error"]["hint"]


@pytest.mark.parametrize("words", CONNECT)
def test_each_command_that_connects_says_it_in_the_same_words(shell: Shell, words: str) -> None:
    told(shell.json(*words.replace("KEY", KEY).split()))


def test_the_doctor_shows_it_beside_what_else_it_finds(shell: Shell) -> None:
    done = shell.json(DOCTOR)
    assert done.status == 2
    line = next(line for line in done.body["checks"] if line["check"] == "broker")
    assert "ca.pem cannot be read" in line["detail"]
    assert "[nats] tls_ca" in line["hint"]


def test_no_command_is_left_out() -> None:
    known = {*OFFLINE, DOCTOR, *CONNECT}
    for name in _names(build()):
        assert any(f"{words} ".startswith(f"{name} ") for words in known), f"does onevoice {name} connect?"


def _names(group: typer.core.TyperGroup, before: str = "") -> Iterator[str]:
    context = typer.Context(group)
    for name in group.list_commands(context):
        one = group.get_command(context, name)
        if isinstance(one, typer.core.TyperGroup):
            yield from _names(one, f"{before}{name} ")
        else:
            yield f"{before}{name}"


def test_there_is_one_reader() -> None:
    """Another one would fail in another way."""
    root = Path(__file__).parents[2] / "services"
    readers = [path.relative_to(root) for path in root.rglob("*.py") if "create_default_context" in path.read_text()]
    assert readers == [Path("kernel/base/network/tls.py")]


@pytest.mark.parametrize("row", flow.SERVICES, ids=lambda row: row.user)
def test_each_service_refuses_to_start_with_it(shell: Shell, row: flow.Service) -> None:
    assert shell.folder is not None
    with pytest.raises(BadInput) as caught:
        on_nats(row, load_city(shell.folder), lambda _: None)
    assert caught.value.code == "nats.tls_ca"


@pytest.mark.parametrize("program", ["services.gatekeeper", "services.provision.alive gatekeeper"])
def test_the_programs_beside_the_command_say_it_too(shell: Shell, program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *program.split(), "--city", str(shell.folder)],
        env=shell.env, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done
    assert "nats.tls_ca" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made by openssl")
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_whatever_is_wrong_with_the_file(made_folder: Path, tmp_path: Path, fault: Callable[[Path], object]) -> None:
    folder = Path(shutil.copytree(made_folder, tmp_path / "mission"))
    set_authority(folder, "ca.pem")
    fault(folder / "ca.pem")
    told(Shell(folder).json("eoc", "status"))


@pytest.mark.parametrize("value", ["a\\u0000b", "x" * 300, "city.toml/ca.pem"])
def test_a_path_that_is_none(made_folder: Path, tmp_path: Path, value: str) -> None:
    folder = Path(shutil.copytree(made_folder, tmp_path / "mission"))
    set_authority(folder, value)
    done = Shell(folder).json("eoc", "status")
    assert (done.status, done.code) == (2, "nats.tls_ca"), done


@pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made by openssl")
def test_a_list_of_what_is_revoked_is_no_authority(made_folder: Path, tmp_path: Path) -> None:
    """OpenSSL takes such a file without a word, and then trusts nobody."""
    folder = Path(shutil.copytree(made_folder, tmp_path / "mission"))
    set_authority(folder, "ca.pem")
    _certificate(tmp_path)
    (tmp_path / "index").touch()
    (tmp_path / "ca.cnf").write_text(f"[ca]\ndefault_ca=x\n[x]\ndatabase={tmp_path}/index\ndefault_md=sha256\n")
    subprocess.run(
        ["openssl", "ca", "-gencrl", "-config", str(tmp_path / "ca.cnf"), "-crldays", "2", "-out",
         str(folder / "ca.pem"), "-keyfile", str(tmp_path / "key.pem"), "-cert", str(tmp_path / "cert.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    told(Shell(folder).json("eoc", "status"))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made by openssl")
def test_one_that_can_be_read_is_used(made_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made_folder, tmp_path / "mission"))
    set_authority(folder, "ca.pem")
    _certificate(tmp_path).rename(folder / "ca.pem")
    context = client_context(load_city(folder))
    assert context is not None
    assert context.cert_store_stats()["x509"] == 1
    assert Shell(folder).json("eoc", "status").code == "broker.unreachable"
