"""The people: they submit, approve, reject and give orders at random times, and remember what they were told."""

from __future__ import annotations

import asyncio
import contextvars
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from schemas import subjects
from schemas.events import control as c
from schemas.events.authority import Grant, Role, Severity
from schemas.events.base import Contract
from schemas.events.control import Posture
from schemas.events.desk import BoardQuery
from schemas.events.envelope import ORDER_TYPE
from schemas.events.requests import SUBMITTED_TYPE, Request, Submission, SubmissionEvent
from services.kernel.control.naming import named
from tests.simulation.loop import Process
from tests.simulation.simulated_city import START
from tests.support.people import approval_of, order_of, resolution_of

if TYPE_CHECKING:
    from tests.simulation.world import World

Said = Literal["approve", "reject", "return"]
ANSWER_SECONDS = 6.0
RESOLVING = 60.0
"""So many seconds of calm officers go on deciding on unconfirmed posts."""

APPROVERS = ("mcpe", "mcpe", "comms-officer", "comms-officer", "comms-officer", "pio", "cao", "eoc-director")
AUTHORS = ("clerk", "fire-publisher", "mcpe", "drivebc")
TEXTS = ("Water main break on Wren Street. ", "Road closed at the bridge. ", "Trail reopened. ")


def come(world: World) -> None:
    """Decide who does what, and when."""
    rng, theme = world.rng, world.theme
    if theme.script is not None:
        world.loop.create_task(theme.script(world))
    else:
        for number in range(theme.messages or rng.randint(3, 5)):
            world.loop.create_task(_message(world, number, rng.uniform(0, 10 if theme.acts else 25)))
        if not theme.quiet and (not theme.acts or rng.random() < 0.3):
            world.loop.create_task(_orders(world, rng.uniform(0, 30)))
    if theme.afterwards or (theme.plain and rng.random() < 0.5):
        world.loop.create_task(_afterwards(world))
    if not theme.quiet:
        world.loop.create_task(_resolve(world))
    world.loop.create_task(_look(world))
    world.network.hearers.setdefault(subjects.EOC_STATE, []).append(
        (cast(Process, _Everybody()), lambda raw: _heard(world, raw))
    )


class _Everybody:
    """Whoever watches the broadcasts; never dies, never cut off."""

    name, alive, stopped = "people", True, False


def _heard(world: World, raw: bytes) -> None:
    if json.loads(raw)["posture"] == Posture.EOC_ACTIVE:
        world.told.active.append(world.loop.now)


def now(world: World) -> datetime:
    """The true time, which people have on their wrists."""
    return START + timedelta(seconds=world.loop.now)


async def ask(world: World, base: str, user: str, body: Contract) -> dict[str, Any] | None:
    """Send a message and wait; send the very same again twice if no answer comes. None: never answered."""
    raw = body.to_bytes()
    for _ in range(3):
        future: asyncio.Future[bytes] = world.loop.create_future()

        def answered(reply: bytes, waits: asyncio.Future[bytes] = future) -> None:
            if not waits.done():
                waits.set_result(reply)

        world.network.ask(base, user, raw, answered)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer: dict[str, Any] = json.loads(await future)
        except TimeoutError:
            continue
        error = answer.get("error")
        world.tell(user, f"{base} -> {error['code'] if error else 'done'}")
        if error:
            world.told.refused.append((world.loop.now, user, error["code"]))
        if error and error["code"] == "internal":
            world.faults.append(f"{base} failed: {error['message']}")
        if error and error["code"] in ("broker.unreachable", "ledger.busy", "control.busy"):
            await asyncio.sleep(world.rng.uniform(0.5, 2.0))
            continue
        return answer
    return None


# --- messages ---------------------------------------------------------------------------------------------


