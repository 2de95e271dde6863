"""The systemd units of a city: the broker, provisioning, a unit for each service, the pages, the health check."""

from __future__ import annotations

from schemas import flow
from services.provision.deployment.target import COPIES, SITE, DeployTarget, needs, template

USER = "onevoice"
SITE_FOLDER = "/var/lib/onevoice-site"
PLAIN = ("onevoice.target", "onevoice-doctor.timer", "onevoice-verify.timer", "onevoice.sysusers.conf")
FILLED = (
    "onevoice-nats.service",
    "onevoice-provision.service",
    "onevoice-doctor.service",
    "onevoice-verify.service",
    "onevoice-web.service",
)


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
