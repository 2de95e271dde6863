"""Fan-out on a real broker: each cleared message reaches each profile once, or ends visibly."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from schemas import flow
from schemas.events.control import ProfileAdd, ProfileSuspend
from schemas.events.verdicts import Outcome
from services.fanout.delivery.records import Records
from services.fanout.domain.retry import DeliveryPace
from services.fanout.wiring import compose, look_for_overlooked
from services.kernel.ledger.asking import AskLimits
from services.kernel.ledger.client import Conflict, Ledger
from services.kernel.runtime.compose import Timings, on_nats
from services.kernel.runtime.service import LookPace
from tests.integration.fanout.fanout_city import SHORT_LEASE, FanoutCity, eventually, fanout, later
from tests.support.batches import BadLine
from tests.support.emulators.folder import FolderPlatform
from tests.support.mission import PATIENCE

FIRE, WATER, PARKS, WASTE = (f"{name}-townsquare" for name in ("fire", "water", "parks", "waste"))
Platforms = dict[str, FolderPlatform]
NINE = 9.0
"""A lease in whose first third nobody waits three seconds for a platform."""


def port_of(town: FanoutCity) -> int:
    """The port of the town's broker."""
    return urlsplit(town.url).port or 0


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_cleared_message_reaches_every_profile_once(town: FanoutCity, platforms: Platforms) -> None:
    targets = (FIRE, "fire-website", WATER, "water-website", PARKS)
    async with fanout(town, platforms):
        request = await town.cleared(*targets)
        for profile in targets:
            receipt = await town.final(request, profile)
            assert (str(receipt.outcome), receipt.attempt_seq > 0) == ("delivered", True)
            assert receipt.url == f"https://{receipt.platform}.example/{profile}/0"
        for profile in targets:
            platform = platforms["website" if profile.endswith("website") else "mastodon"]
            assert platform.texts(profile) == ["Road closed at Wren Street."]
            [(entry, attempt)] = await town.attempts(request, profile)
            [(_, receipt)] = await town.receipts(request, profile)
            assert receipt.attempt_seq == entry.seq
            assert (attempt.number, attempt.control_seq, attempt.digest) == (1, town.control_seq, request.digest)


@pytest.mark.parametrize("cut", [False, True], ids=["only the ack", "the connection with it"])
async def test_attempts_whose_ack_is_lost_are_called_once_the_fold_shows_them(
    town: FanoutCity, platforms: Platforms, cut: bool
) -> None:
    """An ack is a hint: the attempts stand, so their worker calls the platform, and does not wait for their lease."""
    targets = (FIRE, WATER, PARKS, WASTE)
    patient = Ledger(AskLimits(20.0))
    async with BadLine(port_of(town), cut=cut) as line, fanout(town, platforms, url=line.url, ledger=patient):
        line.armed = True
        request = await town.cleared(*targets)
        await line.lost.wait()
        line.mended.set()
        for profile in targets:
            assert str((await town.final(request, profile)).outcome) == "delivered"
        for profile in targets:
            assert [attempt.number for _, attempt in await town.attempts(request, profile)] == [1]
            assert await town.outcomes(request, profile) == ["delivered"]
            assert platforms["mastodon"].calls(profile) == ["publish"]


async def test_what_is_not_cleared_is_not_posted(town: FanoutCity, platforms: Platforms) -> None:
    async with fanout(town, platforms):
        blocked = await town.request(FIRE)
        await town.verdict(blocked, Outcome.BLOCKED)
        refused = await town.request(FIRE)
        await town.verdict(refused, Outcome.REFUSED)
        after = await town.cleared(FIRE, text="the next")
        await town.final(after, FIRE)
        assert platforms["mastodon"].texts(FIRE) == ["the next"]


