"""Pictures and officers' decisions on the real path."""

from __future__ import annotations

import asyncio
import io
import secrets
from datetime import timedelta
from typing import Any

import nats.errors
import pytest
from PIL import Image

from schemas import streams, subjects
from schemas.canonical import sha256
from schemas.events.approvals import Approval
from schemas.events.requests import Request, SubmissionEvent
from schemas.events.verdicts import Outcome
from services.intake.decisions import Decisions
from services.intake.domain.approval import read_statement
from services.intake.earlier import EarlierRequests
from services.intake.handlers import IntakeHandlers
from services.intake.preparation import Preparation
from services.intake.revisions import Revisions
from services.intake.sender_quotas import SenderQuotas
from services.kernel.authority.signing import Signer, new_seed
from services.kernel.base.errors import Exit, Refused
from services.kernel.ledger.client import Conflict
from services.kernel.ledger.drift import stream_config
from services.provision.broker.connection import as_provisioner
from tests.integration.intake.conftest import IntakeCity, approval_now, brief, event, passed
from tests.support.broker import connect, jetstream
from tests.support.messages import verdict_on
from tests.support.mission import PATIENCE, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


def refusal(answer: dict[str, Any]) -> tuple[str, int]:
    error = answer["error"]
    assert error["message"]
    assert error["hint"]
    return error["code"], error["exit_status"]


async def submitted(town: IntakeCity, **data: Any) -> Request:
    answer = await town.submit("drivebc", event(**data))
    assert answer["accepted"] is True
    return await town.stored(answer["request_id"])


async def append_verdict(town: IntakeCity, request: Request, outcome: Outcome) -> int:
    """Append a verdict as the gatekeeper would, with its own key."""
    client = await connect(town.mission.url, town.city.service_key_path("gatekeeper"), "gatekeeper")
    await town.intake.catch_up()
    verdict = verdict_on(request, town.now(), outcome=outcome, valid_until=None, control_seq=town.intake.control.seq)
    ack = await jetstream(client).publish(subjects.verdict(request.request_id), verdict.to_bytes())
    await client.close()
    return ack.seq


async def test_an_approval_is_on_record_and_a_repeat_gets_the_same_reply(town: IntakeCity) -> None:
    """The very same envelope is known again; one entry stands; the service's own time is kept."""
    request = await submitted(town)
    approval = approval_now(request, "mcpe", town.signer("mcpe"))
    first = await town.decide("mcpe", approval)
    assert first["accepted"] is True
    later = approval.model_copy(update={"at": approval.at - timedelta(days=400)})
    assert await town.decide("mcpe", later) == first
    stored = await town.history(subjects.approval(request.request_id, "mcpe"))
    assert len(stored) == 1
    assert Approval.from_bytes(stored[0]).envelope == approval.envelope
    assert Approval.from_bytes(stored[0]).at >= approval.at


async def test_the_same_approval_many_times_at_once(town: IntakeCity) -> None:
    """However the repeats race, one stands."""
    request = await submitted(town)
    approval = approval_now(request, "mcpe", town.signer("mcpe"))
    answers = await asyncio.gather(*(town.decide("mcpe", approval) for _ in range(10)))
    assert {answer["seq"] for answer in answers} == {answers[0]["seq"]}
    assert len(await town.history(f"ledger.approval.{request.request_id}.*")) == 1


@pytest.mark.parametrize(
    ("changes", "code", "status"),
    [
        ({"digest": "0" * 64}, "approval.digest", 4),
        ({"renderings": {"mastodon": "0" * 64}}, "approval.digest", 4),
        ({"revision": 2}, "approval.revision", 4),
        ({"realm": "exercise"}, "approval.realm", 4),
        ({"targets": ("water-townsquare",)}, "approval.targets", 4),
        ({"scope": "all-departments"}, "approval.targets", 4),
    ],
)
async def test_an_approval_of_something_else(town: IntakeCity, changes: dict[str, Any], code: str, status: int) -> None:
    """Another digest, revision, realm, other targets: refused, nothing stored."""
    request = await submitted(town)
    approval = approval_now(request, "mcpe", town.signer("mcpe"), **changes)
    assert refusal(await town.decide("mcpe", approval)) == (code, status)
    assert not await town.history(f"ledger.approval.{request.request_id}.*")


async def test_an_approval_may_name_all_profiles_of_a_large_city(town: IntakeCity) -> None:
    """It was too large for a submission: the message of a city of 5,000 could be neither approved nor rejected."""
    request = await submitted(town)
    many = tuple(f"parks-recreation-and-culture-office-on-the-platform-{number:04}" for number in range(5_000))
    approval = approval_now(request, "mcpe", town.signer("mcpe"), targets=many)
    assert refusal(await town.decide("mcpe", approval)) == ("approval.targets", 4)


