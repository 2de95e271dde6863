"""Submissions on the real path: NATS user, service import, intake, ledger."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from schemas import canonical, subjects
from schemas.events.desk import PreviewReply
from tests.integration.intake.conftest import IntakeCity, approval_now, brief, event, passed
from tests.support.mission import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="module")


def error_of(answer: dict[str, Any]) -> tuple[str, int]:
    error = answer["error"]
    assert error["message"]
    assert error["hint"]
    return error["code"], error["exit_status"]


async def test_a_systems_event_is_accepted_and_on_record(town: IntakeCity) -> None:
    """The reply names the request once it is in the ledger."""
    answer = await town.submit("drivebc", event(severity="severe"))
    assert answer["accepted"] is True
    request = await town.stored(answer["request_id"])
    assert (request.author, request.author_kind, request.severity) == ("drivebc", "system", "severe")
    assert [one.platform for one in request.renderings] == ["mastodon", "website"]
    entry = await town.intake.ledger.get(answer["seq"])
    assert entry is not None
    assert entry.subject == subjects.request(answer["request_id"])


async def test_a_repeat_gets_the_same_request_also_when_it_would_be_too_late_now(town: IntakeCity) -> None:
    """Also days later: the ledger itself is asked, before the clock is."""
    expiring, first, expires = await brief(town, "drivebc")
    again = await town.submit("drivebc", expiring)
    assert again == first | {"duplicate": True}
    await passed(town, expires)
    assert await town.submit("drivebc", expiring | {"time": town.now().isoformat()}) == again
    fresh = expiring | {"id": "another"}
    assert error_of(await town.submit("drivebc", fresh)) == ("expires.past", 2)
    assert len(await town.history(subjects.request(first["request_id"]))) == 1


async def test_the_same_id_with_other_content_is_a_conflict_and_another_user_is_not(town: IntakeCity) -> None:
    """One event id names one message of one user."""
    first = event()
    kept = await town.submit("drivebc", first)
    other = first | {"data": first["data"] | {"text": "Highway 7 is open."}}
    assert error_of(await town.submit("drivebc", other)) == ("request.conflict", 2)
    mine = await town.submit("clerk", first)
    assert mine["accepted"] is True
    assert mine["request_id"] != kept["request_id"]


async def test_many_at_once_with_one_id_make_one_request(town: IntakeCity) -> None:
    """However the repeats race, one stands, and all are told the same."""
    same = event()
    answers = await asyncio.gather(*(town.submit("drivebc", same) for _ in range(12)))
    assert {answer["request_id"] for answer in answers} == {answers[0]["request_id"]}
    assert {answer["seq"] for answer in answers} == {answers[0]["seq"]}
    assert len(await town.history(subjects.request(answers[0]["request_id"]))) == 1


async def test_many_at_once_with_one_id_and_different_content(town: IntakeCity) -> None:
    """One wins, the others are told of the conflict, nothing is stored twice."""
    base = event()
    rivals = [base | {"data": base["data"] | {"text": f"Version {number}."}} for number in range(8)]
    answers = await asyncio.gather(*(town.submit("drivebc", rival) for rival in rivals))
    accepted = [answer for answer in answers if answer.get("accepted")]
    assert len(accepted) == 1
    assert {answer["error"]["code"] for answer in answers if "error" in answer} == {"request.conflict"}
    assert len(await town.history(subjects.request(accepted[0]["request_id"]))) == 1


async def test_preview_keeps_nothing_and_submitting_it_yields_its_digest(town: IntakeCity) -> None:
    """What people saw is what they sign is what is kept, byte for byte."""
    asked = event(text="Leave the lower town now.", link="https://mission.example/leave", crisis=True)
    before = await town.intake.ledger.last_seq()
    preview = PreviewReply.from_value(await town.preview("clerk", asked))
    assert await town.intake.ledger.last(subjects.request(preview.request_id)) is None
    assert await town.intake.ledger.last_seq() == before
    await asyncio.sleep(1.1)
    answer = await town.submit("clerk", asked | {"time": preview.created_at.isoformat()})
    request = await town.stored(answer["request_id"])
    assert request.request_id == preview.request_id
    assert request.digest == preview.digest
    assert request.renderings == preview.renderings
    assert (await town.decide("mcpe", approval_now(preview, "mcpe", town.signer("mcpe"))))["accepted"]


async def test_all_departments_is_frozen_at_submission(town: IntakeCity) -> None:
    """Every official departmental profile, none of the city's own."""
    answer = await town.submit("clerk", event(targets="all-departments"))
    request = await town.stored(answer["request_id"])
    state = await town.intake.catch_up()
    assert request.scope == "all-departments"
    assert request.targets == state.departmental_profiles()
    assert len(request.targets) >= 12


