"""Orders of the EOC on the real path: who may, when, once; what is refused leaves the ledger untouched."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import nats.errors
import pytest

from schemas import subjects
from schemas.events.authority import Grant, Role
from schemas.events.control import (
    RULE,
    CrisisDeclare,
    CrisisEnd,
    Designate,
    EocActivate,
    EocChange,
    Hold,
    Ordered,
    Posture,
    Revoke,
    Withdraw,
)
from services.kernel.authority.signing import load_key
from services.kernel.runtime.service import Runtime
from tests.support.mission import ACTIVATE, PATIENCE, STAND_DOWN, Desk, Mission, Writer, eventually, now
from tests.support.wrong_clock import WrongClock


@pytest.fixture
async def writer(mission: Mission) -> Writer:
    await mission.begin()
    await mission.run("eoc_state")
    return await mission.writer("intake")


async def refused(writer: Writer, asked: Any) -> tuple[str, int]:
    """The code and exit status of a refusal, after which the ledger is as it was."""
    before = await writer.ledger.last_seq()
    reply = await asked
    assert await writer.ledger.last_seq() == before
    error = reply["error"]
    assert error["message"]
    return error["code"], error["exit_status"]


async def active(writer: Writer) -> None:
    """Wait until the EOC is active."""

    async def reached() -> bool:
        return (await writer.state()).posture is Posture.EOC_ACTIVE

    await eventually(reached)


async def test_what_may_not_be_ordered_is_refused_and_not_recorded(mission: Mission, writer: Writer) -> None:
    """Each reason with its code; the ledger does not grow by a single entry."""
    director, clerk, cao = [await mission.desk(name) for name in ("eoc-director", "clerk", "cao")]
    base = subjects.DESK_EOC_ORDER
    assert await refused(writer, clerk.order(ACTIVATE)) == ("order.role", 4)
    assert await refused(writer, clerk.order(Hold(on=True))) == ("order.role", 4)
    change = EocChange(level=3, incident="Slide", activation=1)
    assert await refused(writer, director.order(change)) == ("order.posture", 4)
    assert await refused(writer, clerk.order(STAND_DOWN)) == ("order.role", 4)
    assert await refused(writer, director.order(ACTIVATE, realm="exercise")) == ("order.realm", 4)
    past: dict[str, Any] = {"issued_at": now() - timedelta(minutes=9), "expires_at": now() - timedelta(minutes=5)}
    assert await refused(writer, director.order(ACTIVATE, **past)) == ("order.expired", 4)
    long: dict[str, Any] = {"issued_at": now(), "expires_at": now() + timedelta(hours=2)}
    assert await refused(writer, director.order(ACTIVATE, **long)) == ("order.expired", 4)
    ahead: dict[str, Any] = {"issued_at": now() + timedelta(minutes=5), "expires_at": now() + timedelta(minutes=8)}
    assert await refused(writer, director.order(ACTIVATE, **ahead)) == ("order.expired", 4)
    assert await refused(writer, director.order(ACTIVATE, officer="stranger")) == ("order.sender", 4)
    assert await refused(writer, clerk.ask(base, director.signed_order(ACTIVATE))) == ("order.sender", 4)
    forged = director.signed_order(ACTIVATE, signer=clerk.signer)
    assert await refused(writer, director.ask(base, forged)) == ("order.signature", 4)
    swapped = director.signed_order(ACTIVATE).model_copy(update={"payload": cao.signed_order(ACTIVATE).payload})
    assert await refused(writer, director.ask(base, swapped)) == ("order.sender", 4)
    grant = Designate(officer="clerk", grant=Grant(role=Role.PIO))
    assert await refused(writer, cao.order(grant)) == ("order.action", 2)
    no_order = director.signed_order(ACTIVATE).model_copy(update={"payload": "e30="})
    assert await refused(writer, director.ask(base, no_order)) == ("order.malformed", 2)
    exercise = load_key(mission.city.folder / "keys" / "exercise" / "eoc-director.nk")
    other_key = director.signed_order(ACTIVATE, signer=exercise)
    assert await refused(writer, director.ask(base, other_key)) == ("order.signature", 4)
    assert (await writer.state()).posture is Posture.ROUTINE


async def test_an_officer_sends_under_their_own_name_only(mission: Mission, writer: Writer) -> None:
    """The broker itself does not let a clerk send as the director."""
    clerk = await mission.desk("clerk")
    with pytest.raises(nats.errors.TimeoutError):
        await clerk.client.request("desk.eoc.order.eoc-director", b"{}", timeout=1.0)


async def test_a_revoked_officer_orders_nothing(mission: Mission, writer: Writer) -> None:
    director = await mission.desk("eoc-director")
    await mission.order("cao", Revoke(officer="eoc-director"), "registry")
    assert await refused(writer, director.order(ACTIVATE)) == ("officer.revoked", 4)


async def test_a_crisis_is_declared_and_ended(mission: Mission, writer: Writer) -> None:
    pio = await mission.desk("pio")
    assert (await pio.order(CrisisDeclare(incident="Flood")))["posture"] == "crisis"
    state = await writer.state()
    assert (state.posture, state.incident) == (Posture.CRISIS, "Flood")
    assert await refused(writer, pio.order(CrisisDeclare(incident="Slide"))) == ("order.posture", 4)
    assert (await pio.order(CrisisEnd()))["posture"] == "routine"


async def test_the_stop_button_is_pressed_and_let_go(mission: Mission, writer: Writer) -> None:
    office = await mission.desk("comms-officer")
    assert (await office.order(Hold(on=True)))["accepted"]
    assert (await writer.state()).hold
    assert (await office.order(Hold(on=False)))["accepted"]
    assert not (await writer.state()).hold


async def test_a_request_is_withdrawn_by_its_author_or_by_role_and_by_nobody_else(
    mission: Mission, writer: Writer
) -> None:
    clerk, other, pio, director = [
        await mission.desk(name) for name in ("clerk", "fire-publisher", "pio", "eoc-director")
    ]
    mine, theirs, third = [await writer.submit() for _ in range(3)]
    assert await refused(writer, other.order(Withdraw(request_id=mine.request_id))) == ("order.role", 4)
    assert await refused(writer, clerk.order(Withdraw(request_id="rnone"))) == ("request.unknown", 4)
    assert (await clerk.order(Withdraw(request_id=mine.request_id, reason="wrong street")))["accepted"]
    assert (await pio.order(Withdraw(request_id=theirs.request_id)))["accepted"]
    assert (await director.order(Withdraw(request_id=third.request_id)))["accepted"]
    assert set((await writer.state()).withdrawn) == {mine.request_id, theirs.request_id, third.request_id}


async def test_a_repeat_after_a_lost_answer_is_answered_and_carried_out_once(mission: Mission, writer: Writer) -> None:
    """Also when control moved on meanwhile, as it does at once when the EOC becomes active."""
    director = await mission.desk("eoc-director")
    order = director.signed_order(ACTIVATE)
    first = await director.ask(subjects.DESK_EOC_ORDER, order)
    await active(writer)
    before = await writer.ledger.last_seq()
    again = await director.ask(subjects.DESK_EOC_ORDER, order)
    assert (first["accepted"], again["accepted"], again["posture"]) == (True, True, "eoc_active")
    assert await writer.ledger.last_seq() == before


async def test_a_replay_of_an_order_does_not_bring_back_what_is_over(mission: Mission, writer: Writer) -> None:
    director = await mission.desk("eoc-director")
    order = director.signed_order(ACTIVATE)
    await director.ask(subjects.DESK_EOC_ORDER, order)
    await director.order(STAND_DOWN)
    before = await writer.ledger.last_seq()
    again = await director.ask(subjects.DESK_EOC_ORDER, order)
    assert again.get("posture", "routine") == "routine"
    assert await writer.ledger.last_seq() == before
    nonce = "ab" * 16
    await director.order(Hold(on=True), nonce=nonce)
    assert await refused(writer, director.order(Hold(on=False), nonce=nonce)) == ("order.replayed", 4)


async def test_an_order_is_carried_out_within_a_minute_or_not_at_all(mission: Mission, writer: Writer) -> None:
    """Both clocks are asked, the service's before anything is appended, and a repeat that is old is no success."""
    pio, before = await mission.desk("pio"), await writer.ledger.last_seq()
    for seconds in (-61.0, 61.0 + PATIENCE):  # what is ahead comes nearer while a busy machine gets to it
        issued = now() + timedelta(seconds=seconds)
        order = pio.order(Hold(on=True), issued_at=issued, expires_at=issued + timedelta(minutes=4))
        assert await refused(writer, order) == ("order.expired", 4)
    assert await writer.ledger.last_seq() == before