async def test_times(town: IntakeCity) -> None:
    """Expired, dated ahead, lasting too long, backwards."""
    request = await submitted(town)
    now, minute = town.now(), timedelta(minutes=1)
    for issued, expires, code, status in (
        (now - 20 * minute, now - minute, "approval.expired", 4),
        (now + 5 * minute, now + 6 * minute, "approval.future", 4),
        (now, now + 600 * minute, "approval.too_long", 4),
        (now, now - minute, "approval.times", 2),
    ):
        approval = approval_now(request, "mcpe", town.signer("mcpe"), issued_at=issued, expires_at=expires)
        assert refusal(await town.decide("mcpe", approval)) == (code, status)


async def test_signatures_and_senders(town: IntakeCity) -> None:
    """A stranger's key, another officer's key, another sender, a moved request, a broken signature."""
    request, other = await submitted(town), await submitted(town)
    stranger = approval_now(request, "mcpe", Signer(new_seed()))
    assert refusal(await town.decide("mcpe", stranger)) == ("approval.signature", 4)
    borrowed = approval_now(request, "mcpe", town.signer("clerk"))
    assert refusal(await town.decide("mcpe", borrowed)) == ("approval.signature", 4)
    genuine = approval_now(request, "mcpe", town.signer("mcpe"))
    assert refusal(await town.decide("clerk", genuine)) == ("approval.sender", 4)
    moved = genuine.model_copy(update={"request_id": other.request_id})
    assert refusal(await town.decide("mcpe", moved)) == ("approval.request", 4)
    signature = genuine.envelope.signatures[0]
    bent = signature.model_copy(update={"sig": ("A" if signature.sig[0] != "A" else "B") + signature.sig[1:]})
    broken = genuine.envelope.model_copy(update={"signatures": (bent,)})
    answer = await town.decide("mcpe", genuine.model_copy(update={"envelope": broken}))
    assert refusal(answer) == ("approval.signature", 4)
    for one in (request, other):
        assert not await town.history(f"ledger.approval.{one.request_id}.*")


async def test_a_replayed_nonce(town: IntakeCity) -> None:
    """A second statement with a nonce that is on record."""
    request, nonce = await submitted(town), secrets.token_hex(16)
    signer = town.signer("mcpe")
    assert (await town.decide("mcpe", approval_now(request, "mcpe", signer, nonce=nonce)))["accepted"]
    again = approval_now(request, "mcpe", signer, nonce=nonce, decision="reject", reason="no")
    assert refusal(await town.decide("mcpe", again)) == ("approval.replayed", 4)


async def test_someone_without_the_role(town: IntakeCity) -> None:
    """The clerk and the cao cannot clear routine content of others; the hint names who can."""
    request = await submitted(town)
    for name in ("clerk", "cao"):
        answer = await town.decide(name, approval_now(request, name, town.signer(name)))
        assert refusal(answer) == ("approval.no_authority", Exit.REFUSED)
        assert "mcpe" in answer["error"]["hint"]
    assert (
        await town.decide("fire-publisher", approval_now(request, "fire-publisher", town.signer("fire-publisher")))
    )["accepted"]


async def test_findings_must_be_acknowledged(town: IntakeCity) -> None:
    request = await submitted(town, text="Call Jane at 604-555-0142.")
    bare = approval_now(request, "mcpe", town.signer("mcpe"), acknowledged=())
    assert refusal(await town.decide("mcpe", bare)) == ("approval.not_acknowledged", 4)
    assert (await town.decide("mcpe", approval_now(request, "mcpe", town.signer("mcpe"))))["accepted"]


async def test_malformed_and_unknown(town: IntakeCity) -> None:
    """What is no approval, and an approval of a request that does not exist."""
    request = await submitted(town)
    genuine = approval_now(request, "mcpe", town.signer("mcpe"))
    for raw, code in (
        (b"{}", "input.invalid"),
        (b"\xff", "input.malformed"),
        (genuine.to_bytes().replace(b"{", b'{"at":"x",', 1), "input.malformed"),
    ):
        assert refusal(await town.ask(subjects.DESK_APPROVAL_SUBMIT, "mcpe", raw)) == (code, 2)
    empty = genuine.envelope.model_copy(update={"payload": "e30="})
    answer = await town.decide("mcpe", genuine.model_copy(update={"envelope": empty}))
    assert refusal(answer) == ("approval.malformed", 2)
    nowhere = approval_now(request, "mcpe", town.signer("mcpe"), request_id="rnowhere")
    assert refusal(await town.decide("mcpe", nowhere)) == ("request.unknown", 2)


