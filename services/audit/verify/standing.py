"""What counts of a request: its newest verdict at the control revision in force, and the genuine word of each officer.

What does not count stands in the record all the same, and ledgers of before version 0.3 are judged by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.requests import Request
from schemas.events.verdicts import Verdict


@dataclass
class Standing:
    """One revision of a request with what counts of all that was said of it.

    ``verdict_seq`` is 0 before a verdict. ``genuine`` holds the last genuine statement of each officer, ``nonces`` all
    that were used.
    """

    request: Request
    verdict: Verdict | None = None
    verdict_seq: int = 0
    genuine: dict[str, tuple[Approval, ApprovalStatement]] = field(default_factory=dict)
    nonces: set[str] = field(default_factory=set)

    @property
    def revision(self) -> int:
        """The request's revision."""
        return self.request.revision

    @property
    def digest(self) -> str:
        """The digest of the request's content."""
        return self.request.digest

    def approvals(self) -> tuple[Approval, ...]:
        """Return the last genuine statement of each officer."""
        return tuple(approval for approval, _ in self.genuine.values())

    def rejections(self) -> Iterator[tuple[str, ApprovalStatement]]:
        """Yield the officers whose last genuine statement says no."""
        for officer, (_, statement) in self.genuine.items():
            if statement.decision == "reject":
                yield officer, statement

    def speak(self, approval: Approval, statement: ApprovalStatement) -> bool:
        """Take up a genuine statement, and say so; one that was used before does not count again."""
        if statement.nonce in self.nonces:
            return False
        self.nonces.add(statement.nonce)
        self.genuine[approval.officer] = (approval, statement)
        return True
