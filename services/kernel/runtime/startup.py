"""How a service begins: it looks at the ledger, folds it, waits for the manifest, and registers its handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from schemas import subjects
from schemas.events.audit import LedgerIntegrity
from schemas.events.broadcasts import EocBroadcast
from schemas.events.dead import SendAgain
from services.kernel.runtime.messages.dependencies import EntryOf
from services.kernel.runtime.service import Runtime

Wire = Callable[[Runtime], None]
"""Registers a service's handlers: ``services.<name>.wiring.wire``."""

Genesis = Callable[[Runtime], Awaitable[None]]
"""Begins the ledger, or checks how it began: ``services.registry.wiring.genesis``."""

MANIFEST_LOOK_SECONDS = 0.1


async def begin(runtime: Runtime, genesis: Genesis | None) -> None:
    """Know the ledger, and that it has begun.

    Args:
        runtime: its ledger is bound.
        genesis: what the registry does to begin the ledger, or to check it; others wait for it.

    Raises:
        Unreachable: the ledger cannot be read. Unproven: ``ledger.lost``.
    """
    await runtime.watch.begin()
    if runtime.snapshots is not None:
        runtime.watch.take_up(await runtime.snapshots.resume())
        await runtime.snapshots.keep_during(runtime.projection.start())
    elif runtime.row.folds:
        await runtime.projection.started()
    await _await_manifest(runtime, genesis)


def register(runtime: Runtime, wire: Wire) -> None:
    """Register the service's handlers, and those that each service has by its row in the flow map."""
    row, bus = runtime.row, runtime.bus

    async def on_posture(event: EocBroadcast) -> None:
        state = await runtime.facts.at_least(event.control_seq)
        runtime.log.info("sees the posture", posture=str(state.posture), control_seq=state.seq, hold=state.hold)
        await runtime.health.publish()

    async def on_again(event: SendAgain, entry: EntryOf) -> None:
        await runtime.dead_letters.on_again(event, entry.seq)

    if subjects.EOC_STATE in row.subscribes:
        bus.subscribe(subjects.EOC_STATE, EocBroadcast.from_bytes, on_posture, title=f"posture, received by {row.name}")
    if subjects.AUDIT_STANDING in row.subscribes:
        title = f"the integrity of the ledger, received by {row.name}"
        bus.subscribe(subjects.AUDIT_STANDING, LedgerIntegrity.from_bytes, runtime.watch.on_report, title=title)
    wire(runtime)
    if row.again is not None:
        bus.consume(row.again, SendAgain.from_bytes, on_again, title=f"dead letters again, {row.name}")


async def _await_manifest(runtime: Runtime, genesis: Genesis | None) -> None:
    if runtime.watch.judges_itself:
        return  # it has to tell of a ledger that lost its manifest, too
    await runtime.catch_up()
    if genesis is not None:
        await genesis(runtime)
    told = False
    while (await runtime.catch_up()).seq == 0:
        if not told:
            runtime.log.info("waiting for the authority manifest")
        told = True
        await asyncio.sleep(MANIFEST_LOOK_SECONDS)
