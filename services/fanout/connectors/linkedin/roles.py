"""What a token and its owner may do on a page (learn.microsoft.com/linkedin, "Organization Access Control")."""

from __future__ import annotations

from datetime import datetime, timedelta

from services.fanout.connectors.calls.http import Outcome
from services.fanout.connectors.calls.outcomes import json_of
from services.fanout.connectors.contract import CannotTell, Cause, Health
from services.fanout.connectors.linkedin.api import LinkedInApi, Organization
from services.fanout.connectors.one_at_a_time import unhealthy

RIGHTS = ("w_organization_social", "r_organization_social", "rw_organization_admin")
"""What a token must be allowed."""

A_DAY = 150
"""Calls that post, for a member or page in 24 hours (learn.microsoft.com, Posts API)."""

MAY_POST = frozenset({"ADMINISTRATOR", "CONTENT_ADMINISTRATOR"})
"""The roles on a page that let a member post as it."""


async def role_on(api: LinkedInApi, page: Organization) -> Health:
    """Say whether the token's owner may post on the page."""
    path, finder = "/organizationAcls?q=roleAssignee&state=APPROVED", {"X-RestLi-Method": "FINDER"}
    outcome = await api.call(page, "GET", path, headers=finder)
    roles = _roles(outcome, page.urn)
    if roles is None:
        return unhealthy(api.meaning(outcome))
    if not roles & MAY_POST:
        held = ", ".join(sorted(roles)) or "no role"
        said = f"the token's owner has {held} on page {page.id}, and needs CONTENT_ADMINISTRATOR"
        return Health(False, said, Cause.OWN)
    return Health(True, f"page {page.id} can be posted to")


async def left_today(api: LinkedInApi, page: Organization, now: datetime, health: Health) -> Health:
    """Say how many posts are left of a day's, by what the page itself lists: LinkedIn names no number."""
    shares = await api.posts_since(page, now - timedelta(days=1))
    if isinstance(shares, CannotTell):
        return health
    left = max(0, A_DAY - len(shares))
    said = f"{health.detail}: about {left} posts left today"
    return Health(left > 0, said, None if left else Cause.LIMIT)


def _roles(outcome: Outcome, urn: str) -> set[str] | None:
    """Return the roles of the token's owner on a page; None where the answer does not say."""
    body = json_of(outcome)
    elements = body.get("elements") if isinstance(body, dict) else None
    if not isinstance(elements, list) or not all(isinstance(one, dict) for one in elements):
        return None
    return {str(one.get("role")) for one in elements if one.get("organization") == urn}