@pytest.mark.parametrize("seconds", [100, -100, 7 * 3_600])
async def test_a_wrong_clock_of_the_service_s_machine_refuses_no_order(mission: Mission, seconds: int) -> None:
    """Whether it is fresh the broker's clock says, for the registry too."""
    await mission.begin()

    def tune(runtime: Runtime) -> None:
        runtime.clock = WrongClock(timedelta(seconds=seconds))

    await mission.run("eoc_state", "registry", tune=tune)
    writer = await mission.writer("intake")
    director, cao = await mission.desk("eoc-director"), await mission.desk("cao")
    assert (await director.order(ACTIVATE))["accepted"]
    await active(writer)
    assert (await cao.register(Revoke(officer="pio")))["changed"]
    old = director.order(STAND_DOWN, issued_at=now() - timedelta(seconds=61 + abs(seconds)))
    assert await refused(writer, old) == ("order.expired", 4)


async def test_a_repeat_that_is_no_longer_fresh_is_refused_kindly(mission: Mission, writer: Writer) -> None:
    pio = await mission.desk("pio")
    for age in (58, 50, 20):  # younger, where the machine is so slow that it is not fresh any more when it is heard
        issued = now() - timedelta(seconds=age)
        order = pio.signed_order(Hold(on=True), issued_at=issued)
        first = await pio.ask(subjects.DESK_EOC_ORDER, order)
        if first.get("accepted"):
            break
    assert first["accepted"]
    before = await writer.ledger.last_seq()
    await asyncio.sleep(max((issued + timedelta(seconds=60.5) - now()).total_seconds(), 0.0))
    error = (await pio.ask(subjects.DESK_EOC_ORDER, order))["error"]
    assert (error["code"], f"entry {first['control_seq']}" in error["message"]) == ("order.replayed", True)
    assert error["hint"]
    assert await writer.ledger.last_seq() == before


