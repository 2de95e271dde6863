"""From the broker of ``onevoice up`` to an external one and back: the ledger is the same, entry by entry."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from schemas import subjects
from services.desk import sent
from services.desk.city.move import move, source_of
from services.desk.city.restore import quiet
from services.desk.city.second_copy import copied_seq
from services.kernel.base import logs
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, OneVoiceError
from services.kernel.ledger.client import Ledger
from services.kernel.runtime.run import running
from services.provision import EmbeddedBroker, provision
from services.provision.broker.connection import connected
from tests.integration.provision.outside import entries, outside, told, until
from tests.support.mission import PATIENCE
from tests.support.ports import free_port


async def begun(city: City) -> list[tuple[int, str, bytes]]:
    """Have a ledger on the embedded broker with some entries, all of them in the copy but perhaps the newest."""
    broker = EmbeddedBroker()
    await broker.start(city, free_port())
    try:
        if (await provision(city, broker.url)).accounts_changed:
            await broker.reload()
        async with running(["registry", "audit"], city, broker.url):
            await until(lambda: copied_seq(city) > 0)
        return await entries(city, broker.url)
    finally:
        await broker.stop()


async def test_a_ledger_moves_out_and_back(demo_city: City, tmp_path: Path) -> None:
    before = await begun(demo_city)
    assert before[0][1] == subjects.CONTROL
    steps: list[str] = []
    async with outside(demo_city, tmp_path) as url:
        city = told(demo_city, f'embedded = false\nurl = "{url}"')
        done = await asyncio.to_thread(move, city, source_of(city, None, None), steps.append)
        assert done.moved_to
        assert "nats-aside" in done.moved_to
        there = await entries(city, url)
        assert there[: len(before)] == before
        again = pytest.raises(BadInput)
        with again as caught:
            source_of(city, None, None)
        assert caught.value.code == "move.nothing", "the old store is out of the way"

        home = told(city, f"embedded = true\nport = {free_port()}")
        with pytest.raises(BadInput) as caught:
            source_of(home, None, None)
        assert caught.value.code == "move.from"
        back = await asyncio.to_thread(move, home, source_of(home, url, None), steps.append)
        assert back.entries == done.entries
    broker = EmbeddedBroker()
    await broker.start(home, free_port())
    try:
        assert await entries(home, broker.url) == there
    finally:
        await broker.stop()
    assert any("agrees with its copy" in step for step in steps)


def test_what_services_say_meanwhile_is_no_part_of_the_answer(
    demo_city: City, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--json`` answers with one value on standard output; the audit service's lines stood before it."""
    quiet(demo_city, "the same command")
    log = logs.logger(service="audit")
    log.info("ready")
    log.error("wrong")
    out, err = capsys.readouterr()
    assert (out, "ready" in err, "wrong" in err) == ("", False, True)
    assert "the same command goes on" in sent.when_stopped()


async def test_a_ledger_that_something_else_holds_is_not_written_over(demo_city: City, tmp_path: Path) -> None:
    await begun(demo_city)
    async with outside(demo_city, tmp_path) as url:
        city = told(demo_city, f'embedded = false\nurl = "{url}"')
        await provision(city, url)
        async with connected(city, url, city.service_key_path("registry"), "registry") as client:
            ledger = Ledger()
            ledger.bind(client)
            await client.request(subjects.CONTROL, b"{}", timeout=PATIENCE)
        with pytest.raises(OneVoiceError) as caught:
            await asyncio.to_thread(move, city, source_of(city, None, None), lambda _: None)
        assert caught.value.code == "ledger.not_empty"
        assert (city.var / "nats" / "jetstream" / "LIVE_CORE").is_dir(), "the old ledger is as it was"


def test_the_authority_of_the_other_broker_is_found_where_the_command_is_given(
    demo_city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path of the command line is no path of city.toml, which begins in the city folder."""
    monkeypatch.chdir(tmp_path)
    source = source_of(demo_city, "tls://broker.example:4222", "ca.pem")
    assert source.settings.nats.tls_ca == str(tmp_path / "ca.pem")
