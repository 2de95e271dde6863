"""What the doctor makes of the officers' pages, the measures and the witnesses."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from schemas import flow
from schemas.events.audit import Checkpoint
from services.desk.city import checks
from services.desk.city.machine import UNITS, lines, services_here
from services.desk.views.state.health import Level
from services.desk.views.state.machine_health import PageAnswer, PageMark, measures, officers_pages, witnesses
from services.kernel.base.city import City
from services.kernel.base.settings.city_file import MetricsSection
from services.provision.deployment.systemd import systemd
from services.provision.deployment.target import DeployTarget
from tests.unit.desk.views import NOW

UNIT = "onevoice-doctor.service"
URL, ORIGIN = "http://127.0.0.1:4225", "https://desk.mission.example"
MARK = PageMark("Vîlle d'été", "live")
PAGE = '<body class="govuk-template__body realm-live">\n<span class="name">Vîlle d&#39;été</span>'


@pytest.mark.parametrize(
    ("answer", "level", "said"),
    [
        (PageAnswer(200, True, PAGE), Level.OK, ORIGIN),
        (PageAnswer(200, True, PAGE.replace("été", "hiver")), Level.WARN, "another city or realm"),
        (PageAnswer(200, True, PAGE.replace("live", "exercise")), Level.WARN, "another city or realm"),
        (PageAnswer(None), Level.WARN, f"{URL} does not answer"),
        (PageAnswer(200), Level.WARN, "another program"),
        (PageAnswer(421, ours=True), Level.WARN, "another address"),
        (PageAnswer(503, ours=True), Level.WARN, "503"),
    ],
)
def test_the_officers_pages_have_a_line(answer: PageAnswer, level: Level, said: str) -> None:
    line = officers_pages(answer, URL, ORIGIN, MARK)
    assert (line.check, line.level) == ("service web", level)
    assert said in line.detail
    assert bool(line.hint) == (level is not Level.OK)


@pytest.mark.parametrize(
    ("second", "level", "said"),
    [
        (PageAnswer(200, text="ok"), Level.OK, "2 pages answer"),
        (PageAnswer(None), Level.WARN, "b does not answer"),
        (PageAnswer(503, text="gatekeeper: behind\n"), Level.WARN, "b says: gatekeeper: behind"),
    ],
)
def test_a_page_of_measures_that_is_silent_or_ill_is_named(second: PageAnswer, level: Level, said: str) -> None:
    line = measures({"a": PageAnswer(200, text="ok"), "b": second})
    assert line.level is level
    assert said in line.detail


def _checkpoint(size: int, days: float) -> Checkpoint:
    return Checkpoint(realm="live", size=size, last_seq=size, root="0" * 64, at=NOW - timedelta(days=days))


@pytest.mark.parametrize(
    ("kept", "newest", "level"),
    [
        ({}, _checkpoint(9, 0), Level.OK),
        ({"a": None}, None, Level.OK),
        ({"a": None}, _checkpoint(9, 0), Level.OK),
        ({"a": None}, _checkpoint(9, 2), Level.WARN),
        ({"a": _checkpoint(9, 30)}, _checkpoint(9, 30), Level.OK),
        ({"a": _checkpoint(9, 0), "b": _checkpoint(8, 2)}, _checkpoint(9, 0), Level.WARN),
        ({"a": _checkpoint(8, 0.5)}, _checkpoint(9, 0), Level.OK),
    ],
)
def test_a_witness_that_lacks_what_is_a_day_old_is_named(
    kept: dict[str, Checkpoint | None], newest: Checkpoint | None, level: Level
) -> None:
    """A record that does not grow leaves no witness behind."""
    assert witnesses(kept, newest, NOW).level is level


def test_what_cannot_be_written_to_is_a_line(made_city: City, tmp_path: Path) -> None:
    """What was to be written could not be removed either (a read-only disk), and that ended the doctor."""
    (tmp_path / "file").write_text("x")
    line = checks.disk(City(tmp_path / "file", made_city.settings))
    assert (line.check, line.level) == ("disk", Level.FAIL)
    assert "cannot write to" in line.detail


def test_the_services_of_a_machine_are_those_whose_keys_it_has(made_city: City, tmp_path: Path) -> None:
    city = City(tmp_path, made_city.settings)
    assert services_here(city) == frozenset()
    (tmp_path / "keys" / "services").mkdir(parents=True)
    for user in ("fanout", "eoc-state", "web"):
        city.service_key_path(user).write_text("")
    assert services_here(city) == {"fanout", "eoc-state", "web"}


def test_the_doctors_unit_sees_no_keys_and_goes_by_the_units(
    made_city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine with credentials alone has no officers' pages, and the doctor warned that they did not answer."""
    assert f"Environment={UNITS}=/etc/systemd/system/onevoice.target.wants" in systemd(DeployTarget())[UNIT]
    city, units = City(tmp_path, made_city.settings), tmp_path / "onevoice.target.wants"
    (tmp_path / "secrets").mkdir()
    monkeypatch.setenv(UNITS, str(units))
    assert {"web", "registry", "fanout"} <= services_here(city), "units that nobody enabled say nothing"
    units.mkdir()
    for name in ("onevoice-fanout@1.service", "onevoice-fanout@2.service", "onevoice-nats.service"):
        (units / name).symlink_to("/dev/null")
    assert services_here(city) == {"fanout"}


async def test_only_the_measures_of_this_machines_services_are_asked_for(
    made_city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = made_city.settings.model_copy(update={"metrics": MetricsSection(port=1)})
    (tmp_path / "onevoice-fanout.service").touch()
    monkeypatch.setenv(UNITS, str(tmp_path))
    [line] = await lines(City(tmp_path, settings))
    number = [row.user for row in flow.SERVICES].index("fanout") + 1
    assert (line.level, line.detail.count("http://")) == (Level.WARN, 1)
    assert f":{1 + number}" in line.detail
