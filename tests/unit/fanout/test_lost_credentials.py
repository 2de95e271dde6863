"""Profiles that are not let in: who is asked for next, and what is not asked for any more."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.events.deliveries import ReceiptOutcome
from services.fanout.connectors.contract import Cause, Health, Posted, Retryable
from services.fanout.delivery.admission import FILES_SECONDS, Admission
from services.fanout.delivery.credentials import FRESH_SECONDS, Credentials
from services.fanout.domain.step import Wait
from services.fanout.hosts.credits import PrepaidCredit
from services.fanout.hosts.host import HostRegistry
from services.kernel.base.clock import ManualClock
from services.kernel.base.settings.city_platforms import XSection
from services.kernel.fold.ledger_fold import Applied
from services.kernel.ledger.entry import Entry
from services.kernel.projection.signals import Signals
from tests.support.virtual_time import in_virtual_time
from tests.unit.fanout.world import NOW, control, profile, receipt, request

MANY = 100
NAMES = tuple(f"p{number:03}-social" for number in range(MANY))
REFUSED = Retryable("the server refuses the credential", cause=Cause.CREDENTIAL)


class LoopsClock(ManualClock):
    """Its monotonic time is the loop's, and 0 before there is one."""

    def monotonic(self) -> float:
        try:
            return asyncio.get_running_loop().time()
        except RuntimeError:
            return 0.0


class LockedOut:
    """A city whose profiles all lost their way in, on one host, and whose posts wait for it."""

    def __init__(self, folder: Path) -> None:
        (folder / "secrets" / "live").mkdir(parents=True)
        self.clock, self.signals = LoopsClock(NOW), Signals()
        self.control = control(profiles={name: profile(name) for name in NAMES})
        self.said: list[str] = []
        log = SimpleNamespace(
            error=lambda what, **_: self.said.append(what), warning=lambda what, **_: self.said.append(what)
        )
        self.city = SimpleNamespace(realm="live", token_path=lambda name: folder / "secrets" / "live" / f"{name}.token")
        self.health = SimpleNamespace(troubles={})
        runtime: Any = SimpleNamespace(
            clock=self.clock,
            control=self.control,
            fold=SimpleNamespace(control=self.control, seq=60),
            projection=SimpleNamespace(signals=self.signals),
            log=log,
            city=self.city,
            health=self.health,
        )
        self.hosts, self.credentials, self.looks = HostRegistry(runtime), Credentials(runtime), 0
        caller: Any = SimpleNamespace(check=self.check)
        credit = PrepaidCredit(runtime, XSection())
        self.admission = Admission(runtime, self.hosts, caller, self.credentials, credit)
        self.mended: set[str] = set()
        self.asked = asyncio.Event()
        self.host = self.hosts.of(profile(NAMES[0]))
        for name in NAMES:
            self.admission.note_answer(name, REFUSED, self.host)

    async def check(self, _connector: Any, of: Any) -> Health:
        self.looks += 1
        self.asked.set()
        await asyncio.sleep(0.1)
        return Health(True, "") if of.id in self.mended else Health(False, "refused", Cause.CREDENTIAL)

    async def enter(self, name: str) -> Wait | None:
        slot: Any = SimpleNamespace(calling=lambda: None)
        connector: Any = None
        return await self.admission.enter(request(), profile(name), connector, self.host, slot)

    def lands(self, name: str) -> float:
        """Have a post taken; return when."""
        self.admission.note_answer(name, Posted("https://social.example/1", "1"), self.host)
        return asyncio.get_running_loop().time()

    async def post(self, name: str) -> float:
        """Wait as a post does, woken by its profile's signal; return when it may begin."""
        while (wait := await self.enter(name)) is not None:
            assert wait.hold, "what is let go of is not woken"
            await self.signals.wait([f"@{name}"], wait.delay)
        return self.lands(name)

    async def post_in_line(self, name: str) -> float:
        """The same in the line of the host, where a profile has one at a time."""
        while True:
            async with self.host.line.slot(name, (0,)):
                wait = await self.enter(name)
            if wait is None:
                return self.lands(name)
            assert wait.hold
            await self.signals.wait([f"@{name}"], wait.delay)