async def test_an_old_order_appended_with_a_stolen_key_changes_nothing(mission: Mission, writer: Writer) -> None:
    """It stands as a revision, void; the time that is written beside it is the forger's."""
    director = await mission.desk("eoc-director")
    await director.order(ACTIVATE)
    signed = director.signed_order(await director.named(STAND_DOWN))
    past = now() - timedelta(seconds=90)
    late = director.signed_order(STAND_DOWN, issued_at=past)
    thief = await mission.writer("eoc_state")
    await thief.js.publish(subjects.CONTROL, Ordered(at=past, order=late, rule=RULE).to_bytes())
    assert (await writer.state()).under_eoc
    await director.ask(subjects.DESK_EOC_ORDER, signed)
    await director.order(ACTIVATE)
    value = json.loads(Ordered(at=now(), order=signed, rule=RULE).to_bytes())
    value["order"]["signatures"].append({"keyid": value["order"]["signatures"][0]["keyid"], "sig": "AAAA"})
    await thief.js.publish(subjects.CONTROL, json.dumps(value).encode())
    assert (await writer.state()).under_eoc


@pytest.mark.parametrize("rule", [3, 2, None])
async def test_an_order_that_names_nothing_ends_nothing(mission: Mission, writer: Writer, rule: Any) -> None:
    """The desk of an earlier version is told so; what a stolen key appends is void, whatever rule it writes."""
    await mission.run("eoc_state", "registry")
    director, cao, pio = [await mission.desk(name) for name in ("eoc-director", "cao", "pio")]
    await director.order(ACTIVATE)
    await active(writer)
    await pio.order(Hold(on=True))
    unnamed = [
        director.signed_order(STAND_DOWN),
        pio.signed_order(Hold(on=False)),
        cao.signed_order(Designate(officer="clerk", grant=Grant(role=Role.DESIGNATED))),
    ]
    assert await refused(writer, director.ask(subjects.DESK_EOC_ORDER, unnamed[0])) == ("order.unnamed", 4)
    assert await refused(writer, cao.ask(subjects.DESK_REGISTRY_ORDER, unnamed[2])) == ("order.unnamed", 4)
    thief = await mission.writer("eoc_state")
    for order in unnamed:
        await thief.js.publish(subjects.CONTROL, Ordered(at=now(), order=order, rule=rule).to_bytes())
    state = await writer.state()
    assert (state.under_eoc, state.hold, Role.DESIGNATED in state.roles_of("clerk", now())) == (True, True, False)