async def test_messages_reach_a_profile_in_the_order_of_their_verdicts(town: FanoutCity, platforms: Platforms) -> None:
    texts = [f"message {number}" for number in range(6)]
    requests = [await town.cleared(FIRE, text=text) for text in texts]
    platforms["mastodon"].behave(FIRE, "slow 0.3", "rate_limit 0.1")
    async with fanout(town, platforms):
        for request in requests:
            await town.final(request, FIRE)
    assert platforms["mastodon"].texts(FIRE) == texts


async def test_a_rate_limit_is_waited_out_within_the_attempt(town: FanoutCity, platforms: Platforms) -> None:
    platforms["mastodon"].behave(FIRE, "rate_limit 0.1", "rate_limit 0.1")
    async with fanout(town, platforms):
        request = await town.cleared(FIRE)
        assert str((await town.final(request, FIRE)).outcome) == "delivered"
    assert platforms["mastodon"].calls(FIRE) == ["publish rate_limit", "publish rate_limit", "publish"]
    assert len(await town.attempts(request, FIRE)) == 1


async def test_a_longer_rate_limit_ends_the_attempt_and_a_new_one_delivers(
    town: FanoutCity, platforms: Platforms
) -> None:
    platforms["mastodon"].behave(FIRE, "rate_limit 3")
    async with fanout(town, platforms, lease=NINE):
        request = await town.cleared(FIRE)
        waiting = await town.until(request, FIRE, lambda receipt: receipt.retry_at is not None)
        assert (str(waiting.outcome), waiting.final, waiting.reason) == ("withheld", False, "too many requests")
        await town.final(request, FIRE)
    called = await town.called(request, FIRE, NINE)
    assert (called.outcomes, called.numbers) == (["withheld", "delivered"], [1, 2])
    assert len({attempt.idempotency_key for _, attempt in await town.attempts(request, FIRE)}) == 1


async def test_the_attempts_of_a_platform_that_always_fails_are_bounded(town: FanoutCity, platforms: Platforms) -> None:
    """Then it failed, for good and in the platform's words, and the next message is delivered."""
    platforms["mastodon"].behave(FIRE, "rate_limit 3", "rate_limit 3")
    async with fanout(town, platforms, lease=NINE, pace=DeliveryPace(most_attempts=2)):
        request = await town.cleared(FIRE)
        receipt = await town.final(request, FIRE)
        assert (str(receipt.outcome), receipt.reason) == (
            "failed",
            "given up after 2 attempts, the last: too many requests",
        )
        following = await town.cleared(FIRE, text="the next")
        assert str((await town.final(following, FIRE)).outcome) == "delivered"
    called = await town.called(request, FIRE, NINE)
    assert (called.outcomes, called.numbers) == (["withheld", "failed"], [1, 2])
    assert platforms["mastodon"].texts(FIRE) == ["the next"]


async def test_a_right_that_only_a_post_shows_to_be_missing_never_ends_a_message(
    town: FanoutCity, platforms: Platforms
) -> None:
    """The check says that all is well; a person gives the right, and the message goes out."""
    platforms["mastodon"].behave(FIRE, "locked", "locked", "locked")
    async with fanout(town, platforms, lease=NINE, pace=DeliveryPace(most_attempts=2, cap=0.2, credential_look=0.2)):
        request = await town.cleared(FIRE)
        assert str((await town.final(request, FIRE)).outcome) == "delivered"
    called = await town.called(request, FIRE, NINE)
    assert called.outcomes == ["withheld", "withheld", "withheld", "delivered"]
    assert platforms["mastodon"].calls(FIRE) == ["publish locked"] * 3 + ["publish"]


async def test_an_error_after_posting_is_found_by_looking_and_not_posted_again(
    town: FanoutCity, platforms: Platforms
) -> None:
    platforms["mastodon"].behave(FIRE, "error_after")
    platforms["mastodon"].behave(WATER, "crash")
    async with fanout(town, platforms):
        request = await town.cleared(FIRE, WATER)
        for profile in (FIRE, WATER):
            receipt = await town.final(request, profile)
            assert (str(receipt.outcome), receipt.url) == (
                "delivered",
                f"https://mastodon.example/{profile}/0",
            )
            assert len(platforms["mastodon"].posts(profile)) == 1
            assert len(await town.attempts(request, profile)) == 1