async def test_a_rejection_does_not_slip_in_behind_a_clearing(town: IntakeCity) -> None:
    """After a cleared verdict it is told to withdraw; after a blocked one it is there."""
    request = await submitted(town)
    await append_verdict(town, request, Outcome.BLOCKED)
    no = approval_now(request, "mcpe", town.signer("mcpe"), decision="reject", acknowledged=(), reason="wrong bridge")
    assert (await town.decide("mcpe", no))["accepted"]
    other = await submitted(town)
    await append_verdict(town, other, Outcome.CLEARED)
    late = approval_now(other, "mcpe", town.signer("mcpe"), decision="reject", acknowledged=())
    answer = await town.decide("mcpe", late)
    assert refusal(answer) == ("request.already_cleared", 4)
    assert f"onevoice withdraw {other.request_id}" in answer["error"]["hint"]
    assert not await town.history(f"ledger.approval.{other.request_id}.*")
    refused = await submitted(town)
    await append_verdict(town, refused, Outcome.REFUSED)
    assert refusal(await town.decide("mcpe", approval_now(refused, "mcpe", town.signer("mcpe")))) == (
        "request.refused",
        4,
    )


def handlers_of(town: IntakeCity) -> IntakeHandlers:
    """The handlers of intake, as its wiring makes them."""
    preparation = Preparation(town.intake, EarlierRequests(town.intake))
    quotas = SenderQuotas(town.intake)
    return IntakeHandlers(town.intake, preparation, Decisions(town.intake), Revisions(town.intake), quotas)


async def test_the_fence_holds_when_a_clearing_comes_between_look_and_append(town: IntakeCity) -> None:
    """The server itself refuses the rejection; the next look tells the officer why."""
    handlers = handlers_of(town)
    request = await submitted(town)
    no = approval_now(request, "mcpe", town.signer("mcpe"), decision="reject", acknowledged=())
    seen = await handlers.decisions.context_of(request.request_id)
    await append_verdict(town, request, Outcome.CLEARED)
    with pytest.raises(Conflict):
        await handlers.decisions.append(no, read_statement(no, "mcpe"), seen)
    with pytest.raises(Refused) as caught:
        await handlers.on_approval(no, "mcpe")
    assert caught.value.code == "request.already_cleared"


async def test_a_submission_counts_under_the_posture_where_it_stands(town: IntakeCity) -> None:
    """Control changes between look and append: the entry says what intake knew, the fold what holds."""
    handlers = handlers_of(town)
    append = town.intake.ledger.append

    async def change_first(*args: Any, **options: Any) -> Any:
        town.intake.ledger.append = append  # type: ignore[method-assign]
        assert "error" not in await town.order("pio", action="crisis_declare", incident="Slide")
        return await append(*args, **options)

    town.intake.ledger.append = change_first  # type: ignore[method-assign]
    try:
        reply = await handlers.on_submit(SubmissionEvent.from_value(event()), "clerk")
    finally:
        town.intake.ledger.append = append  # type: ignore[method-assign]
        await town.intake.projection.at_least(reply.seq, PATIENCE)
        counts = town.intake.fold.requests[reply.request_id].request.submitted_posture
        ended = await town.order("pio", action="crisis_end")
    assert (await town.stored(reply.request_id)).submitted_posture == "routine"
    assert counts == "crisis"
    assert "error" not in ended


async def test_withdrawn_and_expired_requests(town: IntakeCity) -> None:
    gone = await submitted(town)
    assert "error" not in await town.order("mcpe", action="withdraw", request_id=gone.request_id, reason="wrong")
    assert refusal(await town.decide("mcpe", approval_now(gone, "mcpe", town.signer("mcpe")))) == (
        "request.withdrawn",
        4,
    )
    _, answer, expires = await brief(town, "drivebc")
    late = await town.stored(answer["request_id"])
    await passed(town, expires)
    assert refusal(await town.decide("mcpe", approval_now(late, "mcpe", town.signer("mcpe")))) == ("request.expired", 4)


def picture(form: str = "JPEG", colour: str = "navy", **options: Any) -> bytes:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "SECRET-PLACE"
    Image.new("RGB", (60, 40), colour).save(out, form, exif=exif, **options)
    return out.getvalue()


