"""The files of ``onevoice deploy``: what this city needs, accepted by the tools that are here, nothing overwritten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from schemas import flow
from services.kernel.base.city import City, load_city
from services.kernel.base.errors import BadInput
from services.provision.deployment.files import KINDS, Kind, check_files, files_for, write_files
from services.provision.deployment.target import DeployTarget, target_of

SPACED = "/srv/a city"


def external(city: City, url: str) -> City:
    path = city.folder / "city.toml"
    path.write_text(path.read_text().replace("embedded = true", f'embedded = false\nurl = "{url}"'))
    return load_city(city.folder)


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_are_accepted_by_the_tools_that_are_here(demo_city: City, tmp_path: Path, kind: Kind) -> None:
    city = external(demo_city, "tls://broker.mission.example:4333")
    target = target_of(city, "/var/lib/onevoice/city", "/opt/onevoice/venv")
    written = write_files(city, kind, target, tmp_path / "out")
    assert (tmp_path / "out" / "README.md") in written
    faults = [fault for _, fault in check_files(city, kind, tmp_path / "out") if fault]
    assert faults == []
    text = "".join(path.read_text() for path in written)
    assert "@{" not in text
    assert "SU" not in {line.strip()[:2] for line in text.splitlines()}, "no key is in what is written"
    for row in flow.SERVICES:
        assert f"services.{row.name}" in text
    if kind != "helm":
        assert '"0.0.0.0:4333"' in text


def test_a_fault_in_the_brokers_configuration_is_found(demo_city: City, tmp_path: Path) -> None:
    write_files(demo_city, "systemd", DeployTarget(), tmp_path / "out")
    conf = tmp_path / "out" / "nats-server.conf"
    conf.write_text(conf.read_text().replace("sync_interval", "sink_interval"))
    assert [what for what, fault in check_files(demo_city, "systemd", tmp_path / "out") if fault] == [
        "nats-server reads nats-server.conf"
    ]


def test_three_servers_in_the_url_make_a_cluster(demo_city: City) -> None:
    city = external(demo_city, "tls://a.example:4222,tls://b.example:4222,tls://c.example:4222")
    files = files_for("systemd", target_of(city, "/srv/onevoice/city", "/opt/venv"))
    assert {"a.conf", "b.conf", "c.conf"} <= set(files)
    assert "nats-route://b.example:6222" in files["a.conf"]


def test_units_show_a_service_its_own_key_and_the_web_server_the_pages_alone() -> None:
    files = files_for("systemd", DeployTarget(city="/srv/onevoice/city"))
    fanout = files["systemd/onevoice-fanout.service"]
    assert "BindPaths=/var/lib/onevoice-site:/srv/onevoice/city/site" in fanout
    assert ("Group=onevoice-site" in fanout, "UMask=0027" in fanout) == (True, True)
    assert "keys/services/audit.nk" not in fanout
    assert "var/audit" in files["systemd/onevoice-registry.service"], "it must see that a ledger was there"
    doctor = files["systemd/onevoice-doctor.service"].splitlines()
    assert "TemporaryFileSystem=/srv/onevoice/city/keys:ro" in doctor
    own = [line.partition("=")[2].removeprefix("-") for line in doctor if line.startswith("Bind")]
    assert own == [f"/srv/onevoice/city/keys/{name}" for name in ("doctor.nk", "exercise/doctor.nk")]
    assert any(line.endswith("--as doctor") for line in doctor)
    assert "audit verify --witness" in files["systemd/onevoice-verify.service"]
    assert "OnUnitActiveSec=1h" in files["systemd/onevoice-verify.timer"]
    assert "(copy %i)" in files["systemd/onevoice-fanout@.service"]
    pages = files["systemd/onevoice-web.service"]
    binds = [line.partition("=")[2].removeprefix("-") for line in pages.splitlines() if line.startswith("Bind")]
    seen = ("city.toml", "keys/services/web.nk", "templates", "var/web")
    assert binds == [f"/srv/onevoice/city/{path}" for path in seen], "no officer's key, no credential, no record"
    others = ("nats", "provision", "doctor", "verify", "web")
    for name, text in files.items():
        if name.endswith(".service") and not any(one in name for one in others):
            assert ("Type=notify" in text, "WatchdogSec=" in text) == (True, True), name


@pytest.mark.parametrize(("place", "program"), [(SPACED, "/opt/venv"), ("/srv/city", "relative"), ("/", "/opt/venv")])
def test_a_path_that_a_unit_cannot_name_is_refused(demo_city: City, place: str, program: str) -> None:
    with pytest.raises(BadInput) as caught:
        target_of(demo_city, place, program)
    assert caught.value.code == "deploy.path"


@pytest.mark.parametrize("odd", list("#;&(){}*|<>?[]~!\\\"'%$:= \t\n`^\u2028\u200b\x00"))
def test_a_character_that_ends_a_word_in_one_of_the_files_is_refused(demo_city: City, odd: str) -> None:
    for place, program in ((f"/srv/ville{odd}a", "/opt/venv"), ("/srv/city", f"/opt/venv{odd}a")):
        with pytest.raises(BadInput) as caught:
            target_of(demo_city, place, program)
        assert caught.value.code == "deploy.path"


@pytest.mark.parametrize(
    "place", ["/srv/Québec-1/a_b.c+d@e,f", "/srv/que\u0301bec/city", "/srv/ਸ਼ਹਿਰ/city", "/srv/市/1"]
)
def test_letters_of_any_script_may_name_a_path(demo_city: City, place: str) -> None:
    assert target_of(demo_city, place, "/opt/venv").city == place


def test_nothing_is_overwritten(demo_city: City, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(BadInput) as caught:
        write_files(demo_city, "systemd", DeployTarget(), tmp_path)
    assert caught.value.code == "deploy.not_empty"
    with pytest.raises(BadInput) as caught:
        write_files(demo_city, "systemd", DeployTarget(), tmp_path / "kept")
    assert caught.value.code == "deploy.not_empty"


def test_a_chart_without_accounts_is_refused(demo_city: City, tmp_path: Path) -> None:
    demo_city.nats_conf_path.with_name("accounts.live.conf").unlink()
    with pytest.raises(BadInput) as caught:
        write_files(demo_city, "helm", replace(DeployTarget(), name='The "City"'), tmp_path / "out")
    assert caught.value.code == "accounts.missing"
    assert not (tmp_path / "out").exists()
