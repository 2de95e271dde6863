"""Certificates of ``onevoice tls``: a broker shows them, clients accept them, and a renewal needs no new authority."""

from __future__ import annotations

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
