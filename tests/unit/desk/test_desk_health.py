"""What the doctor makes of what was found."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from schemas import flow
from schemas.events.authority import Grant, Officer, Role
from schemas.events.control import Posture
from schemas.events.desk import EocView, OfficerView, ServiceHealth
from schemas.events.shown import PostWait
from services.audit.store_watch import StoreUse
from services.desk.views.state import health, machine_health
from services.desk.views.state.health import Level, Line
from services.desk.views.state.profile_findings import ProfileCheck
from services.kernel.base.errors import Exit
from services.kernel.ledger.client import STORES_NOTHING
from tests.unit.desk.views import NOW


def _beat(service: str, control_seq: int = 9, seconds: float = 1) -> ServiceHealth:
    return ServiceHealth(
        service=service,
        instance=f"{service}-1",
        at=NOW - timedelta(seconds=seconds),
        control_seq=control_seq,
        version="0.1.0",
    )


def _view(*beats: ServiceHealth) -> EocView:
    return EocView(
        realm="live",
        city="Mission",
        website="https://mission.example",
        posture=Posture.ROUTINE,
        control_seq=9,
        hold=False,
        in_flight=0,
        last_seq=100,
        services=beats,
    )


def test_each_service_that_is_heard_is_well() -> None:
    lines = health.services(_view(*(_beat(row.name) for row in flow.SERVICES)))
    assert [line.level for line in lines] == [Level.OK] * len(flow.SERVICES)


def test_a_silent_service_is_a_failure_that_counts_as_unreachable() -> None:
    lines = health.services(_view(*(_beat(row.name) for row in flow.SERVICES if row.name != "eoc_state")))
    bad = [line for line in lines if line.level is not Level.OK]
    assert [(line.check, line.unreachable) for line in bad] == [("service eoc-state", True)]
    assert health.exit_status(lines) is Exit.UNREACHABLE


def test_a_service_behind_the_control_revision_is_a_warning() -> None:
    beats = [_beat(row.name, 8 if row.name == "fanout" else 9) for row in flow.SERVICES]
    lines = health.services(_view(*beats))
    assert [line.check for line in lines if line.level is Level.WARN] == ["service fanout"]


def test_a_service_in_trouble_says_so() -> None:
    beats = [_beat(row.name) for row in flow.SERVICES]
    beats[0] = beats[0].model_copy(update={"trouble": "the ledger is full"})
    [line] = [line for line in health.services(_view(*beats)) if line.level is Level.WARN]
    assert "the ledger is full" in line.detail


@pytest.mark.parametrize(
    ("why", "hint"),
    [(", and does not say why", "restart the broker"), (": maximum bytes exceeded", "raise store_gb")],
)
def test_a_broker_that_stores_nothing_has_a_mend_that_fits(why: str, hint: str) -> None:
    """After a full disk it goes on so when there is room again, and answers all else as if it were well; a stream that
    is full is none of the disk's.
    """
    beats = [_beat(row.name) for row in flow.SERVICES]
    beats[0] = beats[0].model_copy(update={"trouble": f"{STORES_NOTHING}{why}"})
    [line] = [line for line in health.services(_view(*beats)) if line.level is Level.WARN]
    assert hint in (line.hint or "")


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(1, Level.OK), (6, Level.WARN), (-6, Level.WARN), (61, Level.FAIL), (-61, Level.FAIL)],
)
def test_clocks_apart(seconds: float, level: Level) -> None:
    assert machine_health.clock((_beat("board", seconds=seconds),), NOW).level is level


@pytest.mark.parametrize(("seconds", "level"), [(69, Level.OK), (70, Level.FAIL), (-59, Level.OK), (-61, Level.FAIL)])
def test_one_service_with_a_wrong_clock_among_right_ones_is_named(seconds: float, level: Level) -> None:
    """A heartbeat that is shown may be ten seconds old."""
    line = machine_health.clock((_beat("board", seconds=1), _beat("gatekeeper", seconds=seconds)), NOW)
    assert line.level is level
    assert ("gatekeeper (1 min)" in line.detail) is (level is Level.FAIL)


def test_no_heartbeat_no_comparison() -> None:
    assert machine_health.clock((), NOW).level is Level.WARN


@pytest.mark.parametrize(("days", "within"), [(31, None), (29, "30 days"), (6, "7 days"), (0.5, "1 days")])
def test_roles_that_end_soon(days: float, within: str | None) -> None:
    grant = Grant(role=Role.PIO, valid_until=NOW + timedelta(days=days))
    officer = Officer(id="sam", name="Sam", public_key="U" + "A" * 55, grants=(grant,))
    [line] = health.expiries((OfficerView(officer=officer, grants_now=(grant,), revoked=False),), NOW)
    assert (line.level is Level.WARN) is (within is not None)
    assert within is None or within in line.detail


@pytest.mark.parametrize(
    ("newest", "copied", "level"),
    [
        (100, 100, Level.OK),
        (100, 99, Level.OK),
        (100, 50, Level.WARN),
        (5_000, 1, Level.FAIL),
        (100, 0, Level.FAIL),
        (100, 104, Level.OK),
    ],
)
def test_the_copys_lag(newest: int, copied: int, level: Level) -> None:
    assert health.copy_lag(newest, copied).level is level


def test_exit_statuses_of_the_doctor() -> None:
    ok, warn, fail = (Line("x", level, "") for level in (Level.OK, Level.WARN, Level.FAIL))
    assert health.exit_status([ok, warn]) is Exit.DONE
    assert health.exit_status([ok, fail]) is Exit.USAGE
    assert health.exit_status([fail, Line("y", Level.FAIL, "", unreachable=True)]) is Exit.UNREACHABLE


def test_loose_secret_files_are_named_with_how_to_mend_them() -> None:
    line = health.modes("keys", ["keys/pio.nk"], [], 3)
    assert line.level is Level.FAIL
    assert "keys/pio.nk" in line.hint
    many = health.modes("keys", [f"keys/{name}.nk" for name in "abcd"], [], 4)
    assert "chmod -R go= keys there" in many.hint, "a line that can be typed"
    assert health.modes("keys", [], [], 3).level is Level.OK
    assert health.dead_letters(0).level is Level.OK
    assert health.dead_letters(2).level is Level.WARN


def test_official_profiles_that_lack_something_are_named() -> None:
    good = ProfileCheck("a-website", True, ())
    bad = ProfileCheck("b-website", False, ("the purpose statement is missing",))
    assert health.profiles([good]).level is Level.OK
    line = health.profiles([good, bad])
    assert (line.level, line.detail) == (Level.WARN, "1 of 2 cannot be posted to: b-website")


def test_posts_that_wait_are_told_with_what_they_wait_for() -> None:
    until = NOW + timedelta(minutes=4)
    wait = PostWait(request_id="r1", profile="fire-social", reason="the platform says: too many", until=until)
    assert health.waits(()).level is Level.OK
    line = health.waits((_beat("fanout"), _beat("fanout").model_copy(update={"waits": (wait,)})))
    assert (line.level, "1, first r1 on fire-social: the platform says: too many, until" in line.detail) == (
        Level.WARN,
        True,
    )


def test_all_posts_that_wait_are_counted_and_not_only_those_that_are_told() -> None:
    until = NOW + timedelta(minutes=4)
    wait = PostWait(request_id="r1", profile="fire-social", reason="a quota", until=until, count=900)
    beats = (
        _beat("fanout").model_copy(update={"waits": (wait,), "waiting": 951}),
        _beat("fanout").model_copy(update={"waits": (wait,)}),
    )
    assert health.waits(beats).detail.startswith("1851, first r1 on fire-social and 899 more profiles: a quota, until")


@pytest.mark.parametrize(("days", "level"), [(400, Level.OK), (29, Level.WARN), (1, Level.WARN), (-1, Level.WARN)])
def test_the_end_of_the_brokers_certificate_is_told_before_it_comes(days: int, level: Level) -> None:
    line = health.certificate("tls://broker.city.example:4222", NOW + timedelta(days=days), NOW)
    assert line.level is level
    assert ("onevoice tls" in line.hint) == (level is Level.WARN)


@pytest.mark.parametrize(("days", "level"), [(40, Level.OK), (20, Level.WARN), (0, Level.WARN), (-2, Level.FAIL)])
def test_the_end_of_a_token_is_told_before_it_comes(days: int, level: Level) -> None:
    """From then on nothing can be posted there."""
    day: date = (NOW + timedelta(days=days)).date()
    (line,) = health.tokens({"fire-x": day}, {}, NOW)
    assert line.level is level
    noted = datetime.combine(day + timedelta(days=1), time.min, UTC)
    (other,) = health.tokens({}, {"fire-x": noted}, NOW)
    assert (other.level, other.detail) == (line.level, line.detail), "as profiles connect or a renewal noted it"
    assert "token_ends" not in other.hint
    (both,) = health.tokens({"fire-x": day}, {"fire-x": noted + timedelta(days=90)}, NOW)
    assert both == line, "the sooner of the two"
    assert ("token_ends.fire-x" in line.hint) == (level is not Level.OK)


def test_a_store_that_nears_its_limit_is_told_with_what_mends_it() -> None:
    trouble = StoreUse(Path("var/nats"), 80_000_000_000, 20_000_000_000).trouble()
    beats = [_beat(row.name) for row in flow.SERVICES if row.name != "audit"]
    audit = _beat("audit").model_copy(update={"trouble": trouble})
    (line,) = [one for one in health.services(_view(*beats, audit)) if one.level is not Level.OK]
    assert (line.level, line.check) == (Level.WARN, "service audit")
    assert "100%" in line.detail
    assert "make room" in line.hint