async def test_an_order_that_was_held_back_for_a_moment_ends_nothing_newer(mission: Mission, writer: Writer) -> None:
    """A stolen key lets a genuine order through within its minute, after what it was about is over."""
    await mission.run("eoc_state", "registry")
    director, cao = await mission.desk("eoc-director"), await mission.desk("cao")
    await director.order(ACTIVATE)
    long = Designate(officer="clerk", grant=Grant(role=Role.DESIGNATED, valid_until=now() + timedelta(days=30)))
    held_back = [
        director.signed_order(await director.named(STAND_DOWN)),
        cao.signed_order(await cao.named(long)),
    ]
    await cao.order(STAND_DOWN)
    await director.order(EocActivate(level=3, incident="Slide"))
    short = long.grant.model_copy(update={"valid_until": now() + timedelta(hours=1)})
    assert "error" not in await cao.register(Designate(officer="clerk", grant=short))
    before = await writer.state()
    thief = await mission.writer("registry")
    for order in held_back:
        await thief.js.publish(subjects.CONTROL, Ordered(at=now(), order=order, rule=RULE).to_bytes())
    after = await writer.state()
    assert (after.incident, after.officers["clerk"]) == ("Slide", before.officers["clerk"])


async def test_many_orders_at_once_to_two_copies_are_each_carried_out_once(mission: Mission, writer: Writer) -> None:
    """eoc_state and registry both write control: whoever loses the race checks anew."""
    await mission.run("eoc_state", "registry")
    people = [await mission.desk(name) for name in ("cao", "mcpe", "pio", "eoc-director", "comms-officer")]
    requests = [await writer.submit() for _ in range(15)]
    start = (await writer.state()).seq
    orders = [people[n % 5].order(Withdraw(request_id=one.request_id)) for n, one in enumerate(requests)]
    grants = [
        people[0].register(Designate(officer=name, grant=Grant(role=Role.DESIGNATED)))
        for name in ("clerk", "pio", "fire-publisher")
    ]
    replies = await asyncio.gather(*orders, *grants)
    assert all(reply.get("accepted") and reply["changed"] for reply in replies), replies
    seqs = [reply["control_seq"] for reply in replies]
    assert len(set(seqs)) == len(seqs) == 18
    entries = await writer.ledger.history(subjects.CONTROL, start)
    assert sorted(seqs) == [entry.seq for entry in entries]
    assert len((await writer.state()).nonces) == 18


