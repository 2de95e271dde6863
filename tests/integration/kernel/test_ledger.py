"""The ledger on a real nats-server: append, fence, compare-and-set, repeats, reads, and a broker that is gone."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio
from nats.js.errors import APIError

from schemas import canonical, subjects
from schemas.events.control import EocActive, Hold
from schemas.events.deliveries import Attempt
from schemas.events.requests import Request
from services.kernel.base.city import City
from services.kernel.base.errors import Unproven, Unreachable
from services.kernel.control.control_state import ControlState
from services.kernel.ledger.asking import USUAL, AskLimits
from services.kernel.ledger.client import Conflict, Ledger
from services.kernel.ledger.entry import parse_time
from services.kernel.projection.source import NatsSource
from tests.support.ledger_contract import LedgerContract, Stage
from tests.support.mission import FIRE, Mission, a_request, copy_city, eventually, now

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(made_city: City, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mission]:
    """One broker for the tests that do not end it; each uses ids of its own."""
    async with Mission(copy_city(made_city, tmp_path_factory.mktemp("ledger") / "mission")) as running:
        await running.begin()
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def intake(shared: Mission) -> Ledger:
    return (await shared.writer("intake")).ledger


@pytest_asyncio.fixture(loop_scope="module")
async def state(shared: Mission) -> ControlState:
    """The control state as the test finds it: others move the fence."""
    return await (await shared.writer("intake")).state()


@pytest_asyncio.fixture(loop_scope="module")
async def stage(intake: Ledger, state: ControlState) -> Stage:
    return Stage(intake, state, NatsSource(intake))


class TestOnNats(LedgerContract):
    """The suite that the simulation's ledger passes too."""


@pytest.fixture
def request_event(state: ControlState) -> Request:
    return a_request(state)


async def test_the_fence_refuses_what_was_decided_before_the_last_control_change(shared: Mission) -> None:
    fanout = await shared.writer("fanout")
    intake = await shared.writer("intake")
    request = await intake.submit()
    before = (await fanout.state()).seq

    after = await shared.order("cao", Hold(on=True))
    last = await fanout.ledger.last_seq()
    with pytest.raises(Conflict):
        await fanout.attempt(request, control_seq=before)
    with pytest.raises(Conflict):
        await fanout.attempt(request, control_seq=after + 1)
    assert await fanout.ledger.last_seq() == last
    assert await fanout.ledger.last(subjects.attempt(FIRE, request.request_id)) is None
    assert await fanout.attempt(request, control_seq=after) == last + 1


async def test_a_repeat_after_a_lost_ack_finds_its_own_entry(intake: Ledger, request_event: Request) -> None:
    """The first append is stored, but its ack never came; the repeat must neither fail nor store twice."""
    subject = subjects.request(request_event.request_id)
    raw = request_event.to_bytes()
    headers = {
        "Nats-Msg-Id": canonical.sha256(subject.encode() + b"\n" + raw),
        "Nats-Expected-Last-Subject-Sequence": "0",
    }
    await intake.client.publish(subject, raw, headers=headers)
    stored = await eventually(lambda: intake.last(subject))
    repeat = await intake.append(subject, request_event, expect_last=0)
    assert (repeat.seq, repeat.duplicate) == (stored.seq, False)
    assert len(await intake.history(subject)) == 1


async def test_a_fenced_repeat_is_found_also_when_control_moved_on_meanwhile(shared: Mission) -> None:
    """It was stored in time; that the fence has moved since does not undo it."""
    fanout, intake, eoc = [await shared.writer(name) for name in ("fanout", "intake", "eoc_state")]
    request = await intake.submit()
    state = await fanout.state()
    seq = await fanout.attempt(request)
    entry = await fanout.ledger.get(seq)
    assert entry is not None

    await shared.order("cao", Hold(on=False))
    again = await fanout.ledger.append(
        entry.subject, Attempt.from_bytes(entry.data), fence=(subjects.CONTROL, state.seq)
    )
    assert (again.seq, again.duplicate) == (seq, False)
    assert len(await eoc.ledger.history(entry.subject)) == 1


