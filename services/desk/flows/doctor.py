"""The doctor: looks at everything that can be looked at from here, and says how to mend what is not well."""

from __future__ import annotations

import os
import shutil
import stat
from dataclasses import asdict
from pathlib import Path

from rich.text import Text

from schemas import flow, subjects
from schemas.events.audit import CompareQuery, LedgerStanding
from schemas.events.desk import BoardQuery, EocView, OfficerView
from services.desk import health, people, show
from services.desk.app import Invocation
from services.desk.flows.audit import copied_seq
from services.desk.flows.profiles import examine
from services.desk.health import Level, Line
from services.desk.light_nats import errors
from services.desk.link import Link, broker_url, connect, run, running
from services.desk.output import console, print_json
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import OneVoiceError, Unreachable
from services.kernel.ledger.drift import drift

PROBE_BYTES = 1_048_576
COMPARE_SECONDS = 5.0
LEAST_FREE_BYTES = 256 * 1_048_576

_STYLE = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def doctor(invocation: Invocation, given: str | None) -> int:
    """Run all checks, print a line for each, and return the exit status."""
    city = invocation.city()
    lines = [Line("city folder", Level.OK, f"{city.settings.city.name}, realm {city.realm}, {city.folder}")]
    lines += local(city)
    lines += remote(city, given)
    if invocation.as_json:
        found = [asdict(line) for line in lines]
        print_json({"ok": health.exit_status(lines) == 0, "checks": found})
    else:
        _print(lines)
    return health.exit_status(lines)


def local(city: City) -> list[Line]:
    """Check what needs no broker: keys, credentials, the disk."""
    keys = [path for path in (city.folder / "keys").rglob("*") if path.is_file()]
    tokens = [path for path in (city.folder / "secrets").rglob("*") if path.is_file()]
    return [
        health.modes("keys", _loose(city, keys), [] if keys else ["keys/"], len(keys)),
        health.modes("credentials", _loose(city, tokens), [], len(tokens)),
        disk(city),
    ]


def disk(city: City) -> Line:
    """Write for real: a full disk looks healthy to everything else."""
    probe = city.var / f".doctor-{os.getpid()}"
    try:
        handle = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
        free = shutil.disk_usage(city.var).free
    except OSError as error:
        return Line("disk", Level.FAIL, f"cannot write to {city.var}: {error.strerror}", "free space; check the owner")
    finally:
        probe.unlink(missing_ok=True)
    megabytes = free // 1_048_576
    if free < LEAST_FREE_BYTES:
        return Line("disk", Level.WARN, f"only {megabytes} MB are free", "the ledger only grows: make room")
    return Line("disk", Level.OK, f"1 MB was written and synced; {megabytes} MB are free")


def remote(city: City, given: str | None) -> list[Line]:
    """Check the broker, and what it and the board say."""
    url = broker_url(city)
    found: list[Line] = []

    async def work() -> int:
        await _broker(city, given, url, found)
        if found[0].level is Level.OK:
            found.extend(await _streams(city, url))
        return 0

    run(work)
    return found


async def _broker(city: City, given: str | None, url: str, lines: list[Line]) -> None:
    """Add a line for the broker, and for what the board says."""
    try:
        asker = people.asking(city, given)
        async with connect(city, asker) as link:
            told = "onevoice up runs it" if running(city) else "as in city.toml"
            lines.append(Line("broker", Level.OK, f"{url} ({told}), asked as {asker}"))
            lines.append(await _standing(link))
            try:
                view = (await link.board(BoardQuery(query="eoc"))).eoc
                officers = (await link.board(BoardQuery(query="officers"))).officers or ()
                profiles = (await link.board(BoardQuery(query="profiles"))).profiles or ()
                dead = (await link.board(BoardQuery(query="dead"))).dead_letters or ()
            except OneVoiceError as error:
                lines.append(_failed("service board", error))
                return
    except OneVoiceError as error:
        lines.append(_failed("broker", error))
        return
    lines.extend(_told(city, view, officers) if view is not None else [])
    lines.append(health.dead_letters(len(dead)))
    lines.append(health.profiles([examine(city, profile) for profile in profiles if profile.official]))


async def _standing(link: Link) -> Line:
    """Ask the audit service to compare ledger and copy, for a few seconds."""
    try:
        found = await link.ask(subjects.DESK_AUDIT_COMPARE, CompareQuery(seconds=COMPARE_SECONDS), LedgerStanding)
    except OneVoiceError as error:
        return _failed("ledger against copy", error)
    return health.standing(found, SystemClock().now())


def _told(city: City, view: EocView, officers: tuple[OfficerView, ...]) -> list[Line]:
    now = SystemClock().now()
    here = city.audit_folder.is_dir()
    lag = [health.copy_lag(view.last_seq, copied_seq(city))] if here else []
    return [
        *health.services(view),
        health.waits(view.services),
        health.clock(view.services, now),
        *lag,
        *health.expiries(officers, now),
    ]


async def _streams(city: City, url: str) -> list[Line]:
    """Compare streams and durables with schemas.streams, where the provisioning key is at hand."""
    if not os.access(city.provision_key_path, os.R_OK):
        return [Line("streams", Level.OK, "not looked at: the provisioning key is not here")]
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
    return Line(check, Level.FAIL, error.message, error.hint, unreachable=isinstance(error, Unreachable))


def _loose(city: City, paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        try:
            if stat.S_IMODE(path.lstat().st_mode) & 0o077:
                found.append(str(path.relative_to(city.folder)))
        except FileNotFoundError:
            continue  # removed while we looked: then nobody reads it
    return sorted(found)


def _print(lines: list[Line]) -> None:
    out = console()
    rows = show.table("", "check", "")
    rows.show_header = False
    for line in lines:
        detail = Text(line.detail)
        if line.mend and line.level is not Level.OK:
            detail.append(f"\n-> {line.mend}", style="dim")
        rows.add_row(Text(line.level.value, style=_STYLE[line.level]), Text(line.check), detail)
    out.print(rows, width=show.width(out))
