"""The registry on the real path: the ledger's beginning, designations, revocations, profiles."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from schemas import subjects
from schemas.events.authority import Grant, Officer, Profile, Renewal, Role, System
from schemas.events.control import (
    Confirm,
    Decline,
    Designate,
    Hold,
    OfficerAdd,
    ProfileAdd,
    ProfileRemove,
    ProfileSuspend,
    Rekey,
    Revoke,
    SystemAdd,
)
from schemas.events.envelope import MANIFEST_TYPE, RENEWAL_TYPE, Envelope
from services.kernel.authority.signing import Signer, load_key, new_seed, seal
from services.kernel.base.city import City, load_city
from services.kernel.base.errors import BadInput
from services.kernel.runtime.run import running
from services.provision import read_manifest
from tests.support.mission import ACTIVATE, Mission, Writer, now

PIO = Grant(role=Role.PIO)


async def refused(writer: Writer, asked: Any) -> str:
    """The code of a refusal, after which the ledger is as it was."""
    before = await writer.ledger.last_seq()
    reply = await asked
    assert await writer.ledger.last_seq() == before
    return str(reply["error"]["code"])


# --- the beginning ------------------------------------------------------------------------------------------


async def test_two_copies_at_once_begin_the_ledger_once(mission: Mission) -> None:
    runtimes = await mission.run("registry", "registry", "registry")
    writer = await mission.writer("board")
    assert len(await writer.ledger.history(subjects.CONTROL)) == 1
    assert {runtime.control.seq for runtime in runtimes} == {1}
    state = await writer.state()
    assert state.officers["pio"].name
    assert len(state.departmental_profiles()) >= 24


async def test_a_later_start_leaves_the_beginning_as_it_is(mission: Mission) -> None:
    (runtime,) = await mission.run("registry")
    await mission.stop(runtime)
    await mission.run("registry")
    writer = await mission.writer("board")
    assert await writer.ledger.last_seq() == 1


def changed_payload(city: City) -> None:
    """The clerk becomes the cao, in a manifest that was signed before."""
    envelope = json.loads(city.manifest_path.read_bytes())
    payload = base64.b64decode(envelope["payload"]).replace(b'"role":"employee"', b'"role":"cao"')
    envelope["payload"] = base64.b64encode(payload).decode()
    city.manifest_path.write_text(json.dumps(envelope))


def one_signature(city: City) -> None:
    envelope = json.loads(city.manifest_path.read_bytes())
    envelope["signatures"] = envelope["signatures"][:1]
    city.manifest_path.write_text(json.dumps(envelope))


def strangers(city: City) -> None:
    signers = (load_key(city.key_path("clerk")), load_key(city.key_path("pio")))
    city.manifest_path.write_bytes(seal(MANIFEST_TYPE, read_manifest(city), signers).to_bytes())


def other_realm(city: City) -> None:
    city.manifest_path.write_bytes((city.folder / "authority" / "manifest.exercise.json").read_bytes())


def other_realm_signed(city: City) -> None:
    manifest = read_manifest(city).model_copy(update={"realm": "exercise"})
    signers = (load_key(city.key_path("cao")), load_key(city.key_path("mcpe")))
    city.manifest_path.write_bytes(seal(MANIFEST_TYPE, manifest, signers).to_bytes())


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (changed_payload, "manifest.signature"),
        (one_signature, "manifest.signature"),
        (strangers, "manifest.signature"),
        (other_realm, "manifest.signature"),
        (other_realm_signed, "manifest.realm"),
        (lambda city: city.manifest_path.write_text("{"), "manifest.malformed"),
        (lambda city: city.manifest_path.write_text("{}"), "manifest.malformed"),
        (lambda city: city.manifest_path.unlink(), "manifest.missing"),
    ],
    ids=["changed", "one signature", "strangers", "other realm", "other realm, signed", "no JSON", "empty", "missing"],
)
async def test_a_manifest_that_the_roots_did_not_sign_begins_nothing(mission: Mission, harm: Any, code: str) -> None:
    harm(mission.city)
    with pytest.raises(BadInput) as error:
        async with running(["registry"], mission.city, mission.url):
            pass
    assert error.value.code == code
    assert error.value.hint
    writer = await mission.writer("board")
    assert await writer.ledger.last_seq() == 0


# --- officers and profiles ----------------------------------------------------------------------------------


@pytest.fixture
async def writer(mission: Mission) -> Writer:
    await mission.run("registry")
    return await mission.writer("board")


async def test_cao_and_mcpe_designate_and_nobody_else(mission: Mission, writer: Writer) -> None:
    """Policy 2(ii)."""
    action = Designate(officer="clerk", grant=Grant(role=Role.DESIGNATED))
    for name in ("pio", "eoc-director", "comms-officer", "fire-publisher", "clerk"):
        assert await refused(writer, (await mission.desk(name)).register(action)) == "order.role"
    for name in ("cao", "mcpe"):
        reply = await (await mission.desk(name)).register(action)
        assert reply["control_seq"] == (await writer.state()).seq
    assert Role.DESIGNATED in (await writer.state()).roles_of("clerk", now())


async def test_a_designation_has_its_limits(mission: Mission, writer: Writer) -> None:
    cao, mcpe = await mission.desk("cao"), await mission.desk("mcpe")
    for desk, officer, grant, code in (
        (mcpe, "clerk", Grant(role=Role.CAO), "order.role"),
        (cao, "stranger", PIO, "officer.unknown"),
        (cao, "clerk", Grant(role=Role.PUBLISHER), "designate.profiles"),
        (cao, "clerk", Grant(role=Role.PUBLISHER, profiles=("no-profile",)), "profile.unknown"),
        (cao, "clerk", Grant(role=Role.PIO, valid_until=now() - timedelta(minutes=1)), "designate.times"),
    ):
        assert await refused(writer, desk.register(Designate(officer=officer, grant=grant))) == code
    until = now() + timedelta(hours=8)
    action = Designate(officer="clerk", grant=Grant(role=Role.PIO, valid_until=until))
    assert (await mcpe.register(action))["accepted"]
    state = await writer.state()
    assert Role.PIO in state.roles_of("clerk", now())
    assert Role.PIO not in state.roles_of("clerk", until)


async def test_a_revoked_officer_is_out_at_once(mission: Mission, writer: Writer) -> None:
    cao, mcpe, pio = await mission.desk("cao"), await mission.desk("mcpe"), await mission.desk("pio")
    proposed = await cao.register(Revoke(officer="mcpe"))
    assert (await mcpe.register(Designate(officer="clerk", grant=PIO)))["accepted"]
    assert (await pio.register(await confirming(writer, proposed)))["accepted"]
    designation = Designate(officer="clerk", grant=PIO)
    assert await refused(writer, mcpe.register(designation)) == "officer.revoked"
    before = await writer.ledger.last_seq()
    repeated = await cao.register(Revoke(officer="mcpe"))
    assert (repeated["accepted"], repeated["changed"]) == (True, False)
    assert await writer.ledger.last_seq() == before
    again = Designate(officer="mcpe", grant=Grant(role=Role.MCPE))
    assert await refused(writer, cao.register(again)) == "officer.gone"


async def confirming(writer: Writer, proposed: dict[str, Any]) -> Confirm:
    """What confirms a proposal that was just made."""
    waiting = (await writer.state()).proposals[proposed["proposal"]]
    return Confirm(proposal=waiting.seq, order=waiting.order)


async def test_one_stolen_key_does_not_take_the_city(mission: Mission, writer: Writer) -> None:
    """In version 0.2 the mcpe's key alone revoked the cao."""
    mcpe, pio = await mission.desk("mcpe"), await mission.desk("pio")
    thief = Officer(id="thief", name="Thief", public_key=Signer(new_seed()).public_key, grants=(Grant(role=Role.MCPE),))
    takes_over = (
        Revoke(officer="cao"),
        Designate(officer="clerk", grant=Grant(role=Role.MCPE)),
        OfficerAdd(officer=thief),
        Rekey(officer="pio", public_key=thief.public_key),
    )
    before = await writer.state()
    for action in takes_over:
        proposed = await mcpe.register(action)
        assert await refused(writer, mcpe.register(await confirming(writer, proposed))) == "proposal.own"
    after = await writer.state()
    assert (after.officers, after.revoked) == (before.officers, {})
    # Another one sees it, turns it down, and proposes to revoke whoever's key it is.
    for one in after.proposals.values():
        if one.action.action != takes_over[-1].action:
            assert (await pio.register(Decline(proposal=one.seq, order=one.order)))["accepted"]
    assert len((await writer.state()).proposals) == 1


