"""An officer approves with a passkey, on the real path; whoever carries, forges or replays it gets nowhere.

The whole way: a link, the enrolment, a confirmation, a request and an approval that a passkey signed, the gate, the
worker, the website, and ``audit verify``. Each of gate, worker and audit stands alone against a forged approval.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest_asyncio
from nats.aio.client import Client

from schemas import canonical, flow, subjects
from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.authority import Grant, Officer, Role
from schemas.events.base import Contract
from schemas.events.control import Confirm, CrisisDeclare, Hold, OfficerAdd, PasskeyInvite, PasskeyRemove
from schemas.events.deliveries import Receipt
from schemas.events.desk import BoardQuery, PreviewReply
from schemas.events.enrolment import BrowserPreview, SubmissionStatement
from schemas.events.envelope import APPROVAL_TYPE, ORDER_TYPE, SUBMISSION_TYPE, Envelope
from schemas.events.requests import SUBMITTED_TYPE, Request, SubmissionEvent
from schemas.events.verdicts import Outcome, Verdict
from services.audit.proof import verify_record
from services.kernel.authority.passkeys import passkey_code
from services.kernel.authority.signing import load_key
from tests.support.authenticator import Authenticator, enrolment_of, sealed
from tests.support.broker import PATIENCE, connect
from tests.support.mission import Mission, Writer, an_attempt, eventually, now
from tests.support.people import order_of, statement_on

WEBSITE = "fire-website"
ORIGIN = "http://localhost:4225"


def phone_of(name: str) -> Authenticator:
    return Authenticator(name, origin=ORIGIN, rp_id="localhost")


class Browser:
    """What the web service does for one officer's browser: it carries what their device signs."""

    def __init__(self, mission: Mission, web: Client, officer: str, device: Authenticator) -> None:
        self.mission, self.web, self.officer, self.device = mission, web, officer, device

    async def send(self, base: str, body: Contract, sender: str = flow.WEB) -> dict[str, Any]:
        answer = await self.web.request(subjects.desk(base, sender), body.to_bytes(), timeout=PATIENCE)
        said: dict[str, Any] = canonical.loads(answer.data)
        return said

    def order(self, action: Any, **wrong: Any) -> Envelope:
        return self.device.sign(ORDER_TYPE, order_of(self.officer, action, now()), **wrong)

    async def enroll(self, token: str, **wrong: Any) -> dict[str, Any]:
        made = enrolment_of(self.device, self.officer, token, now(), **wrong)
        return await self.send(subjects.DESK_WEB_ENROLL, made)

    async def preview(self, event: SubmissionEvent) -> PreviewReply:
        asked = BrowserPreview(officer=self.officer, event=event)
        return PreviewReply.from_value(await self.send(subjects.DESK_WEB_PREVIEW, asked))

    def submission(self, event: SubmissionEvent, **wrong: Any) -> Envelope:
        statement = SubmissionStatement(
            realm="live",
            officer=self.officer,
            event=event,
            issued_at=now(),
            expires_at=now() + timedelta(minutes=2),
            nonce=secrets.token_hex(16),
        )
        return self.device.sign(SUBMISSION_TYPE, statement, **wrong)

    def statement(self, request: Request | PreviewReply) -> ApprovalStatement:
        return statement_on(request, self.officer, now())

    def approval(self, request: Request | PreviewReply, **wrong: Any) -> Approval:
        return self.wrapped(self.device.sign(APPROVAL_TYPE, self.statement(request), **wrong), request.request_id)

    def wrapped(self, envelope: Envelope, request_id: str) -> Approval:
        return Approval(at=now(), request_id=request_id, officer=self.officer, envelope=envelope)


def an_event(text: str) -> SubmissionEvent:
    data = {"text": f"{text} https://mission.example/roads", "targets": [WEBSITE], "crisis": True}
    said = {"specversion": "1.0", "id": secrets.token_hex(8), "source": "browser", "type": SUBMITTED_TYPE, "data": data}
    said["time"] = now().isoformat()  # the renderings say when: without it they would say when each was asked for
    return SubmissionEvent.from_value(said)


@pytest_asyncio.fixture
async def web(mission: Mission) -> AsyncIterator[Client]:
    """The web service's own connection."""
    client = await connect(mission.url, mission.city.service_key_path(flow.WEB), "web", allow_reconnect=False)
    yield client
    await client.close()