async def test_a_dropped_connection_is_posted_again_only_after_the_platform_was_asked(
    town: FanoutCity, platforms: Platforms
) -> None:
    platforms["mastodon"].behave(FIRE, "drop")
    async with fanout(town, platforms, lease=SHORT_LEASE):
        request = await town.cleared(FIRE)
        assert str((await town.final(request, FIRE)).outcome) == "delivered"
    assert (await town.called(request, FIRE)).outcomes == ["withheld", "delivered"]
    calls = platforms["mastodon"].calls(FIRE)
    assert calls[0] == "publish drop"
    assert "reconcile" in calls[1:-1]
    assert calls[-1] == "publish"
    assert len(platforms["mastodon"].posts(FIRE)) == 1


async def test_a_post_that_lands_after_its_lease_is_found_and_not_repeated(
    town: FanoutCity, platforms: Platforms
) -> None:
    platforms["mastodon"].behave(FIRE, f"late {0.6 * SHORT_LEASE}")
    async with fanout(town, platforms, lease=SHORT_LEASE):
        request = await town.cleared(FIRE)
        assert str((await town.final(request, FIRE)).outcome) == "delivered"
        await town.idle()
    assert len(platforms["mastodon"].posts(FIRE)) == 1
    assert (await town.called(request, FIRE)).numbers == [1]


async def test_an_outcome_that_cannot_be_found_out_is_left_to_a_person(town: FanoutCity, platforms: Platforms) -> None:
    platforms["mastodon"].behave(FIRE, "drop", *["blind"] * 20)
    async with fanout(town, platforms, lease=SHORT_LEASE, patience=1.0):
        request = await town.cleared(FIRE)
        receipt = await town.final(request, FIRE)
        assert (str(receipt.outcome), receipt.final) == ("unconfirmed", True)
        following = await town.cleared(FIRE, text="the next")
        assert str((await town.final(following, FIRE)).outcome) == "delivered"
    assert platforms["mastodon"].texts(FIRE) == ["the next"]


async def test_a_platform_with_a_natural_key_is_repeated_instead(town: FanoutCity, platforms: Platforms) -> None:
    platforms["website"].behave("fire-website", "error_after", *["blind"] * 20)
    async with fanout(town, platforms, lease=SHORT_LEASE):
        request = await town.cleared("fire-website")
        assert str((await town.final(request, "fire-website")).outcome) == "delivered"
    assert (await town.called(request, "fire-website")).outcomes == ["unconfirmed", "delivered"]
    assert len(platforms["website"].posts("fire-website")) == 1


async def test_a_repeat_waits_as_long_as_the_platform_asks(town: FanoutCity, platforms: Platforms) -> None:
    """A receiver that names its wait as it fails got the same again after seconds."""
    platforms["website"].behave("fire-website", "error_after", *["blind 120"] * 20)
    async with fanout(town, platforms, lease=SHORT_LEASE):
        request = await town.cleared("fire-website")
        waiting = await town.until(request, "fire-website", lambda receipt: receipt.retry_at is not None)
        assert waiting.retry_at is not None
        assert (waiting.retry_at - waiting.at).total_seconds() >= 120.0


async def test_a_refusal_by_the_platform_is_final_and_in_its_words(town: FanoutCity, platforms: Platforms) -> None:
    platforms["mastodon"].behave(FIRE, "refuse")
    async with fanout(town, platforms):
        request = await town.cleared(FIRE, WATER)
        receipt = await town.final(request, FIRE)
        assert (str(receipt.outcome), receipt.reason) == ("failed", "the platform refuses this text")
        assert str((await town.final(request, WATER)).outcome) == "delivered"
    assert platforms["mastodon"].calls(FIRE) == ["publish refuse"]