async def test_the_same_picture_days_later_is_no_error(intake: Ledger) -> None:
    """The stream refuses a second message for a hash; by then the deduplication has forgotten the first."""
    raw = secrets.token_bytes(100)
    subject = subjects.media(canonical.sha256(raw))
    await intake.js.publish(subject, raw, stream="MEDIA", headers={"Nats-Msg-Id": secrets.token_hex(8)})
    assert await intake.put_media(raw) == canonical.sha256(raw)


async def test_subjects_are_found_by_how_they_begin_without_reading_all_names(
    intake: Ledger, state: ControlState
) -> None:
    for name in ("rlikea", "rlikeab", "rlikeb"):
        await intake.append(subjects.request(name), a_request(state, name))
    found, whole = await intake.subjects_like(subjects.REQUESTS, subjects.request("rlikea"))
    assert (sorted(found), whole) == ([subjects.request("rlikea"), subjects.request("rlikeab")], True)
    assert await intake.subjects_like(subjects.REQUESTS, subjects.request("rnone")) == ([], True)
    intake.asks = replace(USUAL, names=2)
    assert (await intake.subjects_like(subjects.REQUESTS, subjects.request("rlikeb")))[1] is False


async def test_a_picture_is_never_taken_for_what_a_thief_kept_under_its_hash(intake: Ledger) -> None:
    """Else it would be signed, and could be shown to nobody. What is kept cannot be put over either."""
    raw, first = secrets.token_bytes(100), secrets.token_bytes(100)
    for junk, there in ((raw, b"junk"), (first, first)):
        subject = subjects.media(canonical.sha256(junk))
        await intake.js.publish(subject, there, stream="MEDIA")
        with pytest.raises(APIError):
            await intake.js.publish(subject, b"more junk", stream="MEDIA")
    with pytest.raises(Unproven) as caught:
        await intake.put_media(raw)
    assert caught.value.code == "media.contradicted"
    with pytest.raises(LookupError):
        await intake.get_media(canonical.sha256(raw))
    assert await intake.put_media(first) == canonical.sha256(first)
    assert await intake.get_media(canonical.sha256(first)) == first


async def test_an_append_without_the_right_is_not_told_as_done(shared: Mission) -> None:
    board = await shared.writer("board", asks=AskLimits(0.3))
    with pytest.raises(Unreachable):
        await board.ledger.append(subjects.CONTROL, EocActive(at=now(), activating_seq=1))
    assert any("permissions violation" in denial.lower() for denial in board.denials)


async def test_a_ledger_that_is_not_connected_says_so() -> None:
    with pytest.raises(Unreachable, match="not connected"):
        await Ledger().last_seq()


@pytest.mark.parametrize(
    ("text", "micro"),
    [
        ("2026-01-31T14:00:00Z", 0),
        ("2026-01-31T14:00:00.1Z", 100_000),
        ("2026-01-31T14:00:00.123456789Z", 123_456),
        ("2026-01-31T14:00:00.000001Z", 1),
    ],
)
async def test_the_servers_times_are_read_to_the_microsecond(text: str, micro: int) -> None:
    found = parse_time(text)
    assert (found.microsecond, found.utcoffset(), found.hour) == (micro, timedelta(0), 14)


async def test_a_single_read_and_a_batch_read_agree_on_odd_headers(intake: Ledger, state: ControlState) -> None:
    """What is in an entry must not depend on which of the server's answers it was read from."""
    event = a_request(state)
    headers = {"X-Note": "vérité  \u2713", "X-Empty": "", "Nats-Msg-Id": secrets.token_hex(8)}
    subject = subjects.request(event.request_id)
    ack = await intake.js.publish(subject, event.to_bytes(), stream="LEDGER", headers=headers)
    single = await intake.get(ack.seq)
    batch = [entry async for found in NatsSource(intake).entries(ack.seq - 1, subject) for entry in found]
    assert single is not None
    assert [single.headers] == [one.headers for one in batch]
    assert [single] == batch
    assert single.headers["X-Note"] == headers["X-Note"]