async def confirm(mission: Mission, officer: str, proposal: int) -> None:
    """Confirm a proposal as another officer, who looks at what the board says of it."""
    desk = await mission.desk(officer)
    view = (await desk.board("authority"))["authority"]
    order = next(one["order"] for one in view["proposals"] if one["proposal"] == proposal)
    assert (await desk.register(Confirm(proposal=proposal, order=order)))["accepted"]


async def enrolled(mission: Mission, web: Client, officer: str) -> Browser:
    """Give an officer a passkey the way that people do."""
    browser, token = Browser(mission, web, officer, phone_of(officer)), secrets.token_urlsafe(32)
    link = PasskeyInvite(
        officer=officer,
        token_sha256=canonical.sha256(token.encode()),
        until=now() + timedelta(hours=1),
        origin=ORIGIN,
        rp_id="localhost",
    )
    mcpe = await mission.desk("mcpe")
    assert (await mcpe.register(link))["accepted"]
    (invite,) = (await mcpe.board("authority"))["authority"]["invites"]
    assert (invite["officer"], invite["invited_by"]) == (officer, "mcpe")
    reply = await browser.enroll(token)
    (waits,) = (await mcpe.board("authority"))["authority"]["proposals"]
    assert (waits["proposal"], waits["asked"]) == (reply["proposal"], ["mcpe"])
    assert passkey_code(browser.device.passkey)
    assert (await browser.enroll(token))["error"]["code"] == "enrolment.link", "a link is used once"
    await confirm(mission, "cao", reply["proposal"])
    return browser


async def outcome(writer: Writer, request_id: str, seq: int = 0) -> Verdict:
    """The newest verdict on a request that has weighed an entry."""

    async def look() -> Verdict | None:
        verdict = await writer.verdict(request_id)
        return verdict if verdict and verdict.as_of >= seq else None

    found: Verdict = await eventually(look)
    return found


async def answered(writer: Writer, request_id: str) -> Receipt:
    """The receipt of the worker: delivered, or held back."""

    async def look() -> Receipt | None:
        entry = await writer.ledger.last(subjects.receipt(WEBSITE, request_id))
        receipt = Receipt.from_bytes(entry.data) if entry else None
        return receipt if receipt and (receipt.final or receipt.outcome == "withheld") else None

    found: Receipt = await eventually(look)
    return found


async def test_a_passkey_approves_what_is_posted_and_the_record_verifies(mission: Mission, web: Client) -> None:
    runtimes = await mission.run("registry", "eoc_state", "intake", "gatekeeper", "fanout", "board", "audit")
    board = await mission.writer("board")
    pio = await enrolled(mission, web, "pio")
    assert (await pio.send(subjects.DESK_EOC_ORDER, pio.order(CrisisDeclare(incident="Freshet"))))["accepted"]

    event = an_event("Wren Street is closed.")
    shown = await pio.preview(event)
    assert shown.author == "pio"
    event = event.model_copy(update={"time": shown.created_at})  # what was shown is what is kept, a second later too
    submitted = await pio.send(subjects.DESK_WEB_SUBMIT, pio.submission(event))
    assert submitted["request_id"] == shown.request_id
    again = await pio.send(subjects.DESK_WEB_SUBMIT, pio.submission(event))
    assert (again["seq"], again["duplicate"]) == (submitted["seq"], True)
    assert (await outcome(board, shown.request_id)).outcome is Outcome.BLOCKED

    approval = pio.approval(shown)
    first = await pio.send(subjects.DESK_APPROVAL_SUBMIT, approval)
    assert first.get("accepted"), first
    verdict = await outcome(board, shown.request_id, first["seq"])
    assert (verdict.outcome, verdict.approved_by) == (Outcome.CLEARED, ("pio",))
    assert (await answered(board, shown.request_id)).outcome == "delivered"
    assert (await pio.send(subjects.DESK_APPROVAL_SUBMIT, approval))["seq"] == first["seq"], "a repeat is the first one"
    await _attacks(mission, pio, shown, approval)

    newest = await board.ledger.last_seq()

    async def copied() -> bool:
        return verify_record(mission.city, now()).events >= newest

    await eventually(copied)
    for runtime in runtimes:
        await mission.stop(runtime)
    report = verify_record(mission.city, now())
    assert (report.violations, report.events >= newest) == ((), True)


