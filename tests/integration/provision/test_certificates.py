"""Certificates of ``onevoice tls``: a broker shows them, clients accept them, and a renewal needs no new authority."""

from __future__ import annotations

import os
import shutil
import ssl
import stat
import subprocess
from pathlib import Path

import pytest

from services.kernel.base.errors import BadInput
from services.provision.certificates import make_certificate

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made by openssl")


def verified(folder: Path, *more: str) -> bool:
    command = ["openssl", "verify", "-CAfile", str(folder / "ca.pem"), *more, str(folder / "server.pem")]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_certificate_is_good_for_its_names_alone(tmp_path: Path) -> None:
    made = make_certificate(tmp_path / "tls", ("broker.city.example", "127.0.0.1"), 30)
    assert not made.renewed
    assert verified(tmp_path / "tls", "-verify_hostname", "broker.city.example", "-purpose", "sslserver")
    assert verified(tmp_path / "tls", "-verify_ip", "127.0.0.1", "-purpose", "sslclient")
    assert not verified(tmp_path / "tls", "-verify_hostname", "other.example")
    for name in ("ca.key", "server.key"):
        assert stat.S_IMODE((tmp_path / "tls" / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "tls").iterdir()) == [
        "ca.key", "ca.pem", "server.key", "server.pem",
    ]  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, tmp_path / "tls" / "server.key")


def test_a_renewal_keeps_the_authority(tmp_path: Path) -> None:
    made = make_certificate(tmp_path, ("broker.city.example",), 30)
    authority, certificate = made.authority.read_bytes(), made.certificate.read_bytes()
    again = make_certificate(tmp_path, ("broker.city.example",), 30)
    assert again.renewed
    assert (made.authority.read_bytes(), made.certificate.read_bytes() != certificate) == (authority, True)
    assert verified(tmp_path)


@pytest.mark.parametrize("host", ["", "a b", "-x", "a,DNS:evil.example", "*.example", "x" * 300])
def test_what_is_no_name_is_refused(tmp_path: Path, host: str) -> None:
    with pytest.raises(BadInput) as caught:
        make_certificate(tmp_path / "tls", (host,), 30)
    assert caught.value.code == "tls.host"
    assert not (tmp_path / "tls").exists()


def test_half_an_authority_is_refused(tmp_path: Path) -> None:
    make_certificate(tmp_path, ("a.example",), 30)
    (tmp_path / "ca.key").unlink()
    with pytest.raises(BadInput) as caught:
        make_certificate(tmp_path, ("a.example",), 30)
    assert caught.value.code == "tls.half"


def test_a_renewal_keeps_who_may_read_the_key(tmp_path: Path) -> None:
    """The key was root's alone after it, and the broker, which runs as another user, did not start again."""
    make_certificate(tmp_path, ("a.example",), 30)
    key = tmp_path / "server.key"
    key.chmod(0o640)
    group = next((one for one in os.getgroups() if one != key.stat().st_gid), key.stat().st_gid)
    os.chown(key, -1, 65_534 if os.geteuid() == 0 else group)
    (tmp_path / "server.pem").chmod(0o640)
    before = [(path.stat().st_uid, path.stat().st_gid, path.stat().st_mode) for path in sorted(tmp_path.iterdir())]
    content = key.read_bytes()
    make_certificate(tmp_path, ("a.example",), 30)
    assert key.read_bytes() != content
    after = [(path.stat().st_uid, path.stat().st_gid, path.stat().st_mode) for path in sorted(tmp_path.iterdir())]
    assert after == before


def test_the_brokers_user_may_enter_the_folder_under_a_strict_umask(tmp_path: Path) -> None:
    umask = os.umask(0o077)
    try:
        make_certificate(tmp_path / "etc" / "tls", ("a.example",), 30)
    finally:
        os.umask(umask)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "etc").rglob("*")}
    assert modes == {"tls": 0o755, "ca.key": 0o600, "ca.pem": 0o644, "server.key": 0o600, "server.pem": 0o644}
    assert stat.S_IMODE((tmp_path / "etc").stat().st_mode) == 0o755
