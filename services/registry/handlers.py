"""Handlers of the registry: orders about officers and profiles, and the first control event."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from typing import get_args

from schemas import subjects
from schemas.events.control import (
    RULE,
    Genesis,
    OfficerAdd,
    Order,
    ProfileAdd,
    RegistryAction,
    Reinstate,
    Rekey,
    SystemAdd,
)
from schemas.events.desk import OrderReply
from schemas.events.envelope import RENEWAL_TYPE, Envelope
from services.kernel.authority.judged import judged
from services.kernel.authority.orders import carry_out, carry_out_enrolment, carry_out_renewal
from services.kernel.base.city import City
from services.kernel.base.crashpoints import crash_point
from services.kernel.base.network.broker_users import BrokerUser, users_at
from services.kernel.base.settings.settings_now import seen_alone, settings_now
from services.kernel.control.control_state import ControlState
from services.kernel.control.order_rules import order_hash
from services.kernel.ledger.client import Conflict
from services.kernel.runtime.messages.dependencies import Sender
from services.kernel.runtime.service import Runtime
from services.registry.domain.broker_keys import check_user
from services.registry.domain.genesis import check_genesis, check_same
from services.registry.domain.sanction import TOWNSQUARE, check_apart, check_profile
from services.registry.manifest import read_manifest
from services.registry.other_realm import OtherRealm

ACTIONS = frozenset(kind.model_fields["action"].default for kind in get_args(RegistryAction))
"""What is ordered here: all that is not the EOC's."""


class RegistryHandlers:
    """Serves orders about officers and profiles."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self._other_realm = OtherRealm(runtime.city)

    async def on_order(self, order: Envelope, sender: Sender) -> OrderReply:
        """Change people, systems, settings or profiles (2(ii); section 1, Oversight (ii), (iii)), or renew the root."""
        if order.payload_type == RENEWAL_TYPE:
            state = await carry_out_renewal(self.runtime, order)
            self.runtime.log.info("the root was renewed", version=state.version, by=sender, control_seq=state.seq)
            return OrderReply(control_seq=state.seq, posture=state.posture)
        done = await carry_out(self.runtime, order, sender, ACTIONS, self._check)
        said, action, state = done.said, done.order.action.action, done.state
        self.runtime.log.info(said, action=action, by=sender, control_seq=state.seq)
        waits = next((seq for seq, one in state.proposals.items() if one.order == order_hash(order)), None)
        return OrderReply(changed=done.changed, control_seq=state.seq, posture=state.posture, proposal=waits)

    async def on_enrolment(self, enrolment: Envelope, sender: Sender) -> OrderReply:
        """Put a passkey on record as a proposal, for a one-time link that is used up by it."""
        state = await carry_out_enrolment(self.runtime, enrolment)
        waits = next((seq for seq, one in state.proposals.items() if one.order == order_hash(enrolment)), None)
        self.runtime.log.info("a passkey was enrolled", by=sender, control_seq=state.seq, proposal=waits)
        return OrderReply(control_seq=state.seq, posture=state.posture, proposal=waits)

    async def _check(self, state: ControlState, order: Order, _now: datetime) -> None:
        if isinstance(order.action, ProfileAdd):
            city = self.runtime.city
            sees_changes = not seen_alone(city.folder / "city.toml")
            check_profile(
                order.action.profile,
                state.profiles.values(),
                _known_servers(city),
                city.realm,
                sees_changes=sees_changes,
            )
            check_apart(order.action.profile, await asyncio.to_thread(self._other_realm.profiles), city.realm)
        elif isinstance(order.action, OfficerAdd | Reinstate | Rekey | SystemAdd):
            ours, theirs = await asyncio.to_thread(_broker_users, self.runtime.city)
            check_user(order.action, ours, theirs)


def _broker_users(city: City) -> tuple[tuple[BrokerUser, ...], tuple[BrokerUser, ...]]:
    """Return the broker's users of this realm and of the other, as the city folder shows them; blocks."""
    other = City(city.folder, city.settings, "exercise" if city.realm == "live" else "live")
    return users_at(city.accounts_path), users_at(other.accounts_path)


def _known_servers(city: City) -> dict[str, frozenset[str]]:
    """Return the names of the places that accounts may live on, by platform, as city.toml has them now."""
    now = settings_now(city)
    townsquare = {TOWNSQUARE} if now.townsquare is not None else set()
    return {
        "mastodon": frozenset({*now.mastodon.instances, *townsquare}),
        "bluesky": frozenset(now.bluesky.servers),
        "webhook": frozenset(now.webhook.endpoints),
    }


async def _genesis(city: City, now: datetime) -> Genesis:
    """Return the first control event; raises BadInput as ``read_manifest`` and ``check_genesis``."""
    event = Genesis(at=now, manifest=read_manifest(city), rule=RULE)
    check_genesis(event, city.realm, frozenset(city.authority.root_keys), city.authority.threshold)
    return event


async def begin_ledger(runtime: Runtime) -> None:
    """Append the authority manifest as the first control event, unless another copy was quicker.

    Raises:
        BadInput: as ``read_manifest``, ``check_genesis`` and ``check_same``.
    """
    if runtime.control.seq:
        check_same(read_manifest(runtime.city), runtime.control)
        return
    runtime.watch.refuse_new_beginning()
    event = await judged(runtime.clock.now(), runtime.ledger.server_time, partial(_genesis, runtime.city))
    try:
        appended = await runtime.ledger.append(subjects.CONTROL, event, expect_last=0)
    except Conflict:
        return
    crash_point("registry.genesis.stored")
    runtime.log.info("the ledger begins with the authority manifest", control_seq=appended.seq)