async def test_a_person_gets_a_new_key_and_the_old_one_is_out(mission: Mission, writer: Writer) -> None:
    mcpe, director = await mission.desk("mcpe"), await mission.desk("eoc-director")
    new = Signer(new_seed())
    proposed = await mcpe.register(Rekey(officer="pio", public_key=new.public_key))
    assert (await director.register(await confirming(writer, proposed)))["accepted"]
    pio = await mission.desk("pio")
    suspend = ProfileSuspend(profile="fire-townsquare")
    assert await refused(writer, pio.register(suspend)) == "order.signature"
    assert await refused(writer, pio.register(suspend, signer=new)) == "order.role"


async def test_the_root_is_renewed_on_the_record(mission: Mission, writer: Writer) -> None:
    clerk = await mission.desk("clerk")
    roots = [load_key(mission.city.key_path(name)) for name in ("cao", "mcpe")]
    spare = Signer(new_seed())

    def renewal(version: int, *signers: Signer) -> Envelope:
        statement = Renewal(
            realm="live",
            version=version,
            issued_at=now(),
            expires_at=now() + timedelta(days=365),
            root_keys=(roots[0].public_key, spare.public_key),
            threshold=2,
        )
        return seal(RENEWAL_TYPE, statement, signers)

    ask = subjects.DESK_REGISTRY_ORDER
    assert await refused(writer, clerk.ask(ask, renewal(2, *roots))) == "renewal.signature"
    assert (await clerk.ask(ask, renewal(2, *roots, spare)))["accepted"]
    assert await refused(writer, clerk.ask(ask, renewal(2, *roots, spare))) == "renewal.version"
    assert await refused(writer, clerk.ask(ask, renewal(3, *roots))) == "renewal.signature"
    assert (await clerk.ask(ask, renewal(3, roots[0], spare)))["accepted"]
    assert (await writer.state()).version == 3


