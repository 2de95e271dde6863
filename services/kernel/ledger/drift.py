"""Whether the broker's streams and durables are as ``schemas.streams`` says.

Services call ``drift`` at start with their own narrow rights (STREAM.INFO, CONSUMER.INFO) and refuse to run on an
answer; provisioning uses the same comparison. An existing durable keeps its settings whatever a client asks
for, so a difference must be seen, not hoped away.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import nats.errors
from nats.js import JetStreamContext, api
from nats.js.errors import NotFoundError

from schemas import flow, streams
from services.kernel.base.errors import Drift, Unreachable
from services.kernel.ledger.asking import ask_again

Difference = tuple[str, Any, Any]
"""A field, how it is, how it has to be."""

_Ask = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]


async def _once(call: Callable[[], Awaitable[Any]]) -> Any:
    return await call()


async def drift(js: JetStreamContext, row: flow.Service, *, again: bool = False) -> list[str]:
    """Compare what a service needs with what is there, and name each difference; empty when all is well.

    Args:
        js: JetStream, on a connection of the service's own user.
        row: the service's row in the flow map.
        again: ask again where no answer comes, for some 15 s; else each question is asked once.

    Raises:
        Drift: ``ledger.newer``.
        Unreachable: ``broker.no_answer``, the broker did not say (no connection, or no right to ask).
    """
    found: list[str] = []
    wanted = {stream.name: stream for stream in streams.STREAMS}
    ask: _Ask = ask_again if again else _once
    for name in needed_streams(row):
        found += await _stream_drift(js, wanted[name], ask)
    for consumer in needed_consumers(row):
        found += await _consumer_drift(js, consumer, ask)
    return found


def needed_streams(row: flow.Service) -> tuple[str, ...]:
    """Return each stream whose settings a service depends on, sorted; DEAD takes its dead letters."""
    consumed = {consumer.stream for consumer in row.consumes}
    tries = {streams.TRIES} if row.again else set()
    return tuple(sorted({*row.reads, *consumed, *tries, streams.DEAD}))


def needed_consumers(row: flow.Service) -> tuple[streams.Consumer, ...]:
    """Return each durable that a service pulls from."""
    return (*row.consumes, row.again) if row.again else row.consumes


def stream_config(stream: streams.Stream, replicas: int = 1, store_gb: float | None = None) -> api.StreamConfig:
    """Return a stream as JetStream is to be told of it.

    Args:
        stream: the stream.
        replicas: how many servers keep it.
        store_gb: what the realm's streams may fill together, in 10^9 bytes; None: as much as the disk gives.
    """
    return api.StreamConfig(
        name=stream.name,
        description=stream.description,
        subjects=list(stream.subjects),
        retention=api.RetentionPolicy.LIMITS,
        storage=api.StorageType.FILE,
        max_consumers=-1,
        max_msgs=stream.max_msgs,
        max_bytes=int(stream.share * store_gb * 1e9) if store_gb else -1,
        max_age=stream.max_age,
        max_msg_size=-1,
        max_msgs_per_subject=stream.max_msgs_per_subject,
        discard=api.DiscardPolicy.OLD if stream.oldest_go else api.DiscardPolicy.NEW,
        discard_new_per_subject=stream.discard_new,
        duplicate_window=stream.duplicate_window,
        deny_delete=stream.deny_delete,
        deny_purge=stream.deny_purge,
        allow_direct=stream.direct,
        allow_atomic=stream.atomic,
        republish=_republish(stream),
        num_replicas=replicas,
        metadata=_said_of_itself() if stream.name == streams.LEDGER else None,
    )


def _said_of_itself() -> dict[str, str]:
    """Return what a new ledger says: its format, and that nothing was put back."""
    return {streams.FORMAT: str(streams.LEDGER_FORMAT), streams.RESTORED: "0"}


def says_restored(present: api.StreamConfig) -> bool:
    """Return whether the stream of the ledger says up to where entries were put back; before that it did not."""
    return (present.metadata or {}).get(streams.RESTORED, "").isdecimal()


def format_of(present: api.StreamConfig) -> int:
    """Return the format that the stream of the ledger says; 0 where it says none, as before version 0.3.

    Raises:
        Drift: ``ledger.newer``: a newer version has written it.
    """
    said = (present.metadata or {}).get(streams.FORMAT, "0")
    found = int(said) if said.isdigit() else streams.LEDGER_FORMAT + 1
    if found > streams.LEDGER_FORMAT:
        raise Drift(
            "ledger.newer",
            f"a newer version has written this ledger (format {said}; this one reads up to {streams.LEDGER_FORMAT})",
            "nothing was changed; install that version again: onevoice --version, docs/upgrade.md",
        )
    return found


def _republish(stream: streams.Stream) -> api.RePublish | None:
    if not stream.republish:
        return None
    (subject,) = stream.subjects
    return api.RePublish(src=subject, dest=stream.republish + subject)


def consumer_config(consumer: streams.Consumer) -> api.ConsumerConfig:
    """Return a durable as JetStream is to be told of it."""
    return api.ConsumerConfig(
        durable_name=consumer.durable,
        filter_subject=consumer.filter_subject,
        deliver_policy=api.DeliverPolicy.ALL,
        ack_policy=api.AckPolicy.EXPLICIT,
        replay_policy=api.ReplayPolicy.INSTANT,
        ack_wait=consumer.ack_wait,
        max_ack_pending=consumer.max_ack_pending,
        max_deliver=-1,
    )


_STREAM_FIELDS = (
    "subjects",
    "retention",
    "storage",
    "max_consumers",
    "max_msgs",
    "max_bytes",
    "max_age",
    "max_msg_size",
    "max_msgs_per_subject",
    "discard",
    "discard_new_per_subject",
    "duplicate_window",
    "deny_delete",
    "deny_purge",
    "allow_direct",
    "allow_atomic",
    "republish",
    # What would let a stream change behind the services' back; none of them is ever wanted.
    "sealed",
    "no_ack",
    "allow_rollup_hdrs",
    "allow_msg_ttl",
    "allow_msg_schedules",
    "allow_msg_counter",
    "subject_transform",
    "mirror",
    "sources",
    "persist_mode",
)

_CONSUMER_FIELDS = (
    "filter_subject",
    "filter_subjects",
    "deliver_policy",
    "ack_policy",
    "replay_policy",
    "ack_wait",
    "max_ack_pending",
    "max_deliver",
    "backoff",
    "deliver_subject",
    "headers_only",
    "inactive_threshold",
    "mem_storage",
    "pause_until",
)


def stream_differences(wanted: api.StreamConfig, present: api.StreamConfig) -> list[Difference]:
    """Return each field of a stream that is not as wanted."""
    return _differences(wanted, present, _STREAM_FIELDS)


def consumer_differences(wanted: api.ConsumerConfig, present: api.ConsumerConfig) -> list[Difference]:
    """Return each field of a durable that is not as wanted."""
    return _differences(wanted, present, _CONSUMER_FIELDS)


def _differences(wanted: object, present: object, fields: tuple[str, ...]) -> list[Difference]:
    pairs = ((name, _plain(getattr(present, name)), _plain(getattr(wanted, name))) for name in fields)
    return [(name, there, asked) for name, there, asked in pairs if there != asked]


def _plain(value: Any) -> Any:
    """Make what the server leaves out equal to what it says: absent, false, empty and zero are one."""
    if isinstance(value, list):
        return sorted(value, key=repr) or None
    return value or None


def _phrase(what: str, differences: list[Difference]) -> list[str]:
    return [f"{what}: {name} is {_show(there)}, not {_show(asked)}" for name, there, asked in differences]


def _show(value: Any) -> str:
    if value is None:
        return "unset"
    return str(getattr(value, "value", value))


async def _stream_drift(js: JetStreamContext, stream: streams.Stream, ask: _Ask) -> list[str]:
    what = f"stream {stream.name}"
    try:
        info = await ask(lambda: js.stream_info(stream.name))
    except NotFoundError:
        return [f"{what} is missing"]
    except nats.errors.Error as error:
        raise _no_answer(what, error) from error
    wanted = stream_config(stream)
    wanted.max_bytes = info.config.max_bytes  # city.toml's, which provisioning changes while services run
    differences = stream_differences(wanted, info.config)
    if stream.name == streams.LEDGER and (found := format_of(info.config)) != streams.LEDGER_FORMAT:
        differences.append(("format", found, streams.LEDGER_FORMAT))
    if stream.name == streams.LEDGER and not says_restored(info.config):
        differences.append((streams.RESTORED, None, "said"))
    return _phrase(what, differences)


async def _consumer_drift(js: JetStreamContext, consumer: streams.Consumer, ask: _Ask) -> list[str]:
    what = f"durable {consumer.durable} of {consumer.stream}"
    try:
        info = await ask(lambda: js.consumer_info(consumer.stream, consumer.durable))
    except NotFoundError:
        return [f"{what} is missing"]
    except nats.errors.Error as error:
        raise _no_answer(what, error) from error
    if info.config is None:
        return [f"{what} has no configuration"]
    return _phrase(what, consumer_differences(consumer_config(consumer), info.config))


def _no_answer(what: str, error: Exception) -> Unreachable:
    return Unreachable(
        "broker.no_answer",
        f"the broker did not say how {what} is ({type(error).__name__})",
        "check that the broker runs and that this user may ask (onevoice provision makes the permissions)",
    )
