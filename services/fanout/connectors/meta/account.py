"""What Meta says of an account and its token: whose it is, what it may do, what is left of the day; and a newer token.

Source: developers.facebook.com, Threads API and Instagram API with Instagram Login ("Long-lived access tokens",
"Debug access tokens"). A token is renewed from its second day on, by itself, without the application's secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from services.fanout.connectors.calls.http import Answer
from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.contract import Cause, Health
from services.fanout.connectors.credentials.renewing import NewCredential, NotRenewed
from services.fanout.connectors.meta.codes import meaning
from services.fanout.connectors.meta.graph import Graph, Page, error_code, text_of
from services.fanout.connectors.meta.reading import left_of
from services.fanout.connectors.one_at_a_time import unhealthy
from services.kernel.base.clock import Clock

_SHORTEST = timedelta(days=1)
"""A token that would end sooner is no long-lived one: something else was answered."""


@dataclass(frozen=True)
class AccountRules:
    """What a platform is asked: ``id_field`` is where /me names the account, ``quota`` the edge of the day's posts.

    ``rights`` are what posting needs, where the platform can be asked which were granted; ``renewal`` is the grant type
    of a newer token. ``about``: the fields of /me that people read on the account's page.
    """

    id_field: str
    quota: str
    renewal: str
    rights: tuple[str, ...] = ()
    about: tuple[str, ...] = ()


async def checked(graph: Graph, account: Page, rules: AccountRules) -> Health:
    """Ask whose token it is, what it may do, and how many posts are left today."""
    fields = ",".join(("id", rules.id_field, "username", *rules.about))
    outcome = await graph.call(account, "GET", "/me", query={"fields": fields})
    shows = " ".join(text_of(outcome, one) for one in rules.about) if rules.about else None
    told = text_of(outcome, rules.id_field)
    if not told:
        return unhealthy(meaning(graph, outcome))
    if told != account.id:
        return Health(False, "the token is another account's", Cause.OWN)
    if lacking := missing(rules.rights, await granted(graph, account) if rules.rights else None):
        return Health(False, f"the token lacks the rights {', '.join(lacking)}", Cause.OWN)
    name = f"@{text_of(outcome, 'username') or account.id}"
    outcome = await graph.call(account, "GET", f"/{account.id}/{rules.quota}", query={"fields": "quota_usage,config"})
    left = left_of(json_of(outcome))
    if left is None:
        return Health(True, f"{name} can be posted to", shows=shows)
    said = f"{name} can be posted to: {left} posts left today"
    return Health(left > 0, said, None if left else Cause.LIMIT, shows)


async def granted(graph: Graph, account: Page) -> frozenset[str] | None:
    """Return what a token may do, as it says of itself; None where the platform does not say."""
    outcome = await graph.call(account, "GET", "/debug_token", query={"input_token": account.token})
    body = json_of(outcome)
    data = body.get("data") if isinstance(body, dict) else None
    scopes = data.get("scopes") if isinstance(data, dict) else None
    return frozenset(map(str, scopes)) if isinstance(scopes, list) else None


def missing(needed: Sequence[str], given: frozenset[str] | None) -> list[str]:
    """Return which rights are needed and were not granted; none where nobody says what was granted."""
    return [] if given is None else [one for one in needed if one not in given]


async def renewed(graph: Graph, account: Page, rules: AccountRules, clock: Clock) -> NewCredential | NotRenewed:
    """Get a newer token, and see that it opens the same account."""
    outcome = await graph.renew(account, rules.renewal)
    body = json_of(outcome)
    token, seconds = (body.get("access_token"), body.get("expires_in")) if isinstance(body, dict) else (None, None)
    if not isinstance(token, str) or not token or not isinstance(seconds, int) or seconds < _SHORTEST.total_seconds():
        if error_code(outcome) is None and isinstance(outcome, Answer) and outcome.status == 200:
            return NotRenewed("the platform answers without a token that lasts")
        return NotRenewed(meaning(graph, outcome).reason)
    me = await graph.call(replace(account, token=token), "GET", "/me", query={"fields": f"id,{rules.id_field}"})
    if text_of(me, rules.id_field) != account.id:
        return NotRenewed("the new token does not open the account")
    return NewCredential(token, clock.now().replace(microsecond=0) + timedelta(seconds=seconds))