async def test_profiles_are_sanctioned_and_suspended_by_the_office(mission: Mission, writer: Writer) -> None:
    """Section 1, Oversight (ii)."""
    office, director = await mission.desk("comms-officer"), await mission.desk("eoc-director")
    library = Profile(
        id="library-townsquare",
        department="library",
        platform="mastodon",
        account="library@townsquare",
        purpose="what the library does",
        identification="the City's library",
        disclosure="the usual terms",
    )
    assert await refused(writer, director.register(ProfileAdd(profile=library))) == "order.role"
    assert (await office.register(ProfileAdd(profile=library)))["accepted"]
    assert "library-townsquare" in (await writer.state()).departmental_profiles()
    assert (await office.register(ProfileSuspend(profile="library-townsquare")))["accepted"]
    assert "library-townsquare" not in (await writer.state()).departmental_profiles()
    assert await refused(writer, office.register(ProfileSuspend(profile="no-profile"))) == "profile.unknown"
    elsewhere = library.model_copy(update={"platform": "myspace"})
    assert await refused(writer, office.register(ProfileAdd(profile=elsewhere))) == "platform.unknown"
    assert (await office.register(ProfileRemove(profile="library-townsquare")))["accepted"]
    assert "library-townsquare" not in (await writer.state()).profiles


async def test_a_server_that_was_written_into_city_toml_is_known_without_a_restart(
    mission: Mission, writer: Writer
) -> None:
    office = await mission.desk("comms-officer")
    profile = (await writer.state()).profiles["fire-townsquare"]
    moved = ProfileAdd(profile=profile.model_copy(update={"account": "fire@social-example"}))
    assert await refused(writer, office.register(moved)) == "profile.server"
    path = mission.city.folder / "city.toml"
    servers = "[mastodon.instances]\n"
    path.write_text(path.read_text().replace(servers, servers + 'social-example = "https://social.example"\n'))
    assert (await office.register(moved))["accepted"]