async def test_what_screening_finds_is_on_record_masked(town: IntakeCity) -> None:
    """The approver will see it; the number itself is in no finding."""
    answer = await town.submit("clerk", event(text="Call Jane at 604-555-0142, SIN 046 454 286."))
    request = await town.stored(answer["request_id"])
    assert [finding.code for finding in request.screening] == ["link-missing", "sin", "phone"]
    assert "454" not in "".join(finding.where for finding in request.screening)


BAD_DATA: list[tuple[dict[str, Any], str, int]] = [
    ({"text": ""}, "text.empty", 2),
    ({"text": " \n "}, "text.empty", 2),
    ({"text": "a" * 65_537}, "text.too_long", 2),
    ({"text": "bell \x07"}, "text.control", 2),
    ({"text": "safe \u202e evil"}, "text.bidi", 2),
    ({"text": "zero\u200bwidth"}, "text.hidden", 2),
    ({"text": "word " * 200}, "text.too_long_for_platform", 2),
    ({"targets": []}, "targets.empty", 2),
    ({"targets": ["fire-townsqare"]}, "profile.unknown", 2),
    ({"targets": ["fire.townsquare"]}, "input.invalid", 2),
    ({"targets": ["fire-*"]}, "input.invalid", 2),
    ({"targets": [">"]}, "input.invalid", 2),
    ({"targets": ["fire townsquare"]}, "input.invalid", 2),
    ({"targets": "everybody"}, "input.invalid", 2),
    ({"expires": "2020-01-01T00:00:00Z"}, "expires.past", 2),
    ({"expires": "2999-01-01T00:00:00Z"}, "expires.too_far", 2),
    ({"expires": "2999-01-01T00:00:00"}, "input.invalid", 2),
    ({"expires": "tomorrow"}, "input.invalid", 2),
    ({"link": "ftp://mission.example"}, "input.invalid", 2),
    ({"link": "javascript:alert(1)"}, "input.invalid", 2),
    ({"link": "https://mission.example@evil.example/"}, "link.userinfo", 2),
    ({"variants": {"bluesky": "short"}}, "variant.unused", 2),
    ({"variants": {"mastodon": "a\u2066b"}}, "text.bidi", 2),
    ({"severity": "terrible"}, "input.invalid", 2),
    ({"crisis": None}, "input.invalid", 2),
    ({"shout": True}, "input.invalid", 2),
    ({"pictures": [{"sha256": "0" * 64, "media_type": "image/png", "alt": "A map"}]}, "picture.unknown", 2),
    ({"pictures": [{"sha256": "0" * 64, "media_type": "image/png"}]}, "input.invalid", 2),
    ({"pictures": [{"sha256": "../../etc", "media_type": "image/png", "alt": "A map"}]}, "input.invalid", 2),
]


@pytest.mark.parametrize(("data", "code", "status"), BAD_DATA)
async def test_bad_data_gets_one_clear_error_and_stores_nothing(
    town: IntakeCity, data: dict[str, Any], code: str, status: int
) -> None:
    """Each with its code, its message, its hint; the ledger does not grow; the same for a preview."""
    before = await town.intake.ledger.last_seq()
    for ask in (town.submit, town.preview):
        assert error_of(await ask("clerk", event(**data))) == (code, status)
    assert await town.intake.ledger.last_seq() == before


