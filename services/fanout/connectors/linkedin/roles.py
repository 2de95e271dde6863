"""What a token and its owner may do on a page (learn.microsoft.com/linkedin, "Organization Access Control")."""

from __future__ import annotations

from services.fanout.connectors.contract import Cause, Health
from services.fanout.connectors.http import Answer, Outcome
from services.fanout.connectors.linkedin.api import LinkedInApi, Organization
from services.fanout.connectors.send_only import unhealthy

RIGHTS = ("w_organization_social", "r_organization_social", "rw_organization_admin")
"""What a token must be allowed."""

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


def _roles(outcome: Outcome, urn: str) -> set[str] | None:
    """Return the roles of the token's owner on a page; None where the answer does not say."""
    body = outcome.body if isinstance(outcome, Answer) and outcome.status == 200 else None
    elements = body.get("elements") if isinstance(body, dict) else None
    if not isinstance(elements, list) or not all(isinstance(one, dict) for one in elements):
        return None
    return {str(one.get("role")) for one in elements if one.get("organization") == urn}
