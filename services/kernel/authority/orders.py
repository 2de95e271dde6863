"""How an officer's order becomes a control event: checked against the fold, appended by compare-and-set.

Shared by the two writers of ``ledger.control``, eoc_state and registry, which race without harm: whoever loses
reads the new state and checks the order again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from schemas import flow, subjects
from schemas.events.control import RULE, ControlEvent, Order, Ordered, PasskeyEnrolled, Renewed
from schemas.events.envelope import Envelope
from services.kernel.authority.judged import judged
from services.kernel.authority.statements import faults_of, read_signed, speaks_for
from services.kernel.base.city import City
from services.kernel.base.clock import Clock
from services.kernel.base.crashpoints import crash_point
from services.kernel.base.errors import BadInput, Refused
from services.kernel.control.control_fold import fold
from services.kernel.control.control_state import ControlFault, ControlState
from services.kernel.control.naming import check_named
from services.kernel.control.order_rates import check_rate, too_many
from services.kernel.control.order_rules import check_fresh, check_genuine, check_order, order_hash, protects
from services.kernel.control.repeats import repeats
from services.kernel.ledger.client import Conflict, Ledger
from services.kernel.ledger.conflicts import CONFLICT_TRIES, control_busy

FurtherCheck = Callable[[ControlState, Order, datetime], Awaitable[None]]


class ControlWriter(Protocol):
    """What a service needs to write to ``ledger.control``."""

    @property
    def row(self) -> flow.Service:
        """Its row in the flow map."""
        ...

    @property
    def city(self) -> City:
        """The city, whose pinned keys count."""
        ...

    @property
    def clock(self) -> Clock:
        """The time."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Where control changes are appended."""
        ...

    @property
    def orders(self) -> Mapping[str, int]:
        """The orders that were carried out: their hash, and where each is."""
        ...

    def alarm(self, said: str, **about: Any) -> None:
        """Say aloud that something was noticed that no service of ours does."""
        ...

    async def catch_up(self) -> ControlState:
        """Learn what the ledger has now; return the state of control. Raises Unreachable."""
        ...

    async def at_least(self, seq: int) -> ControlState:
        """Know what is there up to a sequence of ``ledger.control``; return the state. Raises Unreachable."""
        ...


@dataclass(frozen=True)
class CarriedOut:
    """An order that holds, and the state with it; ``changed`` is false where it was so already."""

    state: ControlState
    order: Order
    changed: bool = True

    @property
    def said(self) -> str:
        """What a log says of it."""
        return "control changed" if self.changed else "an order that repeats what is so"


async def no_further_check(_state: ControlState, _order: Order, _now: datetime) -> None:
    """Ask nothing beyond the fold."""


async def carry_out(
    runtime: ControlWriter,
    envelope: Envelope,
    sender: str,
    actions: frozenset[str],
    further: FurtherCheck = no_further_check,
) -> CarriedOut:
    """Append an order to ``ledger.control``, unless it repeats what is so.

    A repeat after a lost reply is answered like the first time while the order is fresh; later it is refused.

    Raises:
        BadInput: ``order.malformed``, ``order.action``: this service does not take that action.
        Refused: the fold does not allow it (``order.signature``, ``order.role``, ``order.posture`` ...).
        Unreachable: the broker did not acknowledge.
    """
    order = _read(envelope, sender, actions)
    state = await runtime.catch_up()
    for _ in range(CONFLICT_TRIES):
        judge = partial(_judge, runtime, state, envelope, order, further)
        try:
            event = await judged(runtime.clock.now(), runtime.ledger.server_time, judge)
        except ControlFault as fault:
            raise _refused(runtime, order, fault) from fault
        if isinstance(event, CarriedOut):
            return event
        last = None if protects(order) else state.seq
        # The same order at two copies is one entry: without a condition only its id says so.
        msg_id = f"order:{order_hash(envelope)}" if last is None else None
        try:
            appended = await runtime.ledger.append(subjects.CONTROL, event, expect_last=last, msg_id=msg_id)
        except Conflict:
            state = await runtime.catch_up()
            continue
        crash_point(f"{runtime.row.name}.order.stored")
        state_now = await runtime.at_least(appended.seq)  # who answers as the leader may not be it any more
        if runtime.orders.get(order_hash(envelope)) != appended.seq:
            raise _why_void(state_now, envelope, order, event)
        return CarriedOut(replace(state_now, seq=appended.seq), order)
    raise control_busy()


async def _judge(
    runtime: ControlWriter,
    state: ControlState,
    envelope: Envelope,
    order: Order,
    further: FurtherCheck,
    now: datetime,
) -> CarriedOut | Ordered:
    """Return the entry of an order that may be carried out at a time, or what is answered where nothing is written.

    Raises:
        ControlFault, Refused: it may not be carried out then.
    """
    if _stands(runtime, envelope, order, now):
        return CarriedOut(state, order)
    check_genuine(state, envelope, order, now)
    check_fresh(order, now)
    if repeats(state, order.action, now):
        return CarriedOut(state, order, changed=False)
    check_order(state, envelope, order, now)
    check_rate(state, order, now)
    await further(state, order, now)
    event = Ordered(at=now, order=envelope, rule=RULE)
    _after(runtime, state, event, state.seq + 1)
    return event


def _read(envelope: Envelope, sender: str, actions: frozenset[str]) -> Order:
    with faults_of("order"):
        order = read_signed(envelope, Order)
    if order.action.action not in actions:
        raise BadInput("order.action", f"{order.action.action} is not ordered here", "use the onevoice command")
    if not speaks_for(sender, order.officer, envelope):
        raise Refused("order.sender", f"{sender} sent an order of {order.officer}", "send your own orders")
    return order


