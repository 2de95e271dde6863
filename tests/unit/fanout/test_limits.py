"""Buckets: what a host and an account are asked for, and the reserve that only a crisis may use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.authority import Profile
from services.fanout.domain import limits
from services.fanout.domain.limits import Bucket, HostLimit, Quota, Rate
from tests.unit.fanout.world import profile


def account(name: str, platform: str = "mastodon") -> Profile:
    return profile("fire-social", account=name, platform=platform)


def test_the_host_is_the_instance_of_the_account_or_the_platform() -> None:
    assert limits.host_of(account("fire@mastodon.example")) == "mastodon.example"
    assert limits.host_of(account("@fire@mastodon.example")) == "mastodon.example"
    assert limits.host_of(account("fire", "website")) == "website"
    assert limits.host_of(account("@fire.mission.example", "bluesky")) == "bluesky"
    assert limits.host_of(account("did:plc:abc", "bluesky")) == "bluesky"
    assert limits.host_of(account("fire.mission.example@own", "bluesky")) == "own"
    assert limits.host_of(account("@CityOfMission", "telegram")) == "telegram"
    assert limits.host_of(account("media@lists.example", "email")) == "email"
    assert limits.host_of(account("signs", "webhook")) == "webhook:signs"


def test_what_lies_on_this_machine_is_not_counted() -> None:
    for host in ("townsquare", "website"):
        quota = Quota(limits.limit_of("mastodon", host))
        assert all(quota.take("fire", 0.0) == 0.0 for _ in range(1_000))
        assert all(quota.look(0.0) == quota.read_back(0.0) == 0.0 for _ in range(1_000))
    assert limits.limit_of("unheard-of", "x.example") is limits.OTHER


def most(rate: Rate, window: float) -> float:
    return rate.size + rate.per_second * window


def test_the_numbers_stay_under_the_platforms_own() -> None:
    """Mastodon: 300 requests in 5 minutes, two to a post at most; 300 statuses of an account in 3 hours."""
    mastodon = limits.LIMITS["mastodon"]
    assert mastodon.host is not None
    assert mastodon.account is not None
    assert 2 * most(mastodon.host, 300.0) <= 300.0
    assert most(mastodon.account, 10_800.0) <= 300.0
    for platform, in_a_minute in (("telegram", 20.0), ("teams", 100.0), ("slack", 60.0)):
        account_rate = limits.LIMITS[platform].account
        assert account_rate is not None
        assert most(account_rate, 60.0) <= in_a_minute
    for limit in (*limits.LIMITS.values(), limits.OTHER):
        for rate in (limit.host, limit.account):
            assert rate is not None
            assert 0 < rate.reserve < rate.size


RATE = Rate(size=10.0, per_second=0.5, reserve=4.0)


def test_routine_posts_leave_the_reserve_and_a_crisis_uses_it() -> None:
    quota = Quota(HostLimit(at_once=1, host=RATE))
    assert [quota.take("fire", 0.0) for _ in range(6)] == [0.0] * 6
    assert quota.take("fire", 0.0) == 2.0
    assert [quota.take("fire", 0.0, urgent=True) for _ in range(4)] == [0.0] * 4
    assert quota.take("fire", 0.0, urgent=True) == 2.0


def test_a_routine_post_waits_until_the_reserve_is_full_again() -> None:
    quota = Quota(HostLimit(at_once=1, host=RATE))
    while quota.take("fire", 0.0, urgent=True) == 0.0:
        pass
    assert quota.take("fire", 0.0) == pytest.approx(10.0)
    assert quota.take("fire", 9.9) > 0.0
    assert quota.take("fire", 10.0) == 0.0


def test_an_account_is_counted_apart_and_a_refusal_takes_from_neither_bucket() -> None:
    quota = Quota(HostLimit(at_once=1, host=RATE, account=Rate(2.0, 0.1, reserve=0.0)))
    assert [quota.take("fire", 0.0), quota.take("fire", 0.0)] == [0.0, 0.0]
    for _ in range(5):
        assert quota.take("fire", 0.0) == pytest.approx(10.0)
    assert [quota.take("water", 0.0), quota.take("water", 0.0)] == [0.0, 0.0]


def test_a_message_of_more_parts_than_a_bucket_holds_is_not_kept_for_ever() -> None:
    """It goes when the bucket is full, and later ones wait for what it took."""
    quota = Quota(HostLimit(at_once=1, host=RATE))
    assert quota.take("fire", 0.0, amount=40.0) == 0.0
    assert quota.take("fire", 0.0) == pytest.approx((4.0 + 1.0 + 30.0) / 0.5)


posts = st.lists(st.tuples(st.floats(0.0, 30.0), st.booleans(), st.integers(1, 3)), max_size=80)


@given(posts, st.floats(1.0, 400.0))
def test_no_window_ever_has_more_than_the_bucket_and_what_it_fills_up_by(
    asked: list[tuple[float, bool, int]], window: float
) -> None:
    bucket, now, taken = Bucket(RATE), 0.0, []
    for pause, urgent, amount in asked:
        now += pause
        if bucket.wait(now, amount, urgent=urgent) == 0.0:
            bucket.take(amount)
            taken.append((now, amount, urgent))
    for start, _, _ in taken:
        inside = [one for one in taken if start <= one[0] <= start + window]
        assert sum(amount for _, amount, _ in inside) <= most(RATE, window) + 1e-6
        routine = sum(amount for _, amount, urgent in inside if not urgent)
        assert routine <= RATE.size - RATE.reserve + RATE.per_second * window + 1e-6


@given(posts)
def test_the_wait_that_is_named_is_enough_and_no_longer_than_needed(asked: list[tuple[float, bool, int]]) -> None:
    bucket, now = Bucket(RATE), 0.0
    for pause, urgent, amount in asked:
        now += pause
        wait = bucket.wait(now, amount, urgent=urgent)
        if wait > 0.01:
            assert bucket.wait(now + wait - 0.01, amount, urgent=urgent) > 0.0
        now += wait
        assert bucket.wait(now + 1e-6, amount, urgent=urgent) == 0.0
        bucket.take(amount)


def test_a_clock_that_goes_back_gives_nothing() -> None:
    quota = Quota(HostLimit(at_once=1, host=RATE))
    while quota.take("fire", 100.0, urgent=True) == 0.0:
        pass
    assert quota.take("fire", 1.0, urgent=True) > 0.0
    assert quota.take("fire", 101.0, urgent=True) > 0.0


def test_what_another_copy_posts_counts_only_where_there_is_a_limit() -> None:
    """A host with a limit and accounts without one: nothing is noted of the account."""
    quota = Quota(HostLimit(at_once=4, host=Rate(1.0, 1.0 / 60.0, 0.0)))
    quota.spent("fire", 0.0)
    assert quota.take("parks", 0.0) > 0.0


def test_what_is_left_is_what_was_not_taken_and_never_less_than_nothing() -> None:
    quota = Quota(HostLimit(at_once=1, host=Rate(10.0, 1.0, reserve=2.0)))
    assert quota.left(0.0) == 10.0
    quota.spent("fire", 0.0, amount=12.0)
    assert quota.left(0.0) == 0.0
    assert quota.left(5.0) == 3.0
    assert Quota(HostLimit(at_once=1)).left(0.0) is None


def test_what_was_not_sent_after_all_is_given_back_to_both_buckets() -> None:
    """Two copies that want the same profile: the one whose attempt does not count has sent nothing."""
    rate = Rate(2.0, 1.0 / 3_600.0, reserve=0.0)
    quota = Quota(HostLimit(at_once=1, host=rate, account=rate))
    for _ in range(5):
        assert quota.take("fire", 0.0) == 0.0
        quota.give_back("fire")
    assert quota.left(0.0) == 2.0
    Quota(HostLimit(at_once=1)).give_back("fire")


def test_looks_have_a_budget_of_their_own_whose_reserve_is_for_later_looks() -> None:
    """Looking at what is on a profile is never urgent; at what may be public without anybody knowing it is."""
    quota = Quota(HostLimit(at_once=1, host=Rate(10.0, 1.0 / 60.0, reserve=8.0)))
    size, reserve = int(limits.LOOKS.size), int(limits.LOOKS.reserve)
    assert [quota.look(0.0) for _ in range(size - reserve)] == [0.0] * (size - reserve)
    assert quota.look(0.0) > 0.0
    assert [quota.look(0.0, urgent=True) for _ in range(reserve)] == [0.0] * reserve
    assert quota.look(0.0, urgent=True) == pytest.approx(1.0 / limits.LOOKS.per_second)
    assert quota.left(0.0) == 10.0, "posts have what they had"


def test_read_backs_wait_in_a_queue_of_their_own() -> None:
    """Before, all that were due came back at each token, and looks at profiles found none."""
    quota = Quota(HostLimit(at_once=1, host=RATE, read_backs=Rate(2.0, 0.5, reserve=0.0)))
    assert [quota.read_back(0.0) for _ in range(5)] == pytest.approx([0.0, 0.0, 2.0, 4.0, 6.0])
    assert quota.read_back(6.0) == pytest.approx(2.0), "who booked is before it"
    assert quota.look(6.0) == 0.0
    assert quota.left(6.0) == 10.0


def test_all_that_one_account_is_asked_for_stays_under_what_mastodon_allows_it() -> None:
    """300 requests of an account in 5 minutes, if all looks at the host fell on one; posts take two at most."""
    mastodon = limits.LIMITS["mastodon"]
    assert mastodon.account is not None
    asked = 2 * most(mastodon.account, 300.0) + most(limits.LOOKS, 300.0) + most(mastodon.read_backs, 300.0)
    assert asked <= 0.9 * 300.0
    bluesky = limits.LIMITS["bluesky"]
    assert bluesky.host is not None
    asked = 8 * most(bluesky.host, 300.0) + most(limits.LOOKS, 300.0) + most(bluesky.read_backs, 300.0)
    assert asked <= 0.95 * 3_000.0
