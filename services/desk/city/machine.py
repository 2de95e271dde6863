"""Looks at what is on the city's own machine besides the broker: the officers' pages, the measures, the witnesses."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from schemas import flow
from schemas.events.audit import Checkpoint
from services.audit.record.audit_keys import AuditKeys, pinned_succession
from services.audit.record.folder import CHECKPOINTS
from services.audit.record.witness import WitnessError, read_witnessed
from services.audit.witnesses import witness_files
from services.desk.city.profile_check import keeps_credentials
from services.desk.views.state import health, machine_health
from services.desk.views.state.health import Level, Line
from services.desk.views.state.machine_health import PageAnswer
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock
from services.kernel.base.line_files import last_line
from services.kernel.base.network.certificate import page_certificate_end
from services.kernel.base.network.tls import public_context
from services.kernel.base.run_file import running_city
from services.kernel.base.settings.addresses import in_url

SECONDS = 3.0
MOST_BYTES = 65_536
UNITS = "ONEVOICE_UNITS"
"""The environment variable of the folder that has a link for each unit that is enabled (deploy/systemd)."""
_OURS = "content-security-policy:"
"""A header that each of the officers' pages has."""


async def lines(city: City) -> list[Line]:
    """Return a line for each of them that this machine has to do with; an officer's machine has none of them."""
    found: list[Line] = []
    here = services_here(city)
    if flow.WEB in here and _serves_pages(city):
        found += await _pages(city)
    if city.settings.metrics is not None and (own := [row for row in flow.SERVICES if row.user in here]):
        found.append(await _measures(city, own))
    if city.audit_folder.is_dir():
        found.append(_outside(city))
    return found


def services_here(city: City) -> frozenset[str]:
    """Return the users of the services that belong to this machine.

    Their keys are here; keys are hidden from the doctor's unit, which is told where its fellow units are enabled. Where
    neither can be seen: all of them where the credentials are.
    """
    every = (*(row.user for row in flow.SERVICES), flow.WEB)
    if city.service_key_path(flow.WEB).parent.is_dir():
        return frozenset(user for user in every if city.service_key_path(user).exists())
    units = Path(os.environ.get(UNITS, ""))
    if os.environ.get(UNITS) and units.is_dir():
        enabled = {path.name.partition("@")[0].removesuffix(".service") for path in units.glob("onevoice-*.service")}
        return frozenset(user for user in every if f"onevoice-{user}" in enabled)
    return frozenset(every if keeps_credentials(city) else ())


def _serves_pages(city: City) -> bool:
    """Whether officers' pages of this realm are meant to be here: each realm that runs and has its own address."""
    realms = (running_city(city) or {}).get("realms") or ["live"]
    own = realms[0] == city.realm or city.web != city.settings.web
    return city.web.serve and city.realm in realms and own


async def _pages(city: City) -> list[Line]:
    section = city.web
    origin = urlsplit(section.origin)
    headers = {"Host": origin.netloc} | ({"X-Forwarded-Proto": "https"} if origin.scheme == "https" else {})
    url = f"http://{in_url(section.host)}:{section.listens_on}"
    answer = await _asked(section.host, section.listens_on, "/sign-in", headers)
    mark = machine_health.PageMark(city.settings.city.name, city.realm)
    found = [machine_health.officers_pages(answer, url, section.origin, mark)]
    if origin.scheme == "https":
        found.append(await _page_certificate(section.origin))
    return found


async def _page_certificate(origin: str) -> Line:
    try:
        end = await page_certificate_end(origin, public_context())
    except (OSError, TimeoutError) as error:
        said = f"{origin} could not be asked from here: {error or 'no answer'}"
        return Line("certificate", Level.WARN, said, "does its proxy run, and is its certificate good?")
    return health.certificate(origin, end, SystemClock().now(), "have the proxy renew it")


async def _measures(city: City, own: Sequence[flow.Service]) -> Line:
    section = city.settings.metrics
    assert section is not None
    alone = [section.port + number for number, row in enumerate(flow.SERVICES, 1) if row in own]
    ports = [section.port] if running_city(city) else alone
    answers = await asyncio.gather(*(_asked(section.host, port, "/healthz", {}) for port in ports))
    return machine_health.measures(
        {f"http://{in_url(section.host)}:{port}": answer for port, answer in zip(ports, answers, strict=True)}
    )


async def _asked(host: str, port: int, path: str, headers: dict[str, str]) -> PageAnswer:
    """Ask an address of this machine for one page, without a library that a desk may not have."""
    lines = [f"GET {path} HTTP/1.0", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    raw = b""
    try:
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write("\r\n".join(lines).encode())
                while len(raw) < MOST_BYTES and (more := await reader.read(MOST_BYTES)):
                    raw += more
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return PageAnswer(None)
    head, _, body = raw.decode("utf-8", "replace").partition("\r\n\r\n")
    words = head.split(None, 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdecimal() else 0
    return PageAnswer(status, _OURS in head.lower(), body)


def _outside(city: City) -> Line:
    keys = pinned_succession(city).keys
    kept = {str(path): _last(path, city, keys) for path in witness_files(city)}
    newest = _last(city.audit_folder / CHECKPOINTS, city, keys)
    return machine_health.witnesses(kept, newest, SystemClock().now())


def _last(path: Path, city: City, keys: AuditKeys) -> Checkpoint | None:
    """Return the last checkpoint of a file, by its own word: whether its story holds, ``audit verify`` proves."""
    try:
        raw = last_line(path)
        return read_witnessed([raw], city.realm, keys)[-1] if raw else None
    except (OSError, WitnessError):
        return None
