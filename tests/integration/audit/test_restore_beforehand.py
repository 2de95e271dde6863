"""What would make a restore fail half-way is found before anything is moved; and old ledgers are restored whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.events.control import EocActivate
from services.audit.proof import compare_record, verify_record
from services.desk.city.restore import restore_into as restore_flow
from services.desk.city.restore import store_of
from services.kernel.base.city import City, load_city
from services.kernel.base.errors import OneVoiceError
from services.kernel.ledger.client import Ledger
from services.provision import EmbeddedBroker, provision
from services.provision.broker.connection import connected
from services.provision.broker.restore import restore
from tests.support.ledger_builder import LedgerBuilder, demo_city, story
from tests.support.ports import free_port


def quiet(_text: str) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> City:
    """A city that is down, with a store and a copy of its ledger."""
    builder = story(LedgerBuilder(demo_city(tmp_path_factory.mktemp("made") / "city")))
    builder.write()
    store = store_of(builder.city)
    store.mkdir(parents=True)
    (store / "block").write_bytes(b"damaged")
    return builder.city


@pytest.fixture
def folder(copied: City, tmp_path: Path) -> Path:
    return Path(shutil.copytree(copied.folder, tmp_path / "city"))


def _tls(folder: Path, value: str) -> None:
    path = folder / "city.toml"
    path.write_text(path.read_text().replace("[nats]\n", f'[nats]\ntls_ca = "{value}"\n', 1))


def an_authority_that_is_not_there(folder: Path) -> None:
    _tls(folder, "ca.pem")


def an_authority_of_no_certificate(folder: Path) -> None:
    (folder / "ca.pem").write_text("-- not a certificate --")
    _tls(folder, "ca.pem")


def no_key_of_a_writer(folder: Path) -> None:
    load_city(folder).service_key_path("fanout").unlink()


def no_key_of_the_provisioning_user(folder: Path) -> None:
    load_city(folder).provision_key_path.unlink()


def no_manifest(folder: Path) -> None:
    load_city(folder).manifest_path.unlink()


def no_configuration(folder: Path) -> None:
    load_city(folder).nats_conf_path.unlink()


def a_broken_configuration(folder: Path) -> None:
    load_city(folder).nats_conf_path.write_text("listen: [")


WRONG: dict[Callable[[Path], None], str] = {
    an_authority_that_is_not_there: "nats.tls_ca",
    an_authority_of_no_certificate: "nats.tls_ca",
    no_key_of_a_writer: "key.missing",
    no_key_of_the_provisioning_user: "key.missing",
    no_manifest: "manifest.missing",
    no_configuration: "broker.no_conf",
    a_broken_configuration: "broker.bad_conf",
}


@pytest.mark.parametrize(("wrong", "code"), WRONG.items(), ids=lambda one: getattr(one, "__name__", one))
async def test_nothing_is_moved_before_all_is_known_to_be_there(
    folder: Path, wrong: Callable[[Path], None], code: str
) -> None:
    """The old store lies where it lay, and no other was begun."""
    wrong(folder)
    city = load_city(folder)
    with pytest.raises(OneVoiceError) as refused:
        await restore_flow(city, True, quiet)
    assert refused.value.code == code
    assert (store_of(city) / "block").read_bytes() == b"damaged"
    assert not (city.var / "nats-aside").exists()


async def test_a_copy_that_nobody_can_put_back_moves_nothing(folder: Path, copied: City) -> None:
    """It verifies, but holds something that no service writes: of a newer version, say."""
    city = load_city(folder)
    shutil.rmtree(city.audit_folder)
    builder = LedgerBuilder(city)
    builder.genesis()
    builder.append("ledger.gossip", b"{}")
    builder.write()
    with pytest.raises(OneVoiceError) as refused:
        await restore_flow(city, True, quiet)
    assert refused.value.code == "restore.no_writer"
    assert (store_of(city) / "block").exists()


@pytest.mark.timeout(200)
async def test_a_ledger_that_an_older_version_began_is_restored_whole(tmp_path: Path) -> None:
    """With its deliveries, which no service may write any more; and with junk, as it is."""
    builder = LedgerBuilder(demo_city(tmp_path / "city"), old=True)
    story(builder)
    builder.old = False
    builder.append("ledger.control", b"\xff\xfejunk")
    builder.order("eoc-director", EocActivate(level=1, incident="Slide"))
    builder.append("ledger.verdict.r3b", b"junk", expect_last=builder.last["ledger.verdict.r3b"])
    builder.write()
    city = builder.city
    broker = EmbeddedBroker()
    await broker.start(city, free_port())
    try:
        await provision(city, broker.url)
        await broker.reload()
        done = await restore(city, broker.url, quiet)
        assert done.entries == len(builder.entries)
        await provision(city, broker.url)
        async with connected(city, broker.url, city.service_key_path("audit"), "audit") as client:
            ledger = Ledger()
            ledger.bind(client)
            assert await compare_record(city, ledger) == ()
    finally:
        await broker.stop()
    assert {one.code for one in verify_record(city, builder.now).violations} == {"event.malformed"}