async def test_an_endpoint_that_city_toml_does_not_have_is_refused_until_it_does(
    mission: Mission, writer: Writer
) -> None:
    """A webhook profile without an address was accepted."""
    office = await mission.desk("comms-officer")
    profile = (await writer.state()).profiles["fire-townsquare"]
    changes = {"id": "signs-webhook", "platform": "webhook", "account": "signs"}
    signs = ProfileAdd(profile=profile.model_copy(update=changes))
    assert await refused(writer, office.register(signs)) == "profile.server"
    path = mission.city.folder / "city.toml"
    places = "[webhook.endpoints]\n"
    assert places in path.read_text()
    path.write_text(path.read_text().replace(places, places + 'signs = "https://signs.example/onevoice"\n'))
    assert (await office.register(signs))["accepted"]


async def test_orders_of_the_eoc_are_not_taken_here(mission: Mission, writer: Writer) -> None:
    cao = await mission.desk("cao")
    for action in (ACTIVATE, Hold(on=True)):
        assert await refused(writer, cao.register(action)) == "order.action"


async def test_two_registries_and_eoc_state_keep_one_order(mission: Mission, writer: Writer) -> None:
    await mission.run("registry", "eoc_state")
    cao, mcpe = await mission.desk("cao"), await mission.desk("mcpe")
    people = [("clerk", "pio", "comms-officer"), ("fire-publisher", "eoc-director", "mcpe")]
    replies = await asyncio.gather(
        *(cao.register(Designate(officer=one, grant=PIO)) for one in people[0]),
        *(mcpe.register(Designate(officer=one, grant=PIO)) for one in people[1]),
        *(mcpe.order(Hold(on=True)) for _ in range(4)),
    )
    seqs = sorted(reply["control_seq"] for reply in replies if reply["changed"])
    assert seqs == list(range(2, 2 + len(seqs)))
    assert sum(reply["changed"] for reply in replies[:6]) >= 5  # the pio is one already
    assert any(reply["changed"] for reply in replies[6:])
    assert await writer.ledger.last_seq() == seqs[-1]


async def test_an_order_after_the_manifest_file_was_changed_still_follows_the_ledger(
    mission: Mission, writer: Writer
) -> None:
    """The ledger's first event is the authority; a file that is swapped later changes nothing."""
    changed_payload(mission.city)
    clerk = await mission.desk("clerk")
    assert await refused(writer, clerk.register(Designate(officer="clerk", grant=PIO))) == "order.role"


async def test_a_second_manifest_is_refused_aloud(mission: Mission, writer: Writer) -> None:
    """Also one that the root keys signed: the ledger has begun, and who has power is changed by orders and renewals."""
    manifest = read_manifest(mission.city).model_copy(update={"version": 2})
    signers = (load_key(mission.city.key_path("cao")), load_key(mission.city.key_path("mcpe")))
    mission.city.manifest_path.write_bytes(seal(MANIFEST_TYPE, manifest, signers).to_bytes())
    with pytest.raises(BadInput) as error:
        async with running(["registry"], mission.city, mission.url):
            pass
    assert error.value.code == "manifest.other"
    assert "onevoice root renew" in error.value.hint
    assert (await writer.state()).version == 1


async def test_a_key_that_the_broker_has_already_is_given_to_nobody(mission: Mission, writer: Writer) -> None:
    """Of a service or of the other realm: the broker would refuse all its users, and start no more."""
    mcpe, exercise = await mission.desk("mcpe"), load_city(mission.city.folder, "exercise")
    for path in (mission.city.service_key_path("audit"), exercise.key_path("clerk")):
        system = System(id="alerts", name="Alerts", public_key=load_key(path).public_key)
        assert await refused(writer, mcpe.register(SystemAdd(system=system))) == "key.used"
    system = System(id="doctor", name="Doctor", public_key=Signer(new_seed()).public_key)
    assert await refused(writer, mcpe.register(SystemAdd(system=system))) == "system.reserved"
