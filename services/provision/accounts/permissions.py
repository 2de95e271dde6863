"""Derives what each NATS user may publish and subscribe to from ``schemas.flow``, and from nothing else.

Replies to the desk need no right of their own but ``_R_.>``: the server rewrites the reply subject of a
request that comes through a service import to one under ``_R_``. The server's ``allow_responses`` would be
wider: it lets a service answer on whatever reply subject another service of its account puts on a broadcast,
and that may be a subject of the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas import flow, streams, subjects
from services.kernel.ledger.drift import needed_consumers, needed_streams

IMPORTED_REPLIES = "_R_.>"
"""Reply subjects of requests that come through a service import, as nats-server makes them."""

DEFAULT_INBOX = "_INBOX.>"
"""The inbox of a plain NATS client that sets no prefix; systems may use it."""

PROVISION_USER = flow.PROVISION


@dataclass(frozen=True)
class Permissions:
    """Subjects that a user may publish and subscribe to; all others are denied."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


@dataclass(frozen=True)
class Imports:
    """What a service's account takes from the ledger's account, by the names that it has in the service's own.

    ``services`` are requests that get one answer, ``streaming`` those that get several messages, ``streams`` is
    what the account receives.
    """

    services: tuple[str, ...]
    streaming: tuple[str, ...]
    streams: tuple[str, ...]


def exported(subject: str) -> str:
    """Return what a service's account imports as ``subject``, by its name in the ledger's account."""
    prefix = f"{streams.SERVICE_API}."
    return f"{streams.OWN_API}.{subject.removeprefix(prefix)}" if subject.startswith(prefix) else subject


def imported(subject: str) -> str:
    """Return the filter by which an account imports what its user may publish: never a subject of a stream, literally.

    The server follows a literal import also for an answer that comes back into the account: a message of a durable with
    ``reply=ledger.seal`` was stored again in the ledger, under the subject that it had there (measured, 2.15.1). It
    does not do so for a filter. What the user may publish stays as narrow as its row says.
    """
    head, _, last = subject.partition(".")
    return f"{head}.*" if head in ("ledger", "dead") and last and "." not in last else subject


def inbox(user: str) -> str:
    """Return the filter of a user's own inbox."""
    return f"_INBOX_{user}.>"


def imports_of(row: flow.Service) -> Imports:
    """Return what a service's account imports from the ledger's, by its row in the flow map."""
    api = streams.SERVICE_API
    services = {*row.writes, row.dead_letters}
    services |= {f"{api}.STREAM.MSG.GET.{stream}" for stream in row.reads}
    services |= {f"{api}.STREAM.INFO.{stream}" for stream in needed_streams(row)}
    if row.asks_store:
        services.add(f"{api}.INFO")
    streaming = {f"{api}.DIRECT.GET.{streams.LEDGER}"} if row.folds else set()
    for consumer in needed_consumers(row):
        name = f"{consumer.stream}.{consumer.durable}"
        if row.again:
            services.add(f"tries.{consumer.durable}.*")
        services |= {f"{api}.CONSUMER.INFO.{name}", f"$JS.ACK.{name}.>"}
        streaming.add(f"{api}.CONSUMER.MSG.NEXT.{name}")
    if row.again:
        services |= {subjects.DEAD_CLOSED_ALL, f"{api}.STREAM.MSG.GET.{streams.TRIES}"}
    feed = (subjects.FEED_ALL,) if row.folds else ()
    return Imports(tuple(sorted(services)), tuple(sorted(streaming)), feed)


def for_service(row: flow.Service) -> Permissions:
    """Return what a service's user may do in its own account, by its row in the flow map."""
    imports = imports_of(row)
    publish = {*imports.services, *imports.streaming, *row.broadcasts, row.heartbeat}
    if row.serves:
        publish.add(IMPORTED_REPLIES)
    served = (subjects.every_user(base) for base in row.serves)
    subscribe = {inbox(row.user), *imports.streams, *row.subscribes, *served}
    return Permissions(tuple(sorted(publish)), tuple(sorted(subscribe)))


def for_officer(officer: str) -> Permissions:
    """Return what a person at the desk may do: send under their own name, and watch."""
    return Permissions(
        tuple(subjects.desk(base, officer) for base in flow.OFFICER_MAY_SEND),
        (inbox(officer), subjects.BOARD_ALL, subjects.EOC_STATE),
    )


def for_system(system: str) -> Permissions:
    """Return what another program may do: submit requests under its own name, and read the answer.

    The server asks for the right to where it puts a message, not to where it was sent (measured, 2.15.1): both are
    given.
    """
    return Permissions(
        tuple(subjects.desk(base, system) for base in (*flow.SYSTEM_MAY_SEND, *flow.SYSTEMS_LANE.values())),
        (inbox(system), DEFAULT_INBOX),
    )


def for_doctor() -> Permissions:
    """Return what the health check may do: ask the board, and have ledger and copy compared."""
    return Permissions(tuple(subjects.desk(base, flow.DOCTOR) for base in flow.DOCTOR_MAY_SEND), (inbox(flow.DOCTOR),))


def for_web() -> Permissions:
    """Return what the web service may do: carry what passkeys signed, ask in its own name, and watch."""
    return Permissions(
        tuple(subjects.desk(base, flow.WEB) for base in flow.WEB_MAY_SEND),
        (inbox(flow.WEB), subjects.BOARD_ALL, subjects.EOC_STATE),
    )


def for_provisioning() -> Permissions:
    """Return what the provisioning user may do: JetStream's API in the ledger's account.

    A restore puts back with it what no service writes any more, and none reads.
    """
    return Permissions(("$JS.API.>", *subjects.NOT_WRITTEN), (inbox(PROVISION_USER),))