async def test_a_slow_profile_delays_no_other(town: FanoutCity, platforms: Platforms) -> None:
    """The first message hangs on one profile until it and three later ones are delivered on all others."""
    platforms["mastodon"].behave(FIRE, "wait")
    async with fanout(town, platforms, lease=60.0):
        first = await town.cleared(FIRE, WATER, PARKS, WASTE, text="first")
        more = [await town.cleared(WATER, PARKS, WASTE, text=f"message {number}") for number in range(3)]
        for request in (first, *more):
            for profile in (WATER, PARKS, WASTE):
                assert str((await town.final(request, profile)).outcome) == "delivered"
        await eventually(lambda: bool(platforms["mastodon"].calls(FIRE)))
        assert await town.receipts(first, FIRE) == []
        assert platforms["mastodon"].calls(FIRE) == ["publish wait"]
        platforms["mastodon"].open(FIRE)
        assert str((await town.final(first, FIRE)).outcome) == "delivered"


async def test_a_control_change_after_the_verdict_holds_the_post_back(town: FanoutCity, platforms: Platforms) -> None:
    """The fence: decided before the change, attempted after it."""
    request = await town.cleared(FIRE, WATER)
    await town.hold()
    async with fanout(town, platforms):
        await town.idle()
        for profile in (FIRE, WATER):
            assert await town.attempts(request, profile) == []
            assert platforms["mastodon"].posts(profile) == []
        await town.hold(False)
        await town.verdict(request)
        for profile in (FIRE, WATER):
            await town.final(request, profile)
            assert len(platforms["mastodon"].posts(profile)) == 1


async def test_the_server_refuses_an_attempt_decided_before_a_control_change(town: FanoutCity) -> None:
    """The fence alone, without post authorization: who looked before the change cannot write its attempt."""
    request = await town.cleared(FIRE)
    attempt = await town.attempt_on(request, FIRE)
    runtime, _ = on_nats(flow.service("fanout"), town.city, lambda _: None, url=town.url)
    runtime.ledger = await town.ledger("fanout")
    await town.hold()
    with pytest.raises(Conflict):
        await Records(runtime).attempt(attempt)
    assert await town.attempts(request, FIRE) == []


async def test_a_cleared_verdict_that_the_facts_do_not_bear_out_is_not_posted(
    town: FanoutCity, platforms: Platforms
) -> None:
    """The worker trusts nobody: without a signature that covers it, a cleared verdict is worth nothing."""
    async with fanout(town, platforms):
        request = await town.request(FIRE)
        await town.approve(request, "clerk")
        await town.verdict(request)
        receipt = await town.until(request, FIRE, lambda _: True)
        assert (str(receipt.outcome), receipt.attempt_seq, receipt.final) == ("withheld", 0, False)
        assert "No valid approval" in receipt.reason
        await town.approve(request, "mcpe")
        await town.verdict(request)
        assert str((await town.final(request, FIRE)).outcome) == "delivered"
    assert len(platforms["mastodon"].posts(FIRE)) == 1


async def test_a_suspended_profile_is_not_posted_to(town: FanoutCity, platforms: Platforms) -> None:
    await town.order("mcpe", ProfileSuspend(profile=FIRE))
    async with fanout(town, platforms):
        request = await town.cleared(FIRE)
        receipt = await town.until(request, FIRE, lambda _: True)
        assert (str(receipt.outcome), receipt.reason) == ("withheld", f"{FIRE} is not an official profile.")
    assert platforms["mastodon"].posts(FIRE) == []


async def test_an_expired_message_is_not_posted(town: FanoutCity, platforms: Platforms) -> None:
    """Missed, not late: also what was rate-limited until it expired."""
    async with fanout(town, platforms):
        request = await town.cleared(FIRE, expires_at=later(-1))
        assert str((await town.final(request, FIRE)).outcome) == "expired"
        for seconds in (2.5, 10.0, 40.0):
            platforms["mastodon"].behave(WATER, "rate_limit 60")
            limited = await town.cleared(WATER, expires_at=later(seconds))
            assert str((await town.final(limited, WATER)).outcome) == "expired"
            await town.idle()
            if await town.outcomes(limited, WATER) == ["withheld", "expired"]:
                break  # else the machine was so slow that it was over before it waited
        assert await town.outcomes(request, FIRE) == ["expired"]
        assert await town.outcomes(limited, WATER) == ["withheld", "expired"]
    for profile in (FIRE, WATER):
        assert platforms["mastodon"].posts(profile) == []


