"""A state machine as a table: what it takes, what it refuses, and how it is drawn."""

from __future__ import annotations

from enum import StrEnum

import pytest

from services.kernel.base.state_table import IllegalTransition, StateTable, mermaid, next_state


class Lamp(StrEnum):
    """States."""

    OFF = "off"
    ON = "on"
    BROKEN = "broken"


class Deed(StrEnum):
    """Events."""

    PRESS = "press"
    FALL = "fall"
    LONG_PRESS = "long_press"


TABLE: StateTable[Lamp, Deed] = {
    Lamp.OFF: {Deed.PRESS: Lamp.ON, Deed.LONG_PRESS: Lamp.ON, Deed.FALL: Lamp.BROKEN},
    Lamp.ON: {Deed.PRESS: Lamp.OFF},
    Lamp.BROKEN: {},
}


def test_an_event_leads_where_the_table_says() -> None:
    assert next_state(TABLE, Lamp.OFF, Deed.PRESS) is Lamp.ON
    assert next_state(TABLE, Lamp.ON, Deed.PRESS) is Lamp.OFF


@pytest.mark.parametrize(("state", "event"), [(Lamp.ON, Deed.FALL), (Lamp.BROKEN, Deed.PRESS)])
def test_an_event_that_is_not_in_the_table_is_refused_by_name(state: Lamp, event: Deed) -> None:
    with pytest.raises(IllegalTransition, match=f"{state} does not take {event}; it takes "):
        next_state(TABLE, state, event)


def test_the_diagram_has_each_arrow_once_and_an_end_for_each_final_state() -> None:
    assert mermaid(TABLE, Lamp.OFF).splitlines() == [
        "stateDiagram-v2",
        "  [*] --> off",
        "  off --> on: press, long press",
        "  off --> broken: fall",
        "  on --> off: press",
        "  broken --> [*]",
    ]
