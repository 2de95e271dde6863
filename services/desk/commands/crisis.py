"""``onevoice crisis``: declare and end."""

from __future__ import annotations

from services.desk import options
from services.desk.app import Invocation, command, group

app = group("Declare or end a crisis while the EOC is not active.", "onevoice crisis end --as pio")


@command(app, "declare", 'onevoice crisis declare --incident "Boil-water notice" --as pio')
def declare(desk: Invocation, incident: options.Incident, as_: options.ActsAs = None) -> int:
    """Declare a crisis: the office manages the profiles (clause 2(i))."""
    from services.desk.flows import orders

    return orders.crisis(desk, as_, incident)


@command(app, "end", "onevoice crisis end --as pio")
def end(desk: Invocation, as_: options.ActsAs = None) -> int:
    """End a declared crisis."""
    from services.desk.flows import orders

    return orders.crisis(desk, as_, None)
