"""What onevoice up listens on."""

from __future__ import annotations

from typing import Any

import pytest

from services.desk.city.checks import ports
from services.desk.views.state.health import Level
from services.kernel.base.city import City
from services.kernel.base.errors import BadInput
from services.kernel.base.network.ports import refuse_shared_ports
from services.kernel.base.settings.city_file import MetricsSection, SiteSection, TownsquareSection
from services.kernel.base.settings.city_web import WebSection
from tests.support.ledger_builder import demo_city


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    return demo_city(tmp_path_factory.mktemp("ports") / "city")


def with_settings(city: City, **changes: Any) -> City:
    return City(city.folder, city.settings.model_copy(update=changes), city.realm)


def test_the_demonstrations_ports_are_apart(city: City) -> None:
    refuse_shared_ports(city)
    refuse_shared_ports(city, both=True)
    assert ports(city) == []


@pytest.mark.parametrize(
    ("changes", "first", "second"),
    [
        ({"site": SiteSection(port=4225)}, "[site] port", "[web] port"),
        ({"web": WebSection(port=4224)}, "[site] port", "[web] port"),
        ({"web": WebSection(origin="https://desk.example", port=4224, host="0.0.0.0")}, "[site] port", "[web] port"),
        ({"site": SiteSection(port=4222, host="localhost")}, "[nats] port", "[site] port"),
        ({"townsquare": TownsquareSection(port=4224)}, "[townsquare] port", "[site] port"),
        ({"metrics": MetricsSection(port=4224)}, "[site] port", "[metrics] port"),
        ({"site": SiteSection(port=4226)}, "[site] port", "[web] exercise_port"),
    ],
)
def test_two_settings_with_one_port_are_named(city: City, changes: dict[str, Any], first: str, second: str) -> None:
    """Before, the city came up without the officers' pages, and a line of the log said that their port was taken."""
    twice = with_settings(city, **changes)
    with pytest.raises(BadInput) as caught:
        refuse_shared_ports(twice, both=True)
    assert caught.value.code == "port.twice"
    assert f"{first} and {second} in city.toml name the same port" in caught.value.message
    lines = [(line.level, line.detail, line.hint) for line in ports(twice)]
    own = second != "[web] exercise_port"  # the exercise's pages are served by up --with-exercise alone
    assert lines == ([(Level.FAIL, caught.value.message, caught.value.hint)] if own else [])


@pytest.mark.parametrize(
    "changes",
    [
        {"site": SiteSection(port=4225, serve=False)},
        {"site": SiteSection(port=4225), "web": WebSection(serve=False)},
        {"site": SiteSection(port=4225, host="192.0.2.7")},
        {"townsquare": None, "site": SiteSection(port=4223)},
    ],
)
def test_what_does_not_listen_or_listens_elsewhere_takes_no_port(city: City, changes: dict[str, Any]) -> None:
    refuse_shared_ports(with_settings(city, **changes), both=True)


def test_a_port_that_moves_with_the_brokers_is_counted_where_it_goes(city: City) -> None:
    refuse_shared_ports(city, 5222)
    with pytest.raises(BadInput, match=r"\[townsquare\] port and \[web\] port .* --port 4224"):
        refuse_shared_ports(city, 4224)


def test_the_exercise_alone_has_one_address(city: City) -> None:
    exercise = City(city.folder, city.settings.model_copy(update={"site": SiteSection(port=4225)}), "exercise")
    refuse_shared_ports(exercise)
    with pytest.raises(BadInput):
        refuse_shared_ports(exercise, both=True)
    one = WebSection(origin="https://desk.example")
    refuse_shared_ports(with_settings(city, web=one), both=True)


def test_what_another_port_of_the_broker_does_not_part_is_to_be_changed_in_the_file(city: City) -> None:
    """The hint was to choose another --port, and none was right."""
    for twice in (
        with_settings(city, web=WebSection(port=9464), metrics=MetricsSection()),
        with_settings(city, site=SiteSection(port=4223), townsquare=TownsquareSection()),
    ):
        with pytest.raises(BadInput, match="name the same port") as refused:
            refuse_shared_ports(twice, 5222)
        assert "city.toml" in refused.value.hint
