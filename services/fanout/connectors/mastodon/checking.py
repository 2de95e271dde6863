"""Whether an account can be posted to: what its token may do, and what its server takes.

``GET /api/v1/apps/verify_credentials`` has the scopes of the token's application since Mastodon 4.3; a token never may
more than its application. Other servers do not say. Source: docs.joinmastodon.org/methods/apps, entities/Application.
"""

from __future__ import annotations

from schemas.events.authority import Profile
from services.fanout.connectors.calls import sockets
from services.fanout.connectors.calls.http import Answer, Endpoint, Http
from services.fanout.connectors.contract import Cause, Health
from services.fanout.connectors.mastodon.instance import Instances

_NEEDED = ("read:accounts", "read:statuses", "write:statuses", "write:media")
_USEFUL = {"read:search": "answer people's posts", "read:notifications": "bring in what people ask"}


async def check_account(http: Http, instances: Instances, profile: Profile, endpoint: Endpoint) -> Health:
    """Return whether a profile can be posted to, by a token whose account was found to be the profile's."""
    shown = instances.shown(endpoint)
    given = await _scopes(http, endpoint)
    if lacking := [one for one in _NEEDED if given is not None and not _covers(given, one)]:
        return Health(False, f"the credential lacks the scopes {', '.join(lacking)}", Cause.OWN, shown)
    less, takes = await instances.takes_less(profile.account.rpartition("@")[2], endpoint)
    short = [f"without {one} it cannot {why}" for one, why in _USEFUL.items() if given and not _covers(given, one)]
    detail = f"@{profile.account.removeprefix('@')} can be posted to"
    return Health(True, "; ".join(filter(None, (detail, *short, less, sockets.remark()))), shows=shown, takes=takes)


async def _scopes(http: Http, endpoint: Endpoint) -> frozenset[str] | None:
    """Return what a token's application may do; None where the server does not say."""
    outcome = await http.call(endpoint, "GET", "/api/v1/apps/verify_credentials")
    body = outcome.body if isinstance(outcome, Answer) and outcome.status == 200 else None
    scopes = body.get("scopes") if isinstance(body, dict) else None
    return frozenset(map(str, scopes)) if isinstance(scopes, list) and scopes else None


def _covers(given: frozenset[str], wanted: str) -> bool:
    return wanted in given or wanted.partition(":")[0] in given