async def _message(world: World, number: int, after: float) -> None:
    """One message from its submission to the officers' say."""
    rng, theme = world.rng, world.theme
    await asyncio.sleep(after)
    author = rng.choice(AUTHORS)
    targets: Any = tuple(sorted(rng.sample(world.town.profiles, rng.randint(1, 2))))
    if rng.random() < (theme.everywhere or 0.15):
        targets = "all-departments"
    if theme.targets:
        targets = (rng.choice([name for name in world.town.profiles if name.endswith(theme.targets)]),)
    lasts = rng.choice(theme.lasts or (12, 25, 45, 3_600, 3_600, 3_600))
    request_id = await submit(world, f"m{number}", author, targets, crisis=rng.random() < 0.3, lasts=lasts)
    if request_id is None:
        return
    for _ in range(rng.choice(theme.says)):
        await asyncio.sleep(rng.choice((0.0, 0.5, 4.0 if theme.plain else 1.0)) * rng.random())
        await decide(world, request_id, rng.choice(theme.approvers or APPROVERS), rejects=rng.random() < theme.rejects)
    if theme.quiet:
        return
    if rng.random() < 0.15:
        await asyncio.sleep(rng.uniform(0, 4))
        await order(world, author if author in world.town.signers else "mcpe", c.Withdraw(request_id=request_id))


async def submit(
    world: World,
    name: str,
    author: str,
    targets: Any,
    *,
    crisis: bool = False,
    lasts: int = 3_600,
    severity: Severity | None = None,
) -> str | None:
    """Submit a message, now and then a second time; return its id if it was accepted."""
    event = SubmissionEvent(
        specversion="1.0",
        id=name,
        source="sim",
        type=SUBMITTED_TYPE,
        data=Submission(
            text=world.rng.choice(TEXTS) + "https://mission.example/news",
            targets=targets,
            crisis=crisis,
            link="https://mission.example/news",
            severity=severity,
            expires=now(world) + timedelta(seconds=lasts),
        ),
    )
    answer = await ask(world, subjects.DESK_REQUEST_SUBMIT, author, event)
    if answer is None or "error" in answer:
        return None
    request_id = str(answer["request_id"])
    world.told.requests[request_id] = (world.loop.now, answer["seq"])
    world.submitted.append((author, event))
    return request_id


async def decide(world: World, request_id: str, officer: str, *, rejects: bool, says: Said | None = None) -> None:
    """An officer's decision on what the ledger holds of a request; ``says`` where it is not approved or rejected."""
    entry = world.server.ledger.newest(subjects.request(request_id))
    if entry is None:
        return
    request = Request.from_bytes(entry.data)
    at, decision = now(world), says or ("reject" if rejects else "approve")
    lasts = world.rng.choice((15, 60, 1_500, 1_500) if world.theme.plain else (90, 1_500, 1_500))
    approval = approval_of(
        request,
        officer,
        world.town.signers[officer],
        at,
        decision=decision,
        expires_at=request.expires_at if request.not_before is not None else at + timedelta(seconds=lasts),
        nonce=f"{world.rng.getrandbits(128):032x}",
        reason="not true" if rejects else "",
    )
    answer = await ask(world, subjects.DESK_APPROVAL_SUBMIT, officer, approval)
    if answer is not None and "error" not in answer:
        world.told.approvals.append((world.loop.now, request_id, answer["seq"]))


async def wait_long(world: World) -> None:
    """A routine message is told to wait for minutes; then comes an urgent one on the same profile."""
    rng = world.rng
    profile = rng.choice([name for name in world.town.profiles if name.endswith("townsquare")])
    routine = await submit(world, "m0", "clerk", (profile,), severity=rng.choice((None, "minor")))
    if routine is None:
        return
    world.platforms.trick = lambda intent: "busy_long" if intent.request_id == routine else ""
    await decide(world, routine, "mcpe", rejects=False)
    await asyncio.sleep(rng.uniform(0.0, 20.0))
    urgent = await submit(world, "m1", "mcpe", (profile,), crisis=True, severity="extreme")
    if urgent is not None:
        await decide(world, urgent, "mcpe", rejects=False)
    await asyncio.sleep(rng.uniform(5.0, 60.0))
    what = rng.choice(("withdraw", "activate", "hold", "wait"))
    if what == "withdraw":
        await order(world, "mcpe", c.Withdraw(request_id=routine))
    elif what != "wait":
        await order(world, *_action(world, what))
    if rng.random() < 0.5:
        world.platforms.trick = lambda _intent: ""
    if what == "hold":
        await order(world, *_action(world, "release"))
    await submit(world, "m2", "mcpe", (profile,))


