"""The simulated platforms: what is public, and every way to lie about it.

A post lands where nobody can take it back. Between the call and the landing there is a connection to make, a request to
carry and a platform at work; the answer may be lost, wrong or late, and a post may vanish again. What a call started is
over within the lease, but for what a proxy holds: that lands before the platform's settling time is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime
from random import Random

from schemas.events.authority import Profile
from schemas.events.requests import PlatformContent
from schemas.streams import LEASE_SECONDS
from services.fanout.connectors.calls.observing import note as note_answer
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Cause,
    Connector,
    Correction,
    Declaration,
    FetchMedia,
    Health,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    ReconcileResult,
    Retracted,
    RetractResult,
    Retryable,
    Unknown,
    WhenUnknown,
)
from services.fanout.delivery.caller import ANSWER_MARGIN
from tests.simulation.loop import Process, VirtualLoop
from tests.simulation.simulated_city import START

HELD_SECONDS = 12.0
"""So long after a lease a proxy may still let a post through."""

QUOTA, QUOTA_SECONDS = 2, 20.0
"""So many posts a profile may make in such a time, as the platform reports it."""

MISCHIEF = ("accepted_500", "dropped", "silent", "late", "busy", "busy_after", "refused", "unreachable")


@dataclass(frozen=True)
class Post:
    """One public post. ``at`` is the virtual time of its landing, ``held`` how long a proxy had kept it."""

    number: int
    at: float
    profile: str
    key: str
    request_id: str
    rendering_sha256: str
    held: float = 0.0
    content: PlatformContent | None = None
    note: str = ""


@dataclass(frozen=True)
class _Call:
    """A call under way: what it posts, the platform's mischief in it, who waits for its answer, what it lacks."""

    intent: Intent
    trick: str
    answer: asyncio.Future[PublishResult]
    note: str


class Platforms:
    """All platforms of the city. ``lies``: the chance of mischief in a call; ``keyed``: it honours idempotency keys.

    ``cut``: the posts that are the beginning of a thread, whose rest is not there.
    """

    def __init__(self, loop: VirtualLoop, rng: Random, tell: Callable[[str, str], None]) -> None:
        self.loop, self.rng, self._tell = loop, rng, tell
        self.posts: list[Post] = []
        self.lies = 0.0
        self.mischief: tuple[str, ...] = MISCHIEF
        self.trick: Callable[[Intent], str | None] = lambda _intent: None
        self.blind = 0.0
        self.lag = 0.0
        self.vanish = 0.0
        self.vanished: dict[int, float] = {}
        self.cut: set[int] = set()
        self.sending: Callable[[Process], None] = lambda _process: None
        self.answered: list[tuple[float, str, str, str]] = []
        self.keyed = rng.random() < 0.5
        self.suspended: set[str] = set()
        self.called: list[tuple[float, str, str, str]] = []

    def known(self, platform: str, intent: Intent) -> Post | None:
        """Return what is, or was, under a key, where the platform has a natural key or honours one."""
        if platform != "website" and not self.keyed:
            return None
        same = (post for post in self.posts if (post.profile, post.key) == (intent.profile.id, intent.idempotency_key))
        return next(same, None)

    def land(self, platform: str, intent: Intent, held: float = 0.0, note: str = "") -> Post:
        """It is public now; a natural key, and an honoured one, make one post of two. What was cut is continued."""
        if (begun := self.begun(intent)) is not None:
            self._tell("platform", f"CONTINUED {begun.profile} {begun.request_id} post={begun.number}")
            self.cut.discard(begun.number)
            return begun
        if (known := self.known(platform, intent)) is not None:
            return known
        post = Post(
            len(self.posts) + 1,
            self.loop.now,
            intent.profile.id,
            intent.idempotency_key,
            intent.request_id,
            intent.rendering_sha256,
            held,
            intent.content,
            note,
        )
        self.posts.append(post)
        self._tell("platform", f"PUBLIC {post.profile} {post.request_id} post={post.number}")
        if platform != "website" and self.rng.random() < self.vanish:
            self.loop.outside(self.rng.uniform(1.0, 15.0), self._take_down, post)
        return post

    def begun(self, intent: Intent) -> Post | None:
        """Return the beginning of a thread that stands."""
        place = (intent.profile.id, intent.idempotency_key)
        begun = (post for post in self.posts if post.number in self.cut and (post.profile, post.key) == place)
        return next((post for post in begun if post.number not in self.vanished), None)

    def _take_down(self, post: Post) -> None:
        if post.number not in self.vanished:  # its correction may have taken it down
            self._tell("platform", f"VANISHED {post.profile} {post.request_id} post={post.number}")
            self.vanished[post.number] = self.loop.now

    def stands(self, profile: str, request_id: str) -> Post | None:
        """Return what a person sees who looks at a profile."""
        found = [post for post in self.posts if (post.profile, post.request_id) == (profile, request_id)]
        return next((post for post in found if post.number not in self.vanished), None)

    def quota_of(self, profile: str) -> dict[str, str]:
        """Return the headers that say how many posts of a profile are left until when, by the platform's own clock."""
        since = self.loop.now // QUOTA_SECONDS * QUOTA_SECONDS
        made = sum(1 for at, _, who, _ in self.called if who == profile and at >= since)
        now, until = (START + timedelta(seconds=at) for at in (self.loop.now, since + QUOTA_SECONDS))
        left = {"x-ratelimit-limit": str(QUOTA), "x-ratelimit-remaining": str(max(QUOTA - made, 0))}
        return {**left, "x-ratelimit-reset": until.isoformat(), "date": format_datetime(now, usegmt=True)}

    def cut_at(self, profile: str, request_id: str) -> str:
        """Return the id of the beginning that stands there without its rest; empty: there is none."""
        post = self.stands(profile, request_id)
        return str(post.number) if post is not None and post.number in self.cut else ""

    def visible(self, platform: str, intent: Intent) -> Post | None:
        """What the profile's timeline shows of a post. The website's connector reads its own pages, which lag never."""
        lag = 0.0 if platform == "website" else self.lag
        for post in self.posts:
            same = (post.profile, post.key) == (intent.profile.id, intent.idempotency_key)
            if same and post.at + lag <= self.loop.now and post.number not in self.vanished:
                return post
        return None


