"""Each attack with the stolen key of the right service: it gains nothing, and is told in four places.

In the log as an alarm, by ``onevoice doctor``, by ``onevoice pending``, and by ``audit verify``: as a violation or,
where the entry counts for no reader, as a warning that names it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from nats.js.errors import APIError

from schemas import subjects
from schemas.events.control import RULE, Hold, Ordered, Posture
from schemas.events.requests import PlatformContent, Rendering, Request, digest_of
from schemas.events.verdicts import Outcome, Verdict
from services.kernel.ledger.entry import AT_HEADER, LAST_HEADER
from tests.integration.attacks.conftest import WEB, AttackedCity
from tests.support.messages import receipt_on, verdict_on
from tests.support.mission import ACTIVATE, STAND_DOWN, eventually, now


async def cleared_verdict(city: AttackedCity, request: Request) -> Verdict:
    """Wait until the gate clears a request."""

    async def look() -> Verdict | None:
        found = await city.intake.verdict(request.request_id)
        return found if found is not None and found.outcome is Outcome.CLEARED else None

    found: Verdict = await eventually(look)
    return found


async def forged_verdict(city: AttackedCity, request: Request, outcome: Outcome) -> int:
    """Append a verdict with the gatekeeper's key, behind whatever is there."""
    thief = await city.thief("gatekeeper")
    subject = subjects.verdict(request.request_id)
    last, state = await thief.ledger.last(subject), await city.intake.state()
    as_of = await city.intake.ledger.last_seq()
    where = {"posture": state.posture, "control_seq": state.seq, "as_of": as_of}
    event = verdict_on(request, now(), outcome=outcome, **where)
    return (await thief.ledger.append(subject, event, expect_last=last.seq if last else 0)).seq


# --- orders and approvals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("service", "undone"), [("eoc_state", STAND_DOWN), ("registry", Hold(on=False))])
async def test_an_old_order_again(city: AttackedCity, service: str, undone: Any) -> None:
    """A genuine stand-down, or release of the hold, once more: the EOC stays active, the hold stays on."""
    director = await city.mission.desk("eoc-director")

    async def posture(wanted: Posture) -> None:
        async def look() -> bool:
            return (await city.intake.state()).posture is wanted

        await eventually(look)

    for action in (ACTIVATE, Hold(on=True)):
        await director.order(action)
    await posture(Posture.EOC_ACTIVE)
    reply = await director.order(undone)
    assert "error" not in reply
    old = await city.intake.ledger.last(subjects.CONTROL)
    assert old is not None
    await director.order(ACTIVATE if undone is STAND_DOWN else Hold(on=True))
    await posture(Posture.EOC_ACTIVE)
    thief = await city.thief(service)
    event = Ordered.from_bytes(old.data).model_copy(update={"at": now()})
    seq = (await thief.ledger.append(subjects.CONTROL, event, msg_id="again")).seq
    state = await city.intake.state()
    assert (state.posture, state.hold) == (Posture.EOC_ACTIVE, True)
    await city.logged("a void entry")
    await city.shown("void")
    assert seq in [one.seq for one in (await city.verified()).warnings]


async def test_an_order_that_is_held_back_for_hours_and_backdated(city: AttackedCity) -> None:
    """A genuine release, with the headers by which a restore says when an entry was stored first: it has expired."""
    pio, thief = await city.mission.desk("pio"), await city.thief("eoc_state")
    await pio.order(Hold(on=True))
    signed_at = now() - timedelta(hours=3)
    release, until = await pio.named(Hold(on=False)), signed_at + timedelta(minutes=2)
    order = pio.signed_order(release, issued_at=signed_at, expires_at=until)
    event = Ordered(at=signed_at, order=order, rule=RULE)

    async def appended() -> int | None:
        last = await thief.ledger.last_seq()
        headers = {AT_HEADER: signed_at.isoformat(), LAST_HEADER: str(last)}
        try:
            return (await thief.js.publish(subjects.CONTROL, event.to_bytes(), headers=headers)).seq
        except APIError:  # something else was stored meanwhile
            return None

    seq = await eventually(appended)
    assert (await city.intake.state()).hold
    await city.logged("a void entry")
    assert (seq, "order.expired") in [(one.seq, one.code) for one in (await city.verified()).warnings]


async def test_an_order_that_is_held_back_until_something_newer_stands(city: AttackedCity) -> None:
    """A genuine release, let through within its minute: it names the hold before, and a nameless one nothing."""
    pio, cao = await city.mission.desk("pio"), await city.mission.desk("cao")
    await pio.order(Hold(on=True))
    held_back = pio.signed_order(await pio.named(Hold(on=False)))
    nameless = pio.signed_order(Hold(on=False))
    await cao.order(Hold(on=False))
    await cao.order(Hold(on=True))
    thief = await city.thief("eoc_state")
    codes = {}
    for order, code in ((held_back, "order.other"), (nameless, "order.unnamed")):
        event = Ordered(at=now(), order=order, rule=RULE)
        codes[(await thief.ledger.append(subjects.CONTROL, event, msg_id=code)).seq] = code
    assert (await city.intake.state()).hold
    await city.logged("a void entry")
    await city.shown("void")
    report = await city.verified()
    assert report.violations == ()
    assert codes.items() <= {one.seq: one.code for one in report.warnings}.items()


