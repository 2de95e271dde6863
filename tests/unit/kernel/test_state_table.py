"""A state machine as a table: what it takes, what it refuses, and how it is drawn."""

from __future__ import annotations

from enum import StrEnum

import pytest

from services.kernel.base.state_table import IllegalTransition, StateTable


class Lamp(StrEnum):
    """States."""

    OFF = "off"
    ON = "on"
    BROKEN = "broken down"


class Deed(StrEnum):
    """Events."""

    PRESS = "press"
    FALL = "fall"
    LONG_PRESS = "long press"


TABLE: StateTable[Lamp, Deed] = StateTable(
    Lamp.OFF,
    {
        Lamp.OFF: {Deed.PRESS: Lamp.ON, Deed.LONG_PRESS: Lamp.ON, Deed.FALL: Lamp.BROKEN},
        Lamp.ON: {Deed.PRESS: Lamp.OFF},
        Lamp.BROKEN: {},
    },
)


def test_an_event_leads_where_the_table_says() -> None:
    assert TABLE.after(Lamp.OFF, Deed.PRESS) is Lamp.ON
    assert TABLE.after(Lamp.ON, Deed.PRESS) is Lamp.OFF


@pytest.mark.parametrize(("state", "event"), [(Lamp.ON, Deed.FALL), (Lamp.BROKEN, Deed.PRESS)])
def test_an_event_that_is_not_in_the_table_is_refused_by_name(state: Lamp, event: Deed) -> None:
    with pytest.raises(IllegalTransition, match=f"{event} cannot follow on {state}"):
        TABLE.after(state, event)


def test_the_diagram_has_each_arrow_once_and_names_that_mermaid_takes() -> None:
    assert TABLE.mermaid().splitlines() == [
        "stateDiagram-v2",
        '  state "broken down" as broken_down',
        "  [*] --> off",
        "  off --> on: press, long press",
        "  off --> broken_down: fall",
        "  on --> off: press",
    ]