async def test_a_picture_is_kept_without_its_metadata_and_can_be_posted(town: IntakeCity) -> None:
    """Put, named in a submission, fetched again by its hash."""
    raw = picture(colour="teal")
    assert b"SECRET-PLACE" in raw
    reply = await town.ask(subjects.DESK_MEDIA_PUT, "clerk", raw)
    assert (reply["media_type"], reply["width"], reply["height"]) == ("image/jpeg", 60, 40)
    kept = await town.intake.ledger.get_upload(reply["sha256"])
    assert sha256(kept) == reply["sha256"]
    assert len(kept) == reply["size"]
    assert b"SECRET-PLACE" not in kept
    assert await town.ask(subjects.DESK_MEDIA_PUT, "clerk", raw) == reply
    named = {"sha256": reply["sha256"], "media_type": "image/jpeg", "alt": "IMG_0001.jpg"}
    message = event(text="With a picture. https://mission.example/picture", pictures=[named])
    assert (await town.preview("clerk", message))["targets"]
    assert refusal(await town.submit("clerk", event(targets=["nobody"], pictures=[named])))[1] == 2
    with pytest.raises(LookupError):  # neither a preview nor what was refused names it
        await town.intake.ledger.get_media(reply["sha256"])
    submitted = await town.submit("clerk", message)
    assert await town.intake.ledger.get_media(reply["sha256"]) == kept
    request = await town.stored(submitted["request_id"])
    assert [finding.code for finding in request.screening] == ["alt-missing"]
    assert request.renderings[0].content().pictures[0].sha256 == reply["sha256"]
    wrong = named | {"media_type": "image/png"}
    assert refusal(await town.submit("clerk", event(pictures=[wrong]))) == ("picture.type", 2)


async def test_a_picture_that_no_message_names_goes_and_one_that_is_named_stays(town: IntakeCity) -> None:
    """The server takes it away; a second stands for the day."""
    async with as_provisioner(town.city, town.mission.url) as client:
        js = client.jetstream(timeout=PATIENCE)
        usual = stream_config(next(one for one in streams.STREAMS if one.name == streams.UPLOADS))
        replies = [await town.ask(subjects.DESK_MEDIA_PUT, "clerk", picture(form)) for form in ("JPEG", "PNG")]
        assert len({one["sha256"] for one in replies}) == 2
        named, left = ({"alt": "The road."} | {name: one[name] for name in ("sha256", "media_type")} for one in replies)
        text = "Look. https://mission.example/picture"
        await town.stored((await town.submit("clerk", event(text=text, pictures=[named])))["request_id"])

        async def empty() -> bool:
            return not (await js.stream_info(streams.UPLOADS)).state.messages

        try:
            await js.update_stream(usual.evolve(max_age=1.0, duplicate_window=1.0))
            await eventually(empty)
        finally:
            await js.update_stream(usual)
    assert await town.intake.ledger.get_upload(named["sha256"])
    assert refusal(await town.submit("clerk", event(text=text, pictures=[left]))) == ("picture.unknown", 2)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "picture.empty"),
        (b"no picture", "picture.type"),
        (b"GIF89a", "picture.type"),
        (picture()[:150], "picture.broken"),
        (b'{"json": true}', "picture.type"),
    ],
)
async def test_bad_pictures(town: IntakeCity, raw: bytes, code: str) -> None:
    assert refusal(await town.ask(subjects.DESK_MEDIA_PUT, "clerk", raw)) == (code, 2)


async def test_a_revoked_officer(town: IntakeCity) -> None:
    """From the revocation on, neither approvals nor submissions of that officer are taken."""
    request = await submitted(town)
    # An officer that no other test needs: this one does not come back.
    approval = approval_now(request, "comms-officer", town.signer("comms-officer"))
    await town.user("comms-officer")
    assert "error" not in await town.order("mcpe", action="revoke", officer="comms-officer")
    assert refusal(await town.decide("comms-officer", approval)) == ("approval.revoked", 4)
    assert refusal(await town.submit("comms-officer", event())) == ("sender.revoked", 4)
    assert refusal(await town.ask(subjects.DESK_MEDIA_PUT, "comms-officer", picture())) == ("sender.revoked", 4)


async def test_a_system_may_not_decide_preview_or_put_pictures(town: IntakeCity) -> None:
    """Its NATS user has no right to: nothing reaches intake, nothing is answered."""
    client = await town.user("drivebc")
    for base in (subjects.DESK_APPROVAL_SUBMIT, subjects.DESK_MEDIA_PUT, subjects.DESK_REQUEST_PREVIEW):
        with pytest.raises(nats.errors.Error):
            await client.request(subjects.desk(base, "drivebc"), b"{}", timeout=0.5)
