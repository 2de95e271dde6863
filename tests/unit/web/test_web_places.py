"""Where the pages of each realm are: never at the same address beside each other."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.kernel.base.settings.city_web import WebSection


def test_the_exercise_is_beside_a_localhost_address() -> None:
    live = WebSection()
    drill = live.of("exercise")
    assert live.of("live") is live
    assert (drill.place.origin, drill.listens_on, drill.place.rp_id) == ("http://localhost:4226", 4226, "localhost")


def test_behind_a_proxy_the_exercise_is_where_it_is_said_to_be_or_nowhere_of_its_own() -> None:
    alone = WebSection(origin="https://desk.mission.example")
    assert alone.of("exercise") is alone
    both = WebSection(
        origin="https://desk.mission.example",
        rp_id="mission.example",
        exercise_origin="https://drill.mission.example",
        exercise_port=4226,
    )
    drill = both.of("exercise")
    assert (drill.place.rp_id, drill.listens_on) == ("drill.mission.example", 4226), "its passkeys count nowhere else"
    assert (both.of("live").place.rp_id, both.listens_on) == ("mission.example", 4225)


@pytest.mark.parametrize("port", [None, 4225])
def test_two_realms_behind_a_proxy_do_not_share_a_port(port: int | None) -> None:
    with pytest.raises(ValidationError, match="exercise_port of its own"):
        WebSection(
            origin="https://desk.mission.example", exercise_origin="https://drill.mission.example", exercise_port=port
        )
