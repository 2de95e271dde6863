"""The text of city.toml, with comments for the person who opens it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from schemas.events.authority import Realm
from services.provision.plan.city_plan import CityPlan

GITIGNORE = """\
# Keys, credentials and the record of a city never go into a repository.
/keys/
/secrets/
/var/
/site/
/site-exercise/
"""


def city_toml(plan: CityPlan, authority: Mapping[Realm, tuple[Sequence[str], str]]) -> str:
    """Return city.toml for a plan; ``authority`` gives each realm's root keys and audit key (public nkeys)."""
    parts = [
        _HEAD.format(
            name=_string(plan.name),
            website=_string(plan.website),
            timezone=_timezone(plan.timezone),
            language=_string(plan.language),
            region=_string(plan.region),
        ),
        _AUTHORITY_NOTE,
    ]
    for realm, (roots, audit) in authority.items():
        keys = "".join(f"  {_string(key)},\n" for key in roots)
        parts.append(_AUTHORITY.format(realm=realm, keys=keys, threshold=len(roots), audit=_string(audit)))
    parts.append(
        _PLACES.format(
            broker=_broker(plan),
            store=_store(plan),
            port=plan.port,
            townsquare_port=plan.townsquare_port,
            site_port=plan.site_port,
            web_port=plan.web_port,
        )
    )
    parts += [f"{name} = {_string(url)}\n" for name, url in sorted(plan.instances.items())]
    parts += [_BLUESKY, _OTHERS, _LOG]
    return "".join(parts)


def _string(value: str) -> str:
    """Return a TOML basic string: JSON's escapes are TOML's, but for DEL, which no value here may hold."""
    return json.dumps(value, ensure_ascii=False)


def _broker(plan: CityPlan) -> str:
    if plan.broker is None:
        return "embedded = true"
    lines = ["embedded = false", f"url = {_string(plan.broker)}"]
    return "\n".join([*lines, f"tls_ca = {_string(plan.broker_authority)}"] if plan.broker_authority else lines)


def _store(plan: CityPlan) -> str:
    return "# store_gb = 20.0" if plan.store_gb is None else f"store_gb = {plan.store_gb}"


def _timezone(name: str | None) -> str:
    return '# timezone = "America/Vancouver"' if name is None else f"timezone = {_string(name)}"


_HEAD = """\
# The settings of a OneVoice city. Who may do what is not here: that is in authority/, signed.

[city]
name = {name}
# Content links back to it, and mirrors of all messages are made for it.
website = {website}
language = {language}
# For telephone numbers, when screening looks for personal information.
region = {region}
# In which all times are shown, and read where they have no offset (IANA).
{timezone}

"""

_AUTHORITY_NOTE = """\
# The public keys that the signed manifests are checked against: cao and mcpe, both must have signed.
# audit_key signs the checkpoints of the second copy of the record.
"""

_AUTHORITY = """\
[authority.{realm}]
root_keys = [
{keys}]
threshold = {threshold}
audit_key = {audit}

"""

_PLACES = """\
[nats]
# true: `onevoice up` starts its own broker here. false: give the url of one that runs, and tls_ca if it has TLS.
{broker}
host = "127.0.0.1"
port = {port}
# Copies of each stream: 1, or 3 or 5 on a cluster (its servers stand in url, with commas between).
replicas = 1
# What each realm's streams may fill, in 10^9 bytes: the broker sets it aside, of three quarters of its disk. doctor
# tells from 70 % on. To raise it while the city runs: change it here, then onevoice provision in each realm.
{store}

[townsquare]
# The local platform for demonstrations and exercises.
host = "127.0.0.1"
port = {townsquare_port}

[site]
# Where the website's pages can be looked at while the city is up.
host = "127.0.0.1"
port = {site_port}
serve = true

[web]
# The officers' pages. Passkeys are made for this very address. Away from this machine it is https, with a proxy before
# it that ends TLS (deploy/web/desk.nginx.conf, desk.Caddyfile).
origin = "http://localhost:{web_port}"
# Those of the exercise have an address of their own: the next port, or exercise_origin and exercise_port.

[mastodon.instances]
# name = "https://server" for each server that accounts of the form user@name live on.
"""

_BLUESKY = """
[bluesky]
# Where the accounts (handle, or DID) live. Those of another server: handle@name, and name = "https://server" below.
server = "https://bsky.social"
app = "https://bsky.app"

[bluesky.servers]
"""

_OTHERS = """
[email]
# The mail server that takes messages to lists. security: starttls, tls, or none for one on this machine.
host = ""
port = 587
security = "starttls"
sender = ""
username = ""

[webhook.endpoints]
# name = "https://server/path" for each system that takes messages as signed events; a profile's account is such a name.
"""

_LOG = """
[log]
# lines for people, json for machines
format = "lines"
level = "info"
"""
