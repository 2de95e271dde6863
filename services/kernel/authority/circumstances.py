"""What the policy reads of a request beside its content, and a signature covers with it. Pure.

Intake and the gate ask this; the worker and the audit check the same in code of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.events.approvals import ApprovalStatement
from schemas.events.requests import Request


def changed_circumstances(statement: ApprovalStatement, request: Request) -> Iterator[tuple[str, object, object]]:
    """Yield what of them is not what was signed: what, as it was signed, as it stands.

    The request itself carries no signature: whoever writes it could make it less severe, or last for years.
    """
    for what, signed, stands in (
        ("author", statement.author, request.author),
        ("crisis flag", statement.crisis, request.crisis),
        ("severity", statement.severity, request.severity),
        ("end", statement.request_expires_at, request.expires_at),
        ("original that it replaces", statement.replaces, request.replaces),
        ("message that it follows", statement.follows, request.follows),
        ("time to go out", statement.not_before, request.not_before),
    ):
        if signed != stands:
            yield what, signed, stands
