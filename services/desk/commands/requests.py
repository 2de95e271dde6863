"""``onevoice pending``, ``show``, ``approve``, ``reject`` and ``status``."""

from __future__ import annotations

from typing import Annotated

import typer

from services.desk import options
from services.desk.app import Invocation, command, group
from services.desk.asked import Manner

app = group("Requests that stand.")


@command(app, "pending", "onevoice pending --json")
def pending(desk: Invocation, as_: options.AsksAs = None) -> int:
    """List the requests that wait for something."""
    from services.desk.flows import requests

    return requests.pending(desk, as_)


@command(app, "show", "onevoice show rab12")
def show(desk: Invocation, request_id: options.RequestId, as_: options.AsksAs = None) -> int:
    """Show a request as each platform would get it.

    With what screening found, the verdict and its reasons, and where it stands on each profile.
    """
    from services.desk.flows import requests

    return requests.show_one(desk, as_, request_id)


@command(app, "approve", "onevoice approve rab12 --as pio --acknowledge")
def approve(
    desk: Invocation,
    request_id: options.RequestId,
    as_: options.ActsAs = None,
    acknowledge: Annotated[
        bool, typer.Option("--acknowledge", help="You saw what screening found, and accept it.")
    ] = False,
    yes: options.Yes = False,
    wait: options.Wait = "60s",
) -> int:
    """Approve a request with your signature, and watch it land.

    Your signature covers exactly the texts that are shown. Exit status 3 means that something is missing still.
    """
    from services.desk.flows import requests

    return requests.approve(desk, request_id, acknowledge, Manner(as_, yes, wait))


@command(app, "reject", 'onevoice reject rab12 --as pio --reason "the road is open again"')
def reject(desk: Invocation, request_id: options.RequestId, reason: options.Reason, as_: options.ActsAs = None) -> int:
    """Reject a request with your signature."""
    from services.desk.flows import requests

    return requests.reject(desk, as_, request_id, reason)


@command(app, "status", "onevoice status rab12 --watch")
def status(
    desk: Invocation,
    request_id: options.RequestId,
    watch: Annotated[bool, typer.Option("--watch", help="Each change, until it is settled or Ctrl-C.")] = False,
    as_: options.AsksAs = None,
) -> int:
    """Say where a request stands on each profile.

    With --watch it follows the request and ends with its outcome's exit status: 0 delivered, 3 blocked (with
    --json; else it goes on watching), 4 refused, 5 partly. Ctrl-C ends it with 0.
    """
    from services.desk.flows import requests

    return requests.status(desk, as_, request_id, watch)
