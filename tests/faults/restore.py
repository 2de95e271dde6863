"""The store is damaged: found, restored from the second copy, verified, and the city goes on without a second post."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import signal
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from PIL import Image

from schemas import canonical, streams, subjects
from schemas.events.audit import LedgerIntegrity
from schemas.events.deliveries import Receipt
from schemas.events.verdicts import Outcome, Verdict
from services.audit.proof import verify_record
from services.audit.record.alarms import close_alarms
from services.desk.city.ledger_check import check_ledger
from services.desk.city.restore import RestoreResult
from services.desk.city.restore import restore_into as restore_ledger
from services.desk.city.second_copy import copied_seq
from services.kernel.base.city import City, load_city
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import Unproven
from services.kernel.fold.state import wanted_by
from services.kernel.ledger.client import Ledger
from services.provision import EmbeddedBroker, provision
from tests.faults.harness import SQUARES, FaultCity
from tests.faults.load import Load
from tests.faults.rows import Row, Scale
from tests.faults.sets import compare, settled
from tests.support.mission import eventually
from tests.support.ports import free_port

DAMAGES = ("flipped bit", "truncated block", "deleted block")


def blocks(city: City) -> list[Path]:
    """The block files of the ledger's stream, oldest first."""
    found = (city.var / "nats" / "jetstream").rglob("streams/LEDGER/msgs/*.blk")
    return sorted(found, key=lambda path: int(path.stem))