RAW: list[tuple[bytes, str]] = [
    (b"", "input.malformed"),
    (b"hello", "input.malformed"),
    (b"\xff\xfe{}", "input.malformed"),
    (b'{"text": "\xc3("}', "input.malformed"),
    (b"[]", "input.invalid"),
    (b"null", "input.invalid"),
    (b"{}", "input.invalid"),
    (b'{"id": "1", "id": "2"}', "input.malformed"),
    (b'{"id": NaN}', "input.malformed"),
    (b"[" * 20_000 + b"]" * 20_000, "input.malformed"),
    (b'{"a":' * 40 + b"1" + b"}" * 40, "input.malformed"),
    (b'{"data": "' + b"x" * 1_100_000 + b'"}', "input.too_large"),
]


@pytest.mark.parametrize(("raw", "code"), RAW)
async def test_bad_json_gets_one_clear_error(town: IntakeCity, raw: bytes, code: str) -> None:
    """Invalid UTF-8, doubled keys, depth, a megabyte: answered, and the service lives."""
    before = await town.intake.ledger.last_seq()
    assert error_of(await town.submit("drivebc", raw)) == (code, 2)
    assert await town.intake.ledger.last_seq() == before


async def test_an_escaped_half_character_is_answered(town: IntakeCity) -> None:
    r"""JSON may spell an unpaired surrogate as \ud800; the answer is an error, not silence."""
    raw = canonical.dumps(event(text="HALF")).replace(b"HALF", b"half \\ud800 character")
    assert error_of(await town.submit("clerk", raw)) == ("input.malformed", 2)


@pytest.mark.parametrize(
    "change",
    [
        {"specversion": "0.3"},
        {"type": "ca.onevoice.request.submitted.v2"},
        {"id": ""},
        {"source": "x" * 2_000},
        {"time": "yesterday"},
    ],
)
async def test_a_broken_envelope_is_named(town: IntakeCity, change: dict[str, Any]) -> None:
    """The CloudEvents attributes are checked too."""
    assert error_of(await town.submit("drivebc", event() | change))[0] == "input.invalid"


async def test_control_characters_in_the_events_name(town: IntakeCity) -> None:
    """They would end up on people's terminals."""
    assert error_of(await town.submit("drivebc", event(id="\x1b[2J")))[0] == "event.id"
    assert error_of(await town.submit("drivebc", event(source="a\u202eb")))[0] == "event.source"


async def test_a_request_submitted_under_eoc_says_so(town: IntakeCity) -> None:
    """Stand-down later does not lift what was submitted under EOC."""
    assert "error" not in await town.order("eoc-director", action="eoc_activate", level=2, incident="Flood")
    try:
        await town.intake.catch_up()
        under = await town.submit("drivebc", event())
        assert (await town.stored(under["request_id"])).submitted_posture in ("eoc_activating", "eoc_active")
        await town.wait_for_posture("eoc_active")
    finally:
        stood_down = await town.order("eoc-director", action="eoc_stand_down")
    assert "error" not in stood_down
    await town.intake.catch_up()
    after = await town.submit("drivebc", event())
    assert (await town.stored(after["request_id"])).submitted_posture == "routine"
    again = await town.submit("drivebc", event())
    assert again["accepted"] is True


async def test_cloudevents_as_their_sdks_send_them(town: IntakeCity) -> None:
    """Extension attributes, a charset, and binary mode with the attributes in headers, over the real broker."""
    extended = event() | {"traceparent": "00-1", "datacontenttype": "application/json; charset=utf-8"}
    accepted = await town.submit("drivebc", extended)
    assert accepted["accepted"] is True
    plain = {name: value for name, value in extended.items() if name not in ("data", "datacontenttype")}
    headers = {f"ce-{name}": value for name, value in plain.items()} | {"Content-Type": "application/json"}
    client = await town.user("drivebc")
    subject = subjects.desk(subjects.DESK_REQUEST_SUBMIT, "drivebc")
    answer = await client.request(subject, canonical.dumps(extended["data"]), timeout=PATIENCE, headers=headers)
    assert canonical.loads(answer.data)["request_id"] == accepted["request_id"]
