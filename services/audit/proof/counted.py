"""What counts of a request: its newest verdict at the control revision in force, and each officer's genuine decision.

What does not count is in the record all the same, and ledgers of before version 0.3 are judged by it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.events.approvals import Approval, ApprovalStatement
from schemas.events.requests import Request
from schemas.events.verdicts import Verdict


@dataclass(slots=True)
class RequestHistory:
    """What was known of a request at each sequence: genuine decisions, where it was wanted, where it had ended."""

    said: list[tuple[int, Approval]] = field(default_factory=list)
    wanted: list[tuple[int, frozenset[str]]] = field(default_factory=list)
    ended: list[tuple[int, str, bool]] = field(default_factory=list)

    def decisions(self, as_of: int) -> dict[str, tuple[int, Approval]]:
        """Return each officer's last genuine decision up to a sequence, with its own."""
        return {approval.officer: (seq, approval) for seq, approval in self.said if seq <= as_of}

    def over(self, as_of: int) -> frozenset[str]:
        """Return the profiles where it was wanted and had ended, up to a sequence."""
        wanted = next((profiles for seq, profiles in reversed(self.wanted) if seq <= as_of), frozenset[str]())
        ended = {profile: final for seq, profile, final in self.ended if seq <= as_of}
        return frozenset(profile for profile in wanted if ended.get(profile))


@dataclass(slots=True)
class CountedRequest:
    """One revision of a request, with the verdict and the decisions that count.

    ``verdict_seq`` is 0 before a verdict. ``genuine`` holds the last genuine approval or rejection of each officer,
    ``rejected`` the revision that each officer who said no rejected or returned, ``nonces`` all that were used.
    ``wanted`` is where the newest cleared verdict has it posted. ``returned`` are those who returned an earlier
    revision, ``older`` the contents of the revisions before. ``history``: what a verdict is judged by that was decided
    a moment before.
    """

    request: Request
    verdict: Verdict | None = None
    verdict_seq: int = 0
    genuine: dict[str, Approval] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    nonces: list[str] = field(default_factory=list)
    wanted: frozenset[str] = frozenset()
    history: RequestHistory = field(default_factory=lambda: RequestHistory())
    returned: frozenset[str] = frozenset()
    older: tuple[tuple[int, str], ...] = ()

    def followed_by(self, request: Request) -> CountedRequest:
        """Return what counts of the next revision at first: no verdict and no approval of this one."""
        sent_back = {name for name in self.rejected if self._said(name) == "return"}
        older = (*self.older, (self.revision, self.digest))
        return CountedRequest(request, nonces=self.nonces, returned=self.returned | sent_back, older=older)

    def _said(self, officer: str) -> str:
        return ApprovalStatement.from_bytes(self.genuine[officer].envelope.payload_bytes()).decision

    @property
    def revision(self) -> int:
        """The request's revision."""
        return self.request.revision

    @property
    def digest(self) -> str:
        """The digest of the request's content."""
        return self.request.digest

    def approvals(self) -> tuple[Approval, ...]:
        """Return the last genuine decision of each officer."""
        return tuple(self.genuine.values())

    def take_up(self, approval: Approval, statement: ApprovalStatement, seq: int) -> bool:
        """Take up a genuine statement; return False for one that was used before, which does not count again."""
        if statement.nonce in self.nonces:
            return False
        self.nonces.append(statement.nonce)
        self.genuine[approval.officer] = approval
        self.history.said.append((seq, approval))
        self.rejected.pop(approval.officer, None)
        if statement.decision in ("reject", "return"):
            self.rejected[approval.officer] = statement.revision
        return True