async def flood(world: World) -> None:
    """More routine messages than a host's quota lets through, and then an urgent one."""
    rng = world.rng
    profiles = [name for name in world.town.profiles if name.endswith("townsquare")]
    for number in range(rng.randint(8, 14)):
        request_id = await submit(world, f"m{number}", "mcpe", tuple(rng.sample(profiles, rng.randint(1, 3))))
        if request_id is not None:
            await decide(world, request_id, "mcpe", rejects=False)
    await asyncio.sleep(rng.uniform(0.0, 5.0))
    urgent = await submit(world, "urgent", "mcpe", (rng.choice(profiles),), crisis=True, severity="extreme")
    if urgent is not None:
        await decide(world, urgent, "mcpe", rejects=False)


# --- orders -----------------------------------------------------------------------------------------------

STORIES: tuple[tuple[str, ...], ...] = (
    ("activate",),
    ("activate", "stand_down"),
    ("activate", "stand_down", "activate"),
    ("hold", "release"),
    ("activate", "hold", "release"),
    ("crisis", "activate"),
    ("revoke",),
    ("designate", "revoke"),
    ("add", "add"),
    ("add", "activate"),
    ("suspend",),
    (),
)


def _action(world: World, name: str) -> tuple[str, Any]:
    rng = world.rng
    return {
        "activate": ("eoc-director", c.EocActivate(level=2, incident="Freshet")),
        "stand_down": ("eoc-director", c.EocStandDown()),
        "hold": ("pio", c.Hold(on=True)),
        "release": ("pio", c.Hold(on=False)),
        "crisis": ("cao", c.CrisisDeclare(incident="Freshet")),
        "revoke": ("cao", c.Revoke(officer=rng.choice(("comms-officer", "mcpe")))),
        "add": ("cao", c.ProfileAdd(profile=rng.choice(world.town.new_profiles))),
        "suspend": ("mcpe", c.ProfileSuspend(profile=rng.choice(world.town.profiles))),
        "designate": ("cao", c.Designate(officer="clerk", grant=Grant(role=Role.DESIGNATED))),
    }[name]


async def _orders(world: World, after: float) -> None:
    await asyncio.sleep(after)
    for name in world.rng.choice(STORIES):
        officer, action = _action(world, name)
        if await order(world, officer, action) and name == "add":
            number = len(world.told.requests) + 100
            world.loop.create_task(_message_to(world, number, action.profile.id))
        await asyncio.sleep(world.rng.choice((0.3, 3.0, 18.0)) * world.rng.random())


CHANGES: tuple[tuple[str, ...], ...] = (("designate", "revoke"), ("activate",), ("hold", "release"), ("crisis",))


def order_now(world: World, *names: str) -> None:
    """Somebody changes control at this very moment; ``names``: how, if that is not left to the seed."""
    names = names or world.rng.choice(CHANGES)

    async def orders() -> None:
        for name in names:
            officer, action = _action(world, name)
            await order(world, officer, action)
            await asyncio.sleep(world.rng.uniform(1.0, 4.0))

    world.loop.create_task(orders(), context=contextvars.Context())


async def _message_to(world: World, number: int, profile: str) -> None:
    """A message to a profile that is new: it is served without a restart."""
    request_id = await submit(world, f"n{number}", "mcpe", (profile,))
    if request_id is not None:
        await decide(world, request_id, world.rng.choice(APPROVERS), rejects=False)