async def test_an_order_that_repeats_what_is_so_writes_nothing_and_says_so(mission: Mission, writer: Writer) -> None:
    """Whoever gives it, and only to who may give it at all."""
    pio, director, cao, clerk = [await mission.desk(name) for name in ("pio", "eoc-director", "cao", "clerk")]
    wrong = await writer.submit()
    story = [
        (pio, CrisisDeclare(incident="Flood")),
        (pio, Hold(on=True)),
        (pio, Hold(on=False)),
        (pio, CrisisEnd()),
        (director, ACTIVATE),
        (director, STAND_DOWN),
        (pio, Withdraw(request_id=wrong.request_id)),
    ]
    for desk, action in story:
        assert (await desk.order(action))["changed"]
        if action is ACTIVATE:
            await active(writer)
        before, state = await writer.ledger.last_seq(), await writer.state()
        again = await cao.order(action)
        assert (again["accepted"], again["changed"]) == (True, False)
        assert (again["control_seq"], again["posture"]) == (state.seq, state.posture)
        assert await writer.ledger.last_seq() == before
    await pio.order(Hold(on=True))
    assert await refused(writer, clerk.order(Hold(on=True))) == ("order.role", 4)


async def test_the_level_and_incident_of_an_active_eoc_are_changed(mission: Mission, writer: Writer) -> None:
    director, pio = await mission.desk("eoc-director"), await mission.desk("pio")
    began = (await director.order(ACTIVATE))["control_seq"]
    await active(writer)
    change = EocChange(level=3, incident="Freshet and slide", activation=began)
    assert await refused(writer, pio.order(change)) == ("order.role", 4)
    assert (await director.order(change))["changed"]
    state = await writer.state()
    assert (state.level, state.incident, state.began_seq) == (3, "Freshet and slide", began)
    assert not (await director.order(change))["changed"]
    of_another = change.model_copy(update={"activation": began - 1, "level": 1})
    assert await refused(writer, director.order(of_another)) == ("order.other", 4)


async def test_of_two_activations_at_once_one_is_carried_out(mission: Mission, writer: Writer) -> None:
    await mission.run("eoc_state")
    director, cao = await mission.desk("eoc-director"), await mission.desk("cao")
    replies = await asyncio.gather(director.order(ACTIVATE), cao.order(EocActivate(level=3, incident="Fire")))
    assert sorted("accepted" in reply for reply in replies) == [False, True]
    (error,) = [reply["error"] for reply in replies if "error" in reply]
    assert error["code"] == "order.posture"


async def test_garbage_is_answered(mission: Mission, writer: Writer) -> None:
    director: Desk = await mission.desk("eoc-director")
    for raw in (b"", b"{}", b"\xff", b"null", director.signed_order(ACTIVATE).to_bytes()[:-2]):
        code, status = await refused(writer, director.ask(subjects.DESK_EOC_ORDER, raw))
        assert code in {"input.malformed", "input.invalid"}
        assert status == 2


async def test_a_stolen_key_does_not_withdraw_without_end(mission: Mission) -> None:
    """Ten in a minute; then it is refused, and told as an alarm; the stop button is there all the same."""
    await mission.begin()
    (eoc_state,) = await mission.run("eoc_state")
    writer = await mission.writer("intake")
    pio, office = await mission.desk("pio"), await mission.desk("comms-officer")
    requests = [await writer.submit() for _ in range(11)]
    for one in requests[:10]:
        assert (await pio.order(Withdraw(request_id=one.request_id)))["accepted"]
    assert await refused(writer, pio.order(Withdraw(request_id=requests[10].request_id))) == ("order.rate", 4)
    assert any("pio gives more orders" in said for said in eoc_state.ledger.alarms.newest)
    assert (await pio.order(Hold(on=True)))["accepted"]
    assert (await office.order(Withdraw(request_id=requests[10].request_id)))["accepted"]
