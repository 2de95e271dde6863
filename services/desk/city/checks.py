"""What the doctor looks at: everything that can be looked at from here."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from schemas import flow, subjects
from schemas.events.audit import CompareQuery, LedgerIntegrity
from schemas.events.desk import BoardQuery, EocView, OfficerView
from services.desk import session
from services.desk.app import Invocation
from services.desk.authority import ask_authority
from services.desk.city import machine, wall
from services.desk.city.last_verified import copy_began, read_result
from services.desk.city.profile_check import examine, keeps_credentials, noted_ends
from services.desk.city.second_copy import copied_seq
from services.desk.connection.light_nats import errors
from services.desk.connection.link import broker_url
from services.desk.people import looking
from services.desk.session import Session
from services.desk.views.state import authority_health as authority
from services.desk.views.state import health, machine_health
from services.desk.views.state.health import Level, Line
from services.desk.views.state.late_posts import late_posts
from services.kernel.base.city import City, servers_of
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, OneVoiceError, Unreachable
from services.kernel.base.network.certificate import authority_end, certificate_end
from services.kernel.base.network.ports import refuse_shared_ports
from services.kernel.base.network.tls import client_context
from services.kernel.base.run_file import running_city
from services.kernel.base.settings.read_at_start import changed_since
from services.kernel.ledger.drift import drift
from services.provision.accounts.apart import hint_for, left_out_of

PROBE_BYTES = 1_048_576
COMPARE_SECONDS = 5.0
LEAST_FREE_BYTES = 256 * 1_048_576


def local(city: City) -> list[Line]:
    """Check what needs no broker: keys, credentials, the disk. An officer's machine has no credentials to look at."""
    keys = [path for path in (city.folder / "keys").rglob("*") if path.is_file()]
    tokens = [path for path in (city.folder / "secrets").rglob("*") if path.is_file()]
    now = SystemClock().now()
    posts = [
        health.modes("credentials", _loose(city, tokens), [], len(tokens)),
        *health.tokens(city.settings.token_ends, noted_ends(city), now),
        health.realms(list(wall.shared(city))),
    ]
    return [
        health.modes("keys", _loose(city, keys), [] if keys else ["keys/"], len(keys)),
        *(posts if keeps_credentials(city) else []),
        disk(city),
        *ports(city),
        *settings_since(city),
        *broker_users(city),
        *([health.verified(read_result(city), now, copy_began(city))] if city.audit_folder.is_dir() else []),
    ]


def ports(city: City) -> list[Line]:
    """Say which two settings name one port, where this machine runs the city."""
    try:
        if city.settings.nats.embedded:
            refuse_shared_ports(city)
    except BadInput as error:
        return [Line("ports", Level.FAIL, error.message, error.hint)]
    return []


def settings_since(city: City) -> list[Line]:
    """Say what was changed in city.toml behind the back of the city that runs here."""
    changed = changed_since((running_city(city) or {}).get("settings"), city.settings)
    if not changed:
        return []
    said = f"{', '.join(changed)} changed since the city was started, and does not count yet"
    return [Line("city.toml", Level.WARN, said, "stop onevoice up with Ctrl-C, and start it again")]


