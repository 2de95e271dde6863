"""The systemd units of a city: the broker, provisioning, a unit for each service, the pages, the health check."""

from __future__ import annotations

import sys
from pathlib import PurePosixPath

from schemas import flow
from services.kernel.base.errors import BadInput
from services.provision.deployment.broker import STORE
from services.provision.deployment.target import COPIES, SITE, DeployTarget, needs, template

USER = "onevoice"
SITE_FOLDER = "/var/lib/onevoice-site"
UNSEEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - nothing is written there
"""Folders that a confined unit does not see: ProtectHome and PrivateTmp."""
PLAIN = ("onevoice.target", "onevoice-doctor.timer", "onevoice-verify.timer", "onevoice.sysusers.conf")
FILLED = (
    "onevoice-nats.service",
    "onevoice-provision.service",
    "onevoice-doctor.service",
    "onevoice-verify.service",
    "onevoice-web.service",
)


def refuse_hidden(target: DeployTarget) -> None:
    """Refuse places that the units could not reach; ``systemd-analyze verify`` does not look for them.

    Raises:
        BadInput: ``deploy.path``.
    """
    python = (sys.base_prefix,) if target.program == sys.prefix else ()
    for path in (target.city, target.program, *python):
        if _within(path, UNSEEN):
            raise _hidden(f"units do not see {path}: /home, /root and /tmp are empty for them")
    for path in ("/usr", "/etc/onevoice", STORE, SITE_FOLDER, target.program):
        if _within(path, (target.above,)):
            raise _hidden(f"units see nothing else of {target.above}, where the city folder is, and need {path}")


def _within(path: str, folders: tuple[str, ...]) -> bool:
    return any(PurePosixPath(path).is_relative_to(folder) for folder in folders)


def _hidden(why: str) -> BadInput:
    hint = "--place /var/lib/onevoice/city --program /opt/onevoice/venv: where city and program will be"
    return BadInput("deploy.path", why, hint)


def systemd(target: DeployTarget) -> dict[str, str]:
    """Return the units by file name."""
    files = {name: template(name) for name in PLAIN}
    files |= {name: template(name, **_places(target)) for name in FILLED}
    folds = "\n".join(f"d {target.city}/var/fold/{row.user} 0700 {USER} {USER} -" for row in flow.SERVICES if row.folds)
    files["onevoice.tmpfiles.conf"] = template("onevoice.tmpfiles.conf", folds=folds, **_places(target))
    files |= {f"onevoice-{row.user}.service": unit(row, target) for row in flow.SERVICES}
    files |= {f"onevoice-{row.user}@.service": unit(row, target, " (copy %i)") for row in flow.SERVICES if _many(row)}
    return files


def unit(row: flow.Service, target: DeployTarget, copy: str = "") -> str:
    """Return a service's unit; ``copy`` is what the description of a template unit says of the instance."""
    read, written = needs(row)
    own_key = f"keys/services/{row.user}.nk"
    binds = [f"BindReadOnlyPaths={target.city}/{path}" for path in ("city.toml", "authority", own_key, *read)]
    binds += [f"BindPaths={_source(path, target)}" for path in written]
    return template(
        "service.unit",
        user=row.user,
        module=row.name,
        summary=row.summary,
        copy=copy,
        # What it writes for the website is read by the web server's group; its other folders are 0700.
        group="onevoice-site" if SITE in written else "onevoice",
        umask="0027" if SITE in written else "0077",
        binds="\n".join(binds),
        **_places(target),
    )


def _source(path: str, target: DeployTarget) -> str:
    place = f"{target.city}/{path}"
    return f"{SITE_FOLDER}:{place}" if path == SITE else place


def _many(row: flow.Service) -> bool:
    return row.name in COPIES


def _places(target: DeployTarget) -> dict[str, str]:
    return {"city": target.city, "above": target.above, "program": target.program, "site": SITE_FOLDER}
