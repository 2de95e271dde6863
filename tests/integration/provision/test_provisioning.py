"""Streams and durables: made once, compared, mended where nothing is lost, refused where something would be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
import pytest
from nats.js import JetStreamContext, api

from schemas import flow, streams, subjects
from schemas.events import control as c
from schemas.events.envelope import ORDER_TYPE
from services.kernel.authority.signing import load_key, new_seed, write_key
from services.kernel.base.city import City
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Drift, Unproven, Unreachable
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.drift import drift
from services.provision import EmbeddedBroker, provision, read_envelope, read_manifest
from tests.integration.provision.conftest import Started
from tests.support.broker import connect, jetstream
from tests.support.people import order_of
from tests.support.ports import free_port


@asynccontextmanager
async def provisioner(city: City, broker: EmbeddedBroker) -> AsyncIterator[JetStreamContext]:
    client = await connect(broker.url, city.provision_key_path, "provision")
    try:
        yield jetstream(client)
    finally:
        await client.close()


async def test_it_makes_all_once_and_repeating_changes_nothing(demo_city: City, started: Started) -> None:
    async with started(demo_city) as broker:
        first = await provision(demo_city, broker.url)
        assert len(first.created) == len(streams.STREAMS) + len(streams.CONSUMERS)
        assert not first.accounts_changed
        again = await provision(demo_city, broker.url)
        assert (again.created, again.updated, again.unchanged) == ([], [], len(first.created))


async def test_the_streams_survive_a_restart_of_the_broker(demo_city: City, started: Started) -> None:
    async with started(demo_city) as broker:
        await provision(demo_city, broker.url)
        async with provisioner(demo_city, broker) as js:
            info = await js.stream_info(streams.LEDGER)
            assert info.config.storage == api.StorageType.FILE
            assert (info.config.deny_delete, info.config.deny_purge) == (True, True)
    async with started(demo_city) as broker:
        assert (await provision(demo_city, broker.url)).created == []


async def test_drift_names_what_is_missing(demo_city: City, started: Started) -> None:
    async with started(demo_city) as broker, provisioner(demo_city, broker) as js:
        found = await drift(js, flow.GATEKEEPER)
        assert "stream LEDGER is missing" in found
        assert "stream TRIES is missing" in found
        assert any("durable gatekeeper-requests" in line and "missing" in line for line in found)
        assert not any("MEDIA" in line for line in found), "only what this service needs"


async def test_drift_names_each_difference_and_provisioning_mends_what_loses_nothing(
    demo_city: City, started: Started
) -> None:
    async with started(demo_city) as broker, provisioner(demo_city, broker) as js:
        await provision(demo_city, broker.url)
        config = (await js.stream_info(streams.LEDGER)).config
        config.max_msgs, config.duplicate_window = 1_000, 60
        await js.update_stream(config)
        durable = (await js.consumer_info(streams.LEDGER, "audit-copy")).config
        assert durable is not None
        durable.ack_wait = 5
        await js.add_consumer(streams.LEDGER, durable)
        await js.delete_consumer(streams.LEDGER, "fanout-verdicts")
        assert await drift(js, flow.AUDIT) == [
            "stream LEDGER: max_msgs is 1000, not -1",
            "stream LEDGER: duplicate_window is 60.0, not 120.0",
            "durable audit-copy of LEDGER: ack_wait is 5.0, not 10.0",
        ]
        assert "durable fanout-verdicts of LEDGER is missing" in await drift(js, flow.FANOUT)
        done = await provision(demo_city, broker.url)
        assert done.created == ["durable fanout-verdicts of LEDGER"]
        assert len(done.updated) == 2
        for row in flow.SERVICES:
            assert await drift(js, row) == []


async def test_what_could_lose_events_is_refused_and_left_alone(demo_city: City, started: Started) -> None:
    async with started(demo_city) as broker, provisioner(demo_city, broker) as js:
        await js.add_stream(api.StreamConfig(name=streams.TRIES, subjects=[subjects.TRIES_ALL]))
        with pytest.raises(Drift, match="max_msgs_per_subject") as caught:
            await provision(demo_city, broker.url)
        assert caught.value.code == "provision.would_lose"
        assert (await js.stream_info(streams.TRIES)).config.max_msgs_per_subject == -1


async def test_a_durable_with_another_filter_is_refused(demo_city: City, started: Started) -> None:
    async with started(demo_city) as broker, provisioner(demo_city, broker) as js:
        await provision(demo_city, broker.url)
        await js.delete_consumer(streams.LEDGER, "fanout-verdicts")
        await js.add_consumer(
            streams.LEDGER,
            api.ConsumerConfig(
                durable_name="fanout-verdicts", ack_policy=api.AckPolicy.EXPLICIT, filter_subject="ledger.seal"
            ),
        )
        with pytest.raises(Drift, match=r"filter_subject is ledger\.seal"):
            await provision(demo_city, broker.url)


async def test_drift_without_the_right_to_ask_is_an_error_not_an_answer(demo_city: City, started: Started) -> None:
    async with started(demo_city) as broker:
        await provision(demo_city, broker.url)
        client = await connect(broker.url, demo_city.service_key_path("audit"), "audit")
        try:
            with pytest.raises(Unreachable) as caught:
                await drift(client.jetstream(timeout=0.3, prefix=streams.SERVICE_API), flow.GATEKEEPER)
            assert caught.value.code == "broker.no_answer"
        finally:
            await client.close()


async def test_an_officer_revoked_loses_the_user_and_a_new_profile_needs_nothing(
    demo_city: City, started: Started
) -> None:
    """Provisioning reads the control events of the ledger."""
    async with started(demo_city) as broker:
        await provision(demo_city, broker.url)
        added = read_manifest(demo_city).profiles[0].model_copy(update={"id": "fire-second"})
        client = await connect(broker.url, demo_city.service_key_path("registry"), "registry")
        ledger = Ledger()
        ledger.bind(client)
        now = SystemClock().now()
        await ledger.append(subjects.CONTROL, c.Genesis(at=now, manifest=read_envelope(demo_city)))
        for action in (c.ProfileAdd(profile=added), c.Revoke(officer="clerk")):
            order = order_of("mcpe", action, now)
            signed = load_key(demo_city.key_path("mcpe")).sign(ORDER_TYPE, order)
            await ledger.append(subjects.CONTROL, c.Ordered(at=now, order=signed))
        await client.close()
        done = await provision(demo_city, broker.url)
        assert done.created == []
        assert done.accounts_changed
        await broker.reload()
        assert not (await provision(demo_city, broker.url)).accounts_changed
        with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
            await connect(broker.url, demo_city.key_path("clerk"), "clerk", allow_reconnect=False)


async def test_another_citys_broker_is_told_as_such(demo_city: City, started: Started) -> None:
    async with started(demo_city) as broker:
        path = demo_city.provision_key_path
        path.unlink()
        write_key(path, new_seed())
        with pytest.raises(Unreachable) as caught:
            await provision(demo_city, broker.url)
        assert caught.value.code == "broker.refused_key"


async def test_no_broker_is_told(demo_city: City) -> None:
    with pytest.raises(Unreachable) as caught:
        await provision(demo_city, f"nats://127.0.0.1:{free_port()}")
    assert caught.value.code == "broker.unreachable"


async def test_a_manifest_with_a_changed_bit_is_refused(demo_city: City) -> None:
    path = demo_city.manifest_path
    envelope = json.loads(path.read_bytes())
    payload = envelope["payload"]
    envelope["payload"] = payload[:100] + ("A" if payload[100] != "A" else "B") + payload[101:]
    path.write_text(json.dumps(envelope))
    with pytest.raises(Unproven) as caught:
        read_manifest(demo_city)
    assert caught.value.code == "manifest.signature"


async def test_a_manifest_of_the_other_realm_is_refused(demo_city: City) -> None:
    path = demo_city.manifest_path
    path.write_bytes(path.with_name("manifest.exercise.json").read_bytes())
    with pytest.raises(Unproven):
        read_manifest(demo_city)


async def test_a_missing_or_garbled_manifest_is_told(demo_city: City) -> None:
    demo_city.manifest_path.write_text("{")
    with pytest.raises(BadInput) as caught:
        read_manifest(demo_city)
    assert caught.value.code == "manifest.malformed"
    demo_city.manifest_path.unlink()
    with pytest.raises(BadInput) as caught:
        read_manifest(demo_city)
    assert caught.value.code == "manifest.missing"


async def test_a_broker_that_reloads_meanwhile_is_asked_again(demo_city: City, started: Started) -> None:
    """It cuts people off, knows nobody for a moment, or has no JetStream; control that changed does that."""
    async with started(demo_city) as broker:
        await provision(demo_city, broker.url)

        async def reloads() -> None:
            path = demo_city.folder / "nats" / "accounts.live.conf"
            text = path.read_text()
            for number in range(6):
                path.write_text(f"{text}\n# {number}\n")
                await broker.reload()
                await asyncio.sleep(0.1)

        reloading = asyncio.create_task(reloads())
        while not reloading.done():
            assert (await provision(demo_city, broker.url)).created == []
        await reloading
