"""The people: they submit, approve, reject and give orders at random times, and remember what they were told."""

from __future__ import annotations

import asyncio
import contextvars
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from schemas import subjects
from schemas.events import control as c
from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.authority import Grant, Role
from schemas.events.base import Contract
from schemas.events.control import Posture
from schemas.events.desk import BoardQuery
from schemas.events.envelope import APPROVAL_TYPE, ORDER_TYPE
from schemas.events.requests import SUBMITTED_TYPE, Request, Submission, SubmissionEvent
from tests.sim.moments import NO_THEME
from tests.sim.town import START

if TYPE_CHECKING:
    from tests.sim.world import World

ANSWER_SECONDS = 6.0
APPROVERS = ("mcpe", "mcpe", "comms-officer", "comms-officer", "comms-officer", "pio", "cao", "eoc-director")
AUTHORS = ("clerk", "fire-publisher", "mcpe", "drivebc")
TEXTS = ("Water main break on Wren Street. ", "Road closed at the bridge. ", "Trail reopened. ")


def come(world: World) -> None:
    """Decide who does what, and when."""
    rng = world.rng
    for number in range(world.theme.messages or rng.randint(3, 5)):
        world.loop.create_task(_message(world, number, rng.uniform(0, 10 if world.theme.acts else 25)))
    if not world.theme.acts or rng.random() < 0.3:
        world.loop.create_task(_orders(world, rng.uniform(0, 30)))
    world.loop.create_task(_look(world))
    world.network.hearers.setdefault(subjects.EOC_STATE, []).append((_Everybody(), lambda raw: _heard(world, raw)))


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
    rng = world.rng
    await asyncio.sleep(after)
    author = rng.choice(AUTHORS)
    targets: Any = tuple(sorted(rng.sample(world.town.profiles, rng.randint(1, 2))))
    if rng.random() < 0.15:
        targets = "all-departments"
    if world.theme.targets:
        targets = (rng.choice([name for name in world.town.profiles if name.endswith(world.theme.targets)]),)
    lasts = rng.choice(world.theme.lasts or (12, 25, 45, 3_600, 3_600, 3_600))
    event = SubmissionEvent(
        specversion="1.0",
        id=f"m{number}",
        source="sim",
        type=SUBMITTED_TYPE,
        data=Submission(
            text=rng.choice(TEXTS) + "https://mission.example/news",
            targets=targets,
            crisis=rng.random() < 0.3,
            link="https://mission.example/news",
            expires=now(world) + timedelta(seconds=lasts),
        ),
    )
    answer = await ask(world, subjects.DESK_REQUEST_SUBMIT, author, event)
    if answer is None or "error" in answer:
        return
    request_id = answer["request_id"]
    world.told.requests[request_id] = (world.loop.now, answer["seq"])
    for _ in range(rng.choice(world.theme.says)):
        await asyncio.sleep(rng.choice((0.0, 0.5, 4.0 if world.theme is NO_THEME else 1.0)) * rng.random())
        await _decide(world, request_id, rng.choice(APPROVERS), rejects=rng.random() < 0.08)
    if rng.random() < 0.15:
        await asyncio.sleep(rng.uniform(0, 4))
        await _order(world, author if author in world.town.signers else "mcpe", c.Withdraw(request_id=request_id))
    if rng.random() < 0.2:
        await ask(world, subjects.DESK_REQUEST_SUBMIT, author, event)


async def _decide(world: World, request_id: str, officer: str, *, rejects: bool) -> None:
    entry = world.server.ledger.newest(subjects.request(request_id))
    if entry is None:
        return
    request = Request.from_bytes(entry.data)
    statement = ApprovalStatement(
        realm="live",
        request_id=request_id,
        revision=request.revision,
        decision="reject" if rejects else "approve",
        scope=request.scope,
        targets=request.targets,
        renderings={one.platform: one.sha256 for one in request.renderings},
        digest=request.digest,
        officer=officer,
        issued_at=now(world),
        expires_at=now(world)
        + timedelta(
            seconds=world.rng.choice((15, 60, 1_500, 1_500) if world.theme is NO_THEME else (90, 1_500, 1_500))
        ),
        nonce=f"{world.rng.getrandbits(128):032x}",
        acknowledged=tuple(finding.code for finding in request.screening),
        reason="not true" if rejects else "",
    )
    envelope = world.town.signers[officer].sign(APPROVAL_TYPE, statement)
    approval = Approval(at=now(world), request_id=request_id, officer=officer, envelope=envelope)
    answer = await ask(world, subjects.DESK_APPROVAL_SUBMIT, officer, approval)
    if answer is not None and "error" not in answer:
        world.told.approvals.append((world.loop.now, request_id, answer["seq"]))


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
        "designate": ("cao", c.Designate(officer="clerk", grant=Grant(role=Role.DESIGNATED))),
    }[name]


async def _orders(world: World, after: float) -> None:
    await asyncio.sleep(after)
    for name in world.rng.choice(STORIES):
        officer, action = _action(world, name)
        await _order(world, officer, action)
        await asyncio.sleep(world.rng.choice((0.3, 3.0, 18.0)) * world.rng.random())


CHANGES: tuple[tuple[str, ...], ...] = (("designate", "revoke"), ("activate",), ("hold", "release"), ("crisis",))


def order_now(world: World, *names: str) -> None:
    """Somebody changes control at this very moment; ``names``: how, if that is not left to the seed."""
    names = names or world.rng.choice(CHANGES)

    async def orders() -> None:
        for name in names:
            officer, action = _action(world, name)
            await _order(world, officer, action)
            await asyncio.sleep(world.rng.uniform(1.0, 4.0))

    world.loop.create_task(orders(), context=contextvars.Context())


async def _order(world: World, officer: str, action: Any) -> None:
    order = c.Order(
        realm="live",
        officer=officer,
        action=action,
        issued_at=now(world),
        expires_at=now(world) + timedelta(minutes=2),
        nonce=f"{world.rng.getrandbits(128):032x}",
    )
    if officer not in world.town.signers:
        return
    envelope = world.town.signers[officer].sign(ORDER_TYPE, order)
    registry = isinstance(action, c.Designate | c.Revoke)
    base = subjects.DESK_REGISTRY_ORDER if registry else subjects.DESK_EOC_ORDER
    answer = await ask(world, base, officer, envelope)
    if answer is not None and "error" not in answer:
        world.told.orders.append((world.loop.now, order.nonce, answer["control_seq"]))


async def _look(world: World) -> None:
    """The director asks what the posture is, now and then."""
    while not world.calm:
        await asyncio.sleep(world.rng.uniform(4.0, 9.0))
        answer = await ask(world, subjects.DESK_BOARD_QUERY, "eoc-director", BoardQuery(query="eoc"))
        if answer and answer.get("eoc", {}).get("posture") == Posture.EOC_ACTIVE:
            world.told.active.append(world.loop.now)
