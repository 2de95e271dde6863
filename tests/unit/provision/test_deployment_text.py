"""What the generated files of a deployment say, whatever the city's paths are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from schemas import flow
from services.desk.keys.invitation import invitation_of
from services.kernel.base.city import load_city
from services.kernel.base.errors import BadInput
from services.provision import demo_plan, make_city
from services.provision.deployment.broker import broker
from services.provision.deployment.chart import chart, deployment
from services.provision.deployment.compose import compose, environment
from services.provision.deployment.files import files_for, write_files
from services.provision.deployment.guide import install
from services.provision.deployment.systemd import systemd
from services.provision.deployment.target import DeployTarget, target_of


def test_tmpfiles_touch_nothing_outside_of_the_city_folder_but_the_site() -> None:
    """A line for /srv would take it from everybody else on the machine."""
    made = systemd(DeployTarget(city="/srv/city"))["onevoice.tmpfiles.conf"]
    paths = re.findall(r"(?m)^d (\S+)", made)
    assert "/srv/city/var" in paths
    assert [path for path in paths if not path.startswith("/srv/city/")] == ["/var/lib/onevoice-site"]


def test_the_steps_say_how_the_officers_pages_start() -> None:
    steps = install("systemd", DeployTarget())
    assert "systemctl enable --now onevoice-web.service" in steps
    assert "serve = false" in steps


@pytest.mark.parametrize(
    ("place", "program"),
    [
        ("/home/al/mission", "/opt/venv"),
        ("/srv/mission", "/root/onevoice/.venv"),
        ("/tmp/a/mission", "/opt/venv"),
        ("/opt/onevoice/city", "/opt/onevoice/venv"),
        ("/var/lib/mission", "/opt/venv"),
        ("/etc/mission", "/opt/venv"),
        ("/usr/city", "/opt/venv"),
        ("/mission", "/opt/venv"),
    ],
)
def test_places_that_the_units_would_hide_are_refused(place: str, program: str, tmp_path: Path) -> None:
    """A unit that cannot see its program ends with 203, and systemd-analyze says nothing of it."""
    city = make_city(tmp_path / "city", demo_plan())
    with pytest.raises(BadInput) as caught:
        write_files(city, "systemd", DeployTarget(city=place, program=program), tmp_path / "out")
    assert caught.value.code == "deploy.path"
    assert "--place" in (caught.value.hint or "")
    assert not (tmp_path / "out").exists()


def test_the_folder_changes_hands_before_systemd_makes_folders_in_it() -> None:
    """systemd-tmpfiles refuses to go from a person's folder to one of onevoice."""
    steps = install("systemd", DeployTarget())
    assert steps.index("chown -R") < steps.index("systemd-tmpfiles --create")
    assert steps.index("systemd-sysusers") < steps.index("chown -R")


@pytest.mark.parametrize(
    "nodes",
    [("10.0.0.1", "10.0.0.2", "10.0.0.3"), ("nats.east.x", "nats.west.x", "nats.south.x"), ("fd00::1", "b", "c")],
)
def test_each_server_of_a_cluster_has_a_file_and_a_name_of_its_own(nodes: tuple[str, ...]) -> None:
    """Servers of one name do not come together."""
    made = broker(DeployTarget(nodes=nodes))
    assert len(made) == 3
    names = [re.findall(r'server_name: "(.+)"', text) for text in made.values()]
    assert len({name for found in names for name in found}) == 3
    steps = install("systemd", DeployTarget(nodes=nodes))
    assert all(f"--host {node}" in steps for node in nodes)
    assert f"for host in {nodes[1]} {nodes[2]}" in steps
    assert all(f"`{name}` to " in steps for name in list(made)[1:])
    assert "accounts.*.conf" not in install("systemd", DeployTarget())


def test_an_ipv6_server_is_written_in_brackets() -> None:
    made = broker(DeployTarget(nodes=("fd00::1", "fd00::2", "fd00::3")))
    assert "nats-route://[fd00::2]:6222" in made["fd00::1.conf"]
    assert 'client_advertise: "[fd00::1]:4222"' in made["fd00::1.conf"]


def test_a_host_twice_is_no_cluster_and_a_cluster_no_compose_file(tmp_path: Path) -> None:
    city = make_city(tmp_path / "city", demo_plan())
    path = city.folder / "city.toml"
    kept = path.read_text()
    path.write_text(kept.replace("embedded = true", 'embedded = false\nurl = "tls://a:4222,tls://a:4223,tls://b:1"'))
    with pytest.raises(BadInput) as caught:
        target_of(load_city(city.folder), "/srv/city", "/opt/venv")
    assert caught.value.code == "deploy.host"
    with pytest.raises(BadInput) as caught:
        write_files(city, "compose", DeployTarget(nodes=("a", "b", "c")), tmp_path / "out")
    assert caught.value.code == "deploy.host"


