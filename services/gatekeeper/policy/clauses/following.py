"""Following: a correction, recall, update or all-clear is what it was signed as; what is replaced is not posted."""

from __future__ import annotations

from functools import lru_cache

from schemas.events.requests import REPLACING, Request, content_of
from schemas.events.verdicts import Finding
from services.gatekeeper.policy.approvals import Weighed
from services.gatekeeper.policy.facts import Facts
from services.gatekeeper.policy.findings import refused

CLAUSE = "following"


def judge(facts: Facts, weighed: Weighed) -> Finding | None:
    """Refuse what was corrected or recalled, and what follows another request than its renderings say."""
    request = facts.request
    if facts.replaced_by:
        return refused(
            CLAUSE, f"{facts.replaced_by} corrects or recalls it, and goes out instead. What is posted already stays."
        )
    if not _agrees(request):
        return refused(CLAUSE, "What its renderings say that it follows is not what the request says; submit it again.")
    if request.replaces is not None and facts.rival:
        return refused(
            CLAUSE, f"{request.replaces} was corrected or recalled by {facts.rival} already: correct that one instead."
        )
    return None


def _agrees(request: Request) -> bool:
    """True when each rendering, which is signed, says of what the request comes after what the request says."""
    if request.replaces is not None and request.follows is not None:
        return False
    wanted = {_said(rendering.body) for rendering in request.renderings}
    if request.earlier is None:
        return wanted <= {(None, None)}
    acts = {act for act, _ in wanted}
    alike = len(wanted) == 1 and {about for _, about in wanted} == {request.earlier}
    return alike and None not in acts and (acts <= REPLACING) == (request.replaces is not None)


@lru_cache(maxsize=256)
def _said(body: str) -> tuple[str | None, str | None]:
    """Return what a rendering's bytes say of what it does to which request."""
    content = content_of(body)
    return content.act, content.about
