"""A post that lands after another copy had said that it did not: it is found, and on record, once."""

from __future__ import annotations

import pytest

from schemas import subjects
from schemas.events.deliveries import Receipt, ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome
from services.fanout.connectors.contract import Retryable
from services.fanout.delivery.caller import intent_of
from services.fanout.domain.receipts import of_result
from services.kernel.fold.taken_over import late_posts
from services.kernel.runtime.service import Runtime
from tests.integration.fanout.fanout_city import FanoutCity, eventually, fanout
from tests.integration.fanout.test_fanout_following import following
from tests.integration.fanout.test_fanout_resolving import Desk
from tests.support.emulators.folder import FolderPlatform
from tests.support.mission import PATIENCE

FIRE = "fire-townsquare"
Platforms = dict[str, FolderPlatform]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def taken_over(town: FanoutCity) -> tuple[Request, Receipt]:
    """A message whose worker is stopped in its call; another copy said that it was not posted, and it is blocked."""
    request = await town.cleared(FIRE, text="Stopped before its call.")
    attempt = await town.attempt_on(request, FIRE)
    copy, subject = await town.ledger("fanout"), subjects.receipt(FIRE, request.request_id)
    fence = (subjects.CONTROL, attempt.control_seq)
    made = await copy.append(subjects.attempt(FIRE, request.request_id), attempt, fence=fence)
    await town.hold()
    await town.verdict(request, Outcome.BLOCKED)
    said = of_result(attempt, made.seq, Retryable("it is not there"), town.clock.now())
    said = said.model_copy(update={"worker": "second-copy"})
    await copy.append(subject, said, expect_last=0)
    return request, said


async def wakes(town: FanoutCity, platforms: Platforms, request: Request) -> None:
    """The worker goes on: it sends, and dies in that moment."""
    profile = (await town.control()).state.profiles[FIRE]
    attempt = await town.attempt_on(request, FIRE)
    platform = platforms["mastodon"]
    await platform.publish(
        intent_of(request, profile, attempt.idempotency_key, 5.0), (await town.ledger("fanout")).get_media
    )


async def follows(town: FanoutCity, runtime: Runtime, request: Request) -> None:
    """Wait until a copy has read the last receipt of a request."""
    entry, _ = (await town.receipts(request, FIRE))[-1]
    await runtime.projection.at_least(entry.seq, PATIENCE)


async def recalled(town: FanoutCity, request: Request) -> Request:
    """A recall of it that is cleared, which ends the message itself."""
    await town.hold(on=False)
    recall = await following(town, "recall", request)
    await town.verdict(recall)
    await town.verdict(request, Outcome.REFUSED)
    return recall


def late_on(runtime: Runtime) -> list[str]:
    fold = runtime.fold
    return [one.request_id for one in late_posts(fold.taken_over, (), {}, runtime.clock.now())]


async def test_what_landed_while_no_copy_looked_is_found_at_the_start(town: FanoutCity, platforms: Platforms) -> None:
    """By each copy; the record has one receipt more, and people are shown that it is out though it was taken back."""
    request, said = await taken_over(town)
    await wakes(town, platforms, request)
    async with fanout(town, platforms, lease=0.3) as one, fanout(town, platforms, lease=0.3) as other:
        found = await town.final(request, FIRE)
        for copy in (one, other):
            await follows(town, copy, request)
        assert late_on(one) == late_on(other) == [request.request_id]
    assert (found.outcome, found.attempt_seq) == (ReceiptOutcome.DELIVERED, said.attempt_seq)
    assert found.url
    assert "later look" in found.reason
    assert await town.outcomes(request, FIRE) == ["withheld", "delivered"]


async def test_what_lands_later_than_the_first_look_is_found_by_the_next(
    town: FanoutCity, platforms: Platforms
) -> None:
    request, said = await taken_over(town)
    async with fanout(town, platforms, lease=0.3) as runtime:
        await eventually(lambda: bool(platforms["mastodon"].calls(FIRE)))
        assert await town.outcomes(request, FIRE) == ["withheld"], "it is not there, and nothing is written"
        await wakes(town, platforms, request)
        found = await town.final(request, FIRE)
        await follows(town, runtime, request)
        assert late_on(runtime) == [request.request_id]
    assert (found.outcome, found.attempt_seq) == (ReceiptOutcome.DELIVERED, said.attempt_seq)


async def test_a_recall_looks_for_what_nobody_knows_to_be_there(town: FanoutCity, platforms: Platforms) -> None:
    """By the record nothing stands; its worker may be stopped before its call, and has sent it meanwhile."""
    request, _ = await taken_over(town)
    await wakes(town, platforms, request)
    async with fanout(town, platforms):
        recall = await recalled(town, request)
        assert (await town.final(recall, FIRE)).outcome is ReceiptOutcome.RECALLED
    assert platforms["mastodon"].retracted(FIRE) == [f"{FIRE}-0"]


async def test_what_a_recall_cannot_tell_an_officer_ends(town: FanoutCity, platforms: Platforms) -> None:
    """Nothing is deleted, and nothing said to be: they look, delete by hand what is there, and have it made again."""
    request, _ = await taken_over(town)
    await wakes(town, platforms, request)
    platforms["mastodon"].behave(FIRE, *["blind"] * 20)
    before = platforms["mastodon"].retracted(FIRE)
    async with fanout(town, platforms):
        recall = await recalled(town, request)
        waits = await town.final(recall, FIRE)
        assert waits.outcome is ReceiptOutcome.UNCONFIRMED
        assert "the timeline cannot be read" in waits.reason
        [(entry, _)] = await town.receipts(recall, FIRE)
        said = await Desk(town, "pio").decide(recall, FIRE, entry.seq, "post_again")
        assert "seq" in said, said
        ended = await town.until(recall, FIRE, lambda one: one.outcome is ReceiptOutcome.RECALLED)
    assert "an officer looked at the profile" in ended.reason
    assert platforms["mastodon"].retracted(FIRE) == before


async def test_what_lands_after_its_recall_is_shown_with_it(town: FanoutCity, platforms: Platforms) -> None:
    """Nothing was there to be taken back; nobody can recall it once more, so that a person has to delete it."""
    request, said = await taken_over(town)
    async with fanout(town, platforms):
        recall = await recalled(town, request)
        assert (await town.final(recall, FIRE)).outcome is ReceiptOutcome.RECALLED
    await wakes(town, platforms, request)
    async with fanout(town, platforms, lease=0.3) as runtime:
        found = await town.until(request, FIRE, lambda one: one.outcome is ReceiptOutcome.DELIVERED)
        assert found.attempt_seq == said.attempt_seq
        fold = runtime.fold
        await runtime.catch_up()
        [late] = late_posts(fold.taken_over, (), fold.chain.replaced, runtime.clock.now())
    assert (late.request_id, late.replaced_by) == (request.request_id, recall.request_id)