def test_a_broker_without_the_city_folder_starts() -> None:
    """Two of a cluster's three have none: their accounts are copies."""
    unit = systemd(DeployTarget())["onevoice-nats.service"]
    assert re.findall(r"(?m)^(?:BindReadOnlyPaths|InaccessiblePaths)=(.)", unit) == ["-", "-"]


@pytest.mark.parametrize(
    ("origin", "desk"), [("https://bureau.ville.example", "bureau.ville.example"), (None, "desk.mission.example")]
)
def test_the_officers_pages_have_one_address_in_all_files(tmp_path: Path, origin: str | None, desk: str) -> None:
    """Passkeys count at one address for ever, and another host name is not served."""
    city = make_city(tmp_path / "city", demo_plan())
    path = city.folder / "city.toml"
    text = re.sub(r"(?m)^website = .*", 'website = "https://www.mission.example"', path.read_text())
    path.write_text(re.sub(r"(?m)^origin = .*", f'origin = "{origin}"', text) if origin else text)
    target = target_of(load_city(city.folder), "/srv/city", "/opt/venv")
    files = files_for("systemd", target)
    assert f'origin = "https://{desk}"' in files["README.md"]
    assert f"server_name {desk};" in files["web/desk.nginx.conf"]
    assert f"\n{desk} {{" in files["web/desk.Caddyfile"]
    assert not any("desk.www." in text or "desk.broker." in text for text in files.values())


def test_fan_out_writes_nothing_among_the_credentials() -> None:
    """A file there may name a command, and others run it as their own user: doctor, profiles check, connect."""
    target = DeployTarget()
    units = systemd(target)
    for name in ("onevoice-fanout.service", "onevoice-fanout@.service"):
        assert f"BindReadOnlyPaths={target.city}/secrets/live\n" in units[name]
        assert not re.search(r"(?m)^(BindPaths|ReadWritePaths)=\S*/secrets", units[name])
    mounts = re.findall(r"(?m)^ +- \S*/secrets/\S+$", compose(target))
    assert mounts
    assert all(one.endswith(":ro") for one in mounts)
    mounts = re.findall(r"- \{.*mountPath: /city/secrets.*\}", deployment(flow.service("fanout"), target))
    assert mounts
    assert all("readOnly: true" in one for one in mounts)


def test_a_city_that_seals_its_credentials_gives_fan_out_the_keys(tmp_path: Path) -> None:
    """And no other service; without them every post stops."""
    city = make_city(tmp_path / "city", demo_plan())
    assert target_of(city, "/srv/city", "/opt/venv").sealing == ()
    (city.folder / "secrets" / "live").mkdir(parents=True, exist_ok=True)
    noted = city.folder / "secrets" / "live" / "sealing"
    noted.write_text("file:/etc/onevoice/new.key\nenv:KEY\nfile:/etc/onevoice/old.key\n")
    target = target_of(city, "/srv/city", "/opt/venv")
    keys = ["/etc/onevoice/new.key", "/etc/onevoice/old.key"]
    services = dict(re.findall(r"(?ms)^  ([a-z-]+):\n(.*?)(?=^  ?[a-z-]*:?$)", compose(target)))
    binds = r"\{type: bind, source: (\S+), target: (\S+), read_only: true, bind: \{create_host_path: false\}\}"
    assert re.findall(binds, services["fanout"]) == [(key, key) for key in keys]
    assert compose(target).count("type: bind") == 2
    pods = {row.name: deployment(row, target) for row in flow.SERVICES}
    fanout = pods.pop("fanout")
    assert all(f"mountPath: {key}, subPath: sealing-{number}," in fanout for number, key in enumerate(keys))
    assert "cp /given/sealing/* /own/" in fanout
    assert not any("sealing" in text for text in pods.values())
    assert "--from-file sealing-1=/etc/onevoice/old.key" in install("helm", target)
    assert "tokens sealed with /etc/onevoice/new.key and /etc/onevoice/old.key" in install("compose", target)
    noted.write_bytes(b"\xff")
    with pytest.raises(BadInput) as caught:
        target_of(city, "/srv/city", "/opt/venv")
    assert caught.value.code == "deploy.sealing"


