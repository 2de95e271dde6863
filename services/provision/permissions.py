"""What each NATS user may publish and subscribe to, derived from ``schemas.flow`` and from nothing else.

Replies to the desk need no right of their own but ``_R_.>``: the server rewrites the reply subject of a
request that comes through a service import to one under ``_R_``. The server's ``allow_responses`` would be
wider: it lets a service answer on whatever reply subject another service of its account puts on a broadcast,
and that may be a subject of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from schemas import flow, streams, subjects
from services.kernel.drift import needed_consumers, needed_streams

IMPORTED_REPLIES = "_R_.>"
"""Reply subjects of requests that come through a service import, as nats-server makes them."""

DEFAULT_INBOX = "_INBOX.>"
"""The inbox of a plain NATS client that sets no prefix; systems may use it."""

PROVISION_USER = "provision"


@dataclass(frozen=True)
class Permissions:
    """Subjects that a user may publish and subscribe to; all others are denied."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def inbox(user: str) -> str:
    """Return the filter of a user's own inbox."""
    return f"_INBOX_{user}.>"


def for_service(row: flow.Service, profiles: Iterable[str]) -> Permissions:
    """Return what a service's user may do, by its row in the flow map."""
    publish = {*row.writes, *row.broadcasts, row.dead_letters, row.heartbeat}
    publish |= {f"$JS.API.STREAM.MSG.GET.{stream}" for stream in row.reads}
    publish |= {f"$JS.API.STREAM.INFO.{stream}" for stream in needed_streams(row)}
    publish |= {f"$JS.API.STREAM.PURGE.{stream}" for stream in row.purges}
    for consumer in needed_consumers(row, profiles):
        name = f"{consumer.stream}.{consumer.durable}"
        if row.again:
            publish.add(f"tries.{consumer.durable}.*")
        publish |= {f"$JS.API.CONSUMER.INFO.{name}", f"$JS.API.CONSUMER.MSG.NEXT.{name}", f"$JS.ACK.{name}.>"}
    if row.again:
        publish |= {subjects.DEAD_CLOSED_ALL, f"$JS.API.STREAM.MSG.GET.{streams.TRIES}"}
    if row.serves:
        publish.add(IMPORTED_REPLIES)
    subscribe = {inbox(row.user), *row.hears, *(subjects.every_user(base) for base in row.serves)}
    return Permissions(tuple(sorted(publish)), tuple(sorted(subscribe)))


def for_officer(officer: str) -> Permissions:
    """Return what a person at the desk may do: send under their own name, and watch."""
    return Permissions(
        tuple(subjects.desk(base, officer) for base in flow.OFFICER_MAY_SEND),
        (inbox(officer), subjects.BOARD_ALL, subjects.EOC_STATE),
    )


def for_system(system: str) -> Permissions:
    """Return what another program may do: submit requests under its own name, and read the answer."""
    return Permissions(
        tuple(subjects.desk(base, system) for base in flow.SYSTEM_MAY_SEND),
        (inbox(system), DEFAULT_INBOX),
    )


def for_provisioning() -> Permissions:
    """Return what the provisioning user may do: JetStream's API in its own CORE account."""
    return Permissions(("$JS.API.>",), (inbox(PROVISION_USER),))