async def _attacks(mission: Mission, pio: Browser, shown: PreviewReply, approval: Approval) -> None:
    """What the web service tries with what it has seen, and with its own key."""
    board = await mission.writer("board")
    before = await board.ledger.last_seq()

    async def code(base: str, body: Contract) -> str:
        return str((await pio.send(base, body))["error"]["code"])

    submit, eoc = subjects.DESK_APPROVAL_SUBMIT, subjects.DESK_EOC_ORDER
    by_key = load_key(mission.city.key_path("pio")).sign(APPROVAL_TYPE, pio.statement(shown))
    assert await code(submit, pio.wrapped(by_key, shown.request_id)) == "approval.sender", "keys speak for themselves"
    (kept,) = approval.envelope.signatures
    other = pio.approval(shown).envelope.model_copy(update={"signatures": (kept,)})
    assert await code(submit, pio.wrapped(other, shown.request_id)) == "approval.signature", "under another statement"
    as_cao = approval.model_copy(update={"officer": "cao"})
    assert await code(submit, as_cao) == "approval.sender"
    for wrong in ({"origin": "https://evil.example"}, {"crossOrigin": True}, {"flags": 1}, {"rp_id": "evil.example"}):
        assert await code(submit, pio.approval(shown, **wrong)) == "approval.signature", wrong
        assert await code(eoc, pio.order(Hold(on=True), **wrong)) == "order.signature", wrong
        refused = pio.submission(an_event("Another one."), **wrong)
        assert await code(subjects.DESK_WEB_SUBMIT, refused) == "submission.signature", wrong
    stranger = Browser(mission, pio.web, "pio", phone_of("stranger"))
    assert await code(submit, stranger.approval(shown)) == "approval.signature"
    assert await code(eoc, stranger.order(Hold(on=True))) == "order.signature"
    foreign = Browser(mission, pio.web, "cao", pio.device)
    assert await code(eoc, foreign.order(Hold(on=True))) == "order.signature", "his phone is not the cao's"
    assert await board.ledger.last_seq() == before


async def test_an_order_counts_once_and_a_lost_phone_no_more(mission: Mission, web: Client) -> None:
    await mission.run("registry", "eoc_state", "board")
    pio = await enrolled(mission, web, "pio")
    on = pio.order(Hold(on=True))
    assert (await pio.send(subjects.DESK_EOC_ORDER, on))["changed"]
    seq = (await pio.send(subjects.DESK_EOC_ORDER, on))["control_seq"]
    desk = await mission.desk("pio")
    held = (await desk.board("eoc"))["eoc"]["hold_seq"]
    assert (await desk.order(Hold(on=False, hold=held)))["changed"]
    state = await (await mission.writer("board")).state()
    assert (await pio.send(subjects.DESK_EOC_ORDER, on))["control_seq"] >= seq
    assert not (await (await mission.writer("board")).state()).hold, "an order that was carried out is not again"
    assert state.officers["pio"].passkeys == (pio.device.passkey,)

    gone = PasskeyRemove(officer="pio", credential=pio.device.passkey.credential)
    assert (await desk.register(gone))["changed"]
    reply = await pio.send(subjects.DESK_EOC_ORDER, pio.order(Hold(on=True)))
    assert reply["error"]["code"] == "order.signature"


async def test_a_person_who_has_a_passkey_alone_acts_like_any_other(mission: Mission, web: Client) -> None:
    await mission.run("registry", "eoc_state", "board")
    dana = Officer(id="dana", name="Dana Cho", grants=(Grant(role=Role.PIO),))
    proposed = await (await mission.desk("mcpe")).register(OfficerAdd(officer=dana))
    await confirm(mission, "cao", proposed["proposal"])
    browser = await enrolled(mission, web, "dana")
    assert (await browser.send(subjects.DESK_EOC_ORDER, browser.order(Hold(on=True))))["changed"]
    reply = await browser.send(subjects.DESK_BOARD_QUERY, BoardQuery(query="officers"))
    (view,) = [one for one in reply["officers"] if one["officer"]["id"] == "dana"]
    assert [one["label"] for one in view["officer"]["passkeys"]] == ["dana"]


