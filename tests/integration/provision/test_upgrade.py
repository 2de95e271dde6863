"""docs/upgrade.md, tried: an earlier version's record is restored and gone on with; a newer ledger is refused."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from nats.js import JetStreamContext

from schemas import flow, streams, subjects
from services.audit.proof.verify import reader_of
from services.desk.city.restore import restore
from services.kernel.authority.signing import load_key, new_seed, write_key
from services.kernel.base.city import City, load_city
from services.kernel.base.errors import Drift
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.drift import drift, stream_config
from services.kernel.ledger.entry import AT_HEADER, LAST_HEADER
from services.kernel.projection.source import NatsSource
from services.kernel.runtime.run import running
from services.provision import provision, read_manifest
from services.provision.accounts.accounts_conf import RealmUsers, accounts_file, render_accounts
from services.provision.accounts.server_conf import ServerSettings, render_server
from tests.integration.provision.conftest import Started
from tests.integration.provision.outside import entries, outside, told
from tests.support.broker import connect, jetstream
from tests.support.golden.write import HERE

OLDER = ("0.1.0", "0.2.0")


def old_city(version: str, folder: Path) -> City:
    """A city of an earlier version. No release keeps keys, so the services get new ones."""
    shutil.copytree(HERE / version / "record", folder)
    city = load_city(folder)
    for row in flow.SERVICES:
        write_key(city.service_key_path(row.name), new_seed())
    write_key(city.provision_key_path, new_seed())
    city.nats_conf_path.parent.mkdir()
    # As 0.2 wrote it: the store is relative.
    city.nats_conf_path.write_text(render_server(ServerSettings("var/nats")))
    public = {row.user: load_key(city.service_key_path(row.name)).public_key for row in flow.SERVICES}
    manifest, provision_key = read_manifest(city), load_key(city.provision_key_path).public_key
    users = RealmUsers.of(city.realm, manifest.officers, manifest.systems, public, provision_key)
    city.nats_conf_path.with_name(accounts_file("live")).write_text(render_accounts(users))
    city.nats_conf_path.with_name(accounts_file("exercise")).write_text("")
    return city


@pytest.mark.parametrize("version", OLDER)
async def test_a_record_of_an_earlier_version_is_restored_into_an_external_broker_and_gone_on_with(
    tmp_path: Path, version: str
) -> None:
    old = old_city(version, tmp_path / "mission")
    async with outside(old, tmp_path) as url:
        city = told(old, f'embedded = false\nurl = "{url}"')
        kept = [(one.seq, one.subject, one.data) for one in reader_of(city).entries()]
        done = await asyncio.to_thread(restore, city, False, lambda _: None)
        assert (done.entries, done.warning) == (len(kept), "")
        assert await entries(city, url) == kept
        names = [row.name for row in flow.SERVICES if row is not flow.AUDIT]  # its key is pinned, and was not kept
        async with running(names, city, url) as runtimes:
            control = max(seq for seq, subject, _ in kept if subject == "ledger.control")
            assert {runtime.control.seq for runtime in runtimes} == {control}
        assert any(city.var.glob("fold/*/live.json")), "the next start goes on from here"
        after = await entries(city, url)
        assert after[: len(kept)] == kept


async def test_a_relative_store_of_an_earlier_version_is_found_again(tmp_path: Path, started: Started) -> None:
    city = old_city("0.2.0", tmp_path / "mission")
    async with started(city):
        pass
    assert f'"{city.var}/nats"' in city.nats_conf_path.read_text()


async def test_a_ledger_of_a_newer_version_is_refused_with_a_word(demo_city: City, started: Started) -> None:
    async with started(demo_city) as broker:
        await provision(demo_city, broker.url)
        ledger = next(stream for stream in streams.STREAMS if stream.name == streams.LEDGER)
        client = await connect(broker.url, demo_city.provision_key_path, "provision")
        try:
            js = jetstream(client)
            newer = stream_config(ledger)
            newer.metadata = {streams.FORMAT: str(streams.LEDGER_FORMAT + 1)}
            await js.update_stream(newer)
            with pytest.raises(Drift) as caught:
                await drift(js, flow.GATEKEEPER)
            assert caught.value.code == "ledger.newer"
            with pytest.raises(Drift) as caught:
                await provision(demo_city, broker.url)
            assert caught.value.code == "ledger.newer"
            assert "newer version" in caught.value.message
            older = stream_config(ledger)
            older.metadata = None
            await js.update_stream(older)
            said = [f"stream LEDGER: {one}" for one in ("format is 0, not 3", "onevoice.restored is unset, not said")]
            assert (await drift(js, flow.GATEKEEPER)) == said
            assert len((await provision(demo_city, broker.url)).updated) == 1
            assert await drift(js, flow.GATEKEEPER) == []
        finally:
            await client.close()


async def test_a_ledger_that_an_earlier_version_restored_is_read_as_it_was(demo_city: City, started: Started) -> None:
    """That version did not say how far; what a stolen key appends behind it with an older time is not part of it."""
    first = datetime(2026, 1, 31, 14, 0, tzinfo=UTC)
    async with started(demo_city) as broker:
        await provision(demo_city, broker.url)
        client = await connect(broker.url, demo_city.provision_key_path, "provision")
        audit = await connect(broker.url, demo_city.service_key_path("audit"), "audit")
        try:
            js = jetstream(client)
            for last in range(5):
                headers = {AT_HEADER: first.isoformat(), LAST_HEADER: str(last)} if last != 3 else {}
                await jetstream(audit).publish(subjects.SEAL, b"{}", headers=headers)
            assert [one == first for one in await _times(js)] == [False] * 5, "by default no entry was put back"
            older = (await js.stream_info(streams.LEDGER)).config
            older.metadata = {streams.FORMAT: str(streams.LEDGER_FORMAT)}
            await js.update_stream(older)
            assert await drift(js, flow.GATEKEEPER) == ["stream LEDGER: onevoice.restored is unset, not said"]
            assert len((await provision(demo_city, broker.url)).updated) == 1
            assert await drift(js, flow.GATEKEEPER) == []
            assert (await provision(demo_city, broker.url)).updated == []
            assert [one == first for one in await _times(js)] == [True] * 3 + [False] * 2
        finally:
            await audit.close()
            await client.close()


async def _times(js: JetStreamContext) -> list[datetime]:
    """When the entries were stored first, as each kind of reader has it."""
    ledger = Ledger()
    ledger.bind(js._nc, streams.OWN_API)
    source = NatsSource(ledger, streams.OWN_API)
    one_by_one = [entry.at for entry in await ledger.get_many(range(1, 6)) if entry is not None]
    assert [entry.at async for batch in source.entries(0) for entry in batch] == one_by_one
    return one_by_one


async def test_a_user_that_is_new_and_whose_key_cannot_be_written_is_named(demo_city: City, started: Started) -> None:
    """The unit and the container of provisioning may write no keys; the health check would fail without a word."""
    exercise = load_city(demo_city.folder, "exercise")
    keys = exercise.key_path(flow.DOCTOR).parent
    shutil.rmtree(keys)
    exercise.service_key_path(flow.WEB).unlink()
    keys.write_text("nothing can be written below it")
    async with started(demo_city) as broker:
        done = await provision(exercise, broker.url)
        assert done.without_key == [str(keys / "doctor.nk")]
        assert done.accounts_changed, "the pages' key was made"
        keys.unlink()
        assert (await provision(exercise, broker.url)).without_key == []
