"""What the generated files of a deployment say, whatever the city's paths are."""

from __future__ import annotations

import re

from schemas import flow
from services.provision.deployment.chart import deployment
from services.provision.deployment.compose import compose
from services.provision.deployment.guide import install
from services.provision.deployment.systemd import systemd
from services.provision.deployment.target import DeployTarget


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
    mounts = re.findall(r"- \{.*mountPath: /city/secrets.*\}", deployment(flow.service("fanout")))
    assert mounts
    assert all("readOnly: true" in one for one in mounts)


def test_the_steps_say_who_needs_the_key_that_seals() -> None:
    """Without it every post stops, at the moment of sealing."""
    assert "/etc/onevoice/credentials.key:/etc/onevoice/credentials.key:ro" in install("compose", DeployTarget())
    assert "Do not seal them" in install("helm", DeployTarget())
