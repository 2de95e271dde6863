"""Entries that are odd as NATS messages: headers that no client writes, status lines, subjects with wildcards in them.

Whoever holds a service's key speaks the protocol by hand. Every reader goes on, and everybody is told.
"""

from __future__ import annotations

from nats.aio.client import Client

from schemas import subjects
from schemas.events.control import Withdraw
from tests.integration.attacks.conftest import WEB, AttackedCity
from tests.support.mission import eventually, flushed

HEADS = {
    "no colon": b"NATS/1.0\r\nno colon here\r\n\r\n",
    "no name": b"NATS/1.0\r\n: value\r\n\r\n",
    "not text": b"NATS/1.0\r\nX-\xff\xfe: \xc3\x28\xff\r\n\r\n",
    "a space in the name": b"NATS/1.0\r\nX Y : z\r\n\r\n",
    "the end of a batch": b"NATS/1.0 204 EOB\r\n\r\n",
    "nothing found": b"NATS/1.0 404 No Messages\r\n\r\n",
    "nobody there": b"NATS/1.0 503\r\n\r\n",
    "a request's end": b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 1\r\nNats-Pending-Bytes: 0\r\n\r\n",
    "a beat": b"NATS/1.0 100 Idle Heartbeat\r\n\r\n",
    "a consumer gone": b"NATS/1.0 409 Consumer Deleted\r\n\r\n",
    "another entry": b"NATS/1.0\r\nNats-Sequence: 1\r\nNats-Stream: OTHER\r\nNats-Subject: ledger.control\r\n"
    b"Nats-Num-Pending: 0\r\nNats-Last-Sequence: 99999999\r\nNats-Time-Stamp: 2036-01-01T00:00:00Z\r\n\r\n",
    "empty": b"NATS/1.0\r\n\r\n",
    "long": b"NATS/1.0\r\nX: " + b"y" * 60_000 + b"\r\n\r\n",
}


async def by_hand(client: Client, subject: str, head: bytes, body: bytes = b"{}") -> None:
    """Publish with headers as they are given."""
    line = f"HPUB {subject} {len(head)} {len(head) + len(body)}\r\n".encode()
    await client._send_command(line + head + body + b"\r\n")
    await flushed(client)


ODD = ("rodd.*", "rodd.>", "*", ">", "r" * 900, "r\u00e9\u202e", "R\x01", "")
"""Tokens where a request's id should be. nats-server stores a publish to a filter as it is."""


async def test_heads_that_no_client_writes_stop_nothing(city: AttackedCity) -> None:
    before = await city.intake.ledger.last_seq()
    places = {"intake": subjects.request("rodd"), "gatekeeper": subjects.verdict("rodd"), "registry": subjects.CONTROL,
              "fanout": subjects.resolution(WEB, "rodd")}  # fmt: skip
    for service, subject in places.items():
        thief = await city.thief(service)
        for head in HEADS.values():
            await by_hand(thief.client, subject, head)

    async def stored() -> bool:
        return await city.intake.ledger.last_seq() >= before + len(places) * len(HEADS)

    await eventually(stored)
    last = await city.intake.ledger.last_seq()
    fresh = [*await city.mission.run("intake", "gatekeeper", "board"), *await city.mission.run("fanout")]
    for runtime in fresh:  # they read all that in batches, and not from the feed
        await runtime.projection.at_least(last)
    after = await city.approved()
    assert await city.outcome(after) == "delivered", "a message goes out behind it"
    pio = await city.mission.desk("pio")
    assert "error" not in await pio.board("eoc")
    report = await city.verified()
    told = {one.seq for one in (*report.warnings, *report.violations)}
    assert set(range(before + 1, before + 1 + len(places) * len(HEADS))) <= told


async def test_subjects_that_are_none_stop_nothing(city: AttackedCity) -> None:
    """On nobody's request, and among the entries of one that is over and is read from the ledger again."""
    over = await city.approved()
    assert await city.outcome(over) == "delivered"
    before = await city.intake.ledger.last_seq()
    name = over.request_id
    places = {
        "intake": [f"ledger.{kind}" for one in ODD for kind in (f"request.{one}", f"approval.{one}.mcpe")]
        + [f"ledger.approval.{name}.*", "media.*", "media.>", "upload.*"],
        "gatekeeper": ["ledger.verdict.*", "tries.gatekeeper-requests.*", "dead.gatekeeper"],
        "fanout": [f"ledger.{kind}.*.{name}" for kind in ("attempt", "receipt", "resolution")]
        + [f"ledger.receipt.{WEB}.*", "ledger.outside.*.*", "ledger.acknowledgement.*.*", "dead.fanout"]
        + [subjects.outside(WEB, "junk"), subjects.acknowledgement(WEB, "junk")],
        "board": ["ledger.notice.*", "dead.again.*", "dead.again.gatekeeper", "dead.closed.*"],
    }
    for service, odd in places.items():
        thief = await city.thief(service)
        for subject in odd:
            await by_hand(thief.client, subject, HEADS["empty"])
    await city.intake.submit("rmarker")
    marker = await city.intake.ledger.last_seq()
    assert marker - before > 12, "most of them were stored"
    for runtime in await city.mission.run("gatekeeper", "board", "fanout", "intake"):
        await runtime.projection.at_least(marker)
    pio = await city.mission.desk("pio")
    assert "error" not in await pio.order(Withdraw(request_id=name))
    assert "error" not in await pio.board("status", name)
    assert (await pio.board("outside", closed=True))["outside"] == []
    assert (await pio.board("outside", name="junk"))["error"]["code"] == "outside.unknown"
    after = await city.approved()
    assert await city.outcome(after) == "delivered"
    report = await city.verified()
    told = {one.seq for one in (*report.warnings, *report.violations)}
    assert set(range(before + 1, marker)) <= told


ORDERS_TO_THE_SERVER = {
    "roll all up": {"Nats-Rollup": "all"},
    "roll the subject up": {"Nats-Rollup": "sub"},
    "forget it soon": {"Nats-TTL": "1s"},
    "store it later": {"Nats-Schedule": "@at 2026-11-26T00:00:00Z", "Nats-Schedule-Target": "ledger.control"},
    "count": {"Nats-Incr": "+1"},
}


async def test_headers_that_give_the_server_orders_take_nothing_away(city: AttackedCity) -> None:
    """What was stored before is there, on its subject, and the stream ends where it did or has one more entry."""
    before = await city.approved()
    assert await city.outcome(before) == "delivered"
    subject = subjects.request(before.request_id)
    genuine, last = await city.intake.ledger.last(subject), await city.intake.ledger.last_seq()
    assert genuine is not None
    thief = await city.thief("intake")
    for headers in ORDERS_TO_THE_SERVER.values():
        head = b"NATS/1.0\r\n" + b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items()) + b"\r\n"
        await by_hand(thief.client, subject, head)
    state = (await (await city.mission.provisioner()).js.stream_info("LEDGER")).state
    assert (state.first_seq, state.messages) == (1, state.last_seq)
    again = await city.intake.ledger.get(genuine.seq)
    assert again is not None
    assert (again.data, again.at) == (genuine.data, genuine.at)
    assert state.last_seq >= last
    assert (await city.verified()).violations == ()