def _why_void(state: ControlState, envelope: Envelope, order: Order, event: Ordered) -> Refused:
    """Return why an order that was appended does not count: what came first, or the broker's clock."""
    try:
        check_order(replace(state, nonces={}), envelope, order, event.at)
        check_named(state, order.action, obliged=True)
    except ControlFault as fault:
        return Refused(fault.code, f"another order came first: {fault.message}", _hint(fault.code))
    return Refused(
        "order.expired",
        "the broker's clock says that the order was signed more than a minute before or after it was stored",
        "check the clocks of this machine and of the broker, and give the command again",
    )


def _refused(runtime: ControlWriter, order: Order, fault: ControlFault) -> Refused:
    if fault.code == "order.rate":
        runtime.alarm(too_many(order), action=order.action.action)
    return Refused(fault.code, fault.message, _hint(fault.code))


async def carry_out_renewal(runtime: ControlWriter, envelope: Envelope) -> ControlState:
    """Append the root's next version to ``ledger.control``; return the state after it.

    Raises:
        Refused: the fold does not allow it (``renewal.version``, ``renewal.signature`` ...).
        Unreachable: the broker did not acknowledge.
    """
    return await _append(runtime, lambda now: Renewed(at=now, renewal=envelope))


async def carry_out_enrolment(runtime: ControlWriter, envelope: Envelope) -> ControlState:
    """Append the use of a one-time link to ``ledger.control``; return the state after it.

    A repeat after a lost reply is refused as a link that was used: the passkey is on record then.

    Raises:
        Refused: the fold does not allow it (``enrolment.link``, ``enrolment.signature``, ``passkey.used`` ...).
        Unreachable: the broker did not acknowledge.
    """
    return await _append(runtime, lambda now: PasskeyEnrolled(at=now, enrolment=envelope))


async def _append(runtime: ControlWriter, make: Callable[[datetime], ControlEvent]) -> ControlState:
    """Append an event that is no order behind the state of control; return the state after it."""

    async def fitting(state: ControlState, now: datetime) -> ControlEvent:
        event = make(now)
        _after(runtime, state, event, state.seq + 1)
        return event

    state = await runtime.catch_up()
    for _ in range(CONFLICT_TRIES):
        try:
            event = await judged(runtime.clock.now(), runtime.ledger.server_time, partial(fitting, state))
        except ControlFault as fault:
            raise Refused(fault.code, fault.message, _hint(fault.code)) from fault
        try:
            appended = await runtime.ledger.append(subjects.CONTROL, event, expect_last=state.seq)
        except Conflict:
            state = await runtime.catch_up()
            continue
        await runtime.at_least(appended.seq)
        return _after(runtime, state, event, appended.seq)
    raise control_busy()


def _stands(runtime: ControlWriter, envelope: Envelope, order: Order, now: datetime) -> bool:
    """Return whether an order that is fresh at a time was carried out; raises Refused for an old one that was."""
    seq = runtime.orders.get(order_hash(envelope))
    if seq is None:
        return False
    try:
        check_fresh(order, now)
    except ControlFault:
        said = f"this order was carried out already, as entry {seq} of the ledger"
        raise Refused("order.replayed", said, _hint("order.replayed")) from None
    return True


def _after(runtime: ControlWriter, state: ControlState, event: ControlEvent, seq: int) -> ControlState:
    authority = runtime.city.authority
    return fold(
        state,
        event,
        seq,
        root_keys=frozenset(authority.root_keys),
        threshold=authority.threshold,
        realm=runtime.city.realm,
    )


def _hint(code: str) -> str:
    hints = {
        "order.role": "ask an officer who holds one of these roles: onevoice officers list",
        "order.rate": "give it again then; to stop everything at once: onevoice hold on",
        "order.posture": "look at the posture first: onevoice eoc status",
        "order.expired": "check this machine's clock, and give the command again",
        "order.other": "look at what is in force by now, and give the command again",
        "order.unnamed": "this machine has an older version than the city: upgrade it",
        "authority.expired": "have the root keys sign the next version: onevoice root renew",
        "renewal.version": "make it again from the version in force: onevoice root renew",
        "renewal.signature": "have it signed by a threshold of the old keys and of the new: onevoice root sign",
        "renewal.expired": "make it again with a later --expires",
        "key.used": "make a new key: onevoice enroll, or onevoice keys rotate",
        "proposal.own": "ask another one of cao, mcpe, pio and eoc_director",
        "proposal.about": "ask another one of cao, mcpe, pio and eoc_director",
        "proposal.unknown": "onevoice officers proposals shows what waits",
        "proposal.waits": "have another officer confirm it: onevoice officers confirm NUMBER",
        "order.replayed": "give the command again; each order is signed when it is given",
        "officer.unknown": "onevoice officers list",
        "officer.twice": "who is listed already gets a key by: onevoice officers rekey ID --key KEY --login KEY",
        "passkey.used": "make a new passkey on the device; one that was taken back never counts again",
        "passkey.until": "give a shorter time: --until 1d",
        "passkey.unknown": "onevoice passkeys list",
        "enrolment.link": "ask an officer for a new link: onevoice passkeys link OFFICER",
        "enrolment.expired": "check the clocks of the phone and of the city's machine, and use the link again",
        "enrolment.place": "open the link itself, at the address that it has",
        "officer.revoked": "onevoice officers list",
        "officer.gone": "onevoice officers reinstate gives them a new key",
        "order.signature": "the key does not belong to that officer; check the keys folder",
        "order.realm": "choose the realm with --realm",
    }
    return hints.get(code, "")
