"""Restoring a ledger from the second copy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from services.audit.proof import verify_record
from services.audit.proof.restore import refuse_unproven
from services.audit.record.alarms import alarms_as_violations
from services.audit.record.folder import writing
from services.desk import sent
from services.desk.city.second_copy import copied_seq
from services.desk.connection.link import broker_url
from services.desk.views.hints import typed
from services.kernel.base import logs
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock, monotonic
from services.kernel.base.errors import BadInput, OneVoiceError
from services.kernel.base.files import flush_folder, make_folder
from services.kernel.base.run_file import running_city
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.integrity.checks import IntegrityFault
from services.kernel.ledger.integrity.high_water import read_mark
from services.kernel.runtime.run import running as services_running

CATCH_UP_SECONDS = 60.0
STANDSTILL_SECONDS = 8.0
"""How long the copy may stop growing before it is taken to have all that it can get."""

Step = Callable[[str], None]


@dataclass(frozen=True)
class RestoreResult:
    """What a restore did; ``moved_to`` is where the damaged store lies now."""

    entries: int
    stood: int
    pictures: int
    pictures_missing: int
    alarms: int
    moved_to: str | None = None
    warning: str = ""


def restore(city: City, into_new_store: bool, report_step: Step) -> RestoreResult:
    """Rebuild the ledger from the second copy; ``report_step`` gets a line for each step.

    Raises:
        OneVoiceError: the city runs, its store cannot be moved from here, or the copy does not verify.
    """
    if running_city(city) is not None:
        raise BadInput("city.running", "this city is up", "stop it with Ctrl-C in its terminal, then restore")
    if into_new_store and not city.settings.nats.embedded:
        raise BadInput(
            "store.external",
            "the broker of this city is not run by onevoice, so its store cannot be moved from here",
            "stop the services, move the stream's folder aside on the broker, then: onevoice provision, onevoice "
            "audit restore, onevoice provision",
        )
    quiet(city, "onevoice audit restore (without --into-new-store)")
    return asyncio.run(restore_into(city, into_new_store, report_step))


def quiet(city: City, goes_on: str) -> None:
    """Have what services say go to standard error, and only what is wrong: the steps are told by the command.

    ``goes_on``: the command that goes on where this one is stopped.
    """
    logs.configure(city.settings.log.format, "warning", zone=city.zone)
    sent.means_stopped(f"Stopped here. Nothing is lost: {goes_on} goes on where it ended.")


async def restore_into(city: City, into_new_store: bool, report_step: Step) -> RestoreResult:
    """Put the copy back on the city's broker; ``into_new_store`` moves the embedded one's store aside first."""
    from services.provision.broker.restore import check_beforehand, check_copy, refuse_running, restore

    moved_to = None
    check_beforehand(city)
    if into_new_store:
        await _salvage(city, report_step)
    with writing(city.audit_folder):
        _refuse_unproven(city, report_step)
        check_copy(city)
        if into_new_store:
            moved_to = move_aside(city, SystemClock().now())
            if moved_to:
                report_step(f"the old store is in {moved_to}")
        async with broker_of(city) as (url, prepare):
            if not city.settings.nats.embedded:
                await refuse_running(city, url)
            await prepare()
            done = await restore(city, url, report_step)
            await prepare()  # now that control is back: its officers' and profiles' rights and durables
            _drop_snapshots(city)
            warning = await _end_warning(city, url)
    return RestoreResult(
        entries=done.entries,
        stood=done.stood,
        pictures=done.pictures,
        pictures_missing=done.pictures_missing,
        alarms=len(alarms_as_violations(city.audit_folder)),
        moved_to=str(moved_to) if moved_to else None,
        warning=warning,
    )


def _refuse_unproven(city: City, report_step: Step) -> None:
    report_step("verifying the copy")
    report = verify_record(city, SystemClock().now())
    refuse_unproven(city, report)
    report_step(f"the copy verifies: {report.events} entries up to {report.last_seq}")


@asynccontextmanager
async def broker_of(city: City) -> AsyncIterator[tuple[str, Callable[[], Awaitable[None]]]]:
    """Run the embedded broker on a port that nobody knows, or take the city's own as it is."""
    from services.desk.city.up import free_port
    from services.provision import EmbeddedBroker, provision

    if not city.settings.nats.embedded:
        url = broker_url(city)

        async def only_provision() -> None:
            await provision(city, url)

        yield url, only_provision
        return
    broker = EmbeddedBroker()
    await broker.start(city, free_port(city.settings.nats.host, 0))

    async def prepare() -> None:
        if (await provision(city, broker.url)).accounts_changed:
            await broker.reload()

    try:
        yield broker.url, prepare
    finally:
        await broker.stop()


