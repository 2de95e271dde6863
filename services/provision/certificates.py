"""Makes certificates for the broker with openssl: an authority of the city's own, and what it signs."""

from __future__ import annotations

import ipaddress
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput
from services.kernel.base.files import replace_content

AUTHORITY_DAYS = 3_650
_MODES = {"ca.key": 0o600, "ca.pem": 0o644, "server.key": 0o600, "server.pem": 0o644}
_NAME = re.compile(
    r"(?=.{1,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


@dataclass(frozen=True)
class NewCertificate:
    """What was made; ``renewed``: by an authority that was there. ``until`` is UTC."""

    certificate: Path
    authority: Path
    authority_key: Path
    until: datetime
    renewed: bool


def make_certificate(folder: Path, hosts: tuple[str, ...], days: int) -> NewCertificate:
    """Write ``ca.pem``, ``ca.key``, ``server.pem`` and ``server.key`` into a folder; new keys have mode 0600.

    What is replaced keeps owner, group and mode: the broker's user goes on reading its key. The certificate is good for
    servers and, among the servers of a cluster, for clients. An authority that is there is used again; its key alone,
    or its certificate alone, is refused.

    Raises:
        BadInput: ``tls.host``, ``tls.openssl``, ``tls.half``, ``tls.unwritable``.
    """
    names = ",".join(_alternative(host) for host in hosts)
    if not names:
        raise BadInput("tls.host", "a certificate is for at least one name", "--host broker.city.example")
    openssl = shutil.which("openssl")
    if openssl is None:
        raise BadInput("tls.openssl", "openssl is not on this machine", "install it, or use the city's own authority")
    made = NewCertificate(
        certificate=folder / "server.pem",
        authority=folder / "ca.pem",
        authority_key=folder / "ca.key",
        until=SystemClock().now() + timedelta(days=days),
        renewed=(folder / "ca.pem").exists(),
    )
    if made.renewed != made.authority_key.exists():
        raise BadInput(
            "tls.half",
            f"of the authority in {folder} only {'ca.pem' if made.renewed else 'ca.key'} is there",
            "put the other one beside it to renew the certificate, or name a new folder for a new authority",
        )
    try:
        _make_open(folder)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as place:
            _make(openssl, Path(place), made, names, days, hosts[0])
    except OSError as error:
        raise BadInput("tls.unwritable", f"{folder} cannot be written: {error.strerror}", "name another") from error
    return made


def _make(openssl: str, place: Path, made: NewCertificate, names: str, days: int, host: str) -> None:
    authority, authority_key = place / "ca.pem", place / "ca.key"
    if made.renewed:
        shutil.copyfile(made.authority, authority)
        shutil.copyfile(made.authority_key, authority_key)
    else:
        _run(
            openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", str(AUTHORITY_DAYS), "-subj", "/CN=OneVoice authority",
            "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", str(authority_key), "-out", str(authority),
        )  # fmt: skip
    request, extensions = place / "server.csr", place / "server.ext"
    _run(
        openssl, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={host[:64]}",
        "-keyout", str(place / "server.key"), "-out", str(request),
    )  # fmt: skip
    extensions.write_text(
        f"subjectAltName={names}\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        "extendedKeyUsage=serverAuth,clientAuth\nauthorityKeyIdentifier=keyid\n"
    )
    _run(
        openssl, "x509", "-req", "-in", str(request), "-CA", str(authority), "-CAkey", str(authority_key),
        "-CAcreateserial", "-days", str(days), "-extfile", str(extensions), "-out", str(place / "server.pem"),
    )  # fmt: skip
    # The certificate comes last: a broker that reloads in between keeps the old pair.
    for name in ("server.key", "server.pem") if made.renewed else _MODES:
        target = made.authority.with_name(name)
        replace_content(target, (place / name).read_bytes(), None if target.exists() else _MODES[name])


def _make_open(folder: Path) -> None:
    """Make a folder that the broker's user may enter, whatever the umask is; one that is there stays as it is."""
    missing = [path for path in (folder, *folder.absolute().parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        path.chmod(0o755)


def _alternative(host: str) -> str:
    """Return a name or an address as a certificate writes it."""
    try:
        return f"IP:{ipaddress.ip_address(host)}"
    except ValueError:
        pass
    if _NAME.fullmatch(host) is None:
        raise BadInput("tls.host", f"{host!r} is no host name and no address", "--host broker.city.example")
    return f"DNS:{host}"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - openssl
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BadInput("tls.openssl", f"openssl refused: {last}", "look at the files in the folder, and the free space")