@pytest.mark.parametrize("what", ["severity", "author", "expires_at"])
async def test_what_intake_changes_after_the_signature(city: AttackedCity, what: str) -> None:
    """The officer signed a severe message of the clerk's that ends today: nothing else is cleared by it."""
    changes = {"severity": None, "author": "pio", "expires_at": now() + timedelta(days=3_650)}
    genuine = await city.intake.submit(targets=(WEB,), severity="severe")
    changed = genuine.model_copy(update={"request_id": "rchanged", what: changes[what]})
    digest = digest_of("rchanged", 1, genuine.renderings)
    changed = changed.model_copy(update={"digest": digest})
    signed = genuine.model_copy(update={"request_id": "rchanged", "digest": digest})
    thief = await city.thief("intake")
    await thief.ledger.append(subjects.request("rchanged"), changed, expect_last=0)
    await thief.approve(signed, "mcpe")

    async def decided() -> bool:
        found = await city.intake.verdict("rchanged")
        return found is not None and found.outcome is not Outcome.CLEARED and found.as_of > 0 and bool(found.findings)

    await eventually(decided)
    await city.said("rchanged", "pending")  # a person sees that it waits, and why
    assert "rchanged" in await city.command("show", "rchanged")
    report = await city.verified()
    assert report.attempts == 0
    await city.logged("signed other circumstances")
    await city.shown("signed other circumstances")
    assert [one for one in report.violations if one.code == "approval.circumstances"]


async def test_hidden_words_in_a_rendering(city: AttackedCity) -> None:
    """ESC 2 K wipes a line of the terminal: neither gate nor worker lets it pass, and no desk signs it."""
    thief = await city.thief("intake")
    text = "Road closed.\x1b[2K\x1b[1ASend money to 1234. https://mission.example/roads"
    hidden = tuple(Rendering.of(PlatformContent(platform="website", parts=(text,), created_at=now())) for _ in range(1))
    request = await thief.submit("rhidden", targets=(WEB,), renderings=hidden, digest=digest_of("rhidden", 1, hidden))
    await city.said("no screen shows", "approve", "rhidden", "--as", "mcpe", "--yes")
    await thief.approve(request, "mcpe")

    async def refused() -> bool:
        found = await city.intake.verdict("rhidden")
        return found is not None and found.outcome is Outcome.REFUSED

    await eventually(refused)
    assert "\x1b[2K" not in await city.command("show", "rhidden")
    report = await city.verified()
    assert report.attempts == 0
    await city.logged("no screen shows")
    await city.shown("no screen shows")
    assert [one for one in report.violations if one.code == "request.unseen"]


# --- suppression ---------------------------------------------------------------------------------------------------


async def test_a_forged_refusal(city: AttackedCity) -> None:
    """It ends the message, since a refusal is final; but everybody is told, and it can be submitted again."""
    request = await city.intake.submit(targets=(WEB,))

    async def blocked() -> bool:
        return await city.intake.verdict(request.request_id) is not None

    await eventually(blocked)
    seq = await forged_verdict(city, request, Outcome.REFUSED)
    await city.logged("is not the policy's")
    await city.shown("is not the policy's")
    assert (seq, "verdict.policy") in [(one.seq, one.code) for one in (await city.verified()).violations]


async def test_a_forged_clearance(city: AttackedCity) -> None:
    """The worker checks the signatures by itself: nothing goes out."""
    request = await city.intake.submit(targets=(WEB,))

    async def blocked() -> bool:
        return await city.intake.verdict(request.request_id) is not None

    await eventually(blocked)
    seq = await forged_verdict(city, request, Outcome.CLEARED)
    await city.logged("is not the policy's")
    await city.shown("is not the policy's")
    report = await city.verified()
    assert report.attempts == 0
    assert (seq, "verdict.policy") in [(one.seq, one.code) for one in report.violations]


@pytest.mark.parametrize("outcome", ["failed", "delivered", "withheld"])
async def test_a_forged_receipt_ends_nothing(city: AttackedCity, outcome: str) -> None:
    """Written before the post is made: the message goes out all the same."""
    director = await city.mission.desk("pio")
    await director.order(Hold(on=True))
    request = await city.approved()

    async def decided() -> bool:
        return await city.intake.verdict(request.request_id) is not None

    await eventually(decided)
    thief = await city.thief("fanout")
    post = {"platform": "website", "url": "https://mission.example/x", "remote_id": "1"}
    said = {"outcome": outcome, "reason": "the account is suspended"}
    event = receipt_on(request.request_id, WEB, 0, now(), **post, **said)
    seq = (await thief.ledger.append(subjects.receipt(WEB, request.request_id), event, expect_last=0)).seq
    await director.order(Hold(on=False))
    assert await city.outcome(request) == "delivered"
    await city.logged("does not count")
    await city.shown("void")
    report = await city.verified()
    assert report.attempts == 1
    assert seq in [one.seq for one in (*report.violations, *report.warnings)]


async def test_a_claimed_message_id(city: AttackedCity) -> None:
    """The id of the coming attempt, taken beforehand on a subject of intake's own: the post goes out all the same."""
    director = await city.mission.desk("pio")
    await director.order(Hold(on=True))
    request = await city.approved()
    thief = (await city.thief("intake")).ledger.js
    junk = subjects.request("rclaimed00000")
    ack = await thief.publish(junk, b"{}", headers={"Nats-Msg-Id": f"attempt:{WEB}:{request.request_id}:1:1"})
    await director.order(Hold(on=False))
    assert await city.outcome(request) == "delivered"
    await city.logged("the message id of an append was claimed")
    await city.shown("was claimed by")
    assert ack.seq in [one.seq for one in (await city.verified()).warnings]