async def _salvage(city: City, report_step: Step) -> None:
    """Let the copy take what only the damaged ledger still has: acknowledged, and not copied when things went down.

    What cannot be had is said, and lies in the store that is moved aside.
    """
    from services.provision.broker.connection import connected

    if not store_of(city).is_dir():
        return
    try:
        async with broker_of(city) as (url, _):
            async with connected(city, url, city.service_key_path("audit"), "audit") as client:
                ledger = Ledger()
                ledger.bind(client)
                last = (await ledger.shape()).last
            if last <= copied_seq(city):
                return
            report_step(
                f"the copy ends at {copied_seq(city)}, the damaged ledger at {last}: the copy takes what it can get"
            )
            async with asyncio.timeout(CATCH_UP_SECONDS), services_running(["audit"], city, url):
                await until_copied(city, last)
    except TimeoutError:
        pass
    except OneVoiceError as error:
        report_step(f"the damaged ledger could not be read: {error.message}")
        return
    if copied_seq(city) < last:
        report_step(f"what the damaged ledger has above {copied_seq(city)} differs from the copy, or cannot be read")


async def until_copied(city: City, last: int) -> None:
    """Wait until the copy has an entry, or stands still."""
    newest, since = copied_seq(city), monotonic()
    while newest < last and monotonic() - since < STANDSTILL_SECONDS:
        await asyncio.sleep(0.1)
        if (now := copied_seq(city)) != newest:
            newest, since = now, monotonic()


def store_of(city: City) -> Path:
    """Return where the embedded broker keeps the realm's ledger."""
    from services.provision.accounts.accounts_conf import core_account

    return city.var / "nats" / "jetstream" / core_account(city.realm)


def move_aside(city: City, now: datetime) -> Path | None:
    """Move the realm's part of the store out of the broker's sight; the other realm's stays as it is."""
    store = store_of(city)
    if not store.is_dir():
        return None
    place = city.var / "nats-aside" / f"{now:%Y%m%dT%H%M%S%f}" / store.name
    make_folder(place.parent)
    store.rename(place)
    flush_folder(place.parent)
    flush_folder(store.parent)
    return place


def _drop_snapshots(city: City) -> None:
    """Have each service fold the ledger from its beginning; the fan-out's high-water mark still shows a loss."""
    for name in (f"{city.realm}.json", f"{city.realm}.seen.json"):
        for path in city.var.glob(f"fold/*/{name}"):
            path.unlink()


async def _end_warning(city: City, url: str) -> str:
    """Say beforehand what the fan-out will say: it has seen an entry that the copy did not have."""
    from services.provision.broker.connection import connected

    try:
        mark = read_mark(city.ledger_seen_path)
        if mark is None:
            return ""
        async with connected(city, url, city.service_key_path("audit"), "audit") as client:
            ledger = Ledger()
            ledger.bind(client)
            fault = mark.check(await ledger.get(mark.seq), city.ledger_seen_path)
    except IntegrityFault as error:
        fault = error
    if fault is None:
        return ""
    return (
        f"{fault.message}. What was acknowledged after the copy's end is lost: look at the profiles for posts of that "
        f"time, then delete {city.ledger_seen_path}; until then the fan-out posts nothing"
    )


def report(out: Console, done: RestoreResult) -> None:
    """Show what a restore did, and what to do next."""
    more = f", {done.stood} of them by an earlier restore" if done.stood else ""
    out.print(Text(f"The ledger is what the copy holds: {done.entries} entries{more}.", style="bold green"))
    if done.pictures or done.pictures_missing:
        lost = f", {done.pictures_missing} are not in the copy" if done.pictures_missing else ""
        out.print(Text(f"{done.pictures} pictures are back{lost}."))
    if done.moved_to:
        out.print(Text(f"The old store was not deleted: {done.moved_to}"), soft_wrap=True)
    if done.warning:
        out.print(Text(done.warning, style="yellow"), soft_wrap=True)
    if done.alarms:
        command = typed('onevoice audit close-alarms --as OFFICER --reason "..."')
        out.print(Text(f"{done.alarms} alarms are on record. If this answers them: {command}"), soft_wrap=True)
    out.print(Text(typed("Next: onevoice up, then onevoice audit verify and onevoice doctor.")))
