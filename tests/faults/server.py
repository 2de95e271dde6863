"""The broker killed, away and out of space, and services that stand still for longer than a lease."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

from schemas import subjects
from schemas.streams import LEASE_SECONDS
from tests.faults.crashes import delivered, flowing
from tests.faults.harness import ALL, SQUARES, FaultCity
from tests.faults.load import Load
from tests.faults.processes import ServiceProcess
from tests.faults.rows import Row, Scale
from tests.faults.sets import compare

RESUME_SECONDS = 5.0
"""Within this time after the broker is back, services go on by themselves; judged in full, on a quiet machine."""

IDLE_SHARE = 0.3
"""The part of one core that a service may use while the broker is away: more is spinning."""

REST = "filler-of-the-rest"
LONGER_THAN_A_LEASE = LEASE_SECONDS + 5.0


async def broker_killed(folder: Path, scale: Scale) -> list[Row]:
    """kill -9 of nats-server while messages flow, and again."""
    times, recovered = (5 if scale is Scale.FULL else 2), 0.0
    async with FaultCity(folder) as city:
        await city.start(*ALL)
        async with flowing(Load(city, prefix="flow")) as load:
            for number in range(times):
                await asyncio.sleep(0.5 + number / 3)
                city.kill_broker()
                await asyncio.sleep(0.3)
                await city.start_broker()
                recovered = max(recovered, await _through(city, load))
        found = await compare(city, load)
    return [found.row("kill -9 of nats-server", times, recovered=recovered, wrong=_too_slow(recovered, scale))]


async def broker_away(folder: Path, scale: Scale) -> list[Row]:
    """No broker for a while: commands end with a clear error, services wait without spinning, and resume."""
    away = 120.0 if scale is Scale.FULL else 8.0
    async with FaultCity(folder) as city:
        processes = [await city.start(name, ready=False) for name in ALL]
        for process in processes:
            await process.until_ready()
        load = Load(city)
        before = await load.send()
        await delivered(city, before)
        city.kill_broker()
        await asyncio.sleep(2.0)  # what they do at once, and say, is not spinning
        used = [process.cpu_seconds() for process in processes]
        wrong = await _commands_end_clearly(city)
        await asyncio.sleep(away)
        wrong += _spinning(processes, used, away)
        await city.start_broker()
        recovered = await _through(city, load)
        found = await compare(city, load)
    row = found.row(
        f"the broker away for {away:.0f} s", 1, recovered=recovered, wrong=(*wrong, *_too_slow(recovered, scale))
    )
    return [row]


async def stopped(folder: Path, scale: Scale) -> list[Row]:
    """SIGSTOP for longer than ack_wait and lease, in the middle of things; then SIGCONT."""
    rounds = [[name] for name in ALL] if scale is Scale.FULL else [["gatekeeper", "fanout"]]
    async with FaultCity(folder) as city:
        running = {name: await city.start(name, ready=False) for name in ALL}
        for process in running.values():
            await process.until_ready()
        recovered = 0.0
        async with flowing(Load(city, prefix="flow"), pause=2.0) as load:
            for names in rounds:
                await asyncio.sleep(1.0)
                for name in names:
                    running[name].signal(signal.SIGSTOP)
                await asyncio.sleep(LONGER_THAN_A_LEASE)
                for name in names:
                    running[name].signal(signal.SIGCONT)
                recovered = max(recovered, await _through(city, load, "+".join(names)))
        found = await compare(city, load)
    times = sum(map(len, rounds))
    return [found.row(f"SIGSTOP of a service for {LONGER_THAN_A_LEASE:.0f} s", times, recovered=recovered)]


async def disk_full(folder: Path, scale: Scale) -> list[Row]:
    """No space for the ledger: what is refused is refused clearly; when there is space again, it goes on."""
    rows = [await _full_store(folder / "limit", by_limit=True)]
    if scale is Scale.FULL and os.geteuid() == 0:
        rows.append(await _full_store(folder / "tmpfs", by_limit=False))
    return rows


async def _full_store(folder: Path, *, by_limit: bool) -> Row:
    async with _store(folder, by_limit=by_limit) as (city, make_room):
        processes = [await city.start(*ALL)]
        load = Load(city)
        await delivered(city, await load.send())
        codes = await _fill(city)
        if not by_limit:
            _fill_rest(city.city.var / "nats")
        used = [process.cpu_seconds() for process in processes]
        late = asyncio.create_task(load.send(seconds=90.0))
        await asyncio.sleep(5.0)
        wrong = _spinning(processes, used, 5.0)
        if late.done():
            wrong.append("a message was taken although there was no space")
        await make_room()
        recovered = await _through(city, load)
        await late
        found = await compare(city, load)
    if not codes <= {"ledger.refused", "broker.unreachable", "TimeoutError"}:
        wrong.append(f"it was told as {sorted(codes)}")
    what = "a store limit" if by_limit else "a full file system"
    return found.row(f"disk full ({what})", 1, recovered=recovered, wrong=tuple(wrong))


@asynccontextmanager
async def _store(folder: Path, *, by_limit: bool) -> AsyncIterator[tuple[FaultCity, Callable[[], Awaitable[None]]]]:
    """Yield a city whose store has little room, and what makes room."""
    city = FaultCity(folder)
    conf = city.city.nats_conf_path
    text = conf.read_text()
    if by_limit:
        conf.write_text(text.replace("jetstream {", "jetstream {\n  max_file_store: 25165824", 1))
        async with city:

            async def raise_limit() -> None:
                conf.write_text(text)
                await city.start_broker()

            yield city, raise_limit
        return
    store = city.city.var / "nats"
    store.mkdir(parents=True, exist_ok=True)
    await _run("mount", "-t", "tmpfs", "-o", "size=112m", "onevoice", str(store))
    try:
        async with city:
            filler = store / "filler"
            with filler.open("wb") as file:
                file.write(b"\0" * (80 * 1024 * 1024))

            async def free() -> None:
                filler.unlink()
                (store / REST).unlink()
                await city.start_broker()

            yield city, free
    finally:
        await _run("umount", "-l", str(store))


def _fill_rest(store: Path) -> None:
    """Take the last block, too: a picture needs more room than a message."""
    with (store / REST).open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4_096):
            pass


async def _run(*words: str) -> None:
    process = await asyncio.create_subprocess_exec(*words)
    assert await process.wait() == 0, words


async def _fill(city: FaultCity) -> set[str]:
    """Put pictures until there is no space left; return what was told then."""
    desk = await city.desk("mcpe")
    codes: set[str] = set()
    for number in range(200):
        try:
            reply = await desk.ask(subjects.DESK_MEDIA_PUT, _picture(number), seconds=20.0)
        except TimeoutError:
            codes.add("TimeoutError")
        else:
            codes |= {str(reply["error"]["code"])} if "error" in reply else set()
        if len(codes) and number > 3:
            break
    return codes


def _picture(number: int) -> bytes:
    """Return a picture that does not compress."""
    noise = random.Random(number).randbytes(600 * 600 * 3)
    raw = io.BytesIO()
    Image.frombytes("RGB", (600, 600), noise).save(raw, "PNG", compress_level=0)
    return raw.getvalue()


async def _through(city: FaultCity, load: Load, after: str = "it") -> float:
    """Return the seconds until a new message is on a profile."""
    began = asyncio.get_running_loop().time()
    try:
        await delivered(city, await load.send(SQUARES[-1], seconds=120.0))
    except AssertionError as error:
        raise AssertionError(f"nothing got through after {after}: {error}") from error
    return asyncio.get_running_loop().time() - began


def _too_slow(recovered: float, scale: Scale) -> tuple[str, ...]:
    if scale is Scale.FULL and recovered > RESUME_SECONDS:
        return (f"it took {recovered:.1f} s to resume",)
    return ()


def _spinning(processes: list[ServiceProcess], before: list[float], seconds: float) -> list[str]:
    shares = [(p.cpu_seconds() - used) / seconds for p, used in zip(processes, before, strict=True)]
    return [
        f"{'+'.join(process.names)} used {share:.0%} of a core while it could do nothing"
        for process, share in zip(processes, shares, strict=True)
        if share > IDLE_SHARE
    ]


COMMANDS = (
    ("status", "rabcdefghijkl"),
    ("pending",),
    ("eoc", "activate", "--level", "2", "--incident", "Flood", "--as", "eoc-director"),
    ("publish", "Notice. https://mission.example/x", "--as", "mcpe", "--to", SQUARES[0], "--yes"),
)


async def _commands_end_clearly(city: FaultCity) -> list[str]:
    """Give commands while there is no broker; each must end with status 6, a code and a hint."""
    wrong: list[str] = []
    # They ask the broker that is away, not whichever city of this machine listens on the usual port.
    settings = city.city.folder / "city.toml"
    text, port = settings.read_text(encoding="utf-8"), urlsplit(city.mission.url).port
    settings.write_text(text.replace("port = 4222", f"port = {port}"), encoding="utf-8")
    env = os.environ | {"ONEVOICE_CITY": str(city.city.folder), "NO_COLOR": "1"}
    for words in COMMANDS:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.desk", *words, "--json", env=env, stdout=-1, stderr=-1
        )
        out, err = await asyncio.wait_for(process.communicate(), 60.0)
        said = out.decode() + err.decode()
        if process.returncode != 6 or '"broker.' not in said or "Traceback" in said:
            wrong.append(f"onevoice {words[0]} ended with {process.returncode}: {said[:200]}")
    return wrong


async def rolling(folder: Path, scale: Scale) -> list[Row]:
    """Each service asked to stop and started again, one after the other, under load."""
    rounds = 3 if scale is Scale.FULL else 1
    wrong: list[str] = []
    async with FaultCity(folder) as city:
        running = {name: await city.start(name, ready=False) for name in ALL}
        for process in running.values():
            await process.until_ready()
        recovered = 0.0
        async with flowing(Load(city, prefix="flow")) as load:
            for _ in range(rounds):
                for name in ALL:
                    status = await running[name].end()
                    wrong += [f"{name} ended with {status}"] if status != 0 else []
                    began = asyncio.get_running_loop().time()
                    running[name] = await city.start(name)
                    recovered = max(recovered, asyncio.get_running_loop().time() - began)
        found = await compare(city, load)
    return [found.row("rolling restart of every service", rounds * len(ALL), recovered=recovered, wrong=tuple(wrong))]
