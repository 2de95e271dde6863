"""1 Transparency (ii) and (iii): the website has it too, and it leads back there. Notes only."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import noted

CLAUSE = "1 Transparency (ii)(iii)"
_URL = re.compile(r"https?://[^\s<>\"')\]]+", re.IGNORECASE)
_MIRROR = "website"


def judge(facts: Facts, weighed: Weighed) -> Finding:
    """Note whether the website gets the content and whether the content leads back to it; decides nothing."""
    request = facts.request
    mirrored = any(rendering.platform == _MIRROR for rendering in request.renderings)
    mirror = "The website gets it too" if mirrored else "The website does not get it: there is no rendering for it"
    links = _URL.findall(request.text) + ([request.link] if request.link else [])
    home = _host(facts.control.website)
    back = home and any(_host(link) == home or _host(link).endswith(f".{home}") for link in links)
    leads = f"it leads back to {home}" if back else f"it has no link back to {home or 'a website of the city'}"
    return noted(CLAUSE, f"{mirror}, and {leads}.")


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""