class SimConnector(Connector):
    """A connector, as the real ones behave: it translates, and an exception is never its answer."""

    declaration = Declaration(WhenUnknown.LOOK, Correction.NEW_POST, delete=True)

    def __init__(self, platform: str, platforms: Platforms, process: Process) -> None:
        self.platform = platform
        if platform == "website":  # its pages are files: the same key is the same page
            self.declaration = replace(self.declaration, when_unknown=WhenUnknown.REPEAT)
        self._platforms, self._process = platforms, process

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Connect, send, wait for the answer."""
        world, rng = self._platforms, self._platforms.rng
        intent, note = await _with_pictures(intent, fetch_media)
        await asyncio.sleep(rng.uniform(0.001, 0.05))  # the connection
        stands = world.visible(self.platform, intent) if intent.repeat else None
        if stands is not None and stands.number not in world.cut:
            return self._where(stands)  # as each connector that looks does, right before it sends again
        trick = world.trick(intent)
        if trick is None:
            trick = rng.choice(world.mischief) if rng.random() < world.lies else ""
        world._tell(self._process.name, f"CALL {intent.profile.id} {intent.request_id} {trick}".rstrip())
        answer: asyncio.Future[PublishResult] = asyncio.get_running_loop().create_future()
        world.sending(self._process)
        call = _Call(intent, trick, answer, note)
        if self._process.stopped:
            self._process.call(self._send, call)  # stopped between look and call: it sends when it wakes
        else:
            self._send(call)
        result = await answer
        world.answered.append((world.loop.now, self._process.name, intent.profile.id, intent.request_id))
        note_answer("POST", "/api/v1/statuses", world.quota_of(intent.profile.id))
        return result

    def _send(self, call: _Call) -> None:
        world, rng = self._platforms, self._platforms.rng
        intent, answer = call.intent, call.answer
        world.called.append((world.loop.now, self._process.name, intent.profile.id, intent.request_id))
        if call.trick == "unreachable":
            self._reply(answer, Retryable("connection refused", cause=Cause.HOST))
            return
        world.loop.outside(rng.uniform(0.005, 0.3), self._arrive, call)

    def _arrive(self, call: _Call) -> None:
        world, rng = self._platforms, self._platforms.rng
        intent, trick, answer = call.intent, call.trick, call.answer
        if intent.profile.id in world.suspended:
            return self._reply(answer, Permanent("the account is suspended"))
        if trick in ("busy", "busy_after", "busy_long"):
            after = {"busy": None, "busy_after": 3.0, "busy_long": rng.uniform(60.0, 290.0)}[trick]
            return self._reply(answer, Retryable("too many requests", after=after))
        if trick == "refused":
            return self._reply(answer, Permanent("the platform refuses this text"))
        known = world.known(self.platform, intent)
        if known is not None and known.rendering_sha256 != intent.rendering_sha256:
            return self._reply(answer, Permanent("the key was used for other content"))
        if known is not None and known.number in world.vanished:
            return self._reply(answer, Permanent("404: what was posted under the key is not there"))
        if trick == "dropped":
            return self._reply(answer, Unknown("500 after sending")) if rng.random() < 0.5 else None
        if trick == "late":
            # It answers nothing, and posts as late as the call may last.
            left = max(intent.call_timeout - 0.4, 0.0)
            world.loop.outside(rng.uniform(0.0, left), world.land, self.platform, intent)
            return None
        if trick == "held" and self.platform != "website":  # its pages are files here, behind no proxy
            # A proxy keeps it until after the lease, and answers nothing; the platform shows it before it is settled.
            late = LEASE_SECONDS * ANSWER_MARGIN + rng.uniform(0.1, HELD_SECONDS)
            world.loop.outside(intent.call_timeout + late, world.land, self.platform, intent, late)
            return None
        if trick == "cut" and self.platform != "website" and (known is None or known.number in world.cut):
            return self._cut(intent, answer)
        post = world.land(self.platform, intent, note=call.note)
        if trick == "accepted_500":
            return self._reply(answer, Unknown("500 after sending"))
        return None if trick == "silent" else self._reply(answer, self._where(post))

    def _cut(self, intent: Intent, answer: asyncio.Future[PublishResult]) -> None:
        """Of two parts the first is public, and the second is refused, for now or for good."""
        world = self._platforms
        post = world.begun(intent) or world.land(self.platform, intent)
        world.cut.add(post.number)
        begun, reason = self._where(post), "1 of 2 parts are posted"
        for_good = world.rng.random() < 0.2
        self._reply(answer, Permanent(reason, begun) if for_good else Retryable(reason, begun=begun))

    def _reply(self, answer: asyncio.Future[PublishResult], result: PublishResult) -> None:
        def arrived() -> None:
            if not answer.done():
                answer.set_result(result)

        self._platforms.loop.outside(self._platforms.rng.uniform(0.005, 0.2), arrived)

    def _where(self, post: Post) -> Posted:
        return Posted(f"https://{self.platform}.example/{post.profile}/{post.number}", str(post.number), post.note)

    async def reconcile(self, intent: Intent) -> ReconcileResult:
        """Look at the timeline, which may lag behind."""
        world, rng = self._platforms, self._platforms.rng
        await asyncio.sleep(rng.uniform(0.005, 0.2))
        if rng.random() < world.blind:
            return CannotTell("the timeline cannot be read")
        found = world.visible(self.platform, intent)
        if found is not None and found.number in world.cut:
            return Absent(begun=self._where(found))
        return self._where(found) if found is not None else Absent()

    async def read_back(self, intent: Intent, remote_id: str) -> ReconcileResult:
        """Look whether a post is still there."""
        world, rng = self._platforms, self._platforms.rng
        await asyncio.sleep(rng.uniform(0.005, 0.2))
        if rng.random() < world.blind:
            return CannotTell("the timeline cannot be read")
        post = next((one for one in world.posts if str(one.number) == remote_id), None)
        return Absent() if post is None or post.number in world.vanished else self._where(post)

    async def retract(self, intent: Intent, remote_id: str) -> RetractResult:
        """Take it down; what does not stand is taken back already. Without an id it is looked for by its key."""
        place = (intent.profile.id, intent.idempotency_key)
        for post in self._platforms.posts:
            if str(post.number) == remote_id or (not remote_id and (post.profile, post.key) == place):
                self._platforms.vanished.setdefault(post.number, self._platforms.loop.now)
        return Retracted()

    async def check(self, profile: Profile) -> Health:
        """All is well."""
        return Health(True, "")

    async def close(self) -> None:
        """There is nothing to let go of."""


async def _with_pictures(intent: Intent, fetch_media: FetchMedia) -> tuple[Intent, str]:
    """Return the intent with the pictures that could be had, and what is to be said of the others."""
    found, missing = [], []
    for number, picture in enumerate(intent.content.pictures, 1):
        try:
            await fetch_media(picture.sha256)
            found.append(picture)
        except LookupError:
            missing.append(f"picture {number} is missing")
    if not missing:
        return intent, ""
    return replace(intent, content=intent.content.model_copy(update={"pictures": tuple(found)})), "; ".join(missing)