FORGED: dict[str, Any] = {
    "another statement's signature": lambda pio, request: sealed(
        APPROVAL_TYPE,
        pio.statement(request),
        pio.device.answer(secrets.token_bytes(32)),
    ),
    "another origin": lambda pio, request: pio.approval(request, origin="https://evil.example").envelope,
    "a frame": lambda pio, request: pio.approval(request, topOrigin="https://evil.example").envelope,
    "not verified": lambda pio, request: pio.approval(request, flags=0x19).envelope,
    "one bit": lambda pio, request: _bent(pio.approval(request).envelope),
    "a stranger's phone": lambda pio, request: phone_of("stranger").sign(APPROVAL_TYPE, pio.statement(request)),
}


def _bent(envelope: Envelope) -> Envelope:
    (one,) = envelope.signatures
    raw = bytearray(base64.b64decode(one.sig))
    raw[-1] ^= 1
    return envelope.model_copy(update={"signatures": (one.model_copy(update={"sig": base64.b64encode(raw).decode()}),)})


async def attempted(mission: Mission, request: Request) -> int:
    """Append an attempt with the fan-out's stolen key, as its worker does; return its sequence."""
    thief = await mission.writer("fanout")
    last, state = await thief.ledger.last(subjects.verdict(request.request_id)), await thief.state()
    assert last is not None
    event = an_attempt(
        state.seq,
        request.request_id,
        WEBSITE,
        platform="website",
        verdict_seq=last.seq,
        digest=request.digest,
        rendering_sha256=next(one.sha256 for one in request.renderings if one.platform == "website"),
        rule=2,
    )
    subject, fence = subjects.attempt(WEBSITE, request.request_id), (subjects.CONTROL, state.seq)
    seq = (await thief.ledger.append(subject, event, fence=fence)).seq
    await thief.receipt(request, seq, WEBSITE)
    await thief.client.close()
    return seq


async def test_gate_worker_and_audit_each_refuse_a_forged_approval(mission: Mission, web: Client) -> None:
    """With the keys of intake and of the gate a thief writes approvals and clearances; nothing is posted, all is found.

    The gate runs for the first look; then it is stopped, and the thief clears in its name.
    """
    runtimes = await mission.run("registry", "eoc_state", "intake", "gatekeeper", "fanout", "board", "audit")
    gate = next(one for one in runtimes if one.row.name == "gatekeeper")
    pio = await enrolled(mission, web, "pio")
    assert (await pio.send(subjects.DESK_EOC_ORDER, pio.order(CrisisDeclare(incident="Freshet"))))["accepted"]
    intake, board = await mission.writer("intake"), await mission.writer("board")
    requests = {name: await intake.submit(targets=(WEBSITE,), crisis=True, text=name) for name in FORGED}
    for name, forge in FORGED.items():
        request = requests[name]
        event = pio.wrapped(forge(pio, request), request.request_id)
        appended = await intake.ledger.append(subjects.approval(request.request_id, "pio"), event)
        await gate.projection.at_least(appended.seq)
    for name, request in requests.items():
        verdict = await outcome(board, request.request_id)
        assert (verdict.outcome, verdict.approved_by) == (Outcome.BLOCKED, ()), name
    await mission.stop(gate)

    thief = await mission.writer("gatekeeper")
    for name, request in requests.items():
        state, last = await thief.state(), await thief.ledger.last(subjects.verdict(request.request_id))
        assert last is not None
        cleared = Verdict.from_bytes(last.data).model_copy(
            update={
                "outcome": Outcome.CLEARED,
                "approved_by": ("pio",),
                "control_seq": state.seq,
                "as_of": last.seq,
                "targets": request.targets,
                "valid_until": now() + timedelta(minutes=10),
            }
        )
        await thief.ledger.append(subjects.verdict(request.request_id), cleared, expect_last=last.seq)
        receipt = await answered(board, request.request_id)
        assert (receipt.outcome, receipt.reason[:17]) == ("withheld", "No valid approval"), (name, receipt)
        assert await board.ledger.last(subjects.attempt(WEBSITE, request.request_id)) is None, name

    for runtime in runtimes:
        if runtime.row.name == "fanout":
            await mission.stop(runtime)
    attempts = {await attempted(mission, request) for request in requests.values()}
    newest = await board.ledger.last_seq()

    async def copied() -> bool:
        return verify_record(mission.city, now()).events >= newest

    await eventually(copied)
    report = verify_record(mission.city, now())
    void = [one for one in report.warnings if one.code == "approval.signature"]
    assert len(void) == len(FORGED), report.warnings
    found = {one.seq for one in report.violations if one.code == "warrant.no_signature"}
    assert found == attempts, report.violations
