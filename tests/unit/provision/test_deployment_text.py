"""What the generated files of a deployment say, whatever the city's paths are."""

from __future__ import annotations

import re

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