def broker_users(city: City) -> list[Line]:
    """Say who cannot connect, although control knows them."""
    try:
        left_out = left_out_of(city.accounts_path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return []  # it is on the city's machine alone
    return [Line("broker's users", Level.FAIL, f"cannot connect: {one}", hint_for(one)) for one in left_out]


def disk(city: City) -> Line:
    """Write for real: a full disk looks healthy to everything else."""
    folder = city.var if city.var.is_dir() else city.folder
    probe = folder / f".doctor-{os.getpid()}"
    try:
        handle = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Line(
            "disk",
            Level.FAIL,
            f"cannot write to {folder}: {error.strerror}",
            "free space; check the folder's owner and mode",
        )
    finally:
        with suppress(OSError):  # a folder that may only be read: the line says it
            probe.unlink(missing_ok=True)
    megabytes = free // 1_048_576
    if free < LEAST_FREE_BYTES:
        return Line("disk", Level.WARN, f"only {megabytes} MB are free", "the ledger only grows: make room")
    return Line("disk", Level.OK, f"1 MB was written and synced; {megabytes} MB are free")


async def remote(desk: Invocation, city: City, given: str | None) -> list[Line]:
    """Check the broker, and what it and the board say."""
    url = broker_url(city)
    lines = await _broker(desk, city, given, url)
    if lines[0].level is Level.OK:
        lines += await _streams(city, url)
    return [*lines, *await machine.lines(city)]


async def _broker(desk: Invocation, city: City, given: str | None, url: str) -> list[Line]:
    """Return a line for the broker, and those for what the services say."""
    try:
        async with session.asking(desk, looking(city, given)) as here:
            source = "onevoice up runs it" if running_city(city) else "as in city.toml"
            first = Line("broker", Level.OK, f"{url} ({source}), asked as {here.user}")
            return [first, *await _certificates(city, url), await _integrity(here), *await _board(here)]
    except OneVoiceError as error:
        return [_failed("broker", error)]


async def _certificates(city: City, url: str) -> list[Line]:
    """Look until when the broker's certificate is good, on each server that answers."""
    context = client_context(city)
    if context is None:
        return []
    ends = {}
    for server in servers_of(url):
        try:
            ends[server] = await certificate_end(server, context)
        except (OSError, TimeoutError):
            continue  # a cluster may lack a server; the line of the broker says if none answers
    now = SystemClock().now()
    return [*(health.certificate(server, end, now) for server, end in ends.items()), *_certificate_authority(city)]


def _certificate_authority(city: City) -> list[Line]:
    """Look until when the authority is good that this machine trusts: with its end every certificate ends."""
    authority = city.settings.nats.tls_ca
    try:
        end = authority_end(city.folder / (authority or ""))
    except (OSError, ValueError):
        return []  # the line of the broker says what is wrong with it
    hint = "make a new authority and certificate (onevoice tls in an empty folder); hand its ca.pem to everybody first"
    return [health.certificate("the authority that signs it", end, SystemClock().now(), hint)]


async def _board(here: Session) -> list[Line]:
    try:
        view = await here.eoc()
        officers = (await here.board(BoardQuery(query="officers"))).officers or ()
        power = await ask_authority(here)
        profiles = (await here.board(BoardQuery(query="profiles"))).profiles or ()
        dead = (await here.board(BoardQuery(query="dead"))).dead_letters or ()
        waiting, _ = await here.pending()
        strange = await here.outside()
    except OneVoiceError as error:
        return [_failed("service board", error)]
    return [
        *_services(here.city, view, officers),
        *authority.lines(power, officers, SystemClock().now()),
        health.dead_letters(len(dead)),
        health.unconfirmed_posts(waiting),
        late_posts(view),
        health.outside_posts(strange),
        health.profiles([examine(here.city, profile) for profile in profiles if profile.official]),
    ]


async def _integrity(here: Session) -> Line:
    """Ask the audit service to compare ledger and copy, for a few seconds."""
    try:
        found = await here.link.ask(subjects.DESK_AUDIT_COMPARE, CompareQuery(seconds=COMPARE_SECONDS), LedgerIntegrity)
    except OneVoiceError as error:
        return _failed("ledger against copy", error)
    return health.integrity(found, SystemClock().now())


def _services(city: City, view: EocView, officers: tuple[OfficerView, ...]) -> list[Line]:
    now = SystemClock().now()
    here = city.audit_folder.is_dir()
    lag = [health.copy_lag(view.last_seq, copied_seq(city))] if here else []
    return [
        *health.services(view),
        health.waits(view.services),
        health.watched_profiles(view.services),
        machine_health.clock(view.services, now),
        *lag,
        *health.expiries(officers, now),
    ]


async def _streams(city: City, url: str) -> list[Line]:
    """Compare streams and durables with schemas.streams, where the provisioning key is at hand."""
    # onevoice up cannot start without it; other machines have none, nor does a doctor that is shown no folder.
    path = city.provision_key_path
    lost = city.settings.nats.embedded and os.access(path.parent, os.R_OK | os.X_OK) and not path.exists()
    if not lost and not os.access(path, os.R_OK):
        said = "not looked at: the provisioning key is not here; each service compares its own as it starts"
        return [Line("streams", Level.OK, said)]
    from services.provision.broker.connection import as_provisioner

    try:
        async with as_provisioner(city, url) as client:
            js = client.jetstream()
            different: list[str] = []
            for row in flow.SERVICES:
                different += [one for one in await drift(js, row) if one not in different]
    except OneVoiceError as error:
        return [_failed("streams", error)]
    except errors.Error as error:
        return [Line("streams", Level.FAIL, f"the broker did not say: {error}", "look into var/nats/nats.log")]
    if different:
        shown = "; ".join(different[:3]) + (f"; and {len(different) - 3} more" if len(different) > 3 else "")
        return [Line("streams", Level.FAIL, shown, "onevoice provision")]
    return [Line("streams", Level.OK, "as they have to be")]


def _failed(check: str, error: OneVoiceError) -> Line:
    hint = "; ".join(part for part in error.hint.split("; ") if not part.startswith("onevoice doctor"))
    hint = hint or "start it (onevoice up, or its unit), or look into its log"
    return Line(check, Level.FAIL, error.message, hint, unreachable=isinstance(error, Unreachable))


def _loose(city: City, paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        try:
            if stat.S_IMODE(path.lstat().st_mode) & 0o077:
                found.append(str(path.relative_to(city.folder)))
        except FileNotFoundError:
            continue  # removed while we looked: then nobody reads it
    return sorted(found)