@pytest.fixture
def locked(tmp_path: Path) -> LockedOut:
    return LockedOut(tmp_path)


@in_virtual_time
async def test_what_was_mended_for_all_goes_out_for_all_within_seconds(locked: LockedOut) -> None:
    """An application that was let in again kept each of its hundred profiles waiting for up to five minutes."""
    posts = [asyncio.create_task(locked.post(name)) for name in NAMES]
    await asyncio.sleep(60.0)
    assert not any(post.done() for post in posts)
    locked.mended |= set(NAMES)
    posts.append(asyncio.create_task(locked.post(NAMES[7])))  # the first look that finds it
    assert max(await asyncio.gather(*posts)) < 65.0
    assert "credentials" not in locked.health.troubles


@in_virtual_time
async def test_what_was_mended_for_one_has_few_others_asked_for(locked: LockedOut) -> None:
    posts = [asyncio.create_task(locked.post(name)) for name in NAMES]
    await asyncio.sleep(60.0)
    before = locked.looks
    locked.mended.add(NAMES[7])
    await locked.post(NAMES[7])
    await asyncio.sleep(1.0)
    assert locked.looks - before <= 5
    assert sum(post.done() for post in posts) <= 1
    for post in posts:
        post.cancel()


@in_virtual_time
async def test_one_post_asks_for_all_of_its_profile(locked: LockedOut) -> None:
    """Before, each of twenty messages asked the platform for itself, a hundred times in the first minute."""
    name = NAMES[7]
    for other in NAMES:
        if other != name:
            locked.credentials.found(other)
    posts = [asyncio.create_task(locked.post_in_line(name)) for _ in range(20)]
    await asyncio.sleep(58.0)
    assert 2 <= locked.looks <= 6
    locked.asked.clear()
    await locked.asked.wait()
    await asyncio.sleep(FRESH_SECONDS + 0.2)  # that answer does not count for a new one any more
    locked.mended.add(name)
    now = asyncio.get_running_loop().time()
    posts.append(asyncio.create_task(locked.post_in_line(name)))  # a new one may ask again, for all
    assert max(await asyncio.gather(*posts)) < now + 1.0


@in_virtual_time
async def test_a_new_post_asks_again_when_the_last_answer_is_old(locked: LockedOut) -> None:
    """With a hundred lost the next look is minutes away; an evacuation order does not wait for it."""
    waiting = asyncio.create_task(locked.post_in_line(NAMES[7]))
    await asyncio.sleep(2.0)
    soon = await locked.enter(NAMES[7])
    assert (locked.looks, soon is not None and soon.delay > 200.0) == (1, True)
    await asyncio.sleep(4.0)
    locked.mended.add(NAMES[7])
    assert await locked.post_in_line(NAMES[7]) < 7.0
    assert await waiting < 7.0


@in_virtual_time
async def test_a_credential_whose_file_was_changed_is_asked_for_at_once(locked: LockedOut) -> None:
    watch, post = (
        asyncio.create_task(locked.admission.watch_credential_files()),
        asyncio.create_task(locked.post(NAMES[3])),
    )
    await asyncio.sleep(30.0)
    before = locked.looks
    locked.city.token_path(NAMES[3]).write_text("new")
    locked.mended.add(NAMES[3])
    assert await post <= 30.0 + FILES_SECONDS + 0.2
    assert locked.looks == before + 1
    watch.cancel()


@in_virtual_time
async def test_a_file_that_is_changed_right_after_a_refusal_has_it_asked_for_at_once(
    locked: LockedOut,
) -> None:
    """The answer of that moment counts for all posts, and is of the old file."""
    watch = asyncio.create_task(locked.admission.watch_credential_files())
    post = asyncio.create_task(locked.post(NAMES[3]))
    await asyncio.sleep(0.2)
    assert locked.looks == 1
    locked.city.token_path(NAMES[3]).write_text("new")
    locked.mended.add(NAMES[3])
    assert await post <= 0.2 + FILES_SECONDS + 0.2
    watch.cancel()