def test_the_steps_say_who_needs_the_key_that_seals() -> None:
    """Without it every post stops, at the moment of sealing."""
    assert "without the key every post stops" in install("compose", DeployTarget())
    assert "# seal first, then write the chart" in install("helm", DeployTarget())
    assert "onevoice-sealing" not in deployment(flow.service("fanout"), DeployTarget())


def test_one_city_toml_serves_the_containers_and_the_commands_of_their_machine(tmp_path: Path) -> None:
    """An address or a path that containers alone have keeps everybody from being invited."""
    target = DeployTarget(city="/srv/city", nodes=("broker.mission.example",))
    steps = install("compose", target)
    assert f"onevoice tls {target.city}/tls --host broker.mission.example\n" in steps
    assert 'url = "tls://broker.mission.example:4222"' in steps
    (ca,) = set(re.findall(r'tls_ca = "(.+?)"', steps))
    assert not Path(ca).is_absolute(), "relative to the city folder, here and there"
    file = compose(target)
    assert set(re.findall(r"/ca\.pem:(\S+):ro", file)) == {f"/city/{ca}"}
    assert re.search(r'aliases: \["\$\{ONEVOICE_BROKER', file)
    named = environment(target, 1, 1)
    assert "\nONEVOICE_BROKER=broker.mission.example\n" in named
    assert f"\nONEVOICE_TLS={target.city}/tls\n" in named
    city = make_city(tmp_path / "city", demo_plan())
    (city.folder / "tls").mkdir()
    (city.folder / ca).write_text("PEM")
    path = city.folder / "city.toml"
    nats = f'embedded = false\nurl = "tls://broker.mission.example:4222"\ntls_ca = "{ca}"'
    path.write_text(path.read_text().replace("embedded = true", nats))
    assert invitation_of(load_city(city.folder), None).broker == "tls://broker.mission.example:4222"


def test_containers_serve_the_pages_and_verify_the_record() -> None:
    """As units do; each with its own key, and with what its unit binds."""
    file = yaml.safe_load(compose(DeployTarget()))
    pages, verify = file["services"]["web"], file["services"]["verify"]
    assert pages["command"] == ["onevoice", "run", "web"]
    assert pages["network_mode"] == "host"
    assert "onevoice audit verify --witness --resume --json --as doctor" in verify["command"][-1]
    assert [one["source"] for one in (*pages["secrets"], *verify["secrets"])] == ["web-key", "doctor-key"]
    written = [
        mount.partition(":/city/")[2]
        for one in (pages, verify)
        for mount in one["volumes"]
        if not mount.endswith(":ro")
    ]
    assert written == ["var/web", "var/audit", "site"]
    made = install("compose", DeployTarget())
    assert "{audit,notify,website,web}" in made
    assert "{site,templates}" in made
    # A witness by mail needs the mail server's password.
    assert "${ONEVOICE_CITY}/var/notify:/city/var/notify:ro" in verify["volumes"]


def test_pods_come_by_a_name_of_their_own_and_the_guide_has_the_officers() -> None:
    """The certificate has to be good for both."""
    target = DeployTarget(city="/srv/city", nodes=("broker.mission.example",))
    steps = install("helm", target)
    assert "onevoice tls /srv/city/tls --host onevoice-nats --host broker.mission.example\n" in steps
    assert 'url = "tls://broker.mission.example:4222"`, `tls_ca = "tls/ca.pem"' in steps
    files = chart(target)
    pods = files["templates/services.yaml"] + files["templates/provision.yaml"]
    own = ', --url, "tls://onevoice-nats:4222"]'
    assert pods.count(own) == 2 * len(flow.SERVICES) + 1
    assert re.findall(r"name: ca, mountPath: (\S+),", pods) == ["/city/tls"] * (len(flow.SERVICES) + 1)


def test_steps_on_kubernetes_may_be_repeated() -> None:
    """`create` refuses a secret that is there, and a Chart.lock wants `dependency update`."""
    steps = install("helm", DeployTarget(sealing=("/etc/onevoice/a.key",)))
    assert steps.count("kubectl create secret") == 1
    assert "--dry-run=client -o yaml | kubectl apply -f -" in steps
    assert "put onevoice-sealing " in steps
    assert "helm dependency build" not in steps


def test_no_service_runs_where_the_values_say_stopped() -> None:
    """Helm takes 0 for nothing said, and `default 1` would start what `--set copies.x=0` stops."""
    text = deployment(flow.service("fanout"), DeployTarget())
    assert "| default" not in text
    assert "replicas: {{ if .Values.stopped }}0{{ else }}" in text
    assert "\nstopped: false\n" in chart(DeployTarget())["values.yaml"]
    assert "--set stopped=true" in install("helm", DeployTarget())
