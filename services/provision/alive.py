"""Checks with a service's own key whether the service works: the health check of a container.

``python -m services.provision.alive [SERVICE]`` (or ONEVOICE_SERVICE) ends with 0 when the broker answers this
service's user, its streams and durables are as they have to be, and somebody fetches from each of its durables.
The board's heartbeats, which ``onevoice doctor`` shows, tell more, but need an officer's key.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

import nats.errors
from nats.js import JetStreamContext

from schemas import flow, streams
from services.kernel.base.city import City, load_city
from services.kernel.base.errors import BadInput, Drift, Exit, OneVoiceError, Unreachable
from services.kernel.ledger.drift import drift
from services.provision.broker.connection import connected

LOOKS = 10
SECONDS_BETWEEN = 0.3


async def check(city: City, row: flow.Service, url: str) -> None:
    """Check one service; returns when all is well.

    Raises:
        BadInput, Unproven: the city folder or the key.
        Unreachable: ``broker.unreachable``, ``broker.refused_key``, ``service.idle`` when nobody fetches.
        Drift: ``broker.drift``, naming each difference.
    """
    async with connected(city, url, city.service_key_path(row.name), row.user) as client:
        js = client.jetstream(prefix=streams.SERVICE_API)
        differences = await drift(js, row)
        if differences:
            raise Drift("broker.drift", "; ".join(differences), "onevoice provision")
        for consumer in row.consumes:
            if not await _fetched(js, consumer):
                raise Unreachable(
                    "service.idle", f"nobody fetches from {consumer.durable}", f"look into the log of {row.user}"
                )


async def _fetched(js: JetStreamContext, consumer: streams.Consumer) -> bool:
    """True when a fetch waits at the durable, or its deliveries move on: a busy service has no fetch waiting."""
    first: int | None = None
    for look in range(LOOKS):
        if look:
            await asyncio.sleep(SECONDS_BETWEEN)
        try:
            info = await js.consumer_info(consumer.stream, consumer.durable)
        except nats.errors.Error as error:
            raise Unreachable(
                "broker.no_answer", f"the broker did not answer ({type(error).__name__})", "onevoice doctor"
            ) from error
        delivered = info.delivered.consumer_seq if info.delivered else 0
        if info.num_waiting or (first is not None and delivered != first):
            return True
        first = delivered
    return False


def main(arguments: list[str] | None = None) -> int:
    """Check the service that is named; print one line when it is not well; return the exit status."""
    parser = argparse.ArgumentParser(prog="services.provision.alive", description="Is this service well?")
    parser.add_argument("service", nargs="?", default=os.environ.get("ONEVOICE_SERVICE"))
    parser.add_argument("--city", default=os.environ.get("ONEVOICE_CITY", "."))
    parser.add_argument("--realm", default=os.environ.get("ONEVOICE_REALM", "live"), choices=["live", "exercise"])
    parser.add_argument("--url", help="the broker, if not as in city.toml")
    chosen = parser.parse_args(arguments)
    try:
        row = _row(chosen.service)
        city = load_city(Path(chosen.city), chosen.realm)
        asyncio.run(check(city, row, chosen.url or city.settings.nats.address))
    except OneVoiceError as error:
        sys.stderr.write(f"{error.message} ({error.code})\n")
        return int(error.exit_status)
    return int(Exit.DONE)


def _row(name: str | None) -> flow.Service:
    known = {row.name: row for row in flow.SERVICES}
    row = known.get((name or "").replace("-", "_"))
    if row is None:
        raise BadInput("service.unknown", f"there is no service {name!r}", f"one of {', '.join(known)}")
    return row


if __name__ == "__main__":
    sys.exit(main())
