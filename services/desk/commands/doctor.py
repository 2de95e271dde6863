"""``onevoice doctor``."""

from __future__ import annotations

from services.desk import options
from services.desk.app import Invocation, command, group

app = group("Look whether everything is well.")


@command(app, "doctor", "onevoice doctor --city mission")
def doctor(desk: Invocation, as_: options.AsksAs = None) -> int:
    """Look whether everything is well, and say how to mend what is not.

    Exit status 6 when the broker or a service cannot be reached, 2 when something else has to be mended.
    """
    from services.desk.flows import doctor as flow

    return flow.doctor(desk, as_)