async def order(world: World, officer: str, action: Any) -> bool:
    asked, nonce = named(world.follower.fold.control, action), f"{world.rng.getrandbits(128):032x}"
    signed = order_of(officer, asked, now(world), nonce=nonce)
    if officer not in world.town.signers:
        return False
    envelope = world.town.signers[officer].sign(ORDER_TYPE, signed)
    registry = isinstance(action, c.Designate | c.Revoke | c.ProfileAdd | c.ProfileSuspend)
    base = subjects.DESK_REGISTRY_ORDER if registry else subjects.DESK_EOC_ORDER
    answer = await ask(world, base, officer, envelope)
    if answer is not None and "error" not in answer:
        if answer.get("changed", True):  # what is so already writes nothing
            world.told.orders.append((world.loop.now, signed.nonce, answer["control_seq"]))
        return True
    return False


def reject_now(world: World) -> None:
    """An officer rejects a message at this very moment: whichever is cleared."""
    cleared = [name for name, state in world.follower.fold.requests.items() if state.is_cleared]
    if cleared:
        officer, request_id = world.rng.choice(APPROVERS), world.rng.choice(cleared)
        world.loop.create_task(decide(world, request_id, officer, rejects=True), context=contextvars.Context())


async def _afterwards(world: World) -> None:
    """People come back to messages that are over: they approve, reject, withdraw and submit once more."""
    rng = world.rng
    await asyncio.sleep(rng.uniform(5.0, 20.0))
    while not world.calm:
        await asyncio.sleep(rng.uniform(0.5, 12.0))
        known = list(world.told.requests)
        if not known:
            continue
        what, request_id = rng.choice(("say", "say", "submit", "withdraw")), rng.choice(known)
        if what == "say":
            await decide(world, request_id, rng.choice(APPROVERS), rejects=rng.random() < 0.2)
        elif what == "withdraw" and rng.random() < 0.3:
            await order(world, "mcpe", c.Withdraw(request_id=request_id))
        elif what == "submit":
            author, event = rng.choice(world.submitted)
            await ask(world, subjects.DESK_REQUEST_SUBMIT, author, event)


async def _resolve(world: World) -> None:
    """Officers look at the profiles where a post is unconfirmed, and say what becomes of it; sometimes two at once."""
    rng = world.rng
    until = world.theme.chaos + RESOLVING
    while world.loop.now < until:
        await asyncio.sleep(rng.uniform(2.0, 7.0))
        found = [
            (profile, request_id, target.receipt_seq)
            for request_id, state in world.follower.fold.requests.items()
            for profile, target in state.targets.items()
            if target.is_unconfirmed
        ]
        if found:
            place = rng.choice(found)
            await asyncio.gather(*(_decide_on(world, *place) for _ in range(rng.choice((1, 1, 2)))))


async def _decide_on(world: World, profile: str, request_id: str, receipt_seq: int) -> None:
    rng, seen = world.rng, world.platforms.stands(profile, request_id)
    decision: Any = "posted" if seen else rng.choice(("post_again", "post_again", "give_up"))
    ever = {(post.profile, post.request_id) for post in world.platforms.posts}
    if decision == "give_up" and (profile, request_id) in ever:
        decision = "post_again"  # what was public once is not said to have failed
    officer = rng.choice(("mcpe", "pio", "cao", "comms-officer"))
    url = f"https://mastodon.example/{seen.number}" if seen else None
    nonce, until = f"{rng.getrandbits(128):032x}", now(world) + timedelta(minutes=4)
    about, key = (request_id, profile, receipt_seq), world.town.signers[officer]
    resolution = resolution_of(about, decision, officer, key, now(world), url=url, nonce=nonce, expires_at=until)
    answer = await ask(world, subjects.DESK_DELIVERY_RESOLVE, officer, resolution)
    if answer is not None and "error" not in answer:
        world.told.resolutions.append((world.loop.now, (profile, request_id), answer["seq"]))


async def _look(world: World) -> None:
    """The director asks what the posture is, now and then."""
    while not world.calm:
        await asyncio.sleep(world.rng.uniform(4.0, 9.0))
        answer = await ask(world, subjects.DESK_BOARD_QUERY, "eoc-director", BoardQuery(query="eoc"))
        if answer and answer.get("eoc", {}).get("posture") == Posture.EOC_ACTIVE:
            world.told.active.append(world.loop.now)