def damage(city: City, kind: str) -> None:
    """Damage the newest block file, in its middle or whole."""
    block = blocks(city)[-1]
    if kind == "flipped bit":
        with block.open("r+b") as file:
            file.seek(block.stat().st_size // 2)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))
    elif kind == "truncated block":
        os.truncate(block, block.stat().st_size // 2)
    else:
        block.unlink()


async def found_at_start(city: City) -> Unproven | None:
    """Start a broker on the store, and look as ``onevoice up`` does before it starts services."""
    broker = EmbeddedBroker()
    await broker.start(city, free_port())
    try:
        await check_ledger(city, broker.url)
    except Unproven as error:
        return error
    finally:
        await broker.stop()
    return None


@dataclass
class Before:
    """What stood before the damage."""

    last: int
    public: dict[str, list[str]]
    kinds: dict[str, int]
    open: list[str]


async def restore(folder: Path, scale: Scale) -> list[Row]:
    """A flipped bit, a truncated and a deleted block: each found, and (in short: one) restored and gone on with."""
    kinds = DAMAGES if scale is Scale.FULL else ("deleted block",)
    return [await _one(folder / kind.replace(" ", "-"), kind, scale) for kind in kinds]


async def _one(folder: Path, kind: str, scale: Scale) -> Row:
    wrong: list[str] = []
    async with FaultCity(folder) as city:
        services = await city.start_others()
        load = Load(city, prefix="restore")
        for number in range(12 if scale is Scale.FULL else 2):
            await load.send(SQUARES[number % len(SQUARES)])
        picture = await _picture(city)
        pending = await load.send(SQUARES[0], approve=False)
        with_picture = await _submit_with_picture(city, picture)
        await settled(city, [one for one in load.sent if one.approved])
        left_open = sorted([pending.request_id, with_picture])
        await eventually(lambda: _is_open(city, left_open), 60.0)
        await eventually(lambda: _whole(city), 60.0)
        services.signal(signal.SIGTERM)
        await services.until_dead()
        before = await _before(city)
        city.kill_broker()
        await city.mission.broker.stop()
        up = city.city.run_path.read_text()
        city.city.run_path.unlink()  # the city is down

        wrong += await _found(city.city, folder)
        damage(city.city, kind)
        error = await found_at_start(city.city)
        wrong += [] if error else [f"{kind}: a start did not find it"]
        wrong += await _loud(city)

        began = time.monotonic()
        done = await restore_ledger(city.city, True, lambda _text: None)
        took = time.monotonic() - began
        wrong += _judge(city.city, done, before)
        await city.start_broker()
        await _age(city)
        city.city.run_path.write_text(up)
        wrong += await _goes_on(city, load, before, pending, with_picture, picture)
        sets = await compare(city, load)
    found = f"found: {error.message.split(': ')[1].split('.')[0]}" if error else ""
    remark = f"{done.entries} entries and {done.pictures} picture back in {took:.1f} s; {found}"
    return sets.row(f"{kind} in the ledger's store", 1, recovered=took, remark=remark, wrong=tuple(wrong))


async def _found(city: City, folder: Path) -> list[str]:
    """Damage copies of the stopped store in each way: none may get past a start."""
    wrong = []
    for number, kind in enumerate(DAMAGES):
        copy = folder / f"copy-{number}"
        shutil.copytree(city.folder, copy, ignore=shutil.ignore_patterns("*.log", "site*"))
        other = load_city(copy)
        damage(other, kind)
        error = await found_at_start(other)
        if error is None or error.code != "ledger.contradicted" or "first at" not in error.message:
            wrong.append(f"{kind}: a start did not find it ({error})")
        shutil.rmtree(copy)
    return wrong


async def _loud(city: FaultCity) -> list[str]:
    """Where services run on it all the same: the audit service tells, and nothing is accepted."""
    await city.start_broker()
    audit = await city.start("audit")
    intake = await city.start("intake", ready=False)
    board = await city.mission.writer("board")
    heard: list[LedgerIntegrity] = []

    async def hear(message: Any) -> None:
        heard.append(LedgerIntegrity.from_bytes(message.data))

    await board.client.subscribe(subjects.AUDIT_STANDING, cb=hear)
    wrong = []
    try:
        await eventually(lambda: _true(any(one.standing == "contradicted" for one in heard)), 30.0)
    except AssertionError:
        wrong.append(f"the audit service did not tell: {heard[-1:]}")
    finally:
        for process in (audit, intake):
            process.signal(signal.SIGKILL)
            await process.until_dead()
        city._writer = None
        city._desks.clear()
        await city.mission.broker.stop()
    return wrong


def _judge(city: City, done: RestoreResult, before: Before) -> list[str]:
    wrong = []
    if done.entries < before.last:
        wrong.append(f"{done.entries} of {before.last} entries are back")
    if done.moved_to is None or not list(Path(done.moved_to).rglob("LEDGER")):
        wrong.append("the damaged store was not kept")
    if done.pictures != 1:
        wrong.append(f"{done.pictures} pictures are back, not 1")
    close_alarms(city.audit_folder, "mcpe", "restored from the copy", SystemClock().now())
    report = verify_record(city, SystemClock().now())
    wrong += [f"verify: {one.seq} {one.code}" for one in report.violations]
    return wrong


async def _age(city: FaultCity) -> None:
    """Let the broker forget all message ids, as it does minutes after: what comes again is not held back by them."""
    provisioner = await city.mission.provisioner()
    js = provisioner.client.jetstream()
    info = await js.stream_info(streams.LEDGER)
    await js.update_stream(replace(info.config, duplicate_window=0.1))
    await asyncio.sleep(0.5)
    await provisioner.client.close()
    await provision(city.city, city.mission.url)


async def _goes_on(
    city: FaultCity, load: Load, before: Before, pending: Any, with_picture: str, picture: str
) -> list[str]:
    await city.start_others()
    wrong = []
    await eventually(lambda: _caught_up(city), 60.0, every=0.3)
    await eventually(lambda: _is_open(city, before.open), 30.0)
    await asyncio.sleep(1.0)  # for what the gatekeeper's sweep would lead to
    after = await _before(city)
    if after.public != before.public:
        wrong.append("something was posted again, or is gone")
    wrong += [
        f"{kind}: {before.kinds.get(kind)} before, {after.kinds.get(kind)} after the restore"
        for kind in ("attempt", "receipt", "verdict", "request", "approval", "control")
        if after.kinds.get(kind) != before.kinds.get(kind)
    ]
    await load.approve(pending)
    await settled(city, [one for one in load.sent if one.approved])
    ledger = await city.ledger()
    if canonical.sha256(await ledger.get_media(picture)) != picture:
        wrong.append("the picture is not back")
    last = await ledger.last_seq()
    await eventually(lambda: _copied(city, last), 60.0)
    report = verify_record(city.city, SystemClock().now())
    wrong += [f"verify in the end: {one.seq} {one.code} {one.message}" for one in report.violations]
    if with_picture not in after.open:
        wrong.append("the request with a picture is not open any more")
    return wrong


# --- small looks ----------------------------------------------------------------------------------------------


async def _true(value: bool) -> bool:
    return value


async def _is_open(city: FaultCity, wanted: list[str]) -> bool:
    return await _open(await city.ledger()) == sorted(wanted)


async def _whole(city: FaultCity) -> bool:
    return copied_seq(city.city) >= await (await city.ledger()).last_seq()


async def _copied(city: FaultCity, last: int) -> bool:
    return copied_seq(city.city) >= last


async def _before(city: FaultCity) -> Before:
    ledger = await city.ledger()
    kinds: dict[str, int] = {}
    last = await ledger.last_seq()
    for entry in await ledger.get_many(range(1, last + 1)):
        if entry is not None:
            kind = entry.subject.split(".")[1]
            kinds[kind] = kinds.get(kind, 0) + 1
    return Before(last, city.public(), kinds, await _open(ledger))


async def _open(ledger: Ledger) -> list[str]:
    """The requests that are decided, and neither refused nor delivered everywhere."""
    found = []
    for entry in await ledger.history(subjects.REQUESTS):
        request_id = entry.subject.rsplit(".", 1)[1]
        last = await ledger.last(subjects.verdict(request_id))
        verdict = Verdict.from_bytes(last.data) if last else None
        if verdict is None or verdict.outcome is Outcome.REFUSED:
            continue
        ends = [await ledger.last(subjects.receipt(profile, request_id)) for profile in wanted_by(verdict)]
        over = all(end is not None and Receipt.from_bytes(end.data).final for end in ends)
        if verdict.outcome is Outcome.BLOCKED or not over:
            found.append(request_id)
    return sorted(found)


async def _caught_up(city: FaultCity) -> bool:
    """True when each durable has handed out all there is and has it acknowledged."""
    provisioner = await city.mission.provisioner()
    try:
        found = await provisioner.client.jetstream().consumers_info(streams.LEDGER)
    finally:
        await provisioner.client.close()
    return bool(found) and all(not info.num_pending and not info.num_ack_pending for info in found)


async def _picture(city: FaultCity) -> str:
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 30, 30)).save(out, format="PNG")
    reply = await city.tell("mcpe", subjects.DESK_MEDIA_PUT, out.getvalue())
    return str(reply["sha256"])


async def _submit_with_picture(city: FaultCity, sha256: str) -> str:
    event = {
        "specversion": "1.0",
        "id": "with-picture",
        "source": "https://mission.example/load",
        "type": "ca.onevoice.request.submitted.v1",
        "data": {
            "text": "With a picture. https://mission.example/picture",
            "targets": [SQUARES[1]],
            "crisis": False,
            "link": "https://mission.example/picture",
            "expires": (SystemClock().now() + timedelta(hours=3)).isoformat(),
            "pictures": [{"sha256": sha256, "media_type": "image/png", "alt": "A red square"}],
        },
    }
    reply = await city.tell("mcpe", subjects.DESK_REQUEST_SUBMIT, canonical.dumps(event))
    return str(reply["request_id"])
