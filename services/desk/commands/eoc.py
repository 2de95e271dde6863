"""``onevoice eoc``: activate, stand-down, status, watch."""

from __future__ import annotations

from typing import Annotated

import typer

from services.desk import options
from services.desk.app import Invocation, command, group

app = group("Activate the EOC, stand it down, see its state.", "onevoice eoc status")


@command(app, "activate", 'onevoice eoc activate --level 2 --incident "Fraser River flood" --as eoc-director')
def activate(
    desk: Invocation,
    level: Annotated[int, typer.Option("--level", min=1, max=3, help="The level of activation.")],
    incident: options.Incident,
    as_: options.ActsAs = None,
) -> int:
    """Activate the EOC: from now on each post needs its approval.

    It waits until nothing that was decided before is in flight any more, and says then that it is active.
    """
    from services.desk.flows import orders

    return orders.activate(desk, as_, level, incident)


@command(app, "stand-down", "onevoice eoc stand-down --as eoc-director")
def stand_down(desk: Invocation, as_: options.ActsAs = None) -> int:
    """Stand the EOC down; what it held back stays held back."""
    from services.desk.flows import orders

    return orders.stand_down(desk, as_)


@command(app, "status", "onevoice eoc status --json")
def status(desk: Invocation, as_: options.AsksAs = None) -> int:
    """Say the posture, the incident, and what is in flight."""
    from services.desk.flows import eoc

    return eoc.status(desk, as_)


@command(app, "watch", "onevoice eoc watch")
def watch(desk: Invocation, as_: options.AsksAs = None) -> int:
    """Show each change of the posture until Ctrl-C."""
    from services.desk.flows import eoc

    return eoc.watch(desk, as_)