async def test_the_work_on_an_older_verdict_is_dropped_and_the_newer_ones_posts_once(
    town: FanoutCity, platforms: Platforms
) -> None:
    request = await town.cleared(FIRE)
    await town.verdict(request)
    async with fanout(town, platforms):
        await town.final(request, FIRE)
        await town.idle()
        await town.verdict(request)
        await town.idle()
    assert len(platforms["mastodon"].posts(FIRE)) == 1
    assert await town.outcomes(request, FIRE) == ["delivered"]


async def test_stopping_finishes_what_is_in_hand(town: FanoutCity, platforms: Platforms) -> None:
    platforms["mastodon"].behave(FIRE, "slow 1")
    async with fanout(town, platforms):
        request = await town.cleared(FIRE)
        await eventually(lambda: "publish slow" in platforms["mastodon"].calls(FIRE))
    assert await town.outcomes(request, FIRE) == ["delivered"]
    assert len(platforms["mastodon"].posts(FIRE)) == 1


async def test_stopping_finishes_what_was_taken_up(town: FanoutCity, platforms: Platforms) -> None:
    """A post that no durable handed out is awaited like one that it did."""
    platforms["mastodon"].behave(FIRE, "slow 1")
    request = await town.cleared(FIRE)
    thief = await (await town.js("fanout")).pull_subscribe_bind("fanout-verdicts", "LEDGER")
    for message in await thief.fetch(1, timeout=PATIENCE):
        await message.ack_sync(timeout=PATIENCE)
    _, app = on_nats(
        flow.service("fanout"),
        town.city,
        lambda runtime: look_for_overlooked(runtime, compose(runtime, platforms)),
        url=town.url,
        timings=Timings(looks=LookPace(look=0.1)),
    )
    await app.start()
    try:
        await eventually(lambda: "publish slow" in platforms["mastodon"].calls(FIRE))
    finally:
        await app.stop()
    assert await town.outcomes(request, FIRE) == ["delivered"]


async def test_a_connectorless_platform_is_held_back_visibly(town: FanoutCity, platforms: Platforms) -> None:
    """Not for good: only what the ledger itself shows ends a message without an attempt."""
    async with fanout(town, {"website": platforms["website"]}):
        request = await town.cleared(FIRE)
        receipt = await town.until(request, FIRE, lambda _: True)
        assert (str(receipt.outcome), receipt.final) == ("withheld", False)
        assert receipt.reason == "this city has no connector for mastodon"


async def test_an_account_that_is_none_holds_its_own_profile_back_until_it_is_mended(
    town: FanoutCity, platforms: Platforms
) -> None:
    """A city that is older than the check of accounts may have one."""
    good = (await town.mission.fold()).control.profiles[WATER]
    await town.order("mcpe", ProfileAdd(profile=good.model_copy(update={"account": "water"})))
    async with fanout(town, platforms):
        request = await town.cleared(FIRE, WATER)
        assert str((await town.final(request, FIRE)).outcome) == "delivered"
        receipt = await town.until(request, WATER, lambda _: True)
        assert (str(receipt.outcome), receipt.final) == ("withheld", False)
        assert receipt.reason == "water is no account on mastodon: there it is name@server"
        await town.order("mcpe", ProfileAdd(profile=good))
        await town.verdict(request)
        assert str((await town.final(request, WATER)).outcome) == "delivered"
    assert len(platforms["mastodon"].posts(FIRE)) == len(platforms["mastodon"].posts(WATER)) == 1