@in_virtual_time
async def test_a_neighbour_that_is_let_in_has_one_asked_for_that_was_refused_a_moment_ago(locked: LockedOut) -> None:
    late, neighbour = NAMES[0], NAMES[7]
    post = asyncio.create_task(locked.post(late))
    await asyncio.sleep(0.2)
    assert locked.looks == 1
    for other in NAMES:
        if other not in (late, neighbour):
            locked.credentials.found(other)
    locked.mended |= {late, neighbour}
    await locked.post(neighbour)
    assert await post < 1.0


async def test_a_change_while_it_was_asked_for_is_noticed_and_each_once(locked: LockedOut) -> None:
    name = NAMES[0]
    files = locked.credentials.files_of(name)
    locked.city.token_path(name).write_text("new")
    locked.credentials.lose(name, "refused", files)
    assert locked.credentials.changed() == [name]
    assert locked.credentials.changed() == []


async def test_a_profile_that_is_not_posted_to_any_more_keeps_nobody_waiting(locked: LockedOut) -> None:
    """Suspended or removed, it was counted and reported until a restart."""
    assert len(locked.credentials) == MANY
    for name in NAMES[2:]:
        del locked.control.profiles[name]
    locked.control.profiles[NAMES[1]] = profile(NAMES[1], official=False)
    wait = await locked.enter(NAMES[0])
    assert wait is not None
    assert wait.delay <= 12.5
    assert NAMES[1] not in locked.health.troubles["credentials"]
    del locked.control.profiles[NAMES[0]]
    assert locked.credentials.changed() == []
    assert "credentials" not in locked.health.troubles


async def test_the_websites_mirror_is_no_profile_and_is_remembered_all_the_same(locked: LockedOut) -> None:
    locked.credentials.lose("website-mirror", "no space left")
    assert len(locked.credentials) == MANY + 1


async def test_a_refusal_that_only_a_post_meets_is_told_once_and_not_as_over(locked: LockedOut) -> None:
    """Each five minutes the log said "let in again", on platforms where a right to post shows in nothing but a post."""
    name = NAMES[0]
    locked.mended.add(name)
    locked.said.clear()
    for _ in range(3):
        assert await locked.enter(name) is None, "the question is answered as if all were well"
        locked.admission.note_answer(name, REFUSED, locked.host)
        assert name in locked.health.troubles["credentials"]
    assert locked.said == []
    locked.lands(name)
    assert locked.said == ["the platform lets this profile in again"]
    assert name not in locked.health.troubles["credentials"]


@pytest.mark.parametrize(
    ("said", "over"),
    [
        ({}, True),
        ({"attempt_seq": 50}, False),
        ({"outcome": ReceiptOutcome.UNCONFIRMED}, False),
        ({"resolution_seq": 70}, False),
    ],
    ids=["a later post", "an earlier one", "nobody knows", "an officer's word"],
)
async def test_a_later_post_that_another_copy_made_or_a_look_found_is_let_in(
    locked: LockedOut, said: dict[str, Any], over: bool
) -> None:
    """This copy's own post may never come to its call then, and "no way in" would be reported until a restart."""
    name = NAMES[0]
    locked.admission.note_answer(name, REFUSED, locked.host)
    usual: dict[str, Any] = {"profile": name, "outcome": ReceiptOutcome.DELIVERED, "attempt_seq": 61}
    told = receipt(**(usual | said))
    entry = Entry(62, "", NOW, told.to_bytes(), {})
    locked.admission.on_receipt(entry, Applied(62, "receipt", (), "void"))
    assert name in locked.credentials
    locked.admission.on_receipt(entry, Applied(62, "receipt"))
    assert (name in locked.credentials) is not over


async def test_a_delivery_says_nothing_of_who_was_refused_when_asked(locked: LockedOut) -> None:
    name = NAMES[0]
    assert await locked.enter(name) is not None, "it was asked for, and refused"
    told = receipt(profile=name, outcome=ReceiptOutcome.DELIVERED, attempt_seq=61)
    locked.admission.on_receipt(Entry(62, "", NOW, told.to_bytes(), {}), Applied(62, "receipt"))
    assert name in locked.credentials
