"""Makes the streams and durables of a realm, as ``schemas.streams`` describes them; repeating it is harmless.

A change of an existing stream or durable that could lose an event is refused, naming the difference.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NotFoundError

from schemas import flow, streams
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput, Drift, Unreachable
from services.kernel.control.control_state import ControlState
from services.kernel.control.control_view import ControlView
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.drift import (
    Difference,
    consumer_config,
    consumer_differences,
    format_of,
    says_restored,
    stream_config,
    stream_differences,
)
from services.provision.accounts.accounts_file import write_accounts
from services.provision.broker.connection import as_provisioner
from services.provision.broker.put_back import found_restored
from services.provision.city.manifests import read_manifest

API_SECONDS = 30.0
"""How long one stream or durable may take to be made: on a cluster each has to choose a leader first."""

_NOT_SET_ASIDE = 10047
"""The server cannot set a stream's bytes aside (insufficient storage)."""

_NO_ROOM = frozenset({10023, _NOT_SET_ASIDE})
"""It has no room: also where its disk is full (insufficient resources), whatever the streams' limits are."""

AGAIN_SECONDS = (0.2, 0.5, 1.0)
"""How long to wait before it is tried again."""


@dataclass
class Provisioned:
    """Lists what was done, in plain words; ``unchanged`` counts what was right already.

    ``accounts_changed``: the realm's accounts file was written again, and the broker must read it (reload).
    ``without_key``: the key files that an older version's city lacks and that could not be written; the broker knows no
    such users.
    """

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: int = 0
    accounts_changed: bool = False
    without_key: list[str] = field(default_factory=list)


async def provision(city: City, url: str) -> Provisioned:
    """Make what the realm's services need on the broker, and write the realm's accounts file.

    Who is an officer comes from the signed manifest, and from the control events of the ledger if it has begun.

    Args:
        city: the city folder, in the realm to provision.
        url: the broker.

    Raises:
        BadInput, Unproven: the manifest or a key is missing or wrong; ``store.small``: the broker has less room.
        Unreachable: the broker does not answer, or did not do as asked (no space, no quorum).
        Refused: ``control.broken``, the record of control does not follow its own rules.
        Drift: ``ledger.newer``; ``provision.would_lose``, what is there cannot be fixed without loss.
    """
    manifest = read_manifest(city)
    control, done = await _made(city, url)
    done.accounts_changed = write_accounts(city, manifest, control)
    added = (city.key_path(flow.DOCTOR), city.service_key_path(flow.WEB))
    done.without_key = [str(path) for path in added if not path.exists()]
    return done


async def _made(city: City, url: str) -> tuple[ControlState, Provisioned]:
    """Make it, again if need be: a broker that reloads its users cuts people off, and knows nobody for a moment."""
    for pause in AGAIN_SECONDS:
        try:
            return await _once(city, url)
        except Unreachable as error:
            if not _passes(error.__cause__):
                raise
        await asyncio.sleep(pause)
    return await _once(city, url)


def _passes(cause: BaseException | None) -> bool:
    """Whether it may be a reload: not where nothing answers at all, or nothing that can be trusted."""
    gone = isinstance(cause, nats.errors.NoServersError | TimeoutError | OSError)
    return isinstance(cause, ConnectionResetError) or not gone


async def _once(city: City, url: str) -> tuple[ControlState, Provisioned]:
    done = Provisioned()
    async with as_provisioner(city, url) as client:
        try:
            return await _make(client, city, done), done
        except APIError as error:
            raise refusal(error, url, city.realm, city.settings.nats.store_gb) from error
        except (nats.errors.Error, TimeoutError) as error:
            raise _failed(url, error) from error


def refusal(error: APIError, url: str, realm: str, store_gb: float | None) -> BadInput | Unreachable:
    """Return what to say of the broker's refusal; ``store_gb``: what the realm's streams may fill, in 10^9 bytes."""
    if error.err_code not in _NO_ROOM:
        return _failed(url, error)
    if error.err_code == _NOT_SET_ASIDE and store_gb is not None:
        return BadInput(
            "store.small",
            f"the broker at {url} has no room for the {store_gb} GB of the realm {realm}",
            "each realm takes store_gb of three quarters of the disk: write less under [nats] in city.toml",
        )
    return Unreachable(
        "provision.failed",
        f"the broker at {url} did not make what was asked: its disk has no room left ({error.description})",
        "free space on the broker's disk, or raise the broker's own limit; to provision again is harmless",
    )


def _failed(url: str, error: Exception) -> Unreachable:
    return Unreachable(
        "provision.failed",
        f"the broker at {url} did not make what was asked: {error or type(error).__name__}",
        "look into the broker's log (var/nats/nats.log); to provision again is harmless",
    )


