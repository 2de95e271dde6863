"""1 Transparency (ii) and (iii): the website has it too, and it leads back there. Notes only."""

from __future__ import annotations

from functools import lru_cache

from schemas import links
from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import noted

CLAUSE = "1 Transparency (ii)(iii)"
_MIRROR = "website"


def judge(facts: Facts, weighed: Weighed) -> Finding:
    """Note whether the website gets the content and whether the content leads back to it; decides nothing."""
    request = facts.request
    mirrored = any(rendering.platform == _MIRROR for rendering in request.renderings)
    mirror = "The website gets it too" if mirrored else "The website does not get it: there is no rendering for it"
    home = links.host_of(facts.control.website)
    back = _leads_to(home, request.text, request.link or "")
    leads = f"it leads back to {home}" if back else f"it has no link back to {home or 'a website of the city'}"
    return noted(CLAUSE, f"{mirror}, and {leads}.")


@lru_cache(maxsize=1_024)
def _leads_to(home: str, text: str, link: str) -> bool:
    """True when a link in the text, or the one beside it, goes to a host or to a part of it."""
    return links.leads_to(home, f"{text}\n{link}")
