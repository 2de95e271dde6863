"""A broker with TLS, as in a deployment: provisioning, services and the desk refuse a stranger's certificate."""

from __future__ import annotations

import asyncio
import re
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from schemas import flow
from services.desk.connection.link import connect
from services.kernel.base.city import City, load_city
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Unreachable
from services.kernel.base.network.certificate import authority_end, certificate_end, page_certificate_end
from services.kernel.base.network.tls import client_context, public_context
from services.kernel.base.settings.city_file import MetricsSection
from services.kernel.runtime.messages.encrypted_broker import ConnectionEvents, make_broker
from services.kernel.runtime.run import running
from services.provision import find_nats_server, make_city, provision
from services.provision.accounts.server_conf import ServerSettings, Tls, render_server
from services.provision.plan.city_plan import demo_plan
from tests.support.ports import free_port

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made by openssl")


def certificate(folder: Path, name: str) -> tuple[str, str]:
    """Make a self-signed certificate for 127.0.0.1; return the paths of certificate and key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return str(cert), str(key)


@asynccontextmanager
async def tls_server(city: City, folder: Path) -> AsyncIterator[int]:
    """Run nats-server as a deployment does: its own configuration, the city's accounts, its own store."""
    port = free_port()
    settings = ServerSettings(port=port, store_dir=str(folder / "store"), tls=Tls(*certificate(folder, "server")))
    conf = folder / "nats-server.conf"
    conf.write_text(render_server(settings, "city/nats/"))
    server = await asyncio.create_subprocess_exec(str(find_nats_server()), "-c", str(conf), "-l", str(folder / "log"))
    try:
        while not ((folder / "log").exists() and "Server is ready" in (folder / "log").read_text()):
            assert server.returncode is None
            await asyncio.sleep(0.05)
        yield port
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()


def trusting(city: City, ca: str, url: str) -> City:
    path = city.folder / "city.toml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith(("tls_ca", "url"))]
    lines.insert(lines.index("[nats]") + 1, f'tls_ca = "{ca}"\nurl = "{url}"')
    path.write_text("\n".join(lines))
    return load_city(city.folder)


async def test_the_days_that_are_left_of_the_certificate_are_measured(tmp_path: Path) -> None:
    """Seen as a client sees it: by the service's own metrics page."""
    made = make_city(tmp_path / "city", demo_plan())
    async with tls_server(made, tmp_path) as port:
        url = f"tls://127.0.0.1:{port}"
        made = trusting(made, str(tmp_path / "server.pem"), url)
        section, names = MetricsSection(port=free_port()), ["registry", "board"]
        city = City(made.folder, made.settings.model_copy(update={"metrics": section}))
        await provision(city, url)
        page = f"http://127.0.0.1:{section.port}/metrics"
        async with running(names, city, url), aiohttp.ClientSession() as session, session.get(page) as answer:
            text = await answer.text()
    (left,) = re.findall(rf'^onevoice_certificate_days_left{{server="{url}"}} (\S+)$', text, re.MULTILINE)
    assert 1.0 < float(left) <= 2.0


async def test_provisioning_services_and_desk_speak_tls_and_check_the_certificate(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    city = make_city(tmp_path / "city", demo_plan())
    async with tls_server(city, tmp_path) as port:
        url = f"tls://127.0.0.1:{port}"
        city = trusting(city, str(tmp_path / "server.pem"), url)
        assert (await provision(city, url)).created
        async with running(["registry"], city, url) as (registry,):
            assert registry.control.seq > 0
        async with connect(city, "pio") as desk:
            assert not desk.is_gone
        await asyncio.sleep(0.05)
        assert "eof_received" not in caplog.text, "it was a line on the terminal for each command"
        context = client_context(city)
        assert context is not None
        left = await certificate_end(url, context) - SystemClock().now()
        assert timedelta(days=1) < left <= timedelta(days=2)
        assert authority_end(tmp_path / "server.pem") - SystemClock().now() == pytest.approx(
            left, abs=timedelta(minutes=1)
        )

        stranger, _ = certificate(tmp_path, "stranger")
        with pytest.raises(Unreachable):
            await provision(trusting(city, stranger, url), url)
        with pytest.raises(Unreachable, match="certificate that is not trusted"):
            async with connect(trusting(city, stranger, url), "pio"):
                pass
        with pytest.raises(BadInput) as caught:
            await provision(trusting(city, "/nowhere/ca.pem", url), url)
        assert caught.value.code == "nats.tls_ca"


@pytest.mark.parametrize("section", ['tls_ca = "{ca}"\nurl = "nats://{place}"', 'url = "tls://{place}"'])
async def test_a_server_that_takes_the_encryption_away_is_told_nothing(tmp_path: Path, section: str) -> None:
    """What a server says first is in plain: somebody in between may strike out that it takes TLS."""
    city = make_city(tmp_path / "city", demo_plan())
    heard: list[bytes] = []

    async def in_between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.15.1","max_payload":1048576,"nonce":"abcdefgh"}\r\n')
        heard.append(await reader.read(1024))
        writer.close()

    async with await asyncio.start_server(in_between, "127.0.0.1", 0) as server:
        place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ca, _ = certificate(tmp_path, "server")
        path = city.folder / "city.toml"
        path.write_text(path.read_text().replace("[nats]", f"[nats]\n{section.format(ca=ca, place=place)}"))
        city = load_city(city.folder)
        url = city.settings.nats.address
        with pytest.raises(Unreachable, match="offers no encryption"):
            async with connect(city, "pio"):
                pass
        with pytest.raises(Unreachable, match="offers no encryption"):
            await provision(city, url)
        broker = make_broker(flow.service("registry"), city, url, ConnectionEvents(_quiet, _quiet, _quiet))
        with pytest.raises((OSError, TimeoutError)):
            await asyncio.wait_for(broker.connect(), 2)
    assert heard
    assert set(heard) == {b""}


async def _quiet(*_: object) -> None:
    """Nothing is done when a connection changes."""


async def test_the_certificate_of_a_page_is_read_as_a_browser_sees_it(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "pages")
    there, here = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=cert)
    there.load_cert_chain(cert, key)
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=there) as server:
        origin = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        left = await page_certificate_end(origin, here) - SystemClock().now()
        with pytest.raises(OSError, match="certificate"):
            await page_certificate_end(origin, public_context())
    assert timedelta(days=1) < left <= timedelta(days=2)