async def _make(client: Client, city: City, done: Provisioned) -> ControlState:
    js = client.jetstream(timeout=API_SECONDS)
    ledger = Ledger()
    ledger.bind(client, streams.OWN_API)
    for stream in streams.STREAMS:
        config = stream_config(stream, city.settings.nats.replicas, city.settings.nats.store_gb)
        await _stream(js, config, done, ledger)
    ledger.bind(client, streams.OWN_API)  # what it says of itself is asked anew
    control = await ControlView(city, ledger).refresh()
    await asyncio.gather(*(_consumer(js, consumer, done) for consumer in streams.CONSUMERS))
    return control


async def _stream(js: JetStreamContext, wanted: api.StreamConfig, done: Provisioned, ledger: Ledger) -> None:
    what = f"stream {wanted.name}"
    try:
        present = (await js.stream_info(str(wanted.name))).config
    except NotFoundError:
        await js.add_stream(wanted)
        done.created.append(what)
        return
    differences = stream_differences(wanted, present)
    if wanted.name == streams.LEDGER and (found := format_of(present)) != streams.LEDGER_FORMAT:
        differences.append(("format", found, streams.LEDGER_FORMAT))
    if wanted.name == streams.LEDGER:
        differences += await _keep_restored(wanted, present, ledger)
    if present.num_replicas != wanted.num_replicas:
        differences.append(("num_replicas", present.num_replicas, wanted.num_replicas))
    if not differences and present.description == wanted.description:
        done.unchanged += 1
        return
    keeps_all = wanted.discard == api.DiscardPolicy.NEW or wanted.name in _WORKING_SETS
    _refuse_loss(what, [change for change in differences if not _stream_change_is_safe(*change, keeps_all=keeps_all)])
    await js.update_stream(wanted)
    done.updated.append(_described(what, differences))


async def _keep_restored(wanted: api.StreamConfig, present: api.StreamConfig, ledger: Ledger) -> list[Difference]:
    """Leave what the ledger says of a restore as it is; where it does not say, look."""
    said = (present.metadata or {}).get(streams.RESTORED)
    keeps = said if says_restored(present) else str(await found_restored(ledger))
    wanted.metadata = {**(wanted.metadata or {}), streams.RESTORED: str(keeps)}
    return [] if keeps == said else [(streams.RESTORED, said, keeps)]


async def _consumer(js: JetStreamContext, consumer: streams.Consumer, done: Provisioned) -> None:
    what = f"durable {consumer.durable} of {consumer.stream}"
    wanted = consumer_config(consumer)
    try:
        present = (await js.consumer_info(consumer.stream, consumer.durable)).config
    except NotFoundError:
        await js.add_consumer(consumer.stream, wanted)
        done.created.append(what)
        return
    differences = consumer_differences(wanted, present or api.ConsumerConfig())
    if not differences:
        done.unchanged += 1
        return
    _refuse_loss(what, [change for change in differences if change[0] not in _SAFE_ON_CONSUMER])
    await js.add_consumer(consumer.stream, wanted)
    done.updated.append(_described(what, differences))


_SAFE_ON_CONSUMER = frozenset({"ack_wait", "max_ack_pending", "max_deliver", "backoff", "pause_until"})
_SAFE_ON_STREAM = frozenset(
    {"duplicate_window", "num_replicas", "allow_direct", "allow_atomic", "republish", "deny_delete", "deny_purge"}
    | {"format", streams.RESTORED}
)
_WORKING_SETS = frozenset(stream.name for stream in streams.STREAMS if stream.oldest_go)
_LIMITS = frozenset({"max_msgs", "max_bytes", "max_age", "max_msg_size", "max_consumers"})


def _stream_change_is_safe(name: str, present: Any, wanted: Any, *, keeps_all: bool) -> bool:
    """True when a change of a stream cannot lose an event: a limit taken away, a subject added."""
    if name == "subjects":
        return set(present or ()) <= set(wanted or ())
    if name == "max_bytes" and keeps_all:
        return True  # at its limit it takes nothing more; what is there stays
    if name in _LIMITS:
        return wanted in (None, -1)
    if name == "discard":
        return keeps_all
    return name in _SAFE_ON_STREAM


def _refuse_loss(what: str, differences: list[Difference]) -> None:
    if differences:
        raise Drift(
            "provision.would_lose",
            f"{_described(what, differences)}; changing that could lose or repeat events",
            "nothing was changed; find out who made it so, back up var/nats, and fix it by hand with the nats tool",
        )


def _described(what: str, differences: list[Difference]) -> str:
    changes = ", ".join(f"{name} is {present}, not {wanted}" for name, present, wanted in differences)
    return f"{what} ({changes or 'description'})"
