"""What no intake of ours puts on record: a request that changed after it was signed, or that hides words. Pure.

The gate and the worker let neither pass. That it is at all means that somebody has intake's key.
"""

from __future__ import annotations

from schemas import unseen
from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.requests import Request
from services.kernel.authority.circumstances import changed_circumstances
from services.kernel.authority.statements import statement_on_record


def hidden_in(request: Request) -> str:
    """Say which characters of its renderings no screen shows; empty where there are none, or they cannot be read."""
    found: dict[str, None] = {}
    for rendering in request.renderings:
        try:
            content = rendering.content()
        except ValueError:
            continue
        for text in content.texts:
            found |= dict.fromkeys(unseen.in_text(text))
    return unseen.named(tuple(found)) if found else ""


def changed_after(approval: Approval, request: Request) -> str:
    """Say what of a request is not what an officer signed; empty where all is."""
    said = statement_on_record(approval.envelope, ApprovalStatement)
    if said is None or said.rule is None or said.decision != "approve" or said.revision != request.revision:
        return ""
    found = [what for what, _, _ in changed_circumstances(said, request)]
    return ", ".join([*found, *(["content"] if said.digest != request.digest else [])])
